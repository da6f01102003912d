"""When a sensor updated, from a log that was polled faster than that."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from traceenergy.records import dataclass
from traceenergy.units import NS_PER_MS, S_PER_NS

if TYPE_CHECKING:
    from numpy.typing import NDArray

MIN_UPDATES = 8  # a line through fewer says little
OUTLIER_POLLS = 1.5  # a change seen later than this many polls after the line was a lost poll
LEAST_POLLS = 1.95  # polled more rarely than twice an update, regular readings have two answers
PERIOD_RANGE = (0.6, 1.6)  # spacing of changes comes in whole polls, so it may be this far off
PROBE = 64  # changes among which the period is searched; from there the line is prolonged
TURN_STEPS = 8  # phases tried at the last of them, in each turn
LEAST_COHERENCE = 0.8  # of what changes on a straight clock would show


@dataclass(frozen=True)
class Updates:
    """Values of a sensor at its own updates.

    Attributes
    ----------
    update_ns : ndarray of int64 (n_updates,) [ns]
        Evenly spaced, all late or early by one constant of up to half a poll: where polls keep
        in step with updates, nothing tells it. It ends up in the lag that is found for them.
    power_w : ndarray of float64 (n_updates,) [W]
    seen : ndarray of bool (n_updates,)
        Whether the log has a reading between this update and the next.
    period_ms : float [ms]
    """

    update_ns: NDArray[np.int64]
    power_w: NDArray[np.float64]
    seen: NDArray[np.bool_]
    period_ms: float


def fit_updates(
    sample_ns: NDArray[np.int64], power_w: NDArray[np.float64], period_ms: float
) -> Updates | None:
    """Fit a straight clock to the changes of a polled value.

    Parameters
    ----------
    sample_ns : ndarray of int64 (n_samples,) [ns]
        Time of reading, sorted.
    power_w : ndarray of float64 (n_samples,) [W]
    period_ms : float [ms]
        About how often the sensor updates.

    Returns
    -------
    Updates or None
        None where the changes follow no straight clock, or were polled too rarely to show it.

    Notes
    -----
    An update lies between the last reading of the old value and the first of the new one. The
    middles of these pairs, numbered by the period, lie on a line; with many of them its place is
    known far better than one polling period::

        reads    x  x  x  x  x  x  x  x  x  x
        value    3  3  5  5  5  5  5  4  4  4
        update      ^              ^            period = 5 reads

    The period is searched first, since changes come in whole polls: with 40 ms between readings,
    a sensor of 100 ms seems to update after 80 or 120 ms.
    """
    change = np.flatnonzero(np.diff(power_w) != 0)
    if len(change) < MIN_UPDATES:
        return None
    origin_ns = int(sample_ns[0])
    at_s = (sample_ns - origin_ns) * S_PER_NS
    middle_s = (at_s[change] + at_s[change + 1]) / 2
    poll_s = float(np.median(np.diff(at_s)))
    line = _search(middle_s, period_ms * NS_PER_MS * S_PER_NS, LEAST_POLLS * poll_s)
    if line is None:
        return None
    first_s, period_s = _prolong(middle_s, *line, OUTLIER_POLLS * poll_s)
    expected = float(np.sinc(poll_s / period_s))
    if (
        period_s < LEAST_POLLS * poll_s
        or abs(_turn(middle_s, period_s)) < LEAST_COHERENCE * expected
    ):
        return None
    grid = np.arange(
        np.floor((at_s[0] - first_s) / period_s), np.floor((at_s[-1] - first_s) / period_s)
    )
    update_s = first_s + grid * period_s
    # The value of an update is what the last reading before the next update shows.
    shown = np.searchsorted(at_s, update_s + period_s - poll_s / 2, side="right") - 1
    seen = (shown >= 0) & (at_s[np.maximum(shown, 0)] >= update_s + poll_s / 2)
    return Updates(
        update_ns=origin_ns + np.round(update_s / S_PER_NS).astype(np.int64),
        power_w=power_w[np.maximum(shown, 0)],
        seen=seen,
        period_ms=period_s / (NS_PER_MS * S_PER_NS),
    )


def _turn(time_s: NDArray[np.float64], period_s: float) -> complex:
    return complex(np.mean(np.exp(2j * np.pi * time_s / period_s)))


def _search(
    middle_s: NDArray[np.float64], near_s: float, least_s: float
) -> tuple[float, float] | None:
    # First time and period at which the first changes come most nearly in step.
    early_s = middle_s[:PROBE] - middle_s[0]
    most_hz = min(1 / (PERIOD_RANGE[0] * near_s), 1 / least_s)
    least_hz = 1 / (PERIOD_RANGE[1] * near_s)
    if most_hz <= least_hz:
        return None
    hz = np.arange(least_hz, most_hz, 1 / (TURN_STEPS * early_s[-1]))
    turns = np.exp(2j * np.pi * hz[:, None] * early_s).mean(axis=1)
    best = int(np.argmax(np.abs(turns)))
    period_s = 1 / float(hz[best])
    late_s = float(np.angle(turns[best])) / (2 * np.pi) * period_s
    return float(middle_s[0]) + late_s, period_s


def _prolong(
    middle_s: NDArray[np.float64], first_s: float, period_s: float, outlier_s: float
) -> tuple[float, float]:
    # Twice as many changes each time, so that the numbers of updates are never in doubt.
    doublings = PROBE * 2 ** np.arange(64 - PROBE.bit_length())
    for reach in [*doublings[doublings < len(middle_s)].tolist(), len(middle_s), len(middle_s)]:
        number = np.round((middle_s[:reach] - first_s) / period_s)
        late_s = middle_s[:reach] - (first_s + number * period_s)
        good = np.abs(late_s - np.median(late_s)) < outlier_s
        if good.sum() < MIN_UPDATES or np.ptp(number[good]) == 0:
            break
        slope, offset = np.polyfit(number[good], middle_s[:reach][good], 1)
        period_s, first_s = float(slope), float(offset)
    return first_s, period_s
