"""Which file ending means which rendering."""
# ruff: noqa: PLC0415 - plotly, jinja2 and sqlite-utils cost start-up time of every command

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from traceenergy.analysis.model import Analysis
from traceenergy.errors import OutputError, OutputExistsError, UsageError
from traceenergy.report.tables import DECLARED
from traceenergy.whole_files import put_file, put_folder, real_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

    from traceenergy.comparison.model import Comparison
    from traceenergy.sweeps.result import Sweep

STDOUT = "-"
# Of an analysis: those that show its table of all pieces of work.
_WITH_PIECES = (".parquet", ".sqlite", ".perfetto.json", "/")
_PERFETTO = ".perfetto.json"
FOLDER = "/"  # among endings: a path that ends so, for a folder with one file a table
_ENDINGS = (".html", ".json", ".md", ".csv", ".parquet", ".sqlite", _PERFETTO, FOLDER)
# Endings of files that a trace can be made of; these may not appear in a folder of input.
_INPUT_LIKE = (".json", ".csv", ".parquet", ".sqlite")
_ALSO_ACCEPTED = ", a folder that ends in / for one parquet per table, or - for JSON on stdout"


def needs_pieces(outs: Iterable[str]) -> bool:
    """Tell whether one of some outputs of an analysis shows its table of pieces of work."""
    return any(out.lower().endswith(_WITH_PIECES) for out in outs)


def begin_pages(outs: Iterable[str]) -> None:
    """Begin what pages need whatever they show: their script is packed while inputs are read.

    Parameters
    ----------
    outs : iterable of str
        All outputs; those that are no page need nothing.
    """
    if any(out.lower().endswith(".html") for out in outs):
        from traceenergy.report.page_charts import pack_plotly

        pack_plotly()


def write(
    result: Analysis | Comparison | Sweep,
    out: str | os.PathLike[str],
    *,
    force: bool = False,
    made_at: datetime | None = None,
) -> Path:
    """Write a result in the form that the ending asks for.

    Parameters
    ----------
    result : Analysis, Comparison or Sweep
    out : str or path
        Of a comparison: ends in `.html`, `.json` or `.md`. Of a sweep: in one of these, or in
        `.csv` (table of runs), `.sqlite` or `/`. Of an analysis:
        `.html`, `.json`, `.md`, `.csv` (phase table), `.parquet` (per-kernel table),
        `.sqlite` (all tables), `.perfetto.json` (trace for ui.perfetto.dev), or `/` (folder with
        one parquet per table).
    force : bool
        Replace what is there.
    made_at : datetime, optional
        Date that the page shows; none without it.

    Returns
    -------
    pathlib.Path
        What was written. A file appears under its name only when it is complete.

    Raises
    ------
    UsageError
        If the ending is unknown.
    OutputExistsError
        If something is there and `force` is false.
    OutputError
        If it cannot be written.
    """
    text = os.fspath(out)
    if text == STDOUT:
        raise UsageError("`-` is no file", next_step="print what render_json returns")
    if not isinstance(result, Analysis):
        return _write_other(result, out, force=force, made_at=made_at)
    check_outputs([out], force=force)
    path = Path(text)
    if _is_folder(text):
        put_folder(path, partial(_write_tables, result))
    else:
        writer = _WRITERS[_ending(path)]
        put_file(path, lambda part: writer(result, part, made_at))
    return path


def check_outputs(
    outs: Iterable[str | os.PathLike[str]],
    inputs: Iterable[str | os.PathLike[str]] = (),
    *,
    force: bool = False,
    endings: Sequence[str] = _ENDINGS,
) -> None:
    """Refuse outputs that cannot or should not be written, before any work is done.

    Parameters
    ----------
    outs : iterable of str or path
        As given to `write`; `-` is stdout.
    inputs : iterable of str or path
        Traces and power logs; none may be an output.
    force : bool
        Existing outputs may be replaced; inputs never.
    endings : sequence of str
        Of what can be written; without these, a result of `analyze`.

    Raises
    ------
    UsageError
        If an ending is unknown, two outputs are the same, or an output is an input.
    OutputExistsError
        If something is there and `force` is false.
    OutputError
        If the folder to write into is missing.
    """
    texts = [os.fspath(out) for out in outs]
    for text in texts:
        _check_ending(text, endings)
    _check_distinct(texts)
    files = [text for text in texts if text != STDOUT]
    sources = [Path(source) for source in inputs]
    for text in files:
        for source in sources:
            _check_not_input(text, source)
        _check_place(text)
    existing = [text for text in files if _exists(text)]
    if existing and not force:
        raise OutputExistsError(
            f"{existing[0]} exists, will not overwrite",
            details="\n".join(existing[1:]),
            next_step="pass --force, or choose another name with -o",
        )


