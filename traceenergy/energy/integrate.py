"""Measured energy between neighboring samples of one sensor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from traceenergy.units import S_PER_NS

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Longer pauses than this many polling periods are missing samples, not slow polling.
GAP_PERIODS = 3.0


@dataclass(frozen=True)
class MeasuredPower:
    """Power of one device as straight lines between sample centers, cut into cells.

    Cell k is ``[edge_ns[k], edge_ns[k + 1])``. Edges are the ends of the analysis window with
    all sample centers inside it.

    Attributes
    ----------
    edge_ns : ndarray of int64 (n_cells + 1,) [ns]
    energy_j : ndarray of float64 (n_cells,) [J]
        Zero where the cell is not covered, and so is not guessed.
    covered : ndarray of bool (n_cells,)
        Between two samples no further apart than three polling periods.
    gap : ndarray of bool (n_cells,)
        Between two samples that are further apart: energy is a straight-line estimate.
    """

    edge_ns: NDArray[np.int64]
    energy_j: NDArray[np.float64]
    covered: NDArray[np.bool_]
    gap: NDArray[np.bool_]

    @property
    def width_ns(self) -> NDArray[np.int64]:
        """Length of each cell [ns]."""
        return np.diff(self.edge_ns)

    @property
    def covered_ns(self) -> int:
        """Time that samples cover [ns]."""
        return int(self.width_ns[self.covered].sum())


def measure_cells(
    center_ns: NDArray[np.int64],
    power_w: NDArray[np.float64],
    window: tuple[int, int],
    reach_ns: tuple[int, int] = (0, 0),
) -> MeasuredPower:
    """Integrate power over a window, cell by cell.

    Power runs straight from one sample center to the next. The first sample is held back to
    the start of its averaging window, the last one forward to its reading. Nothing is assumed
    beyond: that time is not covered, and its energy is not guessed.

    Parameters
    ----------
    center_ns : ndarray of int64 (n_samples,) [ns]
        Middle of each sample's averaging window, strictly increasing, n_samples >= 2.
    power_w : ndarray of float64 (n_samples,) [W]
    window : tuple of int [ns]
        Start and end, end after start.
    reach_ns : tuple of int [ns]
        How far the first sample holds before its center, the last one after it.

    Returns
    -------
    MeasuredPower

    Notes
    -----
    Sums of cells are exact for straight lines: cutting a window loses no energy.
    """
    start_ns, end_ns = window
    pause_ns = np.diff(center_ns)
    # Held ends are no pause between samples, so they are never gaps.
    is_gap = np.concatenate(([False], pause_ns > GAP_PERIODS * np.median(pause_ns), [False]))
    knot_ns = np.concatenate(
        ([center_ns[0] - reach_ns[0]], center_ns, [center_ns[-1] + reach_ns[1]])
    )
    knot_w = np.concatenate((power_w[:1], power_w, power_w[-1:]))
    inside = (knot_ns > start_ns) & (knot_ns < end_ns)
    edge_ns = np.unique(np.concatenate(([start_ns], knot_ns[inside], [end_ns])).astype(np.int64))
    # Offsets, because float64 holds nanoseconds exactly only up to 2**53 (104 days).
    edge_w = np.interp(
        (edge_ns - start_ns).astype(np.float64), (knot_ns - start_ns).astype(np.float64), knot_w
    )
    between = (edge_ns[:-1] >= knot_ns[0]) & (edge_ns[1:] <= knot_ns[-1])
    # Knots are edges, so a cell lies between the same two knots from end to end.
    after = np.clip(np.searchsorted(knot_ns, edge_ns[:-1], side="right"), 1, len(is_gap))
    cell_j = (edge_w[1:] + edge_w[:-1]) / 2 * np.diff(edge_ns) * S_PER_NS
    gap = between & is_gap[after - 1]
    return MeasuredPower(
        edge_ns=edge_ns,
        energy_j=np.where(between, cell_j, 0.0),
        covered=between & ~gap,
        gap=gap,
    )
