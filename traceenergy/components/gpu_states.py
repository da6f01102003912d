"""Time that a GPU spends in each state, energy that this costs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from traceenergy.intervals import gaps, share_clock, union
from traceenergy.records import dataclass
from traceenergy.units import NS_PER_S, S_PER_NS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.components.model import GpuPower

    Int = NDArray[np.int64]
    Float = NDArray[np.float64]


@dataclass(frozen=True)
class GpuStates:
    """When a GPU is in which state; idle in the rest of the window.

    Attributes
    ----------
    active_start_ns, active_end_ns : ndarray of int64 (n_active,) [ns]
        Stretches with GPU work, cut to the window.
    standby_start_ns, standby_end_ns : ndarray of int64 (n_standby,) [ns]
        After them, likewise.
    window_ns
        Length of the window [ns].
    """

    active_start_ns: Int
    active_end_ns: Int
    standby_start_ns: Int
    standby_end_ns: Int
    window_ns: int

    @property
    def active_s(self) -> float:
        """Time with GPU work [s]."""
        return float((self.active_end_ns - self.active_start_ns).sum()) * S_PER_NS

    @property
    def standby_s(self) -> float:
        """Time in standby [s]."""
        return float((self.standby_end_ns - self.standby_start_ns).sum()) * S_PER_NS

    @property
    def idle_s(self) -> float:
        """Time in neither [s]."""
        spent_ns = (self.active_end_ns - self.active_start_ns).sum() + (
            self.standby_end_ns - self.standby_start_ns
        ).sum()
        return float(self.window_ns - spent_ns) * S_PER_NS


def find_states(start_ns: Int, end_ns: Int, window: tuple[int, int], standby_s: float) -> GpuStates:
    """Find the state of a GPU throughout a window.

    Parameters
    ----------
    start_ns, end_ns : ndarray of int64 (n,) [ns]
        All GPU work of the device, also before the window, which may leave it in standby.
    window : tuple of int [ns]
    standby_s : float [s]
        How long it stays in standby after work.

    Returns
    -------
    GpuStates

    Notes
    -----
    The states of LLMServingSim::

        work      ######          ###
        state  i  active s s i i  act s s i        s: standby_s, cut by the next work
    """
    begin_ns, stop_ns = union(start_ns, end_ns)
    active = np.clip(begin_ns, *window), np.clip(stop_ns, *window)
    ran = active[1] > active[0]
    free_start_ns, free_end_ns = gaps(begin_ns, stop_ns, window)
    standby_ns = round(standby_s * NS_PER_S)
    before = np.searchsorted(stop_ns, free_start_ns, side="right") - 1
    # A gap that no work comes before begins idle.
    since_ns = stop_ns[np.maximum(before, 0)] if len(stop_ns) else free_start_ns
    until_ns = np.where(before >= 0, np.minimum(since_ns + standby_ns, free_end_ns), free_start_ns)
    stays = until_ns > free_start_ns
    return GpuStates(
        active[0][ran], active[1][ran], free_start_ns[stays], until_ns[stays], window[1] - window[0]
    )


@dataclass(frozen=True)
class GpuUse:
    """Modelled energy of one GPU.

    Attributes
    ----------
    power : GpuPower
    states : GpuStates
    static_j, dynamic_j : ndarray of float64 (n_work,) [J]
        Of each piece of work.
    """

    power: GpuPower
    states: GpuStates
    static_j: Float
    dynamic_j: Float

    @property
    def active_j(self) -> float:
        """While work ran [J]."""
        return float(self.static_j.sum() + self.dynamic_j.sum())

    @property
    def standby_j(self) -> float:
        """In standby [J]."""
        return self.power.standby_w * self.states.standby_s

    @property
    def idle_j(self) -> float:
        """In neither [J]."""
        return self.power.idle_w * self.states.idle_s

    @property
    def total_j(self) -> float:
        """Of all states [J]."""
        return self.active_j + self.standby_j + self.idle_j


def model_gpu(
    start_ns: Int, end_ns: Int, power_w: Float, power: GpuPower, states: GpuStates
) -> GpuUse:
    """Give each piece of work of a GPU its modelled energy.

    Parameters
    ----------
    start_ns, end_ns : ndarray of int64 (n_work,) [ns]
        Cut to the window.
    power_w : ndarray of float64 (n_work,) [W]
        Of the GPU while this piece runs alone.
    power : GpuPower
    states : GpuStates
        Of the same work.

    Returns
    -------
    GpuUse

    Notes
    -----
    A piece costs its power times its share of device time, which n pieces that run at once have
    in equal parts: so the GPU then draws the mean of their powers. ``idle_w`` of it is static.
    """
    clock = share_clock(start_ns, end_ns)
    share_s = (clock.share_at(end_ns) - clock.share_at(start_ns)) * S_PER_NS
    return GpuUse(power, states, power.idle_w * share_s, (power_w - power.idle_w) * share_s)