def _check_ending(text: str, endings: Sequence[str]) -> None:
    if text == STDOUT or (_is_folder(text) and FOLDER in endings):
        return
    accepted = f"use one of {' '.join(ending for ending in endings if ending != FOLDER)}"
    accepted += _ALSO_ACCEPTED if FOLDER in endings else ", or - for JSON on stdout"
    if _ending(Path(text)) not in endings or _is_folder(text):
        raise UsageError(f"{text}: unknown ending of an output", next_step=accepted)


def _ending(path: Path) -> str:
    name = path.name.lower()
    return _PERFETTO if name.endswith(_PERFETTO) else Path(name).suffix


def _check_distinct(texts: list[str]) -> None:
    seen: dict[str, str] = {}
    for text in texts:
        key = text if text == STDOUT else str(real_path(text))
        if key in seen:
            raise UsageError(f"{text} is asked for twice", next_step="give each output its name")
        seen[key] = text


def _check_not_input(text: str, source: Path) -> None:
    target, origin = real_path(text), real_path(source)
    same = target == origin or (target.exists() and origin.exists() and target.samefile(origin))
    is_in_input = origin.is_dir() and origin in target.parents
    if same or (is_in_input and (_is_folder(text) or target.suffix.lower() in _INPUT_LIKE)):
        raise UsageError(
            f"{text} is {'' if same else 'inside '}the input {source.name}",
            details="inputs are never changed, with or without --force",
            next_step="write the output somewhere else with -o",
        )


def _check_place(text: str) -> None:
    path = Path(text)
    parent = path.parent
    if not parent.is_dir():
        raise OutputError(
            f"cannot write {text}", details=f"there is no folder {parent}", next_step="make it"
        )
    if path.is_dir() and not _is_folder(text):
        raise OutputError(
            f"cannot write {text}: it is a folder",
            next_step="end it in / for one parquet per table",
        )
    if _is_folder(text) and path.exists() and not path.is_dir():
        raise OutputError(f"cannot write {text}: it is a file", next_step="choose another name")


def _is_folder(text: str) -> bool:
    return text.endswith(("/", os.sep))


def _exists(text: str) -> bool:
    path = Path(text)
    if not _is_folder(text):
        return path.exists() or path.is_symlink()
    # `meta` comes with the tables of any result.
    return any((path / f"{table}.parquet").exists() for table in (*DECLARED, "meta"))


def _write_other(
    result: Comparison | Sweep,
    out: str | os.PathLike[str],
    *,
    force: bool,
    made_at: datetime | None,
) -> Path:
    from traceenergy.comparison.model import Comparison

    if isinstance(result, Comparison):
        from traceenergy.report.comparison_outputs import write_comparison

        return write_comparison(result, out, force=force, made_at=made_at)
    from traceenergy.report.sweep_outputs import write_sweep

    return write_sweep(result, out, force=force, made_at=made_at)


def _write_tables(result: Analysis, folder: Path) -> None:
    from traceenergy.report.parquet_report import write_tables

    write_tables(result, folder)


def _write_html(result: Analysis, path: Path, made_at: datetime | None) -> None:
    from traceenergy.report.html_report import render_html

    path.write_text(render_html(result, made_at=made_at), encoding="utf-8")


def _write_json(result: Analysis, path: Path, _made_at: datetime | None) -> None:
    from traceenergy.report.json_report import render_json

    path.write_text(render_json(result), encoding="utf-8")


def _write_markdown(result: Analysis, path: Path, _made_at: datetime | None) -> None:
    from traceenergy.report.markdown_report import render_markdown

    path.write_text(render_markdown(result), encoding="utf-8")


def _write_csv(result: Analysis, path: Path, _made_at: datetime | None) -> None:
    from traceenergy.report.csv_report import render_csv

    path.write_text(render_csv(result), encoding="utf-8")


def _write_parquet(result: Analysis, path: Path, _made_at: datetime | None) -> None:
    from traceenergy.report.parquet_report import write_table

    write_table(result, "work", path)


def _write_sqlite(result: Analysis, path: Path, _made_at: datetime | None) -> None:
    from traceenergy.report.sqlite_report import write_sqlite

    write_sqlite(result, path)


def _write_perfetto(result: Analysis, path: Path, _made_at: datetime | None) -> None:
    from traceenergy.report.perfetto import write_perfetto

    write_perfetto(result, path)


_WRITERS: dict[str, Callable[[Analysis, Path, datetime | None], None]] = {
    ".html": _write_html,
    ".json": _write_json,
    ".md": _write_markdown,
    ".csv": _write_csv,
    ".parquet": _write_parquet,
    ".sqlite": _write_sqlite,
    _PERFETTO: _write_perfetto,
}
