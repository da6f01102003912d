"""A sweep: many runs beside each other, with what comes of that."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Any

from traceenergy.errors import UsageError
from traceenergy.notebook import ShownInNotebooks
from traceenergy.records import dataclass
from traceenergy.sweeps import columns
from traceenergy.sweeps.energy_delay import WEIGHTS

if TYPE_CHECKING:
    from collections.abc import Mapping

    import polars as pl

    from traceenergy.caveats import Caveat
    from traceenergy.sweeps.model import SweepRun
    from traceenergy.sweeps.slo_of_runs import SloAsk
    from traceenergy.trace.model import Origin
    from traceenergy.trace.tables import Column

# Tables of a sweep, by the name of their field.
TABLES: dict[str, tuple[Column, ...]] = {
    "runs": columns.RUN_ROW,
    "pareto": columns.PARETO_ROW,
    "power_caps": columns.POWER_CAP_ROW,
    "clocks": columns.CLOCK_ROW,
    "shards": columns.SHARD_ROW,
    "energy_delay": columns.ENERGY_DELAY_ROW,
    "sweet_spots": columns.SWEET_SPOT,
    "repeats": columns.REPEAT_ROW,
    "router": columns.ROUTER_ROW,
}
_MOST_WEIGHT = 10.0
_STEPS_OF_MODEL = 5000


@dataclass(frozen=True)
class SweepOptions:
    """Options of `sweep`, all with a default.

    Attributes
    ----------
    weights
        Powers of energy and delay in a measure of the user's; empty: none.
    precision
        Half of the interval of a mean over it, for which needed repeats are told.
    confidence_level
        Of intervals, between 0 and 1.
    time_only
        Go on where no run has power.
    most_steps
        Steps of each run that are kept for what is made of steps, evenly spaced.
    model
        Learn what steps take and draw from the steps of all runs.
    redact
        Replace labels, names of files and what a user wrote in own words.
    slo
        Objectives to keep, under which loads, by a model of steps; None: none.
    """

    weights: Mapping[str, float] = field(default_factory=dict)
    precision: float = 0.01
    confidence_level: float = 0.9
    time_only: bool = False
    most_steps: int = 0
    redact: bool = False
    slo: SloAsk | None = None
    model: bool = False

    @property
    def kept_steps(self) -> int:
        """Steps of each run that are kept: a model of steps needs some."""
        return self.most_steps or (_STEPS_OF_MODEL if self.model or self.slo else 0)

    def __post_init__(self) -> None:
        """Refuse values that mean nothing."""
        problems = []
        for name, weight in self.weights.items():
            if name not in WEIGHTS:
                problems.append(f"weights are of {' and '.join(WEIGHTS)}, got {name!r}")
            elif not 0 <= weight <= _MOST_WEIGHT:
                problems.append(f"weights lie between 0 and {_MOST_WEIGHT:g}, got {name}={weight}")
        if self.weights and not any(self.weights.values()):
            problems.append("at least one weight must be above 0")
        if not 0 < self.precision < 1:
            problems.append(f"precision must lie between 0 and 1, got {self.precision}")
        if not 0 < self.confidence_level < 1:
            problems.append(f"confidence must lie between 0 and 1, got {self.confidence_level}")
        if self.most_steps < 0:
            problems.append(f"steps to keep must not be negative, got {self.most_steps}")
        if problems:
            raise UsageError(
                "options of the sweep have values that mean nothing",
                details="\n".join(problems),
                next_step="see `traceenergy sweep --help`",
            )

    def record(self) -> dict[str, Any]:
        """List them as plain values."""
        return {
            "weights": dict(self.weights),
            "precision": self.precision,
            "time_only": self.time_only,
            "model": self.model,
            "redact": self.redact,
        }


@dataclass(frozen=True)
class Sweep(ShownInNotebooks):
    """All results of a sweep, in full precision; renderers round.

    Attributes
    ----------
    options
        In effect, by name.
    confidence_level
        Of all intervals.
    runs, pareto, power_caps, clocks, shards, energy_delay, sweet_spots, repeats, router
        Tables, as `TABLES` declares them.
    basis
        What energy and delay are of in `energy_delay`: `token` or `run`; None where unknown.
    inputs
        Label of a run, and a file that it is from.
    caveats
        What to doubt.
    model, slo, replay
        What was learned from steps, which clock keeps limits of latency, a log of requests played
        through it; as plain JSON types, None where not asked for.
    members
        The runs themselves, with the steps that were kept; empty of a sweep read from a file.
    """

    options: dict[str, Any]
    confidence_level: float
    runs: pl.DataFrame
    pareto: pl.DataFrame
    power_caps: pl.DataFrame
    clocks: pl.DataFrame
    shards: pl.DataFrame
    energy_delay: pl.DataFrame
    sweet_spots: pl.DataFrame
    repeats: pl.DataFrame
    router: pl.DataFrame
    basis: str | None
    inputs: tuple[tuple[str, Origin], ...]
    caveats: tuple[Caveat, ...]
    model: dict[str, Any] | None = None
    slo: dict[str, Any] | None = None
    replay: dict[str, Any] | None = None
    members: tuple[SweepRun, ...] = ()
