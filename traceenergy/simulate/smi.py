"""Power log as nvidia-smi prints it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from traceenergy.records import dataclass
from traceenergy.units import NS_PER_MS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

HEADER = (
    "timestamp, index, uuid, clocks.current.sm [MHz], power.draw [W], power.draw.instant [W], "
    "temperature.gpu"
)
COUNTER = "total_energy_consumption [mJ]"
"""Last column of a log with the energy counter, which nvidia-smi itself cannot print."""
THROTTLE_HEADER = (
    "clocks.current.memory [MHz], enforced.power.limit [W], clocks_event_reasons.active"
)
"""Columns of a log that tells why clocks are low."""
GPU_IDLE, SW_POWER_CAP = 0x1, 0x4
"""Reasons why clocks are low, bits of NVML."""


@dataclass(frozen=True)
class Throttling:
    """What a logger got of why clocks are low.

    Attributes
    ----------
    memory_clock_mhz : int [MHz]
        Which never moves.
    limit_w : float [W]
        Of the board.
    reasons : ndarray of int64 (n,)
        Bit mask, as `nvmlDeviceGetCurrentClocksEventReasons` returns it.
    """

    memory_clock_mhz: int
    limit_w: float
    reasons: NDArray[np.int64]


@dataclass(frozen=True)
class Readings:
    """What a logger got from one GPU, arrays of length n.

    Attributes
    ----------
    poll_ns : ndarray of int64 [ns]
        When it asked, on the trace clock.
    draw_w, instant_w : ndarray of float64 [W]
        `power.draw`, `power.draw.instant`; the latter None where the driver has no such field.
    sharp_w : ndarray of float64 [W]
        The field with the shortest window.
    clock_mhz : ndarray of int64 [MHz]
        SM clock.
    temperature_c : ndarray of float64 [C]
        Of the chip.
    counter_j : ndarray of float64 [J]
        Cumulative energy; None where it was not asked for.
    throttling : Throttling or None
        Of a board with a power controller.
    """

    poll_ns: NDArray[np.int64]
    draw_w: NDArray[np.float64]
    instant_w: NDArray[np.float64] | None
    clock_mhz: NDArray[np.int64]
    temperature_c: NDArray[np.float64]
    counter_j: NDArray[np.float64] | None = None
    throttling: Throttling | None = None

    @property
    def sharp_w(self) -> NDArray[np.float64]:
        """The field with the shortest window [W]."""
        return self.draw_w if self.instant_w is None else self.instant_w


def stamps_ns(
    poll_ns: NDArray[np.int64], local_epoch_ns: int, drift_ppm: float = 0.0
) -> NDArray[np.int64]:
    """Say when a logger thinks it asked.

    Parameters
    ----------
    poll_ns : ndarray of int64 (n,) [ns]
        When it asked, on the trace clock.
    local_epoch_ns : int [ns]
        Local time of trace time 0 as the logger's clock shows it, since 1970.
    drift_ppm : float
        By how much the logger's clock runs fast, in millionths.

    Returns
    -------
    ndarray of int64 (n,) [ns]
        Local time since 1970, cut to milliseconds as nvidia-smi does.
    """
    ahead_ns = np.round(poll_ns * (drift_ppm * 1e-6)).astype(np.int64)
    return (poll_ns + ahead_ns + local_epoch_ns) // NS_PER_MS * NS_PER_MS


def render_log(
    readings: Sequence[Readings],
    uuids: Sequence[str],
    local_epoch_ns: int,
    drift_ppm: float = 0.0,
) -> str:
    """Write the log of all GPUs, in the order of time.

    Parameters
    ----------
    readings : sequence of Readings
        By index of the GPU.
    uuids : sequence of str
        Without the prefix `GPU-`.
    local_epoch_ns : int [ns]
        Local time of trace time 0 as the logger's clock shows it, since 1970.
    drift_ppm : float
        By how much that clock runs fast, in millionths.

    Returns
    -------
    str
        One header line, then a line per reading.
    """
    counts = any(one.counter_j is not None for one in readings)
    tells = any(one.throttling is not None for one in readings)
    frames = [
        pl.DataFrame(
            {
                "poll_ns": one.poll_ns,
                "stamp_ns": stamps_ns(one.poll_ns, local_epoch_ns, drift_ppm),
                "index": [index] * len(one.poll_ns),
                "uuid": [f"GPU-{uuids[index]}"] * len(one.poll_ns),
                "clock": one.clock_mhz,
                "draw": one.draw_w,
                "instant": one.instant_w
                if one.instant_w is not None
                else pl.Series([None] * len(one.poll_ns), dtype=pl.Float64),
                "temperature": one.temperature_c,
                "counter": one.counter_j
                if one.counter_j is not None
                else pl.Series([None] * len(one.poll_ns), dtype=pl.Float64),
                "throttling": _throttling(one),
            }
        )
        for index, one in enumerate(readings)
    ]
    lines = (
        pl.concat(frames)
        .sort("poll_ns", "index")
        .select(
            pl.format(
                "{}, {}, {}, {} MHz, {}, {}, {}{}{}",
                pl.col("stamp_ns").cast(pl.Datetime("ns")).dt.strftime("%Y/%m/%d %H:%M:%S%.3f"),
                "index",
                "uuid",
                "clock",
                _watts("draw"),
                _watts("instant"),
                pl.col("temperature").round().cast(pl.Int64),
                "throttling",
                _millijoules("counter") if counts else pl.lit(""),
            )
        )
        .to_series()
    )
    header = ", ".join([HEADER, *[THROTTLE_HEADER] * tells, *[COUNTER] * counts])
    return "\n".join([header, *lines]) + "\n"


def _throttling(one: Readings) -> pl.Series:
    seen = one.throttling
    if seen is None:
        return pl.Series([""] * len(one.poll_ns))
    before = f", {seen.memory_clock_mhz} MHz, {seen.limit_w:.2f} W"
    return pl.Series([f"{before}, 0x{reason:016X}" for reason in seen.reasons.tolist()])


def _watts(column: str) -> pl.Expr:
    cents = (pl.col(column) * 100).round().cast(pl.Int64)
    whole, part = cents // 100, (cents % 100).cast(pl.String).str.zfill(2)
    return pl.format("{}.{} W", whole, part).fill_null("[N/A]")


def _millijoules(column: str) -> pl.Expr:
    whole = (pl.col(column) * 1000).round().cast(pl.Int64)
    return pl.format(", {} mJ", whole).fill_null(", [N/A]")
