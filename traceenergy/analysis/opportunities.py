"""Energy of work that nobody waits for: what running it slower could save at most."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from traceenergy.analysis.options import LEAST_EXPONENT, MOST_EXPONENT
from traceenergy.analysis.path_columns import OPPORTUNITY
from traceenergy.energy.clock_exponent import fit_exponent, pool_exponents
from traceenergy.energy.clock_factor import EXPONENT
from traceenergy.energy.power_model import z_of
from traceenergy.energy.window_share import MAX_OVER_LIMIT
from traceenergy.records import dataclass
from traceenergy.units import S_PER_NS

if TYPE_CHECKING:
    from traceenergy.analysis.critical import Critical
    from traceenergy.analysis.ledger import Ledger
    from traceenergy.analysis.options import AnalysisOptions

WIDEST = 0.5  # half an interval; an exponent known no better than this is not used
LEAST_CLOCK = 0.5  # of the clock it ran at; lower ones hardly save more


@dataclass(frozen=True)
class PowerExponent:
    """Exponent of the clock in dynamic power, with where it comes from.

    Attributes
    ----------
    value : float
    source : str
        `user`, `clocks` of the run, `default`.
    interval : tuple of float or None
        At the confidence level, where clocks tell it.
    """

    value: float
    source: str
    interval: tuple[float, float] | None = None

    def record(self) -> dict[str, Any]:
        """List it for the result."""
        return {
            "power_exponent": self.value,
            "power_exponent_source": self.source,
            "power_exponent_interval": None if self.interval is None else list(self.interval),
        }


def choose_exponent(ledger: Ledger, options: AnalysisOptions) -> PowerExponent:
    """Take the exponent that the user gave, else that of the clocks, else the usual one.

    Parameters
    ----------
    ledger : Ledger
    options : AnalysisOptions

    Returns
    -------
    PowerExponent
        That of the clocks only where half its interval is at most `WIDEST`, and all of it lies
        within what a user may give. Boards whose power limit is not known tell none: the limit
        may have set their clocks.
    """
    if options.power_exponent is not None:
        return PowerExponent(options.power_exponent, "user")
    found = [
        fit_exponent(energy.model, energy.work, energy.most_w / MAX_OVER_LIMIT)
        for energy in ledger.energies
        if energy is not None and energy.model is not None and energy.most_w is not None
    ]
    pooled = pool_exponents([one for one in found if one is not None])
    if pooled is not None:
        half = z_of(options.confidence_level) * pooled.se
        low, high = pooled.value - half, pooled.value + half
        if half <= WIDEST and low > LEAST_EXPONENT and high <= MOST_EXPONENT:
            return PowerExponent(pooled.value, "clocks", (low, high))
    return PowerExponent(EXPONENT, "default")


def opportunity_rows(
    ledger: Ledger, phase: pl.Series, critical: Critical, exponent: float
) -> pl.DataFrame:
    """Bound what slower clocks could save without a later end.

    Parameters
    ----------
    ledger : Ledger
    phase : polars.Series (n_work,)
    critical : Critical
    exponent : float
        Dynamic power goes with the clock to this power; more than 1.

    Returns
    -------
    polars.DataFrame
        `OPPORTUNITY`, largest saving first; phases without slack are left out.

    Notes
    -----
    A piece of length t with slack s may run at ``r = t / (t + s)`` of its clock, not below half of
    it; its dynamic energy is then ``r^(exponent - 1)`` of what it was. Its static energy is spent
    anyway. The bound takes the slack of each piece for itself, though pieces share it, and time to
    go with one over the clock, as it does for work that the clock bounds (J.-W. Chung et al.,
    Perseus, SOSP 2024, doi:10.1145/3694715.3695970).
    """
    length_ns = ledger.end_ns - ledger.start_ns
    late = np.flatnonzero((critical.slack_ns > 0) & (length_ns > 0))
    length_ns, slack_ns = length_ns[late].astype(np.float64), critical.slack_ns[late]
    ratio = length_ns / (length_ns + slack_ns)
    saved = 1 - np.maximum(ratio, LEAST_CLOCK) ** (exponent - 1)
    dynamic_j = ledger.dynamic_j[late]
    frame = pl.DataFrame(
        {
            "name": phase.gather(late),
            "off_path_s": length_ns * S_PER_NS,
            "off_path_j": pl.Series(ledger.static_j[late] + dynamic_j, nan_to_null=True),
            "weighted": slack_ns * length_ns * S_PER_NS,
            "length": length_ns,
            "saving_j": pl.Series(dynamic_j * saved, nan_to_null=True),
        }
    )
    known = pl.col("off_path_j").is_not_null().any()
    sums = frame.group_by("name", maintain_order=True).agg(
        pl.col("off_path_s").sum(),
        *(pl.when(known).then(pl.col(j).sum()).alias(j) for j in ("off_path_j", "saving_j")),
        slack_s=pl.col("weighted").sum() / pl.col("length").sum(),
    )
    return (
        sums.with_columns(pl.col("name").cast(pl.String))
        .sort("saving_j", "off_path_s", "name", descending=[True, True, False], nulls_last=True)
        .select(pl.col(column.name).cast(column.dtype) for column in OPPORTUNITY)
    )
