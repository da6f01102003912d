"""SM clock of a GPU over time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from traceenergy.records import dataclass
from traceenergy.simulate.wander import smooth_walk
from traceenergy.units import NS_PER_MS, NS_PER_S, S_PER_NS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.simulate.target import Board

    Int = NDArray[np.int64]
    Float = NDArray[np.float64]

STEP_MHZ = 15
LOWEST_SHARE = 0.75
# The clock changes this often, and stays about the same for 2 s.
HELD_NS = (50 * NS_PER_MS, 200 * NS_PER_MS)
TAU_NS = NS_PER_S
# Dynamic power goes with voltage squared times frequency; voltage follows frequency in part.
POWER_EXPONENT = 2.2


@dataclass(frozen=True)
class ClockPath:
    """Clock of one GPU while it works, constant between edges.

    Attributes
    ----------
    most_mhz
        What the board can do [MHz].
    edge_ns : ndarray of int64 (n,) [ns]
        Sorted; the clock before the first is that of the first.
    clock_mhz : ndarray of int64 (n,) [MHz]
        From each edge on.
    """

    most_mhz: int
    edge_ns: Int
    clock_mhz: Int

    def at(self, time_ns: Int) -> Int:
        """Read the clock [MHz] at times [ns]."""
        edge = np.searchsorted(self.edge_ns, time_ns, side="right") - 1
        return np.asarray(self.clock_mhz[np.maximum(edge, 0)], dtype=np.int64)

    def megacycles_at(self, time_ns: Int) -> Float:
        """Count the millions of cycles since the first edge at times [ns] behind it."""
        edge = np.searchsorted(self.edge_ns, time_ns, side="right") - 1
        whole = np.concatenate(([0.0], np.cumsum(np.diff(self.edge_ns) * self.clock_mhz[:-1])))
        since = (time_ns - self.edge_ns[edge]) * self.clock_mhz[edge]
        return np.asarray((whole[edge] + since) * S_PER_NS, dtype=np.float64)

    def power_factor(self, time_ns: Int) -> Float:
        """Compute the factor on dynamic power at times [ns]; 1 at full clock."""
        share = self.at(time_ns) / self.most_mhz
        return np.asarray(share**POWER_EXPONENT, dtype=np.float64)


def steady_clock(board: Board) -> ClockPath:
    """Let a board run at its full clock."""
    return ClockPath(
        board.clock_mhz, np.zeros(1, dtype=np.int64), np.array([board.clock_mhz], dtype=np.int64)
    )


def wandering_clock(
    board: Board, span_ns: tuple[int, int], spread: float, rng: np.random.Generator
) -> ClockPath:
    """Let the clock of a board wander below its full clock.

    Parameters
    ----------
    board : Board
        For the full clock.
    span_ns : tuple of int [ns]
        From when to when.
    spread : float
        Standard deviation over the full clock, 0 to 0.1. The mean lies two of them below it; what
        is above it or below three quarters of it is cut.
    rng : numpy.random.Generator
        For the walk and for how long each value is held.

    Returns
    -------
    ClockPath
        In steps of 15 MHz.
    """
    most = int((span_ns[1] - span_ns[0]) // HELD_NS[0]) + 1
    held_ns = rng.integers(*HELD_NS, most)
    edge_ns = span_ns[0] + np.concatenate(([0], np.cumsum(held_ns)))
    edge_ns = edge_ns[edge_ns < span_ns[1]]
    walk = smooth_walk(len(edge_ns), 2 * TAU_NS / sum(HELD_NS), rng)
    share = np.clip(1.0 - 2.0 * spread + spread * walk, LOWEST_SHARE, 1.0)
    steps = np.floor(share * board.clock_mhz / STEP_MHZ).astype(np.int64)
    return ClockPath(board.clock_mhz, edge_ns, steps * STEP_MHZ)
