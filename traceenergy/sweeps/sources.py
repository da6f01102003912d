"""Which files the runs of a sweep are read from, with what a description states of them."""

from __future__ import annotations

import tomllib
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from traceenergy.components.fields import Fields
from traceenergy.errors import BadSweepError, UnreadableFileError, UsageError
from traceenergy.foreign_text import is_text
from traceenergy.records import dataclass
from traceenergy.whole_files import real_path

if TYPE_CHECKING:
    from collections.abc import Sequence

_FORM = "docs/sweep.md has the form of such files"
_MOST_PROBLEMS = 20  # in one message
_MOST_CLOCK_MHZ = 1e5
_MOST_NUMBER = 1e15
# Key of a description -> field of a Setting.
_TEXTS = {"gpu": "gpu_name", "group": "group", "workload": "workload"}
_NUMBERS = {"clock_mhz": _MOST_CLOCK_MHZ, "power_cap_w": 1e5}
_COUNTS = {
    "gpus": "n_gpus", "instances": "n_instances", "batch": "batch", "concurrency": "concurrency",
    "tp": "tensor_parallel", "ep": "expert_parallel", "pp": "pipeline_parallel",
}  # fmt: skip
# Numbers that a run without a trace is made of, and that come before those of a trace.
MEASURES = ("elapsed_s", "energy_j", "memory_gib")


@dataclass(frozen=True)
class RunSource:
    """Files of one run, with what was stated of it.

    Attributes
    ----------
    name
        How messages call it, and its label where nothing else gives one.
    files
        Traces of all ranks, or one result of `analyze`; none where numbers tell the run.
    power, requests
        Power logs and logs of requests.
    steps
        CSV file with columns of `SWEEP_STEP`; None: as the trace tells.
    tokens_per_step
        As for an analysis.
    step_pattern
        Regular expression of ranges that are steps.
    stated
        Fields of its `Setting` that were stated.
    measures
        Of `MEASURES`, and `output_tokens`, those stated.
    """

    name: str
    files: tuple[Path, ...] = ()
    power: tuple[Path, ...] = ()
    requests: tuple[Path, ...] = ()
    steps: Path | None = None
    tokens_per_step: int | Path | None = None
    step_pattern: str | None = None
    stated: dict[str, Any] = field(default_factory=dict)
    measures: dict[str, float] = field(default_factory=dict)

    @property
    def all_files(self) -> tuple[Path, ...]:
        """All files that it is read from."""
        more = tuple(
            path for path in (self.steps, self.tokens_per_step) if isinstance(path, Path)
        )  # fmt: skip
        return (*self.files, *self.power, *self.requests, *more)


def list_sources(runs: Sequence[Path]) -> list[RunSource]:
    """Find out which runs some words of a user name.

    Parameters
    ----------
    runs : sequence of Path
        Results, traces, folders, or descriptions (`.toml`) of one or many runs.

    Returns
    -------
    list of RunSource
        In the order given.

    Raises
    ------
    UsageError
        If nothing is named, or one run twice.
    UnreadableFileError, BadSweepError
        If a description cannot be read or understood.
    """
    found: list[RunSource] = []
    for run in runs:
        is_description = run.suffix.lower() == ".toml" and not run.is_dir()
        found += read_description(run) if is_description else [RunSource(_stem(run), (run,))]
    if not found:
        raise UsageError("no run is named", next_step="name results, traces or a TOML file")
    seen: dict[tuple[Path, ...], str] = {}
    for source in found:
        key = tuple(sorted(real_path(path) for path in source.files))
        if key and key in seen:
            raise UsageError(
                f"run {source.name} is named twice",
                details=", ".join(path.name for path in source.files),
                next_step="name each run once: a copy is no repeat",
            )
        seen[key] = source.name
    return found


def _stem(run: Path) -> str:
    real = real_path(run)
    name = real.name if run.is_dir() else real.stem
    return name if is_text(name) else run.stem


