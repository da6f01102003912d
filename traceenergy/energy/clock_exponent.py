"""The power of the clock with which dynamic power goes, where the clocks of a run tell it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from traceenergy.energy.clock_factor import EXPONENT
from traceenergy.energy.coverage import one_class
from traceenergy.energy.untraced import without_untraced
from traceenergy.records import dataclass

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from traceenergy.energy.design import Design
    from traceenergy.energy.device_work import DeviceWork
    from traceenergy.energy.power_model import PowerModel
    from traceenergy.energy.power_series import PowerSeries

    Float = NDArray[np.float64]

BUSY_SHARE = 0.95  # of a window, with work: what ran in it is known, and so is its clock
MIN_WINDOWS = 50  # with work all the time
LEAST_SPREAD = 1.1  # 95th over 5th percentile of their clocks
# A board at its power limit slows what draws much: there power sets the clock, not the clock power.
NEAR_LIMIT, MOST_NEAR = 0.9, 0.05  # of the limit; of the windows
EXPONENT_SD = 2.0  # of the prior: says next to nothing
MOST_ROUNDS = 8
CLOSE = 0.01  # a change of the exponent that needs no further round
RANGE = (0.0, 6.0)  # beyond it the search has lost its way


@dataclass(frozen=True)
class ClockExponent:
    """Exponent of the clock in dynamic power, with its standard error.

    Attributes
    ----------
    value, se : float
    """

    value: float
    se: float


def fit_exponent(model: PowerModel, work: DeviceWork, limit_w: float) -> ClockExponent | None:
    """Fit the exponent of the clock of one device, together with the power of its kernels.

    Parameters
    ----------
    model : PowerModel
        Of the device, with the clock of each piece in the weights of its design.
    work : DeviceWork
    limit_w : float [W]
        Power limit of the board.

    Returns
    -------
    ClockExponent or None
        None where clocks spread too little, over too few windows with work all the time, where
        power comes near its limit, or where the readings lead to no exponent.

    Notes
    -----
    ``y = static + (f / median f)^e * (what the pieces draw at the median clock) + noise``. The
    power of each kernel class is fitted with e, by Gauss and Newton, so that a mix of work that
    changes with the clock is not taken for it. Prior and noise are those of the attribution.
    Normal intervals; what a busy GPU draws at rest is taken to go with the clock as well.
    """
    series = without_untraced(model.series, work)
    log_clock = np.log(model.design.classes.weight) / EXPONENT
    if not _can_tell(model, series, log_clock, limit_w):
        return None
    last = _Found(EXPONENT, np.inf, model.fit.mean)
    for _ in range(MOST_ROUNDS):
        found = _newton(model, series, log_clock, last)
        if not RANGE[0] <= found.exponent <= RANGE[1]:
            return None
        if abs(found.exponent - last.exponent) < CLOSE:
            return ClockExponent(found.exponent, found.se)
        last = found
    return None


def pool_exponents(found: Sequence[ClockExponent]) -> ClockExponent | None:
    """Average what devices tell, weighted by how sure each is.

    Parameters
    ----------
    found : sequence of ClockExponent

    Returns
    -------
    ClockExponent or None
        None of none. Where devices differ by more than their errors, the error is that much wider.
    """
    if not found:
        return None
    value, se = np.array([(one.value, one.se) for one in found]).T
    precision = se**-2
    mean = float(precision @ value / precision.sum())
    apart = float(precision @ (value - mean) ** 2) / max(len(value) - 1, 1)
    return ClockExponent(mean, float(np.sqrt(max(apart, 1.0) / precision.sum())))


def _can_tell(model: PowerModel, series: PowerSeries, log_clock: Float, limit_w: float) -> bool:
    design = model.design
    pieces = one_class(
        design.classes.start_ns, design.classes.end_ns, design.share_rate * log_clock
    )
    busy = model.shape.seen(design.busy, series.sample_ns)[:, 0]
    full = busy >= BUSY_SHARE
    if int(full.sum()) < MIN_WINDOWS:
        return False
    if float((series.power_w[full] > NEAR_LIMIT * limit_w).mean()) > MOST_NEAR:
        return False
    seen = model.shape.seen(pieces, series.sample_ns[full])[:, 0] / busy[full]
    low, high = np.percentile(seen, (5, 95))
    return bool(high - low >= np.log(LEAST_SPREAD))


def _at_exponent(design: Design, log_clock: Float, exponent: float) -> Design:
    # All that pieces draw goes with the clock, what a busy GPU draws included.
    start_ns, end_ns = design.classes.start_ns, design.classes.end_ns
    factor = np.exp(exponent * log_clock)
    share_rate, beside_w = design.share_rate * factor, design.beside_w * factor
    return replace(
        design,
        busy=one_class(start_ns, end_ns, share_rate),
        sizes=replace(design.sizes, weight=design.sizes.weight * factor),
        classes=replace(design.classes, weight=factor),
        share_rate=share_rate,
        beside_w=beside_w,
    )


@dataclass(frozen=True)
class _Found:
    exponent: float
    se: float
    theta: Float


def _newton(model: PowerModel, series: PowerSeries, log_clock: Float, last: _Found) -> _Found:
    # Parameters and exponent in one linear fit around the last exponent.
    from traceenergy.energy import class_power, regression  # noqa: PLC0415 - scipy is slow to load

    design = _at_exponent(model.design, log_clock, last.exponent)
    rows = regression.lay_rows(series, design, model.shape)
    by_clock = one_class(
        design.classes.start_ns, design.classes.end_ns, design.power_w(last.theta) * log_clock
    )
    slope_w = model.shape.seen(by_clock, series.sample_ns)
    n_columns = design.n_columns
    mean = np.append(model.fit.prior_mean, EXPONENT - last.exponent)
    covariance = np.zeros((n_columns + 1, n_columns + 1))
    covariance[:n_columns, :n_columns] = model.fit.prior_covariance
    covariance[-1, -1] = EXPONENT_SD**2
    fit = class_power.fit_class_power(
        replace(rows, design=np.column_stack((rows.design, slope_w))), mean, covariance
    )
    change = float(fit.mean[-1])
    return _Found(last.exponent + change, float(np.sqrt(fit.covariance[-1, -1])), fit.mean[:-1])
