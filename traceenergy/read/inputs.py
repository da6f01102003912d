"""Which files a user meant, besides what kind each one is."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from traceenergy.errors import NotATraceError, UnreadableFileError, UsageError
from traceenergy.read.nsys.sqlite_file import check_there, is_sqlite

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

SQLITE, REPORT, PYTORCH = "nsys-sqlite", "nsys-rep", "pytorch-json"
_REPORT_ENDINGS = (".nsys-rep", ".qdrep")
_SQLITE_ENDINGS = (".sqlite", ".sqlite3", ".db")
_JSON_ENDINGS = (".json", ".json.gz")
GZIP_MAGIC = b"\x1f\x8b"
_NOT_YET = {".parquet": "a table of an nsys parquetdir export"}
_ACCEPTED = (
    "a .sqlite export (nsys export -t sqlite), a .nsys-rep or .qdrep, a .json or .json.gz of the "
    "PyTorch profiler, or a folder of them"
)


def list_files(paths: Sequence[Path]) -> list[Path]:
    """List the trace files that paths stand for.

    Parameters
    ----------
    paths : sequence of pathlib.Path
        Files, or folders of them.

    Returns
    -------
    list of pathlib.Path
        Folders replaced by their exports, by their reports where there is no export, by their
        traces of the PyTorch profiler where there is neither; numbers in names sort as numbers.

    Raises
    ------
    UsageError
        If there is nothing to read, or a file comes twice.
    UnreadableFileError
        If a folder holds no trace.
    NotATraceError
        If a folder is an export of a kind that is not read yet.
    """
    files = [file for path in paths for file in (_in_folder(path) if path.is_dir() else [path])]
    if not files:
        raise UsageError("no trace was given", next_step=f"name {_ACCEPTED}")
    twice = sorted({file.name for file in files if files.count(file) > 1})
    if twice:
        raise UsageError(f"the same trace was given twice: {', '.join(twice)}")
    return files


def kind_of(path: Path) -> str:
    """Tell the kind of a trace file by its content and ending.

    Parameters
    ----------
    path : pathlib.Path
        The file.

    Returns
    -------
    str
        `nsys-sqlite`, `nsys-rep` or `pytorch-json`.

    Raises
    ------
    UnreadableFileError
        If the file is missing or empty, or a damaged `.sqlite`.
    NotATraceError
        If it is of a kind that cannot be read.
    """
    head = check_there(path)
    name = path.name.lower()
    if is_sqlite(head):
        return SQLITE
    if is_report(path):
        return REPORT
    if name.endswith(_SQLITE_ENDINGS):
        raise UnreadableFileError(
            f"{path.name} is no SQLite file", next_step="export again: nsys export -t sqlite"
        )
    if name.endswith(_JSON_ENDINGS) or _is_json(head) or _is_packed(head, name):
        return PYTORCH
    kind = next((kind for ending, kind in _NOT_YET.items() if name.endswith(ending)), None)
    known = f"looks like {kind}, which is not read yet" if kind else "is of no known kind"
    raise NotATraceError(f"{path.name} {known}", next_step=f"name {_ACCEPTED}")


def is_report(path: Path) -> bool:
    """Tell by its ending whether nsys has to export a file first."""
    return path.name.lower().endswith(_REPORT_ENDINGS)


def _is_json(head: bytes) -> bool:
    return head.lstrip()[:1] in {b"{", b"["}


def _is_packed(head: bytes, name: str) -> bool:
    return head.startswith(GZIP_MAGIC) and name.endswith(".gz")


def _in_folder(folder: Path) -> list[Path]:
    try:
        files = sorted((file for file in folder.iterdir() if file.is_file()), key=_natural)
    except OSError as error:
        raise UnreadableFileError(
            f"the folder {folder.name} cannot be read", details=str(error.strerror)
        ) from error
    for endings in ((".sqlite",), _REPORT_ENDINGS):
        found = [file for file in files if file.name.lower().endswith(endings)]
        if found:
            return found
    # Beside traces lie results of this tool and of others, which are JSON as well.
    json = [file for file in files if file.name.lower().endswith(_JSON_ENDINGS)]
    if json:
        # Its decoders take longer to make than all else here.
        from traceenergy.read.pytorch.event_stream import begins_like_trace  # noqa: PLC0415 - as said

        if found := [file for file in json if begins_like_trace(file)]:
            return found
    if any(file.suffix == ".parquet" for file in files):
        raise NotATraceError(
            f"{folder.name} looks like an nsys parquetdir export, which is not read yet",
            next_step=f"name {_ACCEPTED}",
        )
    raise UnreadableFileError(
        f"the folder {folder.name} holds no trace", next_step=f"name {_ACCEPTED}"
    )


def _natural(path: Path) -> list[tuple[int, str]]:
    # "rank10" after "rank9": numbers compare as numbers.
    words = re.findall(r"\d+|\D+", path.name)
    return [(int(word), "") if word.isdecimal() else (-1, word) for word in words]
