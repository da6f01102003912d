"""One recording: GPUs sampled beside, or around, a program."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from traceenergy.errors import MissingToolError
from traceenergy.records import dataclass
from traceenergy.sample.log_file import LogFile
from traceenergy.sample.nvml import close_boards, open_boards
from traceenergy.sample.nvtx_marks import NvtxMarks, is_recorded
from traceenergy.sample.sampler import Sampler
from traceenergy.units import NS_PER_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from types import FrameType

    from traceenergy.sample.nvml import Board

_SIGNALED = 128  # added by shells to the number of the signal that ended a program
_LOOK_S = 0.2  # how soon the end of sampling is noticed where nothing runs


@dataclass(frozen=True)
class Recording:
    """What to record.

    Attributes
    ----------
    out
        The log.
    period_ns
        Time between two polls [ns].
    command
        Program to run, empty for none: then sampling ends with SIGINT or SIGTERM.
    margin_ns
        How long sampling goes on before the program starts and after it ended [ns].
    nvtx
        Whether marks are written; None: where nsys records them.
    force
        Whether a log of that name is replaced.
    """

    out: Path
    period_ns: int
    command: tuple[str, ...] = ()
    margin_ns: int = 0
    nvtx: bool | None = None
    force: bool = False


def record(wanted: Recording, tell: Callable[[str], None]) -> int:
    """Sample all GPUs of this computer until the program ends, or this one is told to.

    Parameters
    ----------
    wanted : Recording
    tell : callable
        Given words for people: problems as they come, in the end what was recorded.

    Returns
    -------
    int
        Exit code of the program (128 + N if signal N ended it) unless that is 0; else that of
        the first problem; 0 without any.

    Raises
    ------
    MissingToolError
        If nvidia-ml-py is not there, or the program cannot be started.
    SamplingError
        If NVML cannot be used or knows no GPU; if marks are asked for where nothing records them.
    OutputExistsError
        If the log is there already.
    OutputError
        If it cannot be begun.
    """
    _check_command(wanted.command)
    boards = open_boards()
    # Marks first: what fails there leaves no empty file.
    marks = NvtxMarks(boards) if is_wanted(wanted.nvtx) else None
    log = LogFile(wanted.out, boards, wanted.period_ns, force=wanted.force)
    takers = (log, marks) if marks else (log,)
    sampler = Sampler(boards, takers, wanted.period_ns, lambda problem: tell(str(problem)))
    with _told_to_end() as told:
        sampler.start()
        try:
            code = _run(wanted, told) if wanted.command else _wait(told, sampler)
        finally:
            sampler.stop()
            close_boards(boards)
    tell(_summary(log, marks, sampler, boards))
    return code or next((problem.exit_code for problem in sampler.problems), 0)


def is_wanted(nvtx: bool | None) -> bool:  # noqa: FBT001 - as the user said it
    """Tell whether marks are to be written: as the user said, else where nsys records them."""
    return is_recorded() if nvtx is None else nvtx


class _Told:
    """Whether this process was told to end, with the program to pass that on to."""

    def __init__(self) -> None:
        self.event = threading.Event()
        self.process: subprocess.Popen[bytes] | None = None
        self.numbers: list[int] = []

    def hear(self, number: int, _: FrameType | None) -> None:
        self.event.set()
        # A terminal sends Ctrl-C to both; the program decides what it means.
        if number != signal.SIGINT or not sys.stdin.isatty():
            self.numbers.append(number)
            self.pass_on()

    def pass_on(self) -> None:
        """Give the program what came, now or while it was being started."""
        while self.process and self.numbers:
            self.process.send_signal(self.numbers.pop(0))


@contextmanager
def _told_to_end() -> Iterator[_Told]:
    told = _Told()
    numbers = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as `nohup` leaves it
        numbers.append(signal.SIGHUP)
    before = {number: signal.signal(number, told.hear) for number in numbers}
    try:
        yield told
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _run(wanted: Recording, told: _Told) -> int:
    if told.event.wait(wanted.margin_ns / NS_PER_S):
        return _SIGNALED + signal.SIGINT
    try:
        told.process = subprocess.Popen(wanted.command)  # noqa: S603 - the user's own command
    except OSError as problem:
        raise _not_started(wanted.command, str(problem.strerror)) from problem
    told.pass_on()
    code = told.process.wait()
    told.process = None
    told.event.wait(wanted.margin_ns / NS_PER_S)
    return code if code >= 0 else _SIGNALED - code


def _check_command(command: tuple[str, ...]) -> None:
    # Before a log is begun, which would be in the way of the next try.
    if command and shutil.which(command[0]) is None:
        raise _not_started(command, "no such program, or it may not be run")


def _not_started(command: tuple[str, ...], why: str) -> MissingToolError:
    return MissingToolError(
        f"{command[0]} cannot be started",
        details=why,
        next_step="write the command after `--` as the shell would find it",
    )


def _wait(told: _Told, sampler: Sampler) -> int:
    while not (told.event.wait(_LOOK_S) or sampler.ended.is_set()):
        pass
    return 0


def _summary(log: LogFile, marks: NvtxMarks | None, sampler: Sampler, boards: list[Board]) -> str:
    gpus = f"{len(boards)} GPU{'' if len(boards) == 1 else 's'}"
    text = f"{log.path}: {log.n_rows:,} rows of {sampler.n_polls:,} polls of {gpus}"
    if sampler.n_late:
        text += f"; {sampler.n_late:,} polls came a period late or more"
    if marks is not None:
        counters = "with" if marks.has_counters else "without"
        text += f"; {marks.n_marks:,} NVTX marks, {counters} counters"
    return text
