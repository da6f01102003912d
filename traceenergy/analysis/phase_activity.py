"""How busy the units of the GPUs are in each phase, by sampled GPU metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from traceenergy.analysis.activity_columns import ACTIVITY_ROW, PHASE, RUN
from traceenergy.analysis.overlap import MOVES
from traceenergy.analysis.unit_activity import sampled_activity
from traceenergy.codes import codes_of
from traceenergy.intervals import union
from traceenergy.trace.tables import empty_table
from traceenergy.units import S_PER_NS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.analysis.ledger import Ledger
    from traceenergy.analysis.model import Window
    from traceenergy.analysis.tables import Labels
    from traceenergy.trace.model import Trace

    Int = NDArray[np.int64]
    Float = NDArray[np.float64]
    Bool = NDArray[np.bool_]

# NVIDIA's patterns of bottlenecks (docs/findings.md): a unit is busy above the first, not below the
# second; neither is, below the third; communication takes more than the last of the time.
BUSY, NOT_BUSY, NEITHER, COMMUNICATION = 0.60, 0.40, 0.30, 0.20
_PARTS = ("SMs", "tensor cores", "DRAM")


def activity_rows(trace: Trace, ledger: Ledger, labels: Labels, window: Window) -> pl.DataFrame:
    """Take the mean activity of units while each phase, and any work at all, runs.

    Parameters
    ----------
    trace : Trace
    ledger : Ledger
    labels : Labels
    window : Window

    Returns
    -------
    polars.DataFrame
        As declared by `ACTIVITY_ROW`, the run first, then phases by time; empty without metrics of
        SMs and DRAM.

    Notes
    -----
    A sample covers the time since the one before: kernels shorter than a period (0.1 ms as a rule)
    show what runs around them, too.
    """
    code, keys = codes_of(pl.DataFrame({"name": labels.phase}), ["name"])
    sums = np.zeros((2 * len(_PARTS), len(keys)))
    for work in ledger.devices:
        measured = sampled_activity(trace, ledger, window, work, _PARTS)
        if measured is not None:
            sums += [np.bincount(code[work.row], part, len(keys)) for part in measured]
    known = sums[0] > 0
    if not known.any():
        return empty_table(ACTIVITY_ROW)
    text = labels.subphase.cast(pl.String)
    moves = text.str.contains(MOVES) & ~text.str.contains(r"^memory")
    is_move = moves.fill_null(value=False).to_numpy()
    length_ns = (ledger.end_ns - ledger.start_ns).astype(np.float64)
    moving = np.bincount(code, length_ns * is_move, len(keys))
    lasting = np.bincount(code, length_ns, len(keys))
    rows = [_row(RUN, None, sums.sum(axis=1), _moving_share(ledger, is_move))]
    names = keys["name"].cast(pl.String).to_list()
    rows += [
        _row(PHASE, names[at], sums[:, at], float(moving[at] / lasting[at]))
        for at in np.argsort(-sums[0], kind="stable")
        if known[at]
    ]
    return pl.DataFrame(rows, schema={one.name: one.dtype for one in ACTIVITY_ROW}, orient="row")


def _row(level: str, name: str | None, sums: Float, moving: float) -> tuple[object, ...]:
    """Make a row of time known, then activity by time, of each part."""
    shares = [
        float(active / known) if known > 0 else None
        for known, active in zip(sums[::2], sums[1::2], strict=True)
    ]
    sm, tensor, dram = shares
    pattern = name_pattern(sm or 0.0, tensor, dram or 0.0, moving)
    return level, name, float(sums[0]) * S_PER_NS, sm, tensor, dram, moving, pattern


def name_pattern(
    sm_share: float, tensor_share: float | None, dram_share: float, communication_share: float
) -> str:
    """Name what bounds work, as NVIDIA's guide does.

    Parameters
    ----------
    sm_share, dram_share, communication_share : float
        0 to 1.
    tensor_share : float or None
        None where not sampled.

    Returns
    -------
    str
        `communication-bound`, `compute-bound`, `memory-bound`, `launch-overhead`; `none` where no
        pattern of the guide fits.

    Notes
    -----
    SMs are active while work waits for memory in them. So tensor cores stand for the throughput of
    compute where they were sampled; SMs, an upper bound, where not, and where both units idle.
    """
    compute_share = sm_share if tensor_share is None else tensor_share
    if communication_share > COMMUNICATION:
        return "communication-bound"
    if compute_share > BUSY and dram_share < NOT_BUSY:
        return "compute-bound"
    if dram_share > BUSY and compute_share < NOT_BUSY:
        return "memory-bound"
    return "launch-overhead" if max(sm_share, dram_share) < NEITHER else "none"


def _moving_share(ledger: Ledger, is_move: Bool) -> float:
    """Measure the part of the time with work in which communication runs, over all devices."""
    spans = np.zeros(2)
    for work in ledger.devices:
        start_ns, end_ns = ledger.start_ns[work.row], ledger.end_ns[work.row]
        mine = is_move[work.row]
        for at, kept in enumerate((mine, np.ones(len(mine), dtype=bool))):
            low_ns, high_ns = union(start_ns[kept], end_ns[kept])
            spans[at] += (high_ns - low_ns).sum()
    return float(spans[0] / spans[1]) if spans[1] else 0.0
