"""Conditions of the table of accuracy, with what must be reached."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from traceenergy.simulate.options import Options
from traceenergy.units import NS_PER_MS

METRICS, NO_METRICS, OTHER_RUN = "GPU metrics", "no metrics", "no metrics, calibrated"

# Noise of all rows that do not say otherwise.
USUAL = Options(
    scenario="mixed",
    seconds=20.0,
    poll_ns=20 * NS_PER_MS,
    sensor="h100-instant",
    gpu_metrics=True,
    instance_spread=0.08,
    step_power_spread=0.02,
    drift_w=1.5,
    calibration_spread=0.05,
)


@dataclass(frozen=True)
class Target:
    """Largest error allowed, as a share of energy, mean over seeds."""

    class_error: float
    phase_error: float

    def words(self) -> str:
        """Write both."""
        return f"{self.class_error:.1%} / {self.phase_error:.1%}"


@dataclass(frozen=True)
class Condition:
    """One kind of simulated run, judged once for each kind of evidence.

    Attributes
    ----------
    name
        Of the run.
    options
        All but the seed.
    targets : dict of str to Target or None
        By kind of evidence: `METRICS`, `NO_METRICS`, `OTHER_RUN`.
    same_as
        Name of the condition whose errors must be the same to within a point; None: no such.
    """

    name: str
    options: Options
    targets: dict[str, Target | None] = field(default_factory=dict)
    same_as: str | None = None

    def rows(self) -> list[str]:
        """Name the rows of the table that the condition fills."""
        return [f"{self.name}, {evidence}" for evidence in self.targets]

    def words(self) -> str:
        """Say all options that are not the simulator's own."""
        usual = Options().as_dict()
        set_here = self.options.as_dict().items()
        return ", ".join(f"{name}={value}" for name, value in set_here if usual.get(name) != value)


def _pair(metrics: Target | None, none: Target | None) -> dict[str, Target | None]:
    return {METRICS: metrics, NO_METRICS: none}


_CALIBRATED = Target(0.05, 0.025)
_MISFIT = Target(0.15, 0.10)
MIXED = "mixed batches"

CONDITIONS = (
    Condition(MIXED, USUAL, _pair(Target(0.07, 0.04), Target(0.13, 0.07))),
    Condition("varying decode batch", replace(USUAL, scenario="varying"), _pair(None, None)),
    Condition(
        "decode, one fixed batch",
        replace(USUAL, scenario="decode"),
        _pair(Target(0.07, 0.03), Target(0.15, 0.09)),
    ),
    Condition(
        "1 s average at 100 ms",
        replace(USUAL, sensor="h100-average", poll_ns=100 * NS_PER_MS),
        {METRICS: Target(0.08, 0.04), NO_METRICS: None},
    ),
    Condition(
        "calibration stretch in the trace",
        replace(USUAL, gpu_metrics=False, calibration_s=0.5),
        {NO_METRICS: _CALIBRATED},
    ),
    Condition(
        "calibration in another trace",
        replace(USUAL, gpu_metrics=False, calibration_s=0.5),
        {OTHER_RUN: _CALIBRATED},
    ),
    Condition(
        "not linear, noisy, other overlap",
        replace(
            USUAL,
            power_law="saturating",
            class_spread=0.15,
            instance_spread=0.15,
            step_power_spread=0.05,
            concurrency_factor=0.7,
        ),
        _pair(_MISFIT, _MISFIT),
    ),
    Condition(
        "power apart from metrics",
        replace(USUAL, power_law="category", class_spread=0.18),
        _pair(None, None),
    ),
    Condition(
        "log 500 ms off",
        replace(USUAL, clock_offset_ns=500 * NS_PER_MS),
        _pair(None, None),
        same_as=MIXED,
    ),
    Condition("SM clock wanders by 3 %", replace(USUAL, clock_spread=0.03), _pair(None, None)),
    Condition("gain +5 %", replace(USUAL, gain=1.05), _pair(None, None)),
    Condition("10 % of samples missing", replace(USUAL, missing_share=0.1), _pair(None, None)),
    Condition(
        "polls late by 5 ms", replace(USUAL, poll_jitter_ns=5 * NS_PER_MS), _pair(None, None)
    ),
    Condition(
        "V100 sensor", replace(USUAL, sensor="v100", poll_ns=5 * NS_PER_MS), _pair(None, None)
    ),
    Condition("A100 sensor", replace(USUAL, sensor="a100"), _pair(None, None)),
    Condition("Ada sensor", replace(USUAL, sensor="ada"), _pair(None, None)),
)
