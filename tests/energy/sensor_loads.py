"""Made-up loads with known power, as a sensor shows them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from traceenergy.energy.update_clock import fit_updates
from traceenergy.energy.work_grid import CoarseWork
from traceenergy.intervals import union
from traceenergy.simulate.power import Law, PowerCurve, true_power
from traceenergy.simulate.sensor import SENSORS, Sensor, SensorField, poll_times, read_field
from traceenergy.units import NS_PER_MS, NS_PER_S, NS_PER_US

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Int = NDArray[np.int64]
    Float = NDArray[np.float64]

EPOCH_NS = 1_700_000_000_000_000_000
GEMM, ATTENTION, ELEMENTWISE, COMMUNICATION = range(4)
CATEGORY_W = np.array([300.0, 340.0, 170.0, 100.0])  # of long kernels
USUAL_US = np.array([600.0, 350.0, 60.0, 150.0])
FILLED_US = 150.0  # shorter kernels fill the GPU less
LAYER = (0, 2, 1, 2, 0, 3, 2, 0, 2, 3) * 3
STEP_MS = 15.0
BUSY_W = 30.0
INSTANT = "h100-instant"  # read as `power.draw.instant`; all others as `power.draw`
# By update period, so that its changes place each update.
POLL_MS = {100: 20, 50: 10, 20: 5, 15: 4, 10: 3}


@dataclass(frozen=True)
class Load:
    """Work of one device with its true power.

    Attributes
    ----------
    work : CoarseWork
    piece_w : ndarray of float64 (n_work,) [W]
        What each piece adds.
    curve : PowerCurve
        Of the board, from 4 s before the work to 3 s after it.
    """

    work: CoarseWork
    piece_w: Float
    curve: PowerCurve

    @property
    def span_ns(self) -> tuple[int, int]:
        """First start, last end [ns]."""
        return int(self.work.busy_start_ns[0]), int(self.work.busy_end_ns[-1])


@dataclass(frozen=True)
class Shown:
    """Readings at updates, with what is true of them.

    Attributes
    ----------
    at_ns, power_w : ndarray (n_rows,) [ns], [W]
        Updates as the log shows them; a reading of each.
    period_ms, window_ms, smoothing_ms : float [ms]
        Of the sensor.
    lag_ms : float [ms]
        Its own, the offset of the log's clock, and how late updates are placed on average.
    """

    at_ns: Int
    power_w: Float
    period_ms: float
    window_ms: float
    smoothing_ms: float
    lag_ms: float

    def within(self, low_ns: int, high_ns: int) -> Shown:
        """Keep the readings of a time."""
        keep = (self.at_ns >= low_ns) & (self.at_ns < high_ns)
        return Shown(
            self.at_ns[keep],
            self.power_w[keep],
            self.period_ms,
            self.window_ms,
            self.smoothing_ms,
            self.lag_ms,
        )


def load_of(start_us: Float, length_us: Float, category: Int, piece_w: Float) -> Load:
    """Put pieces at times since the epoch on a board that rests at 80 W."""
    start_ns = EPOCH_NS + np.round(start_us * NS_PER_US).astype(np.int64)
    end_ns = start_ns + np.round(length_us * NS_PER_US).astype(np.int64)
    span_ns = int(start_ns.min()) - 6 * NS_PER_S, int(end_ns.max()) + 6 * NS_PER_S
    curve, _, _ = true_power(start_ns, end_ns, piece_w, span_ns, Law(80.0, BUSY_W))
    ones = np.ones(len(start_ns))
    work = CoarseWork(start_ns, end_ns, ones, category.astype(np.int64), *union(start_ns, end_ns))
    return Load(work, piece_w, curve)


def serve(seed: int, seconds: float = 15.0) -> Load:
    """Run steps of a model whose batch wanders, now and then a long one, now and then a pause.

    Kernels of one category draw the more the longer they are, and differ by 8 %; steps by 5 %.
    """
    rng = np.random.default_rng(seed)
    n_steps = int(seconds * 1000 / STEP_MS)
    batch = np.exp(np.cumsum(rng.normal(0, 0.15, n_steps)))
    batch = np.clip(batch / np.median(batch), 0.3, 3) * np.where(rng.random(n_steps) < 0.05, 4, 1)
    category = np.tile(LAYER, (n_steps, 1))
    size = np.where(category == COMMUNICATION, 1.0, batch[:, None])
    length_us = USUAL_US[category] * size * np.exp(rng.normal(0, 0.1, category.shape))
    gap_us = np.full(category.shape, 3.0)
    pauses = rng.random(n_steps) < 0.07
    gap_us[:, 0] = np.where(
        pauses, rng.uniform(20e3, 300e3, n_steps), rng.uniform(100, 1500, n_steps)
    )
    end_us = np.cumsum(gap_us + length_us)
    keep = end_us < seconds * 1e6
    length_us, start_us = length_us.ravel()[keep], end_us[keep] - length_us.ravel()[keep]
    category = category.ravel()[keep]
    step = np.repeat(np.arange(n_steps), len(LAYER))[keep]
    piece_w = CATEGORY_W[category] * (1 - 0.5 * np.exp(-length_us / FILLED_US))
    piece_w *= np.exp(rng.normal(0, 0.08, len(step)) + rng.normal(0, 0.05, n_steps)[step])
    return load_of(start_us, length_us, category, piece_w)


def read(load: Load, name: str, seed: int, offset_ms: float = 0.0) -> Shown:
    """Poll a sensor of the simulator some times an update, and place its updates."""
    sensor = SENSORS[name]
    field = sensor.instant if name == INSTANT and sensor.instant is not None else sensor.draw
    period_ms = field.update_ns / NS_PER_MS
    poll_ns, shown_w, made_ns = poll(load, sensor, field, POLL_MS[round(period_ms)], seed)
    updates = fit_updates(poll_ns, shown_w, period_ms)
    assert updates is not None
    at_ns = updates.update_ns[updates.seen]
    turn = np.round((at_ns - made_ns[0]) / field.update_ns).astype(np.int64)
    late_ms = float(np.mean(at_ns - made_ns[0] - turn * field.update_ns)) / NS_PER_MS
    return Shown(
        at_ns + round(offset_ms * NS_PER_MS),
        updates.power_w[updates.seen],
        period_ms,
        # An instant is read as a millisecond, with its middle half of it earlier.
        max(field.window_ns / NS_PER_MS, 1.0),
        sensor.smoothing_ns / NS_PER_MS,
        late_ms + sensor.lag_ns / NS_PER_MS + offset_ms - (0.5 if field.window_ns == 0 else 0.0),
    )


def poll(
    load: Load, sensor: Sensor, field: SensorField, poll_ms: float, seed: int
) -> tuple[Int, Float, Int]:
    """Ask a sensor from 2 s before the work to 1.5 s after it.

    Returns
    -------
    poll_ns, shown_w : ndarray (n,) [ns], [W]
    made_ns : ndarray of int64 (n,) [ns]
        When what was shown had become available.
    """
    first_ns, last_ns = load.span_ns
    poll_ns = poll_times(
        first_ns - 2 * NS_PER_S,
        last_ns + 3 * NS_PER_S // 2,
        round(poll_ms * NS_PER_MS),
        jitter_ns=NS_PER_MS,
        missing_share=0.0,
        rng=np.random.default_rng([seed, 1]),
    )
    shown_w = read_field(load.curve, field, sensor, poll_ns, 1.0, np.random.default_rng([seed, 2]))
    phase_ns = int(np.random.default_rng([seed, 2]).integers(field.update_ns))
    turn = (poll_ns - sensor.lag_ns - phase_ns) // field.update_ns
    return poll_ns, shown_w, phase_ns + turn * field.update_ns + sensor.lag_ns
