"""What the first bytes of a file say about it."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from traceenergy.errors import UnreadableFileError
from traceenergy.foreign_text import is_text

if TYPE_CHECKING:
    from pathlib import Path

_SQLITE_MAGIC = b"SQLite format 3\x00"
_LFS_MAGIC = b"version https://git-lfs"
_HEADER_BYTES = 100
_EXPORT = "name an export of Nsight Systems: nsys export -t sqlite"


def check_there(path: Path, next_step: str = _EXPORT) -> bytes:
    """Return the first 100 bytes of a file that is there.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    next_step : str
        What to do where it is not.

    Returns
    -------
    bytes

    Raises
    ------
    UnreadableFileError
        If it is missing, a folder, empty, not to be opened, or a pointer of Git LFS.
    """
    what = ""
    if not is_text(path.name):
        what = f"the name {path.name} is no text in UTF-8"
    elif path.is_dir():
        what = f"{path.name} is a folder, not a file"
    elif not path.exists():
        what = f"{path.name} is not there"
    elif path.stat().st_size == 0:
        what = f"{path.name} is empty (0 bytes)"
    if what:
        raise UnreadableFileError(what, next_step=next_step)
    try:
        with path.open("rb") as file:
            head = file.read(_HEADER_BYTES)
    except OSError as problem:
        raise UnreadableFileError(
            f"{path.name} cannot be opened", details=str(problem.strerror)
        ) from problem
    if head.startswith(_LFS_MAGIC):
        raise UnreadableFileError(
            f"{path.name} is a Git LFS pointer, not the file it stands for",
            next_step="fetch the real file: git lfs pull",
        )
    return head


def is_sqlite(head: bytes) -> bool:
    """Tell by its first bytes whether a file is SQLite."""
    return head.startswith(_SQLITE_MAGIC)


def check_sqlite(path: Path) -> None:
    """Refuse a file that is not a whole SQLite file.

    Parameters
    ----------
    path : pathlib.Path
        The file.

    Raises
    ------
    UnreadableFileError
        As `check_there`; also if it is of another kind, or shorter than its header says.
    """
    head = check_there(path)
    if not is_sqlite(head):
        raise UnreadableFileError(
            f"{path.name} is no SQLite file",
            next_step="name an export of Nsight Systems: nsys export -t sqlite",
        )
    expected, found = _bytes_promised(head), path.stat().st_size
    if found < expected:
        raise UnreadableFileError(
            f"{path.name} is cut short: {found} of {expected} bytes",
            next_step="fetch or export the file again: nsys export -t sqlite",
        )


def _bytes_promised(header: bytes) -> int:
    # https://www.sqlite.org/fileformat.html section 1.3: page size at 16 (1 means 65536), pages
    # at 28, which hold only if the change counters at 24 and 92 agree.
    if len(header) < _HEADER_BYTES:
        return _HEADER_BYTES
    if header[24:28] != header[92:96]:
        return 0
    page_bytes = int.from_bytes(header[16:18], "big")
    return (65536 if page_bytes == 1 else page_bytes) * int.from_bytes(header[28:32], "big")


def sha256_of(path: Path) -> str:
    """Hash a file, in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def state_of(path: Path) -> tuple[int, ...]:
    """Tell a file from another, or from itself before it was written: where it is, size, time."""
    try:
        found = path.stat()
    except OSError:
        return ()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
