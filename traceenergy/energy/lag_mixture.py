"""Power of kernel classes where the readings leave open how late they are."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Protocol

import numpy as np

from traceenergy.records import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from traceenergy.energy.class_power import ClassPower
    from traceenergy.energy.design import SensorShape

    Float = NDArray[np.float64]

STEP_MS, MOST_STEPS = 1.0, 6  # kernels of a category differ by what moves a valley by 2 ms or so
WORTH_NATS, MOST_CLIMBS = 100.0, 5  # what is further off, and more, is not looked at closely
SAME_MS = 0.5
LEAST_NATS = 1.0
# What a model misses of work that comes again and again, it misses each time: so many readings
# count as one where they choose among lags.
ALIKE = 4.0
SURE = 0.99  # share of one lag from which on the others are not worth a word


@dataclass(frozen=True)
class LagMixture:
    """Fits at several lags as one.

    Attributes
    ----------
    shapes : list of SensorShape
        What was taken for the sensor; that of the first start first.
    best : int
        The likeliest.
    share : ndarray of float64 (n_lags,)
        How likely each is; they sum to one.
    fit : ClassPower
        Mean and covariance of the mixture; noise as at the best.
    shape : SensorShape
        Where to put readings: the first start, unless another lag is clearly likelier.
    """

    shapes: list[SensorShape]
    best: int
    share: Float
    fit: ClassPower
    shape: SensorShape


class Begun(Protocol):
    """A fit of all classes of which it is known how well it explains the readings."""

    @property
    def evidence_nats(self) -> float:
        """Log of the marginal likelihood of the readings."""

    def finish(self) -> ClassPower:
        """Find the powers."""


def fit_at_lags(
    fit_at: Callable[[SensorShape], Begun],
    starts: Sequence[SensorShape],
    unusual_nats: Callable[[SensorShape], float],
) -> LagMixture:
    """Fit the readings at the likeliest lags near some, weighed by how well they explain them.

    Parameters
    ----------
    fit_at : callable
        Begins to fit all classes.
    starts : sequence of SensorShape
        At least one.
    unusual_nats : callable
        How unusual a lag is.

    Returns
    -------
    LagMixture
    """
    fit_at = cache(fit_at)  # climbs begin at the starts
    nats = np.array([fit_at(shape).evidence_nats for shape in starts])
    likeliest = np.argsort(-nats, kind="stable")[:MOST_CLIMBS].tolist()
    worth = {one for one in likeliest if nats[one] > nats.max() - WORTH_NATS}
    shapes: list[SensorShape] = []
    fits: list[ClassPower] = []
    for one in sorted({0} | worth):
        shape, begun = climb(fit_at, starts[one])
        if all(abs(shape.delay_ms - other.delay_ms) > SAME_MS for other in shapes):
            shapes.append(shape)
            fits.append(begun.finish())
    share, mixed = mix(fits, np.array([unusual_nats(shape) for shape in shapes]))
    best = int(np.argmax(share))
    gained_nats = fits[best].evidence_nats - float(nats[0])
    stays = gained_nats < LEAST_NATS * ALIKE * mixed.temper
    return LagMixture(shapes, best, share, mixed, starts[0] if stays else shapes[best])


def climb(fit_at: Callable[[SensorShape], Begun], start: SensorShape) -> tuple[SensorShape, Begun]:
    """Go from a lag to the nearest at which the readings are likeliest.

    Parameters
    ----------
    fit_at : callable
        Begins to fit all classes.
    start : SensorShape

    Returns
    -------
    SensorShape
        With another lag.
    Begun
    """

    def moved(steps: float) -> SensorShape:
        return replace(start, lag_ms=start.lag_ms + steps * STEP_MS)

    known = {step: fit_at(moved(step)) for step in (-1, 0, 1)}

    def nats(step: int) -> float:
        return known[step].evidence_nats

    best = max(known, key=nats)
    while abs(best) < MOST_STEPS and not {best - 1, best + 1} <= known.keys():
        further = best + 1 if best > 0 else best - 1
        known[further] = fit_at(moved(further))
        best = max(known, key=nats)
    top = moved(best), known[best]
    if not {best - 1, best + 1} <= known.keys():
        return top
    left, right = nats(best - 1), nats(best + 1)
    bend = left + right - 2 * nats(best)
    if bend >= 0:
        return top
    # The top of a parabola through the three.
    between = moved(best + (left - right) / (2 * bend))
    fit = fit_at(between)
    return (between, fit) if fit.evidence_nats > nats(best) else top


def mix(fits: Sequence[ClassPower], unusual_nats: Float) -> tuple[Float, ClassPower]:
    """Weigh fits of the same readings at several lags by how well they explain them.

    Parameters
    ----------
    fits : sequence of ClassPower
    unusual_nats : ndarray of float64 (n_lags,)
        How unusual each lag is.

    Returns
    -------
    share : ndarray of float64 (n_lags,)
    fit : ClassPower

    Notes
    -----
    Weights go with the marginal likelihood of the readings, tempered as it is at the best lag
    and by `ALIKE`.
    The covariance is the mean of those of the lags plus that of their means (law of total
    variance), so that powers which change with the lag are as unsure as the lag makes them.
    """
    nats = np.array([fit.evidence_nats for fit in fits])
    log_share = nats / (ALIKE * fits[int(np.argmax(nats))].temper) - unusual_nats
    share = np.exp(log_share - log_share.max())
    share /= share.sum()
    means = np.array([fit.mean for fit in fits])
    mean = share @ means
    off = (means - mean) * np.sqrt(share)[:, None]
    within = np.tensordot(share, np.array([fit.covariance for fit in fits]), 1)
    best = fits[int(np.argmax(share))]
    return share, replace(best, mean=mean, covariance=within + off.T @ off)
