"""Report of Nsight Systems -> SQLite, by nsys itself."""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import TYPE_CHECKING

from traceenergy.errors import MissingToolError, UnreadableFileError
from traceenergy.read.nsys.sqlite_file import check_there

if TYPE_CHECKING:
    from pathlib import Path

_N_LINES = 5  # of what nsys says: enough for its error, not for its help


def export_report(path: Path, folder: Path) -> Path:
    """Export a report into a folder.

    Parameters
    ----------
    path : pathlib.Path
        A `.nsys-rep` or `.qdrep`; left as it is, with nothing written beside it.
    folder : pathlib.Path
        Takes the export; best a temporary one.

    Returns
    -------
    pathlib.Path
        The SQLite file.

    Raises
    ------
    UnreadableFileError
        If the report is missing, empty, or nsys cannot export it.
    MissingToolError
        If there is no nsys on PATH.
    """
    check_there(path)
    tool = shutil.which("nsys")
    if tool is None:
        raise MissingToolError(
            f"{path.name} is a report that only nsys can open, and nsys is not on PATH",
            next_step="put nsys on PATH, or export where it is: nsys export -t sqlite",
        )
    exported = folder / f"{path.stem}.sqlite"
    command = [tool, "export", "-t", "sqlite", "--quiet=true", "--force-overwrite=true"]
    done = subprocess.run(  # noqa: S603 - no shell, absolute paths
        [*command, "-o", str(exported.absolute()), str(path.absolute())],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode != 0 or not exported.exists():
        raise UnreadableFileError(
            f"nsys cannot export {path.name} (exit code {done.returncode})",
            details=_without_paths(done.stderr + done.stdout),
            next_step="export it with the nsys that recorded it, or a newer one",
        )
    return exported


def _without_paths(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return "\n".join(re.sub(r"(?:/[^\s:'\"]+)+/?", "...", line) for line in lines[:_N_LINES])
