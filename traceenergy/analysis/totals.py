"""Totals of a run, with what they rest on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from traceenergy.analysis.model import EnergyTotals
from traceenergy.analysis.modelled_power import MODELLED
from traceenergy.caveats import Caveat
from traceenergy.energy.attribute import REGRESSION, WINDOW_SHARE

# Above this share of the energy, work that no rule matched deserves a word.
UNCLASSIFIED_SHARE = 0.05

if TYPE_CHECKING:
    from traceenergy.analysis.ledger import Ledger
    from traceenergy.analysis.model import ExpectedError
    from traceenergy.analysis.placing import Placed


def method_of(ledger: Ledger) -> str:
    """Name the way in which energy was attributed."""
    # What was done, which may differ from what was asked for.
    measured = [energy for energy in ledger.energies if energy is not None]
    if not measured:
        return MODELLED if ledger.is_modelled else "time-only"
    return REGRESSION if any(energy.model is not None for energy in measured) else WINDOW_SHARE


def sum_devices(
    devices: pl.DataFrame, tokens: int | None, method: str, expected: ExpectedError | None
) -> EnergyTotals:
    """Sum the energy of devices.

    Parameters
    ----------
    devices : polars.DataFrame
        `DEVICE_ROW`.
    tokens : int or None
    method : str
    expected : ExpectedError or None

    Returns
    -------
    EnergyTotals
    """
    measured = devices.filter(pl.col("total_j").is_not_null())
    names = ("total_j", "kernel_j", "idle_gap_j", "unattributed_j", "static_j", "dynamic_j")
    if len(measured) == 0:
        sums: dict[str, float | None] = dict.fromkeys(names)
    else:
        sums = {name: float(measured[name].sum()) for name in names}
    return EnergyTotals(**sums, tokens=tokens, method=method, expected_error=expected)


_INTERVALS = {
    "time-only": None,
    MODELLED: None,
    "window-share": "limits of what is possible within each sensor window, not of what is likely",
    "regression": "what is likely at the confidence level, cut to what is possible",
}


def assumptions(method: str, placed: Placed) -> dict[str, Any]:
    """List what was assumed, by name, for the options of a result."""
    concurrent = "equal shares of time"
    if method == "regression":
        concurrent += "; dynamic power lower beside other work by a factor that is fitted"
    found = {
        "intervals": _INTERVALS[method],
        "concurrent_work": concurrent,
        "steps_from": placed.steps_from,
        "layers_from": placed.layers_from,
    }
    if method not in {"time-only", MODELLED}:
        found["between_samples"] = "gaps over 3 periods are unattributed"
    return found


def doubt_classes(phases: pl.DataFrame) -> list[Caveat]:
    """Say how much of a run no rule matched, where that is much; `phases` is `PHASE_ROW`."""
    doubts = []
    unclassified = phases.filter(pl.col("name") == "unclassified")
    if len(unclassified):
        share = unclassified["energy_share"][0]
        of_what = "energy of GPU work"
        if share is None:
            of_what = "busy time"
            share = unclassified["busy_s"][0] / max(phases["busy_s"].sum(), 1e-12)
        if share > UNCLASSIFIED_SHARE:
            doubts.append(
                Caveat(
                    "unclassified",
                    f"{share:.1%} of the {of_what} belongs to no phase, as no rule matches; "
                    "`traceenergy rules --explain TRACE` lists the names",
                    n=int(unclassified["n_kernels"][0]),
                )
            )
    return doubts
