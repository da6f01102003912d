"""What differs around two runs: clocks, temperatures."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from traceenergy.comparison.model import Mark
from traceenergy.energy.clock_factor import EXPONENT
from traceenergy.records import dataclass

if TYPE_CHECKING:
    from traceenergy.analysis.model import Analysis

CLOCK_DOUBT = 0.3  # of the logarithm of what clocks are expected to do to power
TELLING_CLOCK = 0.005
TELLING_DEGREES = 3.0
LEAKAGE_SHARE = 0.0015  # of the power of a busy board, per degree, about


@dataclass(frozen=True)
class Clocks:
    """Clocks of two runs while they worked.

    Attributes
    ----------
    ratio
        That of the head over that of the base; 1 where not known.
    dynamic_share
        Part of the energy of GPU work that follows the clock.
    """

    ratio: float = 1.0
    dynamic_share: float = 1.0

    @property
    def power_factor(self) -> float:
        """What the power of the same work is multiplied by."""
        return 1 + self.dynamic_share * (math.pow(self.ratio, EXPONENT) - 1)

    def looseness(self, own: float) -> float:
        """Add what is not known of the power factor to a standard deviation of a logarithm."""
        return float(np.hypot(own, CLOCK_DOUBT * np.log(self.power_factor)))


def clocks_of(base: Analysis, head: Analysis) -> Clocks:
    """Read the clocks of two runs.

    Parameters
    ----------
    base, head : Analysis

    Returns
    -------
    Clocks
    """
    clocks = [mean_reading(run, "sm_clock_mhz") for run in (base, head)]
    energy = base.energy
    if clocks[0] is None or clocks[1] is None or not clocks[0]:
        return Clocks()
    share = (energy.dynamic_j or 0.0) / energy.kernel_j if energy.kernel_j else 1.0
    return Clocks(clocks[1] / clocks[0], share)


def surroundings(base: Analysis, head: Analysis) -> list[Mark]:
    """Name clocks and temperatures that differ enough to explain a change.

    Parameters
    ----------
    base, head : Analysis

    Returns
    -------
    list of Mark
    """
    marks = []
    clocks = [mean_reading(run, "sm_clock_mhz") for run in (base, head)]
    if clocks[0] and clocks[1] and abs(clocks[1] / clocks[0] - 1) > TELLING_CLOCK:
        change = clocks[1] / clocks[0] - 1
        factor = clocks_of(base, head).power_factor - 1
        marks.append(
            Mark(
                "other-clock",
                f"SM clocks: {clocks[0]:,.0f} MHz in the base, {clocks[1]:,.0f} MHz in the head "
                f"({change:+.1%}); by this alone the same work would draw about {factor:+.1%} "
                "power, and take less time where the clock bounds it",
            )
        )
    warmth = [mean_reading(run, "temperature_c") for run in (base, head)]
    if warmth[0] is not None and warmth[1] is not None:
        degrees = warmth[1] - warmth[0]
        if abs(degrees) > TELLING_DEGREES:
            marks.append(
                Mark(
                    "other-temperature",
                    f"temperature: {warmth[0]:.0f} C in the base, {warmth[1]:.0f} C in the head; "
                    f"leakage alone makes that about {degrees * LEAKAGE_SHARE:+.1%} power",
                )
            )
    return marks


def mean_reading(run: Analysis, name: str) -> float | None:
    """Average a reading of all devices, `sm_clock_mhz` or `temperature_c`; None if one lacks it."""
    values = run.devices[name].drop_nulls()
    is_known = 0 < len(values) == len(run.devices)
    return float(values.to_numpy().mean()) if is_known else None
