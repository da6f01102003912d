"""Report of Nsight Systems -> SQLite, by nsys itself."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from contextlib import suppress
from typing import TYPE_CHECKING

from traceenergy.errors import MissingToolError, OutputError, UnreadableFileError
from traceenergy.read.nsys.sqlite_file import check_there

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from traceenergy.errors import TraceEnergyError

_N_LINES, _N_LETTERS = 5, 300  # of what nsys says: enough for its error, not for its help
# Exports of large reports take minutes; one that takes longer than this hangs.
_LEAST_LIMIT_S, _LIMIT_S_PER_MB = 600.0, 1.0
_ASKED_S = 30.0  # for a version
_STOPPED_S = 5.0  # after SIGTERM, which lets nsys stop its helpers
_MB = 1e6
# A report begins with these words and the version that recorded it, such as 2024@2@3@38-2423...
_HEAD = re.compile(rb"Report (\d{4}(?:[@.]\d{1,9}){1,3})")
_HEAD_BYTES = 200
_VERSION = re.compile(r"\b\d{4}(?:\.\d{1,9}){1,3}")
_IS_NEWER = re.compile(r"newer than your current version", re.IGNORECASE)
_IS_FULL = re.compile(r"no space left|disk is full|file too large|disk quota", re.IGNORECASE)


def export_report(path: Path, folder: Path, nsys: Path | None = None) -> Path:
    """Export a report into a folder.

    Parameters
    ----------
    path : pathlib.Path
        A `.nsys-rep` or `.qdrep`; left as it is, with nothing written beside it.
    folder : pathlib.Path
        Takes the export; best a temporary one.
    nsys : pathlib.Path or None
        The program to use; None: the one on PATH.

    Returns
    -------
    pathlib.Path
        The SQLite file.

    Raises
    ------
    UnreadableFileError
        If the report is missing, empty, or nsys cannot export it, or does not end.
    MissingToolError
        If there is no such nsys, or it is older than the one that recorded the report.
    OutputError
        If there is no space for the export.
    """
    check_there(path)
    tool = _find(path, nsys)
    exported = folder / f"{path.stem}.sqlite"
    command = [tool, "export", "-t", "sqlite", "--quiet=true", "--force-overwrite=true"]
    limit_s = _LEAST_LIMIT_S + _LIMIT_S_PER_MB * path.stat().st_size / _MB
    try:
        code, said = _run([*command, "-o", str(exported.absolute()), str(path.absolute())], limit_s)
    except subprocess.TimeoutExpired as problem:
        raise UnreadableFileError(
            f"nsys did not end within {limit_s:.0f} s of exporting {path.name}, and was stopped",
            next_step=f"export it by hand: nsys export -t sqlite {path.name}",
        ) from problem
    except OSError as problem:
        raise MissingToolError(
            f"nsys cannot be started ({problem.strerror})",
            next_step="pass the program nsys itself: --nsys PATH",
        ) from problem
    # Out of space, nsys 2024.2 ends with 0 and leaves half an export.
    if code != 0 or not exported.exists() or _IS_FULL.search(said):
        raise _why(path, tool, code, said)
    return exported


def _find(path: Path, nsys: Path | None) -> str:
    if nsys is None:
        tool = shutil.which("nsys")
        missing = f"{path.name} is a report that only nsys can open, and nsys is not on PATH"
    else:
        tool = shutil.which(nsys)
        missing = f"{path.name} is a report that only nsys can open, and --nsys names no program"
    if tool is None:
        raise MissingToolError(
            missing,
            next_step="put nsys on PATH, pass --nsys PATH, or export where it is: "
            "nsys export -t sqlite",
        )
    return tool


def _run(command: Sequence[str], limit_s: float) -> tuple[int, str]:
    process = subprocess.Popen(  # noqa: S603 - no shell, absolute paths
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,  # so that its helpers can be stopped with it
    )
    try:
        out, err = process.communicate(timeout=limit_s)
    finally:
        _stop(process)
    return process.returncode, err + out


def _stop(process: subprocess.Popen[str]) -> None:
    for sign in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is not None:
            return
        with suppress(ProcessLookupError):
            os.killpg(process.pid, sign)
        with suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=_STOPPED_S)


def _why(path: Path, tool: str, code: int, said: str) -> TraceEnergyError:
    details = _shortened(said)
    if _IS_FULL.search(said):
        return OutputError(
            f"there is no space for the export of {path.name}",
            details=details,
            next_step="make space; where no folder was named, TMPDIR says where exports are made",
        )
    recorded_by, at_hand = _recorded_by(path), _version_of(tool)
    is_newer = recorded_by and at_hand and _numbers(recorded_by) > _numbers(at_hand)
    if is_newer or _IS_NEWER.search(said):
        newer = recorded_by or "a newer release"
        return MissingToolError(
            f"{path.name} was recorded by nsys {newer}, which nsys {at_hand or 'at hand'} "
            "is too old to open",
            details=details,
            next_step=f"pass --nsys PATH of nsys {newer} or later, or export it where it was "
            "recorded: nsys export -t sqlite",
        )
    versions = f"; recorded by nsys {recorded_by}" if recorded_by else ""
    versions += f"; nsys at hand is {at_hand}" if at_hand else ""
    return UnreadableFileError(
        f"nsys cannot export {path.name} (exit code {code}{versions})",
        details=details,
        next_step="copy the report again, or export it with the nsys that recorded it",
    )


def _recorded_by(path: Path) -> str | None:
    with path.open("rb") as file:
        found = _HEAD.search(file.read(_HEAD_BYTES))
    return found[1].decode().replace("@", ".") if found else None


def _version_of(tool: str) -> str | None:
    try:
        _, said = _run([tool, "--version"], _ASKED_S)
    except (subprocess.TimeoutExpired, OSError):
        return None
    found = _VERSION.search(said)
    return found[0] if found else None


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def _shortened(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    bare = [re.sub(r"(?:/[^\s:'\"]+)+/?", "...", line) for line in lines[:_N_LINES]]
    return "\n".join(
        line if len(line) <= _N_LETTERS else f"{line[:_N_LETTERS]} ..." for line in bare
    )
