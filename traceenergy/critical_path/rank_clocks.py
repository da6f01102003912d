"""Clocks of ranks brought together by the common ends of collectives."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from traceenergy.caveats import Caveat
from traceenergy.critical_path.collectives import Calls, find_calls, match_calls, overlapping
from traceenergy.critical_path.common_ends import NONE, median_by
from traceenergy.records import dataclass
from traceenergy.units import NS_PER_MS, NS_PER_S, NS_PER_US

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from traceenergy.trace.model import Trace

    Int = NDArray[np.int64]
    Float = NDArray[np.float64]

# With fewer common ends a rank keeps its clock.
FEWEST_GROUPS = 8
# More tell no more, and take time.
_MOST_ENDS = 20_000
_SETTLED_NS = 60.0
_ROUNDS = 50
# With fewer, or in less time, a drift is smaller than what tells it.
_FEWEST_FOR_DRIFT, _LEAST_FOR_DRIFT_NS = 64, NS_PER_S
_BINS = 16
_MOST_DRIFT = 100e-6
_PPM = 1e-6
_SD_OF_MAD = 1.4826
_SD_OF_MEDIAN = 1.2533
_MOST_RANKS_TOLD = 4
_LEAST_TOLD_US = 0.01  # ends are whole ns, medians of them hardly better
# Above this the text says what it means for waits.
_WIDE_NS = 20_000


@dataclass(frozen=True)
class RankClocks:
    """How far the clocks of ranks are apart, ``(n_ranks,)`` each.

    Attributes
    ----------
    rank : ndarray of int64
        Sorted.
    offset_ns : ndarray of float64 [ns]
        By how much the clock of the rank is ahead of that of the first rank it shares collectives
        with, at `at_ns`; NaN for ranks with too few of them.
    offset_sd_ns : ndarray of float64 [ns]
        Standard error of the offset; NaN likewise.
    spread_ns : ndarray of float64 [ns]
        Standard deviation of single ends about it; NaN likewise.
    drift : ndarray of float64
        By which part of time its clock runs faster than that of the first rank; 0 where the run
        is too short to tell.
    n_groups : ndarray of int64
        Collectives that tell it.
    at_ns : int [ns]
        Middle of the collectives, on the clock of the trace.
    """

    rank: Int
    offset_ns: Float
    offset_sd_ns: Float
    spread_ns: Float
    drift: Float
    n_groups: Int
    at_ns: int


@dataclass(frozen=True)
class _Ends:
    """Ends of collectives of several ranks since the middle of them all, ``(n_ends,)`` each."""

    rank: Int
    group: Int
    end_ns: Int

    def on_one_clock(self, offset_ns: Float, drift: Float) -> Float:
        return np.asarray(self.end_ns * (1 - drift[self.rank]) - offset_ns[self.rank])


def on_one_clock(trace: Trace) -> Trace:
    """Move ranks by what the ends of their collectives tell about their clocks.

    Parameters
    ----------
    trace : Trace
        Ranks aligned by wall clock, to some milliseconds.

    Returns
    -------
    Trace
        The same one if it has one rank, or none with `FEWEST_GROUPS` collectives of several
        ranks. Else `read_options` has `rank_clocks`, and there is a caveat `rank-clocks`.
    """
    if trace.gpu_work["rank"].n_unique() < 2:  # noqa: PLR2004 - one report has one clock
        return trace
    clocks = find_rank_clocks(find_calls(trace.gpu_work, trace.names))
    known = np.isfinite(clocks.offset_ns)
    if not known.any():
        return trace
    ranks = clocks.rank[known].tolist()
    ahead_ns = np.rint(clocks.offset_ns[known]).astype(np.int64).tolist()
    faster = clocks.drift[known].tolist()
    moved = shift_ranks(
        trace,
        {rank: -ns for rank, ns in zip(ranks, ahead_ns, strict=True)},
        dict(zip(ranks, faster, strict=True)),
        clocks.at_ns,
    )
    return replace(
        moved,
        read_options={**trace.read_options, "rank_clocks": _record(clocks, known)},
        caveats=(*trace.caveats, _told(clocks, known)),
    )


def find_rank_clocks(calls: Calls) -> RankClocks:
    """Measure how far the clocks of ranks are apart.

    Parameters
    ----------
    calls : Calls
        Collectives; those that need not end together are not used.

    Returns
    -------
    RankClocks

    Notes
    -----
    The end of call i on rank r is `common end of i + offset of r + drift of r * time + noise`; all
    are medians, by turns, until nothing moves (drifts: Theil-Sen slopes). The first matching needs
    no offset, as it looks at how the difference of ends varies, not at how large it is; the second
    one looks at times moved by the clocks of the first, and members must overlap. Ranks that no
    chain of collectives connects keep the distance that their wall clocks give them.
    """
    rank, of_call = np.unique(calls.rank, return_inverse=True)
    n_ranks = len(rank)
    telling = np.array([name.ends_together for name in calls.names], dtype=bool)[calls.family]
    some, of_call = calls.where(telling), of_call[telling]
    at_ns = int(some.end_ns[len(some.end_ns) // 2]) if len(some.end_ns) else 0
    offset_ns, drift = np.zeros(n_ranks), np.zeros(n_ranks)
    ends, first = _Ends(*[np.zeros(0, dtype=np.int64)] * 3), np.arange(n_ranks)
    for same_time in (False, True):
        moved = replace(
            some,
            start_ns=_moved_back(some.start_ns, of_call, offset_ns, drift, at_ns),
            end_ns=_moved_back(some.end_ns, of_call, offset_ns, drift, at_ns),
        )
        code = match_calls(moved, same_time=same_time)
        if same_time:
            code = np.where(overlapping(moved, code), code, NONE)
        ends = _telling_ends(of_call, code, some.end_ns - at_ns)
        first = _first_connected(ends, n_ranks)
        start_ns = offset_ns if same_time else _walk(ends, first)
        offset_ns, drift = _fit_clocks(ends, start_ns, drift)
        offset_ns, drift = offset_ns - offset_ns[first], drift - drift[first]
    n_groups = np.bincount(ends.rank, minlength=n_ranks)
    late_ns = _lateness_ns(ends, offset_ns, drift)
    spread_ns = _SD_OF_MAD * median_by(ends.rank, np.abs(late_ns), n_ranks)
    # The median of a normal sample is by a quarter less sure than its mean.
    own_sd_ns = _SD_OF_MEDIAN * spread_ns / np.sqrt(np.maximum(n_groups, 1))
    sd_ns = np.where(first == np.arange(n_ranks), 0.0, np.hypot(own_sd_ns, own_sd_ns[first]))
    unknown = np.where(n_groups >= FEWEST_GROUPS, 0.0, np.nan)
    return RankClocks(
        rank, offset_ns + unknown, sd_ns + unknown, spread_ns + unknown, drift, n_groups, at_ns
    )


def shift_ranks(
    trace: Trace,
    shift_ns: Mapping[int, int],
    faster: Mapping[int, float] | None = None,
    at_ns: int = 0,
) -> Trace:
    """Move all that ranks recorded in time.

    Parameters
    ----------
    trace : Trace
    shift_ns : mapping of int to int [ns]
        By rank; others stay.
    faster : mapping of int to float, optional
        By rank, by which part of time its clock runs too fast; this is taken out.
    at_ns : int [ns]
        Where a clock that runs too fast is right, but for its shift.

    Returns
    -------
    Trace
        All columns of times (`..._ns`) of all tables with ranks are moved.
    """
    moved: dict[str, Any] = {}
    rank = pl.col("rank")
    by_ns = rank.replace_strict(dict(shift_ns), default=0, return_dtype=pl.Int64)
    part = rank.replace_strict(dict(faster or {}), default=0.0, return_dtype=pl.Float64)
    for each in fields(trace):
        table = getattr(trace, each.name)
        if not isinstance(table, pl.DataFrame) or "rank" not in table.columns:
            continue
        times = pl.col([name for name in table.columns if name.endswith("_ns")])
        too_far = ((times - at_ns) * part).round().cast(pl.Int64) if faster else 0
        moved[each.name] = table.with_columns(times + by_ns - too_far)
    work = moved["gpu_work"].sort("start_ns", "end_ns", maintain_order=True)
    return replace(trace, **moved | {"gpu_work": work})


def _moved_back(time_ns: Int, rank: Int, offset_ns: Float, drift: Float, at_ns: int) -> Int:
    too_far_ns = np.rint(offset_ns[rank] + (time_ns - at_ns) * drift[rank])
    return np.asarray(time_ns - too_far_ns.astype(np.int64))


def _telling_ends(rank: Int, code: Int, end_ns: Int) -> _Ends:
    """Keep collectives of several ranks, spread over all of them."""
    inside = np.flatnonzero(code >= 0)
    n_codes = int(code.max(initial=NONE)) + 1
    low, high = np.full(n_codes, np.iinfo(np.int64).max), np.full(n_codes, NONE)
    np.minimum.at(low, code[inside], rank[inside])
    np.maximum.at(high, code[inside], rank[inside])
    several = np.flatnonzero(high > low)
    n_ends = np.bincount(code[inside], minlength=n_codes)[several].sum()
    step = max(1, -(-int(n_ends) // _MOST_ENDS))
    number = np.full(n_codes, NONE)
    number[several[::step]] = np.arange(len(several[::step]))
    kept = inside[number[code[inside]] >= 0]
    return _Ends(rank[kept], number[code[kept]], end_ns[kept])


def _walk(ends: _Ends, first: Int) -> Float:
    """Find offsets along chains of collectives, from the first rank of each on."""
    n_groups = int(ends.group.max(initial=NONE)) + 1
    known, offset_ns = first == np.arange(len(first)), np.zeros(len(first))
    for _ in range(len(first)):
        told = known[ends.rank]
        n_told = np.bincount(ends.group[told], minlength=n_groups)
        own_ns = (ends.end_ns - offset_ns[ends.rank])[told]
        sum_ns = np.bincount(ends.group[told], own_ns, n_groups)
        new = ~told & (n_told[ends.group] > 0)
        if not new.any():
            break
        rank, group = ends.rank[new], ends.group[new]
        late_ns = ends.end_ns[new] - sum_ns[group] / n_told[group]
        offset_ns += median_by(rank, late_ns, len(first))
        known[rank] = True
    return offset_ns


def _fit_clocks(ends: _Ends, offset_ns: Float, drift: Float) -> tuple[Float, Float]:
    """Fit offsets, drifts; the ones given are a start."""
    n_ranks = len(offset_ns)
    if not len(ends.rank):
        return offset_ns, drift
    reach_ns = float(np.abs(ends.end_ns).max())
    n_groups = int(ends.group.max()) + 1
    for _ in range(_ROUNDS):
        common_ns = median_by(ends.group, ends.on_one_clock(offset_ns, drift), n_groups)
        late_ns = ends.end_ns - common_ns[ends.group]
        faster = _drifts(ends, late_ns, n_ranks)
        found_ns = median_by(ends.rank, late_ns - faster[ends.rank] * ends.end_ns, n_ranks)
        moved_ns = np.abs(found_ns - offset_ns).max() + reach_ns * np.abs(faster - drift).max()
        offset_ns, drift = found_ns, faster
        if moved_ns < _SETTLED_NS:
            break
    return offset_ns, drift


def _drifts(ends: _Ends, late_ns: Float, n_ranks: int) -> Float:
    """Find how lateness grows with time: medians of stretches, median of the slopes of pairs."""
    low_ns, high_ns = int(ends.end_ns.min()), int(ends.end_ns.max())
    n_ends = np.bincount(ends.rank, minlength=n_ranks)
    if high_ns - low_ns < _LEAST_FOR_DRIFT_NS or n_ends.max() < _FEWEST_FOR_DRIFT:
        return np.zeros(n_ranks)
    stretch = (ends.end_ns - low_ns) * _BINS // (high_ns - low_ns + 1)
    code, n_codes = ends.rank * _BINS + stretch, n_ranks * _BINS
    late_ns = median_by(code, late_ns, n_codes).reshape(n_ranks, _BINS)
    at_ns = median_by(code, ends.end_ns.astype(np.float64), n_codes).reshape(n_ranks, _BINS)
    late_ns[np.bincount(code, minlength=n_codes).reshape(n_ranks, _BINS) == 0] = np.nan
    one, other = np.triu_indices(_BINS, 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = (late_ns[:, other] - late_ns[:, one]) / (at_ns[:, other] - at_ns[:, one])
    told = (n_ends >= _FEWEST_FOR_DRIFT) & np.isfinite(slope).any(axis=1)
    drift = np.zeros(n_ranks)
    drift[told] = np.nanmedian(slope[told], axis=1)
    return np.clip(drift, -_MOST_DRIFT, _MOST_DRIFT)


def _lateness_ns(ends: _Ends, offset_ns: Float, drift: Float) -> Float:
    """Measure how late each end is, of the size that single ends vary by.

    About the mean: one end of each collective is its median, which would vary by nothing.
    """
    if not len(ends.rank):
        return np.zeros(0)
    n_ends = np.bincount(ends.group)[ends.group]
    own_ns = ends.on_one_clock(offset_ns, drift)
    mean_ns = np.bincount(ends.group, weights=own_ns)[ends.group] / n_ends
    return np.asarray((own_ns - mean_ns) * np.sqrt(n_ends / (n_ends - 1)))


def _first_connected(ends: _Ends, n_ranks: int) -> Int:
    """Find the first rank that a chain of collectives connects each rank to."""
    first = np.arange(n_ranks)
    n_groups = int(ends.group.max(initial=NONE)) + 1
    for _ in range(n_ranks):
        of_group = np.full(n_groups, n_ranks)
        np.minimum.at(of_group, ends.group, first[ends.rank])
        lower = first.copy()
        np.minimum.at(lower, ends.rank, of_group[ends.group])
        if (lower == first).all():
            break
        first = lower
    return first


def _record(clocks: RankClocks, known: NDArray[np.bool_]) -> dict[str, dict[str, float | int]]:
    return {
        str(clocks.rank[i]): {
            "offset_ms": float(clocks.offset_ns[i] / NS_PER_MS),
            "offset_sd_us": float(clocks.offset_sd_ns[i] / NS_PER_US),
            "drift_ppm": float(clocks.drift[i] / _PPM),
            "spread_us": float(clocks.spread_ns[i] / NS_PER_US),
            "n_collectives": int(clocks.n_groups[i]),
        }
        for i in np.flatnonzero(known)
    }


def _told(clocks: RankClocks, known: NDArray[np.bool_]) -> Caveat:
    size_ns = np.where(known, np.abs(clocks.offset_ns), 0.0)
    far = [i for i in np.argsort(-size_ns, kind="stable") if size_ns[i] > 0]
    told = ", ".join(
        f"rank {clocks.rank[i]} by {-clocks.offset_ns[i] / NS_PER_MS:+.4f} ms "
        f"(± {max(clocks.offset_sd_ns[i] / NS_PER_US, _LEAST_TOLD_US):.2g} us)"
        for i in far[:_MOST_RANKS_TOLD]
    )
    more = f", {len(far) - _MOST_RANKS_TOLD} others by less" if len(far) > _MOST_RANKS_TOLD else ""
    spread_ns = float(np.nanmax(clocks.spread_ns))
    text = (
        f"Ranks were moved so that collectives end together: {told or 'none'}{more}. Single ends "
        f"spread by {max(spread_ns / NS_PER_US, _LEAST_TOLD_US):.3g} us about that"
        + ("; waits shorter than this mean nothing." if spread_ns > _WIDE_NS else ".")
    )
    return Caveat("rank-clocks", text, n=len(far))
