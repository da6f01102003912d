"""A difference of energy split into more work, longer work, more power: they sum to it."""

from __future__ import annotations

import math

from traceenergy.records import dataclass

PARTS = ("count_j", "time_j", "power_j")


@dataclass(frozen=True)
class Spent:
    """What a kernel costs in one run.

    Attributes
    ----------
    count
        Launches.
    time_s
        Of all launches.
    energy_j
        Of all launches; NaN where not known.
    """

    count: float
    time_s: float
    energy_j: float


def energy_parts(base: Spent, head: Spent) -> tuple[float, float, float]:
    """Split a difference of energy.

    Parameters
    ----------
    base, head : Spent

    Returns
    -------
    count_j, time_j, power_j : float [J]
        They sum to the difference, whatever the order of the runs.

    Notes
    -----
    Energy is launches x time of one x power. Each part is the logarithmic mean of both energies
    times the logarithm of the ratio of its factor (B. W. Ang, The LMDI approach to decomposition
    analysis, 2005, doi:10.1016/j.enpol.2003.10.010): no rest, and no factor is first. What occurs
    in one run only is all a matter of count.
    """
    delta_j = head.energy_j - base.energy_j
    runs = (base, head)
    if any(run.count <= 0 or run.time_s <= 0 or not run.energy_j > 0 for run in runs):
        return delta_j, 0.0, 0.0
    ratio = math.log(head.energy_j / base.energy_j)
    mean_j = delta_j / ratio if abs(ratio) > 1e-9 else (base.energy_j + head.energy_j) / 2  # noqa: PLR2004 - below, both means are one
    count_j = mean_j * math.log(head.count / base.count)
    length = (head.time_s / head.count) / (base.time_s / base.count)
    time_j = mean_j * math.log(length)
    return count_j, time_j, delta_j - count_j - time_j
