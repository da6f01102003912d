"""What the page shows of a result: order, rounding, captions, caveats."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from traceenergy import __version__
from traceenergy.report import view_charts, view_columns, view_tables
from traceenergy.report.json_report import plain, utc_text
from traceenergy.report.names import clean_name
from traceenergy.report.quantities import (
    UNKNOWN,
    count_text,
    duration_text,
    energy_text,
    power_text,
    share_text,
    significant,
)
from traceenergy.report.view_columns import device_name
from traceenergy.report.view_tables import phase_label
from traceenergy.units import S_PER_NS

if TYPE_CHECKING:
    from datetime import datetime

    from traceenergy.analysis.model import Analysis, Finding
    from traceenergy.caveats import Caveat
    from traceenergy.report.view_charts import BalanceView, BarsView, PowerView
    from traceenergy.report.view_tables import TableView

# Below this coverage, or above this rest, the headline itself is in doubt.
LEAST_COVERAGE = 0.95
MOST_UNATTRIBUTED = 0.05
TIME_ONLY = (
    "No power data: this page shows time only. Give a power log with --power, or record power "
    "in the trace."
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


@dataclass(frozen=True)
class InputView:
    """Where numbers came from; the digest in full for hovering."""

    name: str
    kind: str
    sha256: str
    rank: str
    tool_version: str
    schema_version: str
    gpus: str


@dataclass(frozen=True)
class Note:
    """A caveat or finding: head, text, where."""

    slug: str
    text: str
    where: str
    count: str


@dataclass(frozen=True)
class PageView:
    """Everything the page shows, in words."""

    title: str
    verdict: str
    banners: tuple[str, ...]
    facts: tuple[Fact, ...]
    balance: tuple[BalanceRow, ...]
    balance_chart: BalanceView | None
    has_power: bool
    phases: TableView
    phase_chart: BarsView | None
    subphases: TableView
    power_charts: tuple[PowerView, ...]
    power_note: str
    layers: TableView
    layer_chart: BarsView | None
    kernels: TableView
    kernel_chart: BarsView | None
    ranges: TableView
    steps: TableView
    devices: TableView
    findings: tuple[Finding, ...]
    caveats: tuple[Note, ...]
    inputs: tuple[InputView, ...]
    options: tuple[tuple[str, str], ...]
    confidence: str
    method: str
    version: str
    made_at: str
    labels: dict[str, str]


def page_view(result: Analysis, *, made_at: datetime | None = None) -> PageView:
    """Choose, order and round what the page shows.

    Parameters
    ----------
    result : Analysis
    made_at : datetime, optional
        Date for the foot of the page.

    Returns
    -------
    PageView
    """
    if result.energy.total_j is None:
        result = _by_time(result)
    charts = view_charts.power_views(result)
    return PageView(
        title=_title(result),
        verdict=verdict(result),
        banners=banners(result),
        facts=facts(result),
        balance=balance_rows(result),
        balance_chart=view_charts.balance_view(result),
        has_power=result.energy.total_j is not None,
        phases=view_tables.phase_table(result),
        phase_chart=view_charts.phase_bars(result),
        subphases=view_tables.subphase_table(result),
        power_charts=charts,
        power_note=_power_note(result, charts),
        layers=view_tables.layer_table(result),
        layer_chart=view_charts.layer_bars(result),
        kernels=view_tables.kernel_table(result),
        kernel_chart=view_charts.kernel_bars(result),
        ranges=view_tables.range_table(result),
        steps=view_tables.step_table(result),
        devices=view_tables.device_table(result),
        findings=result.findings,
        caveats=tuple(_note(caveat) for caveat in result.caveats),
        inputs=_inputs(result),
        options=_options(result),
        confidence=level_text(result),
        method=result.energy.method,
        version=__version__,
        made_at=made_at.strftime("%Y-%m-%d %H:%M %Z").strip() if made_at else "",
        labels=phase_label(result),
    )


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
    first = f"{energy_text(energy.total_j, 4)} in {elapsed} on {gpus}{rate}"
    return f"{first}: {', '.join(parts)}. {_largest(result, 'energy_j')}".strip()


def banners(result: Analysis) -> tuple[str, ...]:
    """List the doubts that touch the headline itself."""
    if result.energy.total_j is None:
        return (TIME_ONLY,)
    found = []
    coverage = result.devices["coverage_share"].min()
    if isinstance(coverage, float) and coverage < LEAST_COVERAGE:
        found.append(
            f"Power samples cover only {share_text(coverage)} of the window on one GPU; "
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
    found = [Fact("Elapsed", duration_text(_elapsed_s(result), 4), "first to last GPU work")]
    if busy is not None:
        found.append(Fact("GPU busy", share_text(busy), "of elapsed, mean over GPUs"))
    if energy.total_j is None:
        return tuple(found)
    coverage = result.devices["coverage_share"].min()
    found = [
        Fact("Total energy", energy_text(energy.total_j, 4), "measured, all GPUs"),
        Fact("Mean power", power_text(_mean_power_w(result), 4), "sum over GPUs, covered time"),
        *found,
        Fact("Coverage", share_text(_float(coverage)), "of elapsed, lowest GPU"),
        _sensor(result),
        Fact("Method", energy.method, f"intervals at {level_text(result)}"),
    ]
    if energy.j_per_token is not None:
        rate = (
            f"{significant(energy.tokens_per_j or 0)} tokens/J, {count_text(energy.tokens)} tokens"
        )
        found.append(Fact("Energy per token", energy_text(energy.j_per_token), rate))
    return tuple(found)


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
        ("", "Total measured", energy.total_j, False),
    )
    return tuple(
        BalanceRow(name, energy_text(value, 4), share_text(_of_total(result, value)), is_part, key)
        for key, name, value, is_part in rows
    )


def _by_time(result: Analysis) -> Analysis:
    """Sort the tables by busy time, where there is no energy to sort by."""
    tables = {
        name: getattr(result, name).sort("busy_s", descending=True, maintain_order=True)
        for name in ("phases", "subphases", "kernels", "ranges")
    }
    return replace(result, **tables)


def level_text(result: Analysis) -> str:
    """Write the confidence level as people say it."""
    return f"{result.confidence_level * 100:.3g} %"


def _title(result: Analysis) -> str:
    traces = [origin.name for origin in result.origins if origin.rank is not None]
    names = traces or [origin.name for origin in result.origins]
    if not names:
        return "GPU energy report"
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    return f"GPU energy of {clean_name(names[0])}{more}"


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
    kind, _, sensor_field = sources.pop().partition(" ")
    note = notes.pop() if len(notes) == 1 else "differs by GPU, see devices"
    return Fact("Sensor", kind, ", ".join(part for part in (sensor_field, note) if part))


def _power_note(result: Analysis, charts: tuple[PowerView, ...]) -> str:
    notes = []
    n = result.devices.height
    if n > view_charts.MAX_DEVICE_CHARTS:
        first = view_charts.MAX_DEVICE_CHARTS
        names = device_name(result.devices.row(first, named=True))
        notes.append(f"{first} of {n} GPUs are drawn; {names} is the first that is not.")
    if any(chart.is_thinned for chart in charts):
        notes.append("Of many samples, the lowest and highest of each short stretch are drawn.")
    return " ".join(notes)


def _note(caveat: Caveat) -> Note:
    count = "" if caveat.n is None else count_text(caveat.n)
    return Note(caveat.slug, clean_name(caveat.text), clean_name(caveat.where), count)


def _inputs(result: Analysis) -> tuple[InputView, ...]:
    return tuple(
        InputView(
            name=clean_name(origin.name),
            kind=origin.kind,
            sha256=origin.sha256,
            rank=UNKNOWN if origin.rank is None else str(origin.rank),
            tool_version=clean_name(origin.tool_version or UNKNOWN),
            schema_version=clean_name(origin.schema_version or UNKNOWN),
            gpus=clean_name(", ".join(origin.gpu_names)) or UNKNOWN,
        )
        for origin in result.origins
    )


def _options(result: Analysis) -> tuple[tuple[str, str], ...]:
    window = result.window
    ours = (
        ("window start on the trace clock", f"{window.start_ns:,} ns"),
        ("window end on the trace clock", f"{window.end_ns:,} ns"),
        ("window start in UTC", utc_text(window.utc_start_ns) or UNKNOWN),
    )
    given = tuple(
        (clean_name(str(name)), clean_name(_option_text(value)))
        for name, value in result.options.items()
    )
    return ours + given


def _option_text(value: object) -> str:
    value = plain(value)
    if value is None:
        return UNKNOWN
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
