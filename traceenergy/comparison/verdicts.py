"""From a difference with its variance to an interval, from an interval to a verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import stdtrit

from traceenergy.comparison.model import BETTER, SAME, UNDECIDED, WORSE

if TYPE_CHECKING:
    from traceenergy.comparison.variation import Estimate

LEAST_ALLOTMENT = 1e-4  # of the risk of a table, for rows that hardly count


def half_width(estimate: Estimate, confidence_level: float) -> float | None:
    """Half the width of the interval of a difference.

    Parameters
    ----------
    estimate : Estimate
    confidence_level : float
        Between 0 and 1.

    Returns
    -------
    float or None
        In the unit of the estimate, by Student's t; None without a variance.
    """
    if estimate.variance is None or estimate.delta is None:
        return None
    if estimate.variance == 0:
        return 0.0
    quantile = float(stdtrit(min(estimate.degrees, 1e6), 0.5 + confidence_level / 2))
    return quantile * float(np.sqrt(estimate.variance))


def judge(
    estimate: Estimate, *, less_is_better: bool, confidence_level: float, margin: float, risk: float
) -> tuple[str, str | None]:
    """Say what a difference means.

    Parameters
    ----------
    estimate : Estimate
    less_is_better : bool
    confidence_level : float
    margin : float
        A difference within this share of the base is the same.
    risk : float
        Share of the risk of a false alarm, 1 minus `confidence_level`, that the row may take.

    Returns
    -------
    verdict : str
    reason : str or None
        Why nothing is decided.

    Notes
    -----
    `same`: the whole interval lies within the margin. Else `better` or `worse`: zero lies outside
    the interval that is as wide as the row's own share of the risk asks for (the rows of a table
    share the risk of one: C. E. Bonferroni, 1936, with weights).
    """
    delta, base = estimate.delta, estimate.base
    if delta is None or base is None:
        return UNDECIDED, "not known in both runs"
    width = half_width(estimate, confidence_level)
    if width is None:
        return UNDECIDED, "too few steps, or responses, tell how much it varies"
    within = margin * abs(base)
    if abs(delta) + width <= within:
        return SAME, None
    allotted = max(risk, LEAST_ALLOTMENT) * (1 - confidence_level)
    wide = half_width(estimate, 1 - allotted) or 0.0
    if abs(delta) > wide and abs(delta) > 0:
        return (BETTER if (delta < 0) == less_is_better else WORSE), None
    if abs(delta) > width:
        return UNDECIDED, "alone it would be decided; of so many rows one differs so by chance"
    return UNDECIDED, "the interval holds no difference, and more than the margin"
