"""Writes docs/commands.md from the commands' own help."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from traceenergy.cli.app import make_app

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

COMMANDS_PAGE = Path(__file__).with_name("commands.md")
HEAD = """\
# Commands

Written by `make docs` from the commands' own help; a test fails when it is stale.
Times are written as `1s500ms`, `250ms`, `-2h`; units are h, m (minutes), s, ms, us, ns.
Data go to stdout, everything else to stderr.

Exit codes: 0 done, 1 a gate failed, 2 bad usage or unreadable input, 3 no power data.
"""


def render_commands() -> str:
    """Write the page.

    Returns
    -------
    str
        Markdown.
    """
    group: Any = typer.main.get_command(make_app())
    parts = [HEAD]
    for name, command in group.commands.items():
        parts += [f"## traceenergy {name}\n", _paragraphs(command.help), _usage(name, command)]
        parts += [_table(_rows(command)), _example(command.epilog)]
    return "\n".join(part for part in parts if part)


def _paragraphs(text: str | None) -> str:
    lines = (text or "").replace("\b", "").strip()
    return re.sub(r"[ \t]*\n(?!\n)(?<!\n\n)[ \t]*", "\n", lines) + "\n"


def _usage(name: str, command: Any) -> str:  # noqa: ANN401 - classes differ between typer versions
    words = [_value(p) for p in command.params if p.param_type_name == "argument"]
    return f"```\ntraceenergy {name} [OPTIONS] {' '.join(words)}".rstrip() + "\n```\n"


def _rows(command: Any) -> Iterator[tuple[str, str, str]]:  # noqa: ANN401 - as above
    for parameter in command.params:
        if parameter.param_type_name == "argument":
            yield f"`{_value(parameter)}`", "", parameter.help
            continue
        if "--help" in parameter.opts:
            continue
        names = ", ".join(f"`{opt}`" for opt in sorted(parameter.opts, key=len, reverse=True))
        value = "" if parameter.is_flag else f" `{_value(parameter)}`"
        yield names + value, _default(parameter), parameter.help


def _value(parameter: Any) -> str:  # noqa: ANN401 - as above
    return str(parameter.metavar or parameter.type.name).upper().replace("MW|W", "mW|W")


def _default(parameter: Any) -> str:  # noqa: ANN401 - as above
    if isinstance(parameter.show_default, str):
        return str(parameter.show_default)
    if parameter.is_flag or parameter.default in (None, ()):
        return ""
    return f"`{parameter.default}`"


def _table(rows: Iterator[tuple[str, str, str]]) -> str:
    lines = ["| option | default | meaning |", "|---|---|---|"]
    lines += [f"| {' | '.join(cell.replace('|', '&#124;') for cell in row)} |" for row in rows]
    return "\n".join(lines) + "\n"


def _example(epilog: str | None) -> str:
    text = (epilog or "").replace("\b", "").strip()
    return f"```\n{text}\n```\n" if text else ""


if __name__ == "__main__":
    COMMANDS_PAGE.write_text(render_commands(), encoding="utf-8")
    sys.stdout.write(f"Wrote {COMMANDS_PAGE.name}\n")
