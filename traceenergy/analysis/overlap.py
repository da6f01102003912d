"""Communication or memory work that other work hides, or that stands alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from traceenergy.analysis.clock_means import clock_measures
from traceenergy.analysis.path_columns import OVERLAP
from traceenergy.codes import codes_of
from traceenergy.intervals import union
from traceenergy.units import S_PER_NS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.analysis.clock_means import Measure
    from traceenergy.analysis.critical import Critical
    from traceenergy.analysis.ledger import Ledger

    Int = NDArray[np.int64]
    Float = NDArray[np.float64]

MOVES = r"^(?:allreduce|collective|memory)(?:\.|$)|^moe\.(?:dispatch|combine)$"
SAVED_SHARE = 0.1  # of the time of a kind of work, saved at most: less does not shorten a run
MORE_POWER = 1.05  # own dynamic power hidden over exposed: less is no difference
HOW = ("hidden", "exposed")


def overlap_rows(ledger: Ledger, subphase: pl.Series, critical: Critical) -> pl.DataFrame:
    """Split communication and memory work into what is hidden and what is exposed.

    Parameters
    ----------
    ledger : Ledger
    subphase : polars.Series of String or Enum (n_work,)
    critical : Critical

    Returns
    -------
    polars.DataFrame
        `OVERLAP`, by first-level phase (dispatch and combine of experts by part), most time first.

    Notes
    -----
    A piece is hidden while any computation runs on its device. Its energy is split by time, so a
    power that differs between both comes from pieces that are hidden in different parts.

    `verdict`, where anything is hidden: *shortens* if what is saved at most is `SAVED_SHARE` of the
    time or more; else *raises power* if its dynamic power is more than `MORE_POWER` times as high
    while hidden as while exposed; else *neither*, or null where either power is not known. Dynamic,
    because idle power is shared with what runs beside it.
    """
    kind, kinds = codes_of(subphase.to_frame("name"), ["name"])
    text = kinds["name"].cast(pl.String)
    moves = text.str.contains(MOVES).fill_null(value=False).to_numpy()[kind]
    rows = np.flatnonzero(moves)
    if not len(rows):
        return pl.DataFrame(schema={column.name: column.dtype for column in OVERLAP})
    parts = _split(ledger, rows, moves, critical)
    hidden_ns, saved_ns = parts["hidden_ns"], parts.pop("saved_ns")
    dynamic_j = ledger.dynamic_j[rows]
    energy_j = ledger.static_j[rows] + dynamic_j
    is_known = ~np.isnan(energy_j)
    parts |= {f"{how}_powered_ns": parts[f"{how}_ns"] * is_known for how in HOW}
    length_ns = (ledger.end_ns[rows] - ledger.start_ns[rows]).astype(np.float64)
    share = np.divide(hidden_ns, length_ns, where=length_ns > 0, out=np.zeros_like(hidden_ns))
    shares = {"hidden": share, "exposed": 1 - share}
    joules = {
        f"{how}{part}_j": pl.Series(joule * shares[how], nan_to_null=True)
        for how in HOW
        for part, joule in (("", energy_j), ("_dynamic", dynamic_j))
    }
    frame = pl.DataFrame(
        {
            "name": text.str.replace(r"^(allreduce|collective|memory)\..*$", "$1").gather(
                kind[rows]
            ),
            "busy_s": length_ns * S_PER_NS,
            "saved_s": np.where(critical.path_ns[rows] > 0, 0.0, saved_ns) * S_PER_NS,
            **joules,
            **parts,
        }
    )
    any_power = pl.col("hidden_j").is_not_null().any()
    sums = frame.group_by("name", maintain_order=True).agg(
        pl.col("busy_s", "saved_s", *parts).sum(),
        *(pl.when(any_power).then(pl.col(j).sum()).alias(j) for j in joules),
    )
    return (
        _judged(_with_means(sums))
        .sort("busy_s", "name", descending=[True, False])
        .select(pl.col(column.name).cast(column.dtype) for column in OVERLAP)
    )


def _split(
    ledger: Ledger, rows: Int, moves: NDArray[np.bool_], critical: Critical
) -> dict[str, Float]:
    """Measure time and clock of each piece, hidden and exposed."""
    names = ["saved_ns", *(f"{how}_{part}" for how in HOW for part in ("ns", "known_ns", "cycles"))]
    parts = {name: np.zeros(len(rows)) for name in names}
    # Work that shares its time with none hides nothing, and is not hidden.
    others = ledger.not_alone.row[~moves[ledger.not_alone.row]]
    for device in range(len(ledger.devices)):
        mine = np.flatnonzero(ledger.device[rows] == device)
        start_ns, end_ns = ledger.start_ns[rows[mine]], ledger.end_ns[rows[mine]]
        beside = others[ledger.device[others] == device]
        on_path = beside[critical.path_ns[beside] > 0]
        shared = np.flatnonzero(~ledger.is_alone[rows[mine]])
        at_ns = start_ns[shared], end_ns[shared]
        saving = union(ledger.start_ns[on_path], ledger.end_ns[on_path])
        parts["saved_ns"][mine[shared]] = _covered(*at_ns, saving, _time)
        hiding = union(ledger.start_ns[beside], ledger.end_ns[beside])
        for part, measure in (("ns", _time), *clock_measures(ledger, device)):
            hidden = np.zeros(len(mine))
            hidden[shared] = _covered(*at_ns, hiding, measure)
            parts[f"hidden_{part}"][mine] = hidden
            parts[f"exposed_{part}"][mine] = measure(end_ns) - measure(start_ns) - hidden
    return parts


def _with_means(sums: pl.DataFrame) -> pl.DataFrame:
    """Add seconds, power and clock, hidden and exposed."""
    sums = sums.with_columns((pl.col(f"{how}_ns") * S_PER_NS).alias(f"{how}_s") for how in HOW)
    powered_s = {how: pl.col(f"{how}_powered_ns") * S_PER_NS for how in HOW}
    over = [
        *((f"{how}_j", powered_s[how], f"{how}_w") for how in HOW),
        *((f"{how}_dynamic_j", powered_s[how], f"{how}_dynamic_w") for how in HOW),
        *((f"{how}_cycles", pl.col(f"{how}_known_ns"), f"{how}_clock_mhz") for how in HOW),
    ]
    return sums.with_columns(
        pl.when(below > 0).then(pl.col(above) / below).alias(mean) for above, below, mean in over
    )


def _judged(sums: pl.DataFrame) -> pl.DataFrame:
    """Say whether hiding saved time, or only raised power."""
    more = pl.col("hidden_dynamic_w") > MORE_POWER * pl.col("exposed_dynamic_w")
    saved = pl.col("saved_s") >= SAVED_SHARE * pl.col("busy_s")
    verdict = (
        pl.when(pl.col("hidden_s") <= 0)
        .then(None)
        .when(saved)
        .then(pl.lit("shortens"))
        .when(more.is_null())
        .then(None)
        .when(more)
        .then(pl.lit("raises power"))
        .otherwise(pl.lit("neither"))
    )
    return sums.with_columns(verdict=verdict)


def _time(at_ns: Int) -> Int:
    return at_ns


def _covered(start_ns: Int, end_ns: Int, others: tuple[Int, Int], measure: Measure) -> Float:
    """Measure the part of each interval in which any of the others, a union, runs.

    The measure is given as what there is of it up to any time, which never falls.
    """
    low, high = others
    if not len(low):  # none, or none of any length
        return np.zeros(len(start_ns))
    until_high = measure(high)
    before = np.concatenate(([0], np.cumsum(until_high - measure(low))))

    def until(at_ns: Int) -> Float:
        place = np.searchsorted(low, at_ns, side="right")
        beyond = np.maximum(until_high[np.maximum(place, 1) - 1] - measure(at_ns), 0) * (place > 0)
        return np.asarray(before[place] - beyond)

    return np.asarray(until(end_ns) - until(start_ns), dtype=np.float64)
