"""Quantities of one run, or of the mean of repeats, with how sure they are."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from traceenergy.records import dataclass
from traceenergy.sweeps.step_blocks import t_quantile

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

# Quantity of the table of runs -> which of `SweepRun.interval_shares` tells how sure it is.
SURENESS = {
    "energy_j": "energy_j",
    "power_w": "energy_j",
    "instance_power_w": "energy_j",
    "j_per_token": "j_per_token",
    "tokens_per_j": "j_per_token",
    "tokens_per_s": "tokens_per_s",
    "tokens_per_s_per_gpu": "tokens_per_s",
    "tokens_per_s_per_user": "tokens_per_s",
    "elapsed_s": "step_s",
    "step_mean_ms": "step_s",
}


@dataclass(frozen=True)
class Estimate:
    """A quantity, and half of its interval over it; None where not known."""

    value: float | None
    share: float | None = None


def share_column(quantity: str) -> str:
    """Name the column that holds half of the interval of a quantity over it."""
    return f"{quantity}_share"


def estimate(rows: pl.DataFrame, quantity: str, confidence_level: float) -> Estimate:
    """Average a quantity over repeats.

    Parameters
    ----------
    rows : polars.DataFrame
        Runs of one setting, with `share_column`s.
    quantity : str
        A column of numbers.
    confidence_level : float

    Returns
    -------
    Estimate
        Unknown if one run does not know it. Of one run as its steps tell, of several as they vary
        from run to run.
    """
    values = rows[quantity]
    if values.null_count():
        return Estimate(None)
    mean = float(values.sum() / len(values))
    if len(values) == 1:
        known = rows.get_column(share_column(quantity), default=None)
        return Estimate(mean, None if known is None else known[0])
    return Estimate(mean, mean_error_share(values.to_numpy(), confidence_level))


def mean_error_share(values: NDArray[np.float64], confidence_level: float) -> float | None:
    """Return half of the interval of a mean over it, by Student's t; None for a mean of 0."""
    n, mean = len(values), float(values.mean())
    if mean == 0:
        return None
    error = float(values.std(ddof=1)) / math.sqrt(n)
    return error / abs(mean) * t_quantile(n - 1, confidence_level)


def change(name: str, one: Estimate, base: Estimate) -> dict[str, float | None]:
    """Set one quantity against that of a base: columns `<name>_change`, `_lo`, `_hi`.

    Relative errors of both add in squares, as of independent runs.
    """
    value, low, high = None, None, None
    if one.value is not None and base.value:
        ratio = one.value / base.value
        value = ratio - 1
        if one.share is not None and base.share is not None:
            share = math.hypot(one.share, base.share)
            low, high = ratio * (1 - share) - 1, ratio * (1 + share) - 1
    return {f"{name}_change": value, f"{name}_change_lo": low, f"{name}_change_hi": high}
