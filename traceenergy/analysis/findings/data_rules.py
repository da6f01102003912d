"""Rules about the data that kernels work on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from traceenergy.analysis.finding import Finding, NotEvaluated
from traceenergy.analysis.findings.clock_rules import LOWER_CLOCK
from traceenergy.analysis.findings.facts import quantity
from traceenergy.codes import codes_of
from traceenergy.units import S_PER_NS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.analysis.findings.facts import Facts, Verdict

    Int = NDArray[np.int64]
    Float = NDArray[np.float64]

# Of the dynamic power of the same kernels in another run, the upper end of the interval: zeros take
# a third or more off products of matrices; a kernel alone and in its place differ by a tenth.
LOW_POWER = 0.85
# Of the expected dynamic energy: what a large phase lacks is taken off small ones beside it too.
LEAST_SHARE = 0.20
_LACKS = "power, and another run of the same kernels with usual data (--calibration)"


def constant_data(facts: Facts) -> Verdict:
    """Ask whether kernels draw much less than the same kernels did in another run."""
    expected_j = _expected_j(facts)
    known = ~np.isnan(expected_j) & ~np.isnan(facts.ledger.dynamic_j)
    if not known.any():
        return NotEvaluated("constant-data", _LACKS)
    code, keys = codes_of(pl.DataFrame({"name": facts.labels.phase}), ["name"])
    n = len(keys)
    group = np.where(known, code, -1)
    _, high_j = facts.ledger.bounds(group, n)
    static_j, dynamic_j, usual_j = (
        np.bincount(code[known], part[known], n)
        for part in (facts.ledger.static_j, facts.ledger.dynamic_j, expected_j)
    )
    names = keys["name"].cast(pl.String).to_list()
    low = (
        (high_j - static_j < LOW_POWER * usual_j)
        & (usual_j >= LEAST_SHARE * usual_j.sum())
        & np.isin(names, _at_low_clocks(facts), invert=True)
    )
    if not low.any():
        return None
    first = int(np.argmax(np.where(low, usual_j - dynamic_j, -np.inf)))
    return Finding(
        "constant-data",
        f"Kernels of `{names[first]}` draw {dynamic_j[first] / usual_j[first]:.0%} of their usual "
        "dynamic power",
        f"{quantity(dynamic_j[first], 'J')} above idle power, at most "
        f"{quantity(max(high_j[first] - static_j[first], 0.0), 'J')}; at the powers of the same "
        f"kernels in the calibration run it would be {quantity(usual_j[first], 'J')}.",
        "See what data they work on: zeros, constants, or weights that were never loaded draw less "
        "than real data, and make energy and clocks of this run look better than they are.",
        confidence="medium",
    )


def _expected_j(facts: Facts) -> Float:
    """Dynamic energy of each piece at the power of its kernel in the calibration run [J]."""
    ledger = facts.ledger
    expected_j = np.full(len(ledger.work), np.nan)
    for work, energy, evidence in zip(
        ledger.devices, ledger.energies, ledger.evidence, strict=True
    ):
        if energy is None or energy.model is None or evidence is None:
            continue
        if evidence.calibration is None or evidence.classes is None:
            continue
        design, classes = energy.model.design, evidence.classes
        usual_w = evidence.calibration.usual_power_w(classes.names, design.traits.duration_us)
        time_s = (work.end_ns - work.start_ns) * S_PER_NS
        expected_j[work.row] = usual_w[classes.of_all[work.all_row]] * time_s
    return expected_j


def _at_low_clocks(facts: Facts) -> list[str]:
    """Name the phases whose power may be low for the sake of their clock."""
    clocks = facts.result.clocks
    slow = (pl.col("level") == "phase") & (pl.col("clock_share") < LOWER_CLOCK)
    return [str(name) for name in clocks.filter(slow)["name"]]
