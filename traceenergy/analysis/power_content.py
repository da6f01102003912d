"""What work drew the power of a stretch of time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from traceenergy.energy.power_model import z_of
from traceenergy.records import dataclass
from traceenergy.units import S_PER_NS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.analysis.ledger import Ledger
    from traceenergy.analysis.power_curves import DevicePower
    from traceenergy.analysis.tables import Labels

    Float = NDArray[np.float64]

MOST_NAMES = 3


@dataclass(frozen=True)
class Content:
    """Work of a device in a stretch of time, by energy in it.

    Attributes
    ----------
    phases, kernels : polars.DataFrame
        `name` and `share` of the work's energy, most first; empty without work of known energy.
        `kernels` also has the `layer` of its piece of most energy.
    half_width_j
        Half of the interval of the energy [J]; None where there is no model of power.
    """

    phases: pl.DataFrame
    kernels: pl.DataFrame
    half_width_j: float | None


@dataclass(frozen=True)
class Contents:
    """Looks up what ran on the devices of a run.

    Attributes
    ----------
    ledger : Ledger
    labels : Labels
    names : polars.Series of String
        Short names of kernels.
    """

    ledger: Ledger
    labels: Labels
    names: pl.Series

    def within(self, power: DevicePower, start_ns: int, end_ns: int) -> Content:
        """Look up what ran in a stretch of time.

        Parameters
        ----------
        power : DevicePower
        start_ns, end_ns : int [ns]

        Returns
        -------
        Content
        """
        work = power.energy.work
        inside = work.running(start_ns, end_ns)
        low_ns = np.maximum(work.start_ns[inside], start_ns)
        time_s = (np.minimum(work.end_ns[inside], end_ns) - low_ns) * S_PER_NS
        length_s = (work.end_ns[inside] - work.start_ns[inside]) * S_PER_NS
        row = work.row[inside]
        known_j = self.ledger.static_j[row] + self.ledger.dynamic_j[row]
        frame = pl.DataFrame(
            {
                "phase": self.labels.phase[row].cast(pl.String),
                "kernel": self.names.gather(self.ledger.work["name_id"].gather(row)),
                "layer": self.labels.layer[row],
                "energy_j": np.nan_to_num(known_j) * time_s / length_s,
            }
        )
        return Content(
            _by_energy(frame, "phase"),
            _by_energy(frame, "kernel"),
            _half_width_j(power, inside, time_s),
        )


def _by_energy(frame: pl.DataFrame, by: str) -> pl.DataFrame:
    energy_j = pl.col("energy_j")
    total_j = float(frame["energy_j"].sum())
    if total_j <= 0:
        frame, total_j = frame.clear(), 1.0
    return (
        frame.group_by(pl.col(by).alias("name"))
        .agg((energy_j.sum() / total_j).alias("share"), pl.col("layer").get(energy_j.arg_max()))
        .sort(["share", "name"], descending=[True, False])
        .head(MOST_NAMES)
    )


def _half_width_j(power: DevicePower, inside: NDArray[np.int64], time_s: Float) -> float | None:
    energy = power.energy
    if energy.model is None or len(inside) == 0:
        return None
    one = np.zeros(len(inside), dtype=np.int64)
    parts = energy.model.design.parts(energy.work.all_row[inside], time_s)
    error_j = energy.model.standard_error_j(parts, one, 1)
    return float(error_j[0]) * z_of(energy.confidence_level)
