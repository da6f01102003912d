"""True power of a simulated board, exact for every piece of work."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.signal import lfilter

from traceenergy.records import dataclass
from traceenergy.units import NS_PER_MS, NS_PER_S, S_PER_NS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.simulate.clock import ClockPath

    Int = NDArray[np.int64]
    Float = NDArray[np.float64]

KNOT_NS = 100 * NS_PER_MS
CONCURRENCY_FACTOR = 0.88
THERMAL_TIME_S = 9.0
DEGREES_PER_W = 0.055
LEAKAGE_W_PER_DEGREE = 0.12
AMBIENT_C = 31.0
DEGREES_AT_REST_PER_W = 0.02


@dataclass(frozen=True)
class Law:
    """How the power of one board comes about.

    Attributes
    ----------
    idle_w
        Static power at the temperature of rest [W].
    busy_w
        Added while anything runs [W].
    concurrency_factor
        On the dynamic power of each piece while others run.
    leakage_w_per_degree
        Static power added per degree above rest [W/C].
    room_c
        Temperature of the air [C]; at the usual one a chip at rest draws `idle_w`.
    warm_c
        By how much the chip is warmer than at rest at first [C].
    """

    idle_w: float
    busy_w: float
    concurrency_factor: float = CONCURRENCY_FACTOR
    leakage_w_per_degree: float = LEAKAGE_W_PER_DEGREE
    room_c: float = AMBIENT_C
    warm_c: float = 0.0

    @property
    def usual_rest_c(self) -> float:
        """Temperature of the chip at rest in the usual room [C]."""
        return AMBIENT_C + DEGREES_AT_REST_PER_W * self.idle_w


@dataclass(frozen=True)
class PowerCurve:
    """Power of a board, constant between edges.

    Attributes
    ----------
    edge_ns : ndarray of int64 (k,) [ns]
        Sorted, distinct.
    power_w : ndarray of float64 (k - 1,) [W]
        From each edge to the next.
    energy_j : ndarray of float64 (k,) [J]
        Since the first edge.
    idle_j : ndarray of float64 (k,) [J]
        The part of it spent while nothing ran.
    knot_ns : ndarray of int64 (m,) [ns]
        When temperature is known.
    temperature_c : ndarray of float64 (m,) [C]
        Of the chip.
    """

    edge_ns: Int
    power_w: Float
    energy_j: Float
    idle_j: Float
    knot_ns: Int
    temperature_c: Float

    def energy_at(self, time_ns: Int) -> Float:
        """Read the energy since the first edge [J] at times [ns] within the curve."""
        return _between(self.edge_ns, self.energy_j, time_ns)

    def idle_at(self, time_ns: Int) -> Float:
        """Read the idle energy since the first edge [J] at times [ns] within the curve."""
        return _between(self.edge_ns, self.idle_j, time_ns)

    def temperature_at(self, time_ns: Int) -> Float:
        """Read the temperature [C] at times [ns]."""
        return _between(self.knot_ns, self.temperature_c, time_ns)

    def smoothed_power_w(self, time_ns: Int, tau_ns: float) -> Float:
        """Read the power that a first-order filter shows.

        Parameters
        ----------
        time_ns : ndarray of int64 (n,) [ns]
            Within the curve.
        tau_ns : float [ns]
            Time constant; 0 for no filter.

        Returns
        -------
        ndarray of float64 (n,) [W]
        """
        segment = np.searchsorted(self.edge_ns, time_ns, side="right") - 1
        segment = np.clip(segment, 0, len(self.power_w) - 1)
        if tau_ns <= 0:
            return self.power_w[segment]
        at_edge_w = _smooth(self.edge_ns, self.power_w, tau_ns)
        since_ns = (time_ns - self.edge_ns[segment]).astype(np.float64)
        held_w = at_edge_w[segment] - self.power_w[segment]
        shown_w = self.power_w[segment] + held_w * np.exp(-since_ns / tau_ns)
        return np.asarray(shown_w, dtype=np.float64)

    def smoothed_energy_j(self, time_ns: Int, tau_ns: float) -> Float:
        """Read the energy that a first-order filter has let through.

        Parameters
        ----------
        time_ns : ndarray of int64 (n,) [ns]
            Within the curve.
        tau_ns : float [ns]
            Time constant; 0 for no filter.

        Returns
        -------
        ndarray of float64 (n,) [J]
        """
        energy_j = self.energy_at(time_ns)
        if tau_ns <= 0:
            return energy_j
        # The filter begins at rest, at the power of the first segment.
        held_back_w = self.smoothed_power_w(time_ns, tau_ns) - self.power_w[0]
        held_back_j = tau_ns * S_PER_NS * held_back_w
        return np.asarray(energy_j - held_back_j, dtype=np.float64)


def _between(edge_ns: Int, value: Float, time_ns: Int) -> Float:
    origin_ns = edge_ns[0]
    # Offsets, because float64 holds nanoseconds exactly only up to 2**53 (104 days).
    offset_ns, at_ns = (edge_ns - origin_ns).astype(np.float64), time_ns - origin_ns
    return np.asarray(np.interp(at_ns.astype(np.float64), offset_ns, value), dtype=np.float64)


def _smooth(edge_ns: Int, power_w: Float, tau_ns: float) -> Float:
    # y[i+1] = keep[i] * y[i] + gain[i], solved by doubling: after each round a row stands for
    # twice as many steps, and nothing is left to carry once `keep` has died out.
    keep = np.exp(-np.diff(edge_ns) / tau_ns)
    gain = power_w * (1.0 - keep)
    keep, gain = np.concatenate(([0.0], keep)), np.concatenate((power_w[:1], gain))
    reach = 1
    while reach < len(keep) and keep[reach:].any():
        gain[reach:] = gain[reach:] + keep[reach:] * gain[:-reach]
        keep[reach:] = keep[reach:] * keep[:-reach]
        reach *= 2
    return np.asarray(gain, dtype=np.float64)


def knots(span_ns: tuple[int, int]) -> Int:
    """List the times [ns] between which static power is constant, over a span."""
    return np.arange(span_ns[0], span_ns[1] + KNOT_NS, KNOT_NS, dtype=np.int64)


def true_power(  # noqa: PLR0913, PLR0917 - power is made of this much
    start_ns: Int,
    end_ns: Int,
    dynamic_w: Float,
    span_ns: tuple[int, int],
    law: Law,
    drift_w: Float | None = None,
    clock: ClockPath | None = None,
) -> tuple[PowerCurve, Float, Float]:
    """Compute a board's power with the energy of each piece of its work.

    Parameters
    ----------
    start_ns, end_ns : ndarray of int64 (n,) [ns]
        The work.
    dynamic_w : ndarray of float64 (n,) [W]
        What each piece adds while it runs alone.
    span_ns : tuple of int [ns]
        The curve covers this span; all work lies in it.
    law : Law
        Of the board.
    drift_w : ndarray of float64 (n_knots,), optional [W]
        Added to static power from each of the `knots` of the span.
    clock : ClockPath, optional
        Dynamic power follows it at any time, `dynamic_w` is that at the full clock.

    Returns
    -------
    curve : PowerCurve
    static_j, dynamic_j : ndarray of float64 (n,) [J]
        Exact integrals. Concurrent pieces share static power and `busy_w` equally.

    Notes
    -----
    `P(t) = static(t) + busy_w [anything runs] + sum of dynamic_w * factor(t)` with factor 1 for a
    piece that runs alone. Static power follows temperature, which follows power by a first-order
    law; it is constant between knots 0.1 s apart.
    """
    knot_ns = knots(span_ns)
    moments_ns = (start_ns, end_ns, knot_ns, *([] if clock is None else [clock.edge_ns]))
    edge_ns = _distinct(np.concatenate(moments_ns))
    first, last = np.searchsorted(edge_ns, start_ns), np.searchsorted(edge_ns, end_ns)
    size = len(edge_ns)
    begun, ended = np.bincount(first, minlength=size), np.bincount(last, minlength=size)
    running = np.cumsum(begun - ended)[:-1]
    added_w = np.bincount(first, dynamic_w, size) - np.bincount(last, dynamic_w, size)
    busy = running > 0
    factor = np.where(running > 1, law.concurrency_factor, 1.0)
    if clock is not None:
        factor *= clock.power_factor(edge_ns[:-1])
    active_w = np.where(busy, law.busy_w + np.cumsum(added_w)[:-1] * factor, 0.0)
    width_s = np.diff(edge_ns) * S_PER_NS

    heat_j = _cumulate(active_w * width_s)[np.searchsorted(edge_ns, knot_ns)]
    temperature_c = _temperature(np.diff(heat_j) / (KNOT_NS / NS_PER_S), law)
    knot = np.searchsorted(knot_ns, edge_ns[:-1], side="right") - 1
    static_w = law.idle_w + law.leakage_w_per_degree * (temperature_c[knot] - law.usual_rest_c)
    if drift_w is not None:
        static_w += drift_w[knot]

    power_w, share = static_w + active_w, np.where(busy, 1.0 / np.maximum(running, 1), 0.0)
    curve = PowerCurve(
        edge_ns=edge_ns,
        power_w=power_w,
        energy_j=_cumulate(power_w * width_s),
        idle_j=_cumulate(np.where(busy, 0.0, static_w) * width_s),
        knot_ns=knot_ns,
        temperature_c=temperature_c,
    )
    static_sum_j = _cumulate(static_w * share * width_s)
    busy_sum_j = _cumulate(law.busy_w * share * width_s)
    weighted_s = _cumulate(factor * width_s)
    dynamic_j = dynamic_w * (weighted_s[last] - weighted_s[first])
    dynamic_j += busy_sum_j[last] - busy_sum_j[first]
    return curve, static_sum_j[last] - static_sum_j[first], dynamic_j


def _distinct(times_ns: Int) -> Int:
    # numpy.unique looks for duplicates by hash first, which takes longer than this sort.
    ordered = np.sort(times_ns)
    return ordered[np.diff(ordered, prepend=ordered[0] - 1) > 0]


def _cumulate(parts: Float) -> Float:
    return np.concatenate(([0.0], np.cumsum(parts)))


def _temperature(active_w: Float, law: Law) -> Float:
    keep = np.exp(-KNOT_NS / NS_PER_S / THERMAL_TIME_S)
    risen_c = lfilter([(1.0 - keep) * DEGREES_PER_W], [1.0, -keep], active_w)
    warm_c = law.warm_c * keep ** np.arange(len(active_w) + 1)
    rest_c = law.usual_rest_c + (law.room_c - AMBIENT_C)
    return np.asarray(rest_c + np.concatenate(([0.0], risen_c)) + warm_c, dtype=np.float64)
