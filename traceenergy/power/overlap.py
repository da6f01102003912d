"""A phase that runs beneath another on the same GPU.

An estimate: neither slows the other, but where their power together is above a limit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from traceenergy.power.curve import PowerCurve, merge_times
from traceenergy.power.sides import Sides
from traceenergy.records import dataclass

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Int = NDArray[np.int64]
    Float = NDArray[np.float64]
    Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Overlapped:
    """A curve some of whose time fell away.

    Attributes
    ----------
    curve : PowerCurve
    from_ns, to_ns : ndarray of int64 (n,) [ns]
        Times of the curve before, increasing, with what they have become.
    block : ndarray of int64 (n_blocks,)
        Blocks in which phases overlap, increasing.
    end_ns : ndarray of int64 (n_blocks,) [ns]
        Their ends in the new curve: of the last stretch of either phase.
    saved_ns : ndarray of int64 (n_blocks,) [ns]
        Time that each saves.
    beneath_ns : int [ns]
        Time of the second phase that runs beneath the first.
    """

    curve: PowerCurve
    from_ns: Int
    to_ns: Int
    block: Int
    end_ns: Int
    saved_ns: Int
    beneath_ns: int

    def now_ns(self, at_ns: int) -> int:
        """Say what a time of the curve before has become [ns]."""
        before = int(np.searchsorted(self.from_ns, at_ns, "right")) - 1
        ahead = self.to_ns[min(before + 1, len(self.to_ns) - 1)]
        return int(min(self.to_ns[before] + at_ns - self.from_ns[before], ahead))


def overlap(
    curve: PowerCurve, sides: Sides, static_w: float, limit_w: float | None = None
) -> Overlapped:
    """Let the second phase of each block run beneath the first.

    Parameters
    ----------
    curve : PowerCurve
    sides : Sides
        Of the curve.
    static_w : float [W]
        Idle power, which both phases had to pay.
    limit_w : float or None [W]
        Above which work takes longer; None for no limit.

    Returns
    -------
    Overlapped

    Notes
    -----
    In each block the first o of both phases run together, where the first did, o being the time
    of the shorter; what is left of the longer stays where it was::

        before   A A A A . B B      after   A' A' A A .       A' = A + B - static

    The idle power that both paid is paid once: never more than the lower of the two. Where A' is
    above the limit, and above what each drew alone, time stretches until it is not, with the same
    dynamic energy: by (A' - static) / (limit - static), at most 2. So time and energy never grow,
    dynamic energy is kept, and what is saved is static power x time saved.
    """
    curve, sides, together = _cut_at_common(curve, sides)
    first, second = (_in_blocks(sides, together & (sides.side == side)) for side in (0, 1))
    if len(first) == 0:
        none = np.empty(0, dtype=np.int64)
        return Overlapped(curve, curve.edge_ns, curve.edge_ns, none, none, none, 0)
    length_ns = np.diff(curve.edge_ns)
    end_ns = [np.cumsum(length_ns[one]) for one in (first, second)]
    cut_ns = merge_times(*end_ns)
    upper, lower = (np.searchsorted(ends, cut_ns) for ends in end_ns)
    joint_ns = np.diff(cut_ns, prepend=0)
    start_ns = curve.edge_ns[:-1]
    at_ns = start_ns[first][upper] + cut_ns - joint_ns - (end_ns[0] - length_ns[first])[upper]
    new_ns, new_w = _joined(
        curve.power_w[first][upper], curve.power_w[second][lower], joint_ns, static_w, limit_w
    )
    # What ran beneath leaves no time where it was.
    kept = ~(together & (sides.side == 0))
    left_ns = np.where(together & (sides.side == 1), 0, length_ns)[kept]
    from_ns = np.concatenate((start_ns[kept], at_ns))
    order = np.argsort(from_ns, kind="stable")
    all_ns = np.concatenate((left_ns, new_ns))[order]
    all_w = np.concatenate((curve.power_w[kept], new_w))[order]
    from_ns = np.append(from_ns[order], curve.end_ns)
    to_ns = curve.begin_ns + np.append(0, np.cumsum(all_ns))
    lasts = all_ns > 0
    flat = PowerCurve(np.append(to_ns[:-1][lasts], to_ns[-1]), all_w[lasts])
    block, turn = np.unique(sides.block[first][upper], return_inverse=True)
    saved_ns = np.zeros(len(block), dtype=np.int64)
    np.add.at(saved_ns, turn, 2 * joint_ns - new_ns)
    last_ns = to_ns[np.searchsorted(from_ns, _last_ns(curve, sides, block))]
    return Overlapped(flat, from_ns, to_ns, block, last_ns, saved_ns, int(joint_ns.sum()))


def _in_blocks(sides: Sides, chosen: NDArray[np.bool_]) -> Int:
    """List chosen stretches block by block, in order of time within each."""
    found = np.flatnonzero(chosen)
    return found[np.argsort(sides.block[found], kind="stable")]


def _cut_at_common(curve: PowerCurve, sides: Sides) -> tuple[PowerCurve, Sides, Flags]:
    """Cut the longer phase of each block where the shorter is used up; say what overlaps."""
    length_ns = np.diff(curve.edge_ns)
    chosen = [_in_blocks(sides, sides.side == side) for side in (0, 1)]
    blocks = np.unique(sides.block[chosen[0]])
    common_ns = np.full(len(blocks), np.iinfo(np.int64).max)
    begins_ns, cuts_ns, ends = [], [], []
    for one in chosen:
        begin_ns, first, of = _since_block(length_ns[one], sides.block[one], blocks)
        total_ns = np.add.reduceat(length_ns[one], first) if len(one) else np.empty(0, np.int64)
        common_ns = np.minimum(common_ns, total_ns)
        begins_ns.append(begin_ns)
        ends.append(of)
    together = np.zeros(len(length_ns), dtype=np.bool_)
    for one, begin_ns, of in zip(chosen, begins_ns, ends, strict=True):
        inside_ns = common_ns[of] - begin_ns
        together[one] = inside_ns > 0
        cut = (inside_ns > 0) & (inside_ns < length_ns[one])
        cuts_ns.append(curve.edge_ns[one][cut] + inside_ns[cut])
    cut_ns = np.concatenate(cuts_ns)
    edge_ns = merge_times(curve.edge_ns, cut_ns)
    of = np.searchsorted(curve.edge_ns, edge_ns[:-1], "right") - 1
    # What begins at a cut is what is left of the longer.
    together = together[of]
    together[np.searchsorted(edge_ns, cut_ns)] = False
    cut_curve = PowerCurve(edge_ns, curve.power_w[of])
    return cut_curve, Sides(sides.side[of], sides.block[of]), together


def _since_block(length_ns: Int, block: Int, blocks: Int) -> tuple[Int, Int, Int]:
    """Time of a phase before each stretch in its block; first stretches; block of each."""
    first, of = np.searchsorted(block, blocks), np.searchsorted(blocks, block)
    before_ns = np.cumsum(length_ns) - length_ns
    return before_ns - before_ns[first][of], first, of


def _joined(
    first_w: Float, second_w: Float, joint_ns: Int, static_w: float, limit_w: float | None
) -> tuple[Int, Float]:
    """Add up powers that paid idle power twice; return how long each then takes."""
    higher_w = np.maximum(first_w, second_w)
    once_w = np.minimum(static_w, np.minimum(first_w, second_w))
    both_w = first_w + second_w - once_w
    most_w = both_w if limit_w is None else np.clip(limit_w, higher_w, both_w)
    # Alone they took as long as both_w - once_w allows at higher_w - once_w: twice, at most.
    above_w = both_w > most_w
    rate = np.divide(both_w - once_w, most_w - once_w, out=np.ones(len(both_w)), where=above_w)
    new_ns = np.minimum(np.rint(joint_ns * rate).astype(np.int64), 2 * joint_ns)
    # Times are whole nanoseconds; the dynamic energy is kept exactly.
    return new_ns, once_w + (both_w - once_w) * joint_ns / new_ns


def _last_ns(curve: PowerCurve, sides: Sides, block: Int) -> Int:
    """Say when the last stretch of either phase of each block ends, in the curve before."""
    chosen = _in_blocks(sides, sides.side >= 0)
    after = np.searchsorted(sides.block[chosen], block, "right") - 1
    return curve.edge_ns[1:][chosen[after]]


def lengthen(curve: PowerCurve, at_ns: Int, wait_ns: Int, wait_w: float) -> PowerCurve:
    """Insert waits into a curve.

    Parameters
    ----------
    curve : PowerCurve
    at_ns, wait_ns : ndarray of int64 (m,) [ns]
        Where, and for how long.
    wait_w : float [W]
        Power meanwhile.

    Returns
    -------
    PowerCurve
    """
    if not wait_ns.any():
        return curve
    edge_ns = merge_times(curve.edge_ns, at_ns)
    power_w = curve.power_w[np.searchsorted(curve.edge_ns, edge_ns[:-1], "right") - 1]
    all_ns = np.concatenate((at_ns, edge_ns[:-1]))
    length_ns = np.concatenate((wait_ns, np.diff(edge_ns)))
    all_w = np.concatenate((np.full(len(at_ns), wait_w), power_w))
    order = np.argsort(all_ns, kind="stable")
    lasts = length_ns[order] > 0
    ends_ns = curve.begin_ns + np.cumsum(length_ns[order][lasts])
    return PowerCurve(np.append(curve.begin_ns, ends_ns), all_w[order][lasts])
