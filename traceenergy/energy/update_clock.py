"""When a sensor updated, from a log that was polled faster than that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from traceenergy.units import NS_PER_MS, S_PER_NS

if TYPE_CHECKING:
    from numpy.typing import NDArray

MIN_UPDATES = 8  # a line through fewer says little
OUTLIER_POLLS = 1.5  # a change seen later than this many polls after the line was a lost poll
FIT_ROUNDS = 3


@dataclass(frozen=True)
class Updates:
    """Values of a sensor at its own updates.

    Attributes
    ----------
    update_ns : ndarray of int64 (n_updates,) [ns]
        Evenly spaced.
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
        About how often the sensor updates, longer than the polling period.

    Returns
    -------
    Updates or None
        None where the changes follow no straight clock.

    Notes
    -----
    An update lies between the last reading of the old value and the first of the new one. The
    middles of these pairs, numbered by the period, lie on a line; with many of them its place is
    known far better than one polling period::

        reads    x  x  x  x  x  x  x  x  x  x
        value    3  3  5  5  5  5  5  4  4  4
        update      ^              ^            period = 5 reads
    """
    change = np.flatnonzero(np.diff(power_w) != 0)
    if len(change) < MIN_UPDATES:
        return None
    origin_ns = int(sample_ns[0])
    at_s = (sample_ns - origin_ns) * S_PER_NS
    middle_s = (at_s[change] + at_s[change + 1]) / 2
    poll_s = float(np.median(np.diff(at_s)))
    period_s = period_ms * NS_PER_MS * S_PER_NS
    number = np.concatenate(([0.0], np.cumsum(np.round(np.diff(middle_s) / period_s))))
    first_s = float(middle_s[0])
    for _ in range(FIT_ROUNDS):
        late_s = middle_s - (first_s + number * period_s)
        good = np.abs(late_s - np.median(late_s)) < OUTLIER_POLLS * poll_s
        if good.sum() < MIN_UPDATES or np.ptp(number[good]) == 0:
            return None
        slope, offset = np.polyfit(number[good], middle_s[good], 1)
        period_s, first_s = float(slope), float(offset)
        number = np.round((middle_s - first_s) / period_s)
    late_s = middle_s - (first_s + number * period_s)
    if np.mean(np.abs(late_s) < OUTLIER_POLLS * poll_s) < 0.5 or period_s <= poll_s:  # noqa: PLR2004 - a clock that most changes miss is none
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
