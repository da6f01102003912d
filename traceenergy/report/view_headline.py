"""Headline of the page: verdict, doubts of weight, numbers, balance."""

from __future__ import annotations

from typing import TYPE_CHECKING

from traceenergy.records import dataclass
from traceenergy.report import view_columns
from traceenergy.report.names import clean_name, energy_word
from traceenergy.report.quantities import (
    UNKNOWN,
    count_text,
    duration_text,
    energy_text,
    power_text,
    share_text,
    significant,
)
from traceenergy.report.view_components import footprint_lines
from traceenergy.report.view_serving import serving_lines
from traceenergy.units import S_PER_NS

if TYPE_CHECKING:
    from traceenergy.analysis.model import Analysis

# Below this coverage, or above this rest, the headline itself is in doubt.
LEAST_COVERAGE = 0.95
MOST_UNATTRIBUTED = 0.05
TIME_ONLY = (
    "No power data: this page shows time only. Give a power log with --power, or record power "
    "in the trace."
)
MODEL_ONLY = (
    "Modelled, not measured: every energy and power here is the watts that the file of "
    "--power-model states, times time. No sensor was read."
)


@dataclass(frozen=True)
class Fact:
    """One number of the headline: what, how much, of what or from where."""

    name: str
    value: str
    note: str = ""


@dataclass(frozen=True)
class BalanceRow:
    """One line of the balance; `is_part` tells parts of a part, `key` chooses the color."""

    name: str
    energy: str
    share: str
    is_part: bool = False
    key: str = ""


def verdict(result: Analysis) -> str:
    """Say in two sentences what the run cost and where."""
    energy, elapsed = result.energy, duration_text(_elapsed_s(result))
    n = result.devices.height
    gpus = f"{n} GPU{'s' * (n != 1)}"
    if energy.total_j is None:
        busy = _mean_busy(result)
        ran = f"GPU work ran {share_text(busy)} of {elapsed} on {gpus}." if busy is not None else ""
        return f"No power data: time only. {ran} {_largest(result, 'busy_s')}".strip()
    rate = f", {power_text(_mean_power_w(result))} on average" if _mean_power_w(result) else ""
    parts = [
        f"{share_text(_of_total(result, value))} {what}"
        for value, what in (
            (energy.kernel_j, "went to GPU work"),
            (energy.idle_gap_j, "to idle gaps"),
            (energy.unattributed_j, "is unattributed"),
        )
        if value is not None
    ]
    how = ", modelled," if energy_word(energy.method) != "measured" else ""
    first = f"{energy_text(energy.total_j, 4)}{how} in {elapsed} on {gpus}{rate}"
    return f"{first}: {', '.join(parts)}. {_largest(result, 'energy_j')}".strip()


def banners(result: Analysis) -> tuple[str, ...]:
    """List the doubts that touch the headline itself."""
    if result.energy.total_j is None:
        return (TIME_ONLY,)
    if energy_word(result.energy.method) != "measured":
        return (MODEL_ONLY,)
    found = []
    coverage = result.devices["coverage_share"].min()
    if isinstance(coverage, float) and coverage < LEAST_COVERAGE:
        found.append(
            f"Power samples cover only {share_text(coverage)} of the window on at least one GPU; "
            "what lies outside is not in the parts below."
        )
    rest = _of_total(result, result.energy.unattributed_j)
    if rest is not None and abs(rest) > MOST_UNATTRIBUTED:
        found.append(f"{share_text(rest)} of the measured energy could be given to no cause.")
    if _n_without_idle(result):
        found.append(
            f"Idle power was not measured on {_n_without_idle(result)} of {result.devices.height} "
            "GPUs; the split into static and dynamic energy leans on an assumption."
        )
    return tuple(found)


def facts(result: Analysis) -> tuple[Fact, ...]:
    """List the numbers of the headline."""
    energy = result.energy
    busy = _mean_busy(result)
    found = [Fact("Elapsed", duration_text(_elapsed_s(result), 4), "the analysis window")]
    if busy is not None:
        found.append(Fact("GPU busy", share_text(busy), "of elapsed, mean over GPUs"))
    served = tuple(Fact(*line) for line in serving_lines(result))
    if energy.total_j is None:
        return (*found, *served)
    word = energy_word(energy.method)
    found = [
        Fact("Total energy", energy_text(energy.total_j, 4), f"{word}, all GPUs"),
        Fact(
            "Mean power",
            power_text(_mean_power_w(result), 4),
            "sum over GPUs" + ", covered time" * (word == "measured"),
        ),
        *found,
        *(_sensing(result) if word == "measured" else ()),
        Fact("Method", energy.method, _interval_note(result)),
        *_expected_error(result),
        *(Fact(*line) for line in footprint_lines(result.footprint)),
    ]
    if energy.j_per_token is not None:
        rate = (
            f"{significant(energy.tokens_per_j or 0)} tokens/J, {count_text(energy.tokens)} tokens"
        )
        found.append(Fact("Energy per token", energy_text(energy.j_per_token), rate))
    return (*found, *served)


