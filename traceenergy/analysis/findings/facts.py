"""What a rule may read, what it answers."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from traceenergy.analysis.finding import Finding, NotEvaluated
from traceenergy.analysis.findings.device_idle import DeviceIdle, idle_of_devices
from traceenergy.analysis.waiting import waiting_calls
from traceenergy.critical_path.model import PartKind
from traceenergy.records import dataclass
from traceenergy.units import S_PER_NS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.analysis.critical import Critical
    from traceenergy.analysis.ledger import Ledger
    from traceenergy.analysis.model import Analysis
    from traceenergy.analysis.tables import Labels
    from traceenergy.trace.model import Trace

    Int = NDArray[np.int64]
    Float = NDArray[np.float64]
    Bool = NDArray[np.bool_]

Verdict = Finding | NotEvaluated | None
"""A finding; what a rule lacks; None where there is nothing to find."""


@dataclass(frozen=True)
class Facts:
    """A result with what it was made of.

    Attributes
    ----------
    trace : Trace
    ledger : Ledger
    labels : Labels
    critical : Critical
    result : Analysis
        Without findings.
    """

    trace: Trace
    ledger: Ledger
    labels: Labels
    critical: Critical
    result: Analysis

    @cached_property
    def idle(self) -> DeviceIdle:
        """Time of devices without work."""
        window = self.result.window.start_ns, self.result.window.end_ns
        return idle_of_devices(self.ledger, window, self.result.devices["idle_gap_j"])

    @cached_property
    def host_ns(self) -> tuple[Int, Int]:
        """Parts of the path that are with the host: their starts and ends [ns]."""
        path = self.critical.path
        parts = np.flatnonzero(path.kind == PartKind.HOST)
        return path.start_ns[parts], path.end_ns[parts]

    @cached_property
    def idle_at_host_ns(self) -> list[Float]:
        """How much of each stretch without work the path is with the host, by device [ns]."""
        return self.idle.inside(self.host_ns)

    @cached_property
    def idle_behind_waits(self) -> list[Bool]:
        """In which stretches without work a call returned that had waited, by device."""
        return self.idle.holding(_ends_of_waits(self.trace))

    @property
    def elapsed_s(self) -> float:
        """Length of the window [s]."""
        return self.result.window.elapsed_ns * S_PER_NS

    @property
    def device_s(self) -> float:
        """Length of the window, summed over devices [s]."""
        return self.elapsed_s * len(self.ledger.devices)

    @property
    def active_s(self) -> float:
        """Time in which devices had work, summed over them [s]."""
        return float(self.result.devices["busy_share"].sum()) * self.elapsed_s


def quantity(value: float, unit: str) -> str:
    """Write a quantity with three digits, never in powers of ten."""
    return f"{float(f'{value:.3g}'):,.10g} {unit}"


def at_stake(energy_j: float | None) -> str:
    """Write the energy at stake as the end of a sentence; empty if it is not known."""
    return "" if energy_j is None else f", {quantity(energy_j, 'J')}"


def _ends_of_waits(trace: Trace) -> Int:
    """When calls returned in which threads waited for GPU work, sorted."""
    calls = trace.launches["end_ns"][waiting_calls(trace).row]
    waits = trace.synchronizations.filter(pl.col("kind") != "stream_wait")["end_ns"]
    return np.sort(pl.concat([calls, waits]).to_numpy())