def read_description(path: Path) -> list[RunSource]:
    """Read a TOML file that describes runs.

    Parameters
    ----------
    path : pathlib.Path
        With tables `[[run]]`; files in it are meant from its folder.

    Returns
    -------
    list of RunSource

    Raises
    ------
    UnreadableFileError
        If it cannot be read as text.
    BadSweepError
        If it is no such description; names all that is wrong, by table and key.
    """
    try:
        content = tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableFileError(
            f"description {path.name} cannot be read",
            details=type(error).__name__,
            next_step="give a TOML file in UTF-8",
        ) from error
    except (ValueError, RecursionError) as error:
        raise BadSweepError(
            f"{path.name} is no TOML", details=str(error)[:200], next_step=_FORM
        ) from error
    problems: list[str] = []
    top = Fields(content, "", problems)
    tables = top.many("run")
    found = [_source(table, path, i) for i, table in enumerate(tables)]
    top.refuse_others()
    if not tables:
        problems.append("run: expected at least one table [[run]], got nothing")
    if problems:
        more = len(problems) - _MOST_PROBLEMS
        shown = problems[:_MOST_PROBLEMS] + [f"and {more} more"] * (more > 0)
        raise BadSweepError(
            f"{path.name} is no description of runs: {len(problems)} "
            f"{'value is' if len(problems) == 1 else 'values are'} missing or mean nothing",
            details="\n".join(shown),
            next_step=_FORM,
        )
    return found


def _source(table: Fields, path: Path, index: int) -> RunSource:
    folder = path.parent
    traces = _paths(table, "trace", folder, table.texts("trace"))
    label = table.text("label")
    fallback = f"{path.stem} {index + 1}" if not traces else _stem(traces[0])
    steps, pattern = table.text("steps"), table.text("step_pattern")
    found = RunSource(
        name=label or fallback,
        files=tuple(traces),
        power=tuple(_paths(table, "power", folder, table.texts("power"))),
        requests=tuple(_paths(table, "requests", folder, table.texts("requests"))),
        steps=next(iter(_paths(table, "steps", folder, [steps] if steps else [])), None),
        tokens_per_step=table.whole("tokens_per_step"),
        step_pattern=pattern,
        stated=_stated(table, label),
        measures=_measures(table),
    )
    table.refuse_others()
    if not found.files and "elapsed_s" not in found.measures:
        table.problems.append(f"{table.where}: expected `trace`, or `elapsed_s` with other numbers")
    if not found.files and (found.power or found.requests or pattern):
        table.problems.append(f"{table.where}: `power`, `requests` and `step_pattern` need a trace")
    return found


def _paths(table: Fields, key: str, folder: Path, names: list[str]) -> list[Path]:
    """List files; names that no file system takes are problems."""
    paths = [folder / name for name in names]
    odd = [path for path in paths if not _is_possible(path)]
    table.problems += [
        f"{table.where}: {key}: no name of a file: {path.name[:80]!r}" for path in odd
    ]
    return [path for path in paths if path not in odd]


def _is_possible(path: Path) -> bool:
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except (OSError, ValueError):  # a NUL in it is a ValueError
        return False
    return True


def _stated(table: Fields, label: str | None) -> dict[str, Any]:
    found: dict[str, Any] = {"label": label}
    found |= {name: table.text(key) for key, name in _TEXTS.items()}
    found |= {key: table.maybe(key, most) for key, most in _NUMBERS.items()}
    found |= {name: table.whole(key) for key, name in _COUNTS.items()}
    found["perfect_router"] = table.flag("perfect_router")
    return {name: value for name, value in found.items() if value is not None}


def _measures(table: Fields) -> dict[str, float]:
    found = {key: table.maybe(key, _MOST_NUMBER) for key in MEASURES}
    found["output_tokens"] = table.whole("output_tokens")
    for key, value in found.items():
        if value == 0 and key != "energy_j":
            table.problems.append(f"{table.where}.{key}: expected more than 0")
    return {key: value for key, value in found.items() if value is not None}
