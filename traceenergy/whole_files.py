"""Files that appear under their names only when they are complete, links followed."""

from __future__ import annotations

import os
import shutil
import sqlite3
import uuid
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from traceenergy.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def real_path(path: str | Path) -> Path:
    """Follow the links of a path; links in a circle, which `Path.resolve` fails at, stay."""
    return Path(os.path.realpath(path))


def put_file(path: Path, write_part: Callable[[Path], object]) -> None:
    """Write a file that appears under its name only when it is complete.

    Parameters
    ----------
    path : Path
    write_part : callable
        Writes the file that it is told.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    with _part_of(path, path.parent) as part:
        write_part(part)
        part.replace(path)


def put_folder(folder: Path, write_part: Callable[[Path], object]) -> None:
    """Write files that appear in a folder only when all are complete.

    Parameters
    ----------
    folder : Path
        Made if it is not there; other files in it stay.
    write_part : callable
        Writes files into the folder that it is told.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    # Inside it, if it is there: it may lie on another file system than the folder above.
    with _part_of(folder, folder if folder.is_dir() else folder.parent) as part:
        part.mkdir()
        write_part(part)
        folder.mkdir(exist_ok=True)
        for file in sorted(part.iterdir()):
            file.replace(folder / file.name)


@contextmanager
def _part_of(path: Path, place: Path) -> Iterator[Path]:
    part = place / f".traceenergy-{uuid.uuid4().hex}.part"
    try:
        yield part
    except (OSError, sqlite3.Error, pl.exceptions.PolarsError) as error:
        raise OutputError(f"cannot write {path}", details=_reason(error)) from error
    finally:
        # Where nothing can be written, nothing can be removed.
        with suppress(OSError):
            _remove(part)


def _reason(error: Exception) -> str:
    # What polars says may hold values; where it wraps an error of the system, only that counts.
    return getattr(error, "strerror", None) or type(error).__name__


def _remove(part: Path) -> None:
    if part.is_dir():
        shutil.rmtree(part, ignore_errors=True)
    else:
        part.unlink(missing_ok=True)
