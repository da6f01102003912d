"""One report per rank, each on the clock of its own session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from traceenergy.records import dataclass
from traceenergy.simulate.chance import RANK_CLOCKS, stream
from traceenergy.simulate.host import UTC_EPOCH_NS
from traceenergy.units import NS_PER_MS

if TYPE_CHECKING:
    from traceenergy.simulate.export import Rows
    from traceenergy.simulate.host import Host
    from traceenergy.simulate.options import Options

LATEST_SESSION_NS = 500 * NS_PER_MS
_OWNERS = ("globalTid", "globalPid")
_TIMES = ("start", "end")
_SESSION, _DETAILS = "TARGET_INFO_SESSION_START_TIME", "ANALYSIS_DETAILS"


@dataclass(frozen=True)
class RankClock:
    """Session of one rank.

    Attributes
    ----------
    session_start_ns : int [ns]
        When its recording began, after that of rank 0.
    clock_offset_ns : int [ns]
        By how much its wall clock is ahead of that of rank 0.
    """

    session_start_ns: int
    clock_offset_ns: int

    @property
    def utc_epoch_ns(self) -> int:
        """Start of its session by its own clock [ns since 1970]."""
        return UTC_EPOCH_NS + self.session_start_ns + self.clock_offset_ns


def rank_clocks(options: Options) -> tuple[RankClock, ...]:
    """Draw the clocks of all ranks.

    Parameters
    ----------
    options : Options

    Returns
    -------
    tuple of RankClock
        Rank 0 is right, and by all clocks its session was the first to begin.
    """
    rng, spread_ns = stream(options.recording_seed, RANK_CLOCKS), options.rank_clock_spread_ns
    start_ns = spread_ns + rng.integers(0, LATEST_SESSION_NS, options.gpus)
    offset_ns = np.round(rng.uniform(-spread_ns, spread_ns, options.gpus)).astype(np.int64)
    start_ns[0], offset_ns[0] = 0, 0
    return tuple(
        RankClock(*pair) for pair in zip(start_ns.tolist(), offset_ns.tolist(), strict=True)
    )


def report_of(tables: dict[str, Rows], rank: int, clock: RankClock, host: Host) -> dict[str, Rows]:
    """Take what one rank recorded.

    Parameters
    ----------
    tables : dict of str to Rows
        Of the whole run.
    rank : int
        Its number, that of its GPU as well.
    clock : RankClock
    host : Host

    Returns
    -------
    dict of str to Rows
        Rows of its process; rows of no process are in all reports.
    """
    mine = {"globalTid": host.global_tid(rank), "globalPid": host.global_pid(rank)}
    taken = {name: _own(rows, mine, clock.session_start_ns) for name, rows in tables.items()}
    taken[_SESSION] = {**tables[_SESSION], "utcEpochNs": clock.utc_epoch_ns}
    details: dict[str, Any] = dict(tables[_DETAILS])
    details["duration"] -= clock.session_start_ns
    details["startTime"] += clock.session_start_ns
    return {**taken, _DETAILS: details}


def _own(rows: Rows, mine: dict[str, int], shift_ns: int) -> Rows:
    owner = next((name for name in _OWNERS if name in rows), None)
    if owner is None:
        return rows
    frame = pl.DataFrame(dict(rows), strict=False).filter(pl.col(owner) == mine[owner])
    times = [pl.col(name) - shift_ns for name in _TIMES if name in rows]
    frame = frame.with_columns(times)
    varying = {name for name, values in rows.items() if not _is_single(values)}
    return {name: frame[name] if name in varying else rows[name] for name in rows}


def _is_single(values: object) -> bool:
    return values is None or isinstance(values, int | float | str)


def rank_truth(truth: pl.DataFrame) -> pl.DataFrame:
    """Tell the truth by rank, with the rows of its own report.

    Parameters
    ----------
    truth : polars.DataFrame
        As declared by `truth.TRUTH`.

    Returns
    -------
    polars.DataFrame
        The same with other `rank` and `trace_row`; times stay on the clock of rank 0.
    """
    return truth.with_columns(
        rank=pl.col("device_id"),
        trace_row=(pl.int_range(pl.len()) + 1).over("table", "device_id"),
    )
