"""From a file to the power of parts."""

from __future__ import annotations

import hashlib
import tomllib
from typing import TYPE_CHECKING, Any

from traceenergy.components.model import PartsModel
from traceenergy.components.serving_sim import parse_simulator
from traceenergy.components.toml_form import parse_toml
from traceenergy.errors import BadPowerModelError, UnreadableFileError
from traceenergy.foreign_text import parse_json

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_FORM = "docs/power_model.md has the form of such files"
_MOST_PROBLEMS = 20  # in one message


def read_parts(path: Path, phase_problem: Callable[[str], str | None]) -> PartsModel:
    """Read what parts of a computer draw.

    Parameters
    ----------
    path : pathlib.Path
        TOML, or JSON of LLMServingSim: a cluster configuration with `power` blocks, or one such
        block.
    phase_problem : callable
        Says what is wrong with the name of a phase; None if nothing is.

    Returns
    -------
    PartsModel

    Raises
    ------
    UnreadableFileError
        If it cannot be read as text.
    BadPowerModelError
        If it is neither, or values are missing or mean nothing; names all of them.
    """
    try:
        raw = path.read_bytes()
        text = raw.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableFileError(
            f"power model {path.name} cannot be read",
            details=type(error).__name__,
            next_step="give a TOML or JSON file in UTF-8",
        ) from error
    is_json = text.lstrip().startswith("{")
    content = _parsed(text, path.name, is_json=is_json)
    remarks: tuple[str, ...] = ()
    if is_json:
        gpus, nodes, remarks, problems = parse_simulator(content)
    else:
        gpus, nodes, problems = parse_toml(content, phase_problem)
    if problems:
        count = "1 value is" if len(problems) == 1 else f"{len(problems)} values are"
        more = len(problems) - _MOST_PROBLEMS
        shown = problems[:_MOST_PROBLEMS] + [f"and {more} more"] * (more > 0)
        raise BadPowerModelError(
            f"{path.name} is no power model: {count} missing or mean nothing",
            details="\n".join(shown),
            next_step=_FORM,
        )
    return PartsModel(path.name, hashlib.sha256(raw).hexdigest(), gpus, nodes, remarks)


def _parsed(text: str, name: str, *, is_json: bool) -> dict[str, Any]:
    try:
        found: dict[str, Any] = parse_json(text) if is_json else tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        kind = "JSON" if is_json else "TOML"
        raise BadPowerModelError(
            f"{name} is no {kind}", details=str(error)[:200], next_step=_FORM
        ) from error
    return found
