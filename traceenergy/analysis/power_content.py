"""What work drew the power of a stretch of time."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars as pl

from traceenergy.codes import codes_of
from traceenergy.energy.power_model import z_of
from traceenergy.records import dataclass
from traceenergy.units import S_PER_NS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.analysis.ledger import Ledger
    from traceenergy.analysis.power_curves import DevicePower
    from traceenergy.analysis.tables import Labels

    Int = NDArray[np.int64]
    Float = NDArray[np.float64]

MOST_NAMES = 3


class Share(NamedTuple):
    """A phase, or a kernel, with its part of some work.

    Attributes
    ----------
    name : str
    share : float
        Of the energy of the work.
    layer : int or None
        Of its piece of most energy.
    """

    name: str
    share: float
    layer: int | None


@dataclass(frozen=True)
class Content:
    """Work of a device in a stretch of time, by energy in it.

    Attributes
    ----------
    phases, kernels : list of Share
        Most first; empty without work of known energy.
    """

    phases: list[Share]
    kernels: list[Share]


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
        inside, time_s = _running(power, start_ns, end_ns)
        length_s = (work.end_ns[inside] - work.start_ns[inside]) * S_PER_NS
        row = work.row[inside]
        known_j = self.ledger.static_j[row] + self.ledger.dynamic_j[row]
        energy_j = np.nan_to_num(known_j) * time_s / length_s
        layer, kind = self._layer[row], self.kinds[0][row]
        phase, phases = self._phases
        kernel, kernels = self._kernels
        return Content(
            _by_energy(phase[kind], phases, energy_j, layer),
            _by_energy(kernel[kind], kernels, energy_j, layer),
        )

    @cached_property
    def kinds(self) -> tuple[Int, pl.DataFrame]:
        """Number of the name and phase of each piece of work, with these: `name`, `phase`."""
        kinds = pl.DataFrame({"name": self.ledger.work["name_id"], "phase": self.labels.phase})
        return codes_of(kinds, ["name", "phase"])

    @cached_property
    def _phases(self) -> tuple[Int, list[str]]:
        """Number of the phase of each kind of work, with their names."""
        code, keys = codes_of(self.kinds[1], ["phase"])
        return code, keys["phase"].cast(pl.String).to_list()

    @cached_property
    def _kernels(self) -> tuple[Int, list[str]]:
        """Number of the short name of each kind of work, with these names."""
        names = pl.DataFrame({"name": self.names.gather(self.kinds[1]["name"])})
        code, keys = codes_of(names, ["name"])
        return code, keys["name"].to_list()

    @cached_property
    def _layer(self) -> Int:
        """Layer of each piece of work; -1 for none."""
        return self.labels.layer.fill_null(-1).to_numpy()


def _by_energy(code: Int, names: list[str], energy_j: Float, layer: Int) -> list[Share]:
    total_j = float(energy_j.sum())
    if total_j <= 0:
        return []
    of_name_j = np.bincount(code, energy_j, len(names))
    there = np.flatnonzero(np.bincount(code, minlength=len(names))).tolist()
    shares = sorted((-float(of_name_j[one]) / total_j, names[one], one) for one in there)
    found = []
    for share, name, number in shares[:MOST_NAMES]:
        mine = np.flatnonzero(code == number)
        of_most = int(layer[mine[np.argmax(energy_j[mine])]])
        found.append(Share(name, -share, of_most if of_most >= 0 else None))
    return found


def half_width_j(power: DevicePower, start_ns: int, end_ns: int) -> float | None:
    """Give half of the interval of the energy of what ran in a stretch of time.

    Parameters
    ----------
    power : DevicePower
    start_ns, end_ns : int [ns]

    Returns
    -------
    float or None [J]
        None where there is no model of power, or nothing ran.
    """
    energy = power.energy
    inside, time_s = _running(power, start_ns, end_ns)
    if energy.model is None or len(inside) == 0:
        return None
    one = np.zeros(len(inside), dtype=np.int64)
    parts = energy.model.design.parts(energy.work.all_row[inside], time_s)
    error_j = energy.model.standard_error_j(parts, one, 1)
    return float(error_j[0]) * z_of(energy.confidence_level)


def _running(power: DevicePower, start_ns: int, end_ns: int) -> tuple[Int, Float]:
    """Find the pieces of work that run in a stretch, and for how long [s]."""
    work = power.energy.work
    inside = work.running(start_ns, end_ns)
    low_ns = np.maximum(work.start_ns[inside], start_ns)
    return inside, (np.minimum(work.end_ns[inside], end_ns) - low_ns) * S_PER_NS
