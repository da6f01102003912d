"""Power over the microseconds of the average block."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from traceenergy.analysis.block_columns import BLOCK_WAVEFORM
from traceenergy.trace.tables import empty_table
from traceenergy.units import NS_PER_S, NS_PER_US

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Float = NDArray[np.float64]

IDLE = "idle"
_US_PER_S = NS_PER_S / NS_PER_US


def draw_waveform(rows: pl.DataFrame, idle_power_w: dict[str, float]) -> pl.DataFrame:
    """Lay the power of a block's parts over its time.

    Parameters
    ----------
    rows : polars.DataFrame
        Positions of each `block`, with mean start, duration and energies; rows without a position
        give its length.
    idle_power_w : dict [W]
        Mean idle power by block; those not in it are left out.

    Returns
    -------
    polars.DataFrame
        As declared by `BLOCK_WAVEFORM`.

    Notes
    -----
    Idle power is drawn throughout. Each position adds its dynamic energy over its duration, from
    its mean start on, so that positions that run together add up, and the area is the energy of
    the block's work and of the gaps within it::

        power(t) = idle + sum of dynamic_j / duration_us over positions with start <= t < end
    """
    tables = [
        _waveform(mine, idle_power_w[block]).with_columns(pl.lit(block).alias("block"))
        for (block,), mine in rows.group_by("block", maintain_order=True)
        if block in idle_power_w
    ]
    if not tables:
        return empty_table(BLOCK_WAVEFORM)
    return pl.concat(tables).select(pl.col(one.name).cast(one.dtype) for one in BLOCK_WAVEFORM)


def _waveform(rows: pl.DataFrame, idle_w: float) -> pl.DataFrame:
    length_us = float(rows.filter(pl.col("position").is_null())["duration_us"][0])
    parts = rows.filter(pl.col("position").is_not_null() & (pl.col("duration_us") > 0))
    start_us, end_us = parts["start_us"].to_numpy(), (parts["start_us"] + parts["duration_us"])
    end_us = np.minimum(end_us.to_numpy(), length_us)
    edge_us = np.unique(np.concatenate((start_us, end_us, [0.0, length_us])))
    begin_us, stop_us = edge_us[:-1], edge_us[1:]
    runs = (start_us <= begin_us[:, None]) & (end_us >= stop_us[:, None])
    beside = parts["beside"].to_numpy()
    power_w, low_w, high_w = (_power_w(parts, name) for name in _ENERGIES)
    main = np.where(runs & ~beside, np.arange(len(parts)), -1).max(axis=1, initial=-1)
    side = np.where(runs & beside, np.arange(len(parts)), -1).max(axis=1, initial=-1)
    names, phases = (pl.concat([parts[name], pl.Series([IDLE])]) for name in ("subphase", "phase"))
    return pl.DataFrame(
        {
            "start_us": begin_us,
            "end_us": stop_us,
            "power_w": idle_w + runs @ power_w,
            "power_lo_w": idle_w + runs @ low_w,
            "power_hi_w": idle_w + runs @ high_w,
            "static_w": np.full(len(begin_us), idle_w),
            "beside_w": (runs & beside) @ power_w,
            "phase": phases.gather(main),
            "subphase": names.gather(main),
            "beside": parts["subphase"].gather(pl.Series(side).set(pl.Series(side < 0), None)),
        }
    )


_ENERGIES = ("energy_j", "energy_lo_j", "energy_hi_j")


def _power_w(parts: pl.DataFrame, name: str) -> Float:
    """Spread what a position used above static energy over its duration [W]."""
    dynamic_j = parts[name] - parts["static_j"]
    return np.asarray((dynamic_j / parts["duration_us"] * _US_PER_S).fill_null(0.0).to_numpy())
