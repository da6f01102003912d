"""What ran when: activity by time bin for the charts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from traceenergy.analysis.clock_cover import stretch_of
from traceenergy.analysis.ledger import clocks_of
from traceenergy.analysis.model import CLOCK_CURVE, POWER_CURVE
from traceenergy.codes import codes_of
from traceenergy.energy.sensor_windows import GAP_PERIODS
from traceenergy.intervals import share_clock, union
from traceenergy.trace.tables import empty_table
from traceenergy.units import S_PER_NS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.analysis.ledger import Ledger
    from traceenergy.analysis.model import Window
    from traceenergy.intervals import ShareClock
    from traceenergy.trace.model import Trace

    Int = NDArray[np.int64]
    Float = NDArray[np.float64]

MAX_BINS = 600  # about two pixels a bin on a wide page
IDLE = "idle"


def bin_activity(ledger: Ledger, window: Window, phase: pl.Series) -> pl.DataFrame:
    """Cut the window into bins, and each bin's time into phases.

    Parameters
    ----------
    ledger : Ledger
    window : Window
    phase : polars.Series (n_work,)
        First-level phase of each piece of work.

    Returns
    -------
    polars.DataFrame
        Table `TIMELINE`; bins where a phase did not run have no row for it.
    """
    n_bins = int(min(MAX_BINS, max(1, window.elapsed_ns)))
    edge_ns = window.start_ns + (np.arange(n_bins + 1) * window.elapsed_ns) // n_bins
    width_ns = np.diff(edge_ns)
    kind, kinds = codes_of(phase.to_frame("phase"), ["phase"])
    names = [*kinds["phase"].cast(pl.String).to_list(), IDLE]
    parts = []
    for work in ledger.devices:
        ran_ns = _share_in_bins(ledger, work.row, kind[work.row], len(kinds), edge_ns)
        low_ns, high_ns = union(ledger.start_ns[work.row], ledger.end_ns[work.row])
        idle_ns = width_ns - np.diff(_busy_until(low_ns, high_ns, edge_ns))
        share = np.column_stack((ran_ns, idle_ns)) / width_ns[:, None]
        place, name = np.nonzero(share > 0)
        parts.append(
            pl.DataFrame(
                {
                    "bin": place.astype(np.int32),
                    "start_ns": edge_ns[place],
                    "end_ns": edge_ns[place + 1],
                    "phase": pl.Series(names).gather(name),
                    "busy_share": np.clip(share[place, name], 0.0, 1.0),
                }
            ).select(
                pl.lit(work.rank, dtype=pl.Int32).alias("rank"),
                pl.lit(work.device_id, dtype=pl.Int32).alias("device_id"),
                pl.all(),
            )
        )
    return pl.concat(parts).sort("rank", "device_id", "bin", "phase")


def _share_in_bins(ledger: Ledger, row: Int, kind: Int, n_kinds: int, edge_ns: Int) -> Float:
    """Share the time of a device among kinds of work, bin by bin ``(n_bins, n_kinds)`` [ns]."""
    start_ns, end_ns = ledger.start_ns[row], ledger.end_ns[row]
    n_bins = len(edge_ns) - 1
    first = np.minimum(stretch_of(edge_ns, start_ns), n_bins - 1)
    crosses = end_ns > edge_ns[first + 1]
    cell = first * n_kinds + kind
    inside_ns = np.where(crosses, 0.0, ledger.gpu_time_s[row] / S_PER_NS)
    ran_ns = np.bincount(cell, inside_ns, n_bins * n_kinds).astype(np.float64)
    # Work of several bins is cut at their edges, by the clock of all that runs beside it.
    over = np.flatnonzero(crosses)
    if len(over):
        start_ns, end_ns, kind = start_ns[over], end_ns[over], kind[over]
        clock = _clock_within(ledger, row, union(start_ns, end_ns))
        last = np.searchsorted(edge_ns, end_ns, side="left") - 1
        n_parts = last - first[over] + 1
        piece = np.repeat(np.arange(len(over)), n_parts)
        at = np.arange(len(piece)) - np.repeat(np.cumsum(n_parts) - n_parts - first[over], n_parts)
        low_ns = np.maximum(start_ns[piece], edge_ns[at])
        high_ns = np.minimum(end_ns[piece], edge_ns[at + 1])
        shared_ns = clock.share_at(high_ns) - clock.share_at(low_ns)
        ran_ns += np.bincount(at * n_kinds + kind[piece], shared_ns, n_bins * n_kinds)
    return ran_ns.reshape(n_bins, n_kinds)


def _clock_within(ledger: Ledger, row: Int, stretches: tuple[Int, Int]) -> ShareClock:
    """Build the clock of shares of a device within some stretches, of all that touches them."""
    start_ns, end_ns = ledger.start_ns[row], ledger.end_ns[row]
    low_ns, high_ns = stretches
    place = np.searchsorted(high_ns, start_ns, side="right")
    touches = np.flatnonzero(np.append(low_ns, end_ns.max())[place] < end_ns)
    return share_clock(start_ns[touches], end_ns[touches])


def _busy_until(low_ns: Int, high_ns: Int, time_ns: Int) -> Int:
    """Measure how much of a union lies before each of some times [ns]."""
    before_ns = np.append(0, np.cumsum(high_ns - low_ns))
    place = np.searchsorted(low_ns, time_ns, side="right")
    beyond_ns = np.append(0, high_ns)[place] - time_ns
    return np.asarray(before_ns[place] - np.where(place > 0, np.maximum(beyond_ns, 0), 0))


def power_curve(ledger: Ledger, window: Window) -> pl.DataFrame:
    """Cut the measured samples to the window, for the charts.

    Parameters
    ----------
    ledger : Ledger
    window : Window

    Returns
    -------
    polars.DataFrame
        Table `POWER_CURVE`.
    """
    parts = [empty_table(POWER_CURVE)]
    for energy in ledger.energies:
        if energy is None:
            continue
        center_ns = energy.series.center_ns
        shown = _shown(center_ns, window)
        pause_ns = np.diff(center_ns, prepend=center_ns[0])
        longest_ns = GAP_PERIODS * np.median(np.diff(center_ns))
        parts.append(
            pl.DataFrame(
                {
                    "sample_ns": center_ns[shown],
                    "power_w": energy.series.power_w[shown],
                    "follows_gap": (pause_ns > longest_ns)[shown],
                }
            ).select(
                pl.lit(energy.work.rank, dtype=pl.Int32).alias("rank"),
                pl.lit(energy.work.device_id, dtype=pl.Int32).alias("device_id"),
                "sample_ns",
                "power_w",
                "follows_gap",
            )
        )
    return pl.concat(parts)


def clock_curve(trace: Trace, ledger: Ledger, window: Window) -> pl.DataFrame:
    """Cut the readings of the SM clock to the window, for the charts.

    Parameters
    ----------
    trace : Trace
    ledger : Ledger
    window : Window

    Returns
    -------
    polars.DataFrame
        Table `CLOCK_CURVE`.
    """
    parts = [empty_table(CLOCK_CURVE)]
    for work, energy in zip(ledger.devices, ledger.energies, strict=True):
        clocks = clocks_of(trace, work)
        if clocks is None:
            continue
        if energy is not None and energy.model is not None:
            clocks = clocks.in_step(energy.model.log_clock)
        shown = _shown(clocks.sample_ns, window)
        parts.append(
            pl.DataFrame(
                {"sample_ns": clocks.sample_ns[shown], "sm_clock_mhz": clocks.clock_mhz[shown]}
            ).select(
                pl.lit(work.rank, dtype=pl.Int32).alias("rank"),
                pl.lit(work.device_id, dtype=pl.Int32).alias("device_id"),
                "sample_ns",
                "sm_clock_mhz",
            )
        )
    return pl.concat(parts)


def _shown(sample_ns: NDArray[np.int64], window: Window) -> slice:
    # One sample beyond each end, so that the line reaches the borders.
    first, last = np.searchsorted(sample_ns, [window.start_ns, window.end_ns])
    return slice(max(0, first - 1), last + 1)
