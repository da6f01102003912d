"""Choices a user makes about how inputs are read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from traceenergy.errors import UsageError
from traceenergy.records import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    # Such as `map` of a pool: results in the order of what they are made of.
    MapOver = Callable[[Callable[[Any], bytes], Sequence[Any]], Iterable[bytes]]

RAISE, SKIP = "raise", "skip"


@dataclass(frozen=True)
class ReadOptions:
    """What a user states because a file does not.

    Attributes
    ----------
    power_clock_offset_ns
        Added to the clock of power logs; None lets the reader find the offset.
    power_unit
        `mW` or `W` of power inside a trace; None lets the reader decide from name or size.
    power_gpu
        Pairs `SOURCE=GPU` that tie power samples to GPUs; empty lets the reader decide.
    """

    power_clock_offset_ns: int | None = None
    power_unit: str | None = None
    power_gpu: tuple[str, ...] = ()


@dataclass(frozen=True)
class Workers:
    """Who reads the reports of a run, which the result does not show.

    Attributes
    ----------
    jobs
        Processes of this computer at once; 1 reads in the calling process, None takes as many as
        save time. With more than 1, a script must call under `if __name__ == "__main__":`.
    scheduler
        Address of a Dask scheduler whose workers read instead, such as `tcp://10.0.0.1:8786`.
    on_error
        `raise`: a report that cannot be read ends the run. `skip`: it is left out, and a caveat
        names it.
    map_over
        Reads instead: maps a function over reports as `map` does, such as `map` of a pool that
        runs already. Its processes must be spawned, since a fork takes along the locks of polars.
    exports
        Folder where exports that nsys makes of reports are kept; made when needed. An export that
        lies beside its report, is whole and newer than it is read instead of making one. None:
        each is made, then removed.
    nsys
        The program that exports reports; None: the one on PATH.

    Raises
    ------
    UsageError
        If a value means nothing, or two kinds of workers are asked for.
    """

    jobs: int | None = 1
    scheduler: str | None = None
    on_error: str = RAISE
    map_over: MapOver | None = None
    exports: Path | None = None
    nsys: Path | None = None

    def __post_init__(self) -> None:
        """Refuse what means nothing."""
        if self.jobs is not None and self.jobs < 1:
            raise UsageError(f"--jobs must be at least 1, got {self.jobs}")
        if self.on_error not in {RAISE, SKIP}:
            raise UsageError(
                f"--on-error {self.on_error!r} is not known", next_step=f"pass {RAISE} or {SKIP}"
            )
        if self.scheduler is not None and self.jobs not in {None, 1}:
            raise UsageError(
                "--jobs and --scheduler were both given",
                next_step="--jobs for processes of this computer, --scheduler for a cluster",
            )
        if self.map_over is not None and (self.scheduler is not None or self.jobs not in {None, 1}):
            raise UsageError("map_over was given beside jobs or a scheduler")