def _sensing(result: Analysis) -> tuple[Fact, Fact]:
    coverage = result.devices["coverage_share"].min()
    share = share_text(_float(coverage))
    return Fact("Coverage", share, "of elapsed, lowest GPU"), _sensor(result)


def intervals_text(result: Analysis) -> str:
    """Say what the method means by an interval; empty if the result does not say."""
    return clean_name(str(result.options.get("intervals") or ""))


def balance_rows(result: Analysis) -> tuple[BalanceRow, ...]:
    """List the balance: parts of the total, of which the first has two parts."""
    energy = result.energy
    if energy.total_j is None:
        return ()
    rows = (
        ("", "GPU work", energy.kernel_j, False),
        ("static", "static: idle power while work ran", energy.static_j, True),
        ("dynamic", "dynamic: added by the work", energy.dynamic_j, True),
        ("idle", "Idle gaps", energy.idle_gap_j, False),
        ("unattributed", "Unattributed", energy.unattributed_j, False),
        ("", f"Total {energy_word(energy.method)}", energy.total_j, False),
    )
    return tuple(
        BalanceRow(name, energy_text(value, 4), share_text(_of_total(result, value)), is_part, key)
        for key, name, value, is_part in rows
    )


def _expected_error(result: Analysis) -> tuple[Fact, ...]:
    expected = result.energy.expected_error
    if expected is None:
        return ()
    level = share_text(result.confidence_level)
    return (
        Fact(
            "Expected error",
            f"kernels {share_text(expected.kernel_share)}, "
            f"phases {share_text(expected.phase_share)}",
            f"if the model holds; intervals at {level} would hold "
            f"{share_text(expected.kernel_held_share)} and "
            f"{share_text(expected.phase_held_share)} of the energy",
        ),
    )


def _interval_note(result: Analysis) -> str:
    meaning = intervals_text(result)
    return f"intervals: {meaning}" if meaning else ""


def _largest(result: Analysis, column: str) -> str:
    known = result.phases.filter(result.phases[column].is_not_null())
    if known.height == 0:
        return ""
    top = known.sort(column, descending=True, maintain_order=True).row(0, named=True)
    label = clean_name(top["label"])
    if column == "energy_j":
        share = f", {share_text(top['energy_share'])} of the energy of GPU work"
        return f"Most goes to {label}: {energy_text(top[column])}{share}."
    return f"Most time goes to {label}: {duration_text(top[column])} of busy time."


def _elapsed_s(result: Analysis) -> float:
    return result.window.elapsed_ns * S_PER_NS


def _mean_busy(result: Analysis) -> float | None:
    return _float(result.devices["busy_share"].mean())


def _mean_power_w(result: Analysis) -> float | None:
    power_w = result.devices["mean_power_w"].drop_nulls()
    return _float(power_w.sum()) if len(power_w) else None


def _of_total(result: Analysis, energy_j: float | None) -> float | None:
    total_j = result.energy.total_j
    return energy_j / total_j if energy_j is not None and total_j else None


def _float(value: object) -> float | None:
    return float(value) if isinstance(value, (int, float)) else None


def _n_without_idle(result: Analysis) -> int:
    source = result.devices["idle_power_source"]
    assumed = source.str.contains("lowest") | result.devices["idle_power_w"].is_null()
    return int(assumed.fill_null(value=True).sum())


def _sensor(result: Analysis) -> Fact:
    rows = list(result.devices.iter_rows(named=True))
    sources = {clean_name(row["power_source"] or UNKNOWN) for row in rows}
    notes = {view_columns.sensor_text(row) for row in rows}
    if len(sources) != 1:
        return Fact("Sensor", "differs", "by GPU, see devices")
    kind, _, sensor_field = sources.pop().partition(": ")
    note = notes.pop() if len(notes) == 1 else "differs by GPU, see devices"
    return Fact("Sensor", kind, ", ".join(part for part in (sensor_field, note) if part))
