"""What the page shows of a result, section by section."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from traceenergy import __version__
from traceenergy.records import dataclass
from traceenergy.report import view_charts, view_tables
from traceenergy.report.json_report import plain, utc_text
from traceenergy.report.names import clean_name, cut_middle, energy_word
from traceenergy.report.quantities import UNKNOWN
from traceenergy.report.reproduce import CHOICES, command_line
from traceenergy.report.view_activity import activity_table
from traceenergy.report.view_blocks import block_views
from traceenergy.report.view_caveats import caveat_notes
from traceenergy.report.view_clocks import clocks_section
from traceenergy.report.view_columns import device_name
from traceenergy.report.view_components import components_view
from traceenergy.report.view_findings import findings_view
from traceenergy.report.view_flame import flame_view
from traceenergy.report.view_headline import (
    balance_rows,
    banners,
    facts,
    intervals_text,
    verdict,
)
from traceenergy.report.view_path import path_sentence, path_view
from traceenergy.report.view_power import power_section
from traceenergy.report.view_serving import serving_view
from traceenergy.report.view_tables import phase_label

if TYPE_CHECKING:
    from datetime import datetime

    from traceenergy.analysis.model import Analysis
    from traceenergy.report.view_blocks import BlockView
    from traceenergy.report.view_caveats import Note
    from traceenergy.report.view_charts import BalanceView, BarsView, PowerView
    from traceenergy.report.view_clocks import ClocksSection
    from traceenergy.report.view_components import ComponentsView
    from traceenergy.report.view_findings import FindingsView
    from traceenergy.report.view_flame import FlameView
    from traceenergy.report.view_headline import BalanceRow, Fact
    from traceenergy.report.view_path import PathView
    from traceenergy.report.view_power import PowerSection
    from traceenergy.report.view_serving import ServingView
    from traceenergy.report.view_tables import TableView

# More than people read; what a page shows has an end, however many files or doubts there are.
MAX_NOTES, MAX_INPUTS = 100, 300
OPTION_LENGTH = 2_000


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
class PageView:
    """Everything the page shows, in words."""

    title: str
    verdict: str
    banners: tuple[str, ...]
    facts: tuple[Fact, ...]
    balance: tuple[BalanceRow, ...]
    balance_chart: BalanceView | None
    components: ComponentsView | None
    energy_word: str
    path: PathView | None
    flame: FlameView | None
    has_power: bool
    phases: TableView
    activity: TableView | None
    phase_chart: BarsView | None
    subphases: TableView
    power_charts: tuple[PowerView, ...]
    power_note: str
    power: PowerSection | None
    clocks: ClocksSection | None
    serving: ServingView | None
    layers: TableView
    layer_chart: BarsView | None
    blocks: tuple[BlockView, ...]
    kernels: TableView
    kernel_chart: BarsView | None
    ranges: TableView
    capture_ranges: TableView
    steps: TableView
    step_kinds: TableView
    devices: TableView
    findings: FindingsView
    caveats: tuple[Note, ...]
    caveats_note: str
    assumptions: tuple[tuple[str, str], ...]
    command: str
    is_sum: bool
    inputs: tuple[InputView, ...]
    inputs_note: str
    options: tuple[tuple[str, str], ...]
    intervals: str
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
    notes = caveat_notes(result.caveats)
    return PageView(
        title=_title(result),
        verdict=f"{verdict(result)} {path_sentence(result)}".strip(),
        banners=banners(result),
        facts=facts(result),
        balance=balance_rows(result),
        balance_chart=view_charts.balance_view(result),
        components=components_view(result),
        energy_word=energy_word(result.energy.method),
        path=path_view(result),
        flame=flame_view(result),
        has_power=result.energy.total_j is not None,
        phases=view_tables.phase_table(result),
        activity=activity_table(result),
        phase_chart=view_charts.phase_bars(result),
        subphases=view_tables.subphase_table(result),
        power_charts=charts,
        power_note=_power_note(result, charts),
        power=power_section(result),
        clocks=clocks_section(result),
        serving=serving_view(result),
        layers=view_tables.layer_table(result),
        layer_chart=view_charts.layer_bars(result),
        blocks=block_views(result),
        kernels=view_tables.kernel_table(result),
        kernel_chart=view_charts.kernel_bars(result),
        ranges=view_tables.range_table(result),
        capture_ranges=view_tables.capture_range_table(result),
        steps=view_tables.step_table(result),
        step_kinds=view_tables.step_kind_table(result),
        devices=view_tables.device_table(result),
        findings=findings_view(result),
        caveats=notes[:MAX_NOTES],
        caveats_note=_cut_note(len(notes), MAX_NOTES),
        assumptions=_assumptions(result),
        command=clean_name(command_line(result)),
        is_sum="by_report" in result.options or "slices" in result.options,
        inputs=input_views(result)[:MAX_INPUTS],
        inputs_note=_cut_note(len(result.origins), MAX_INPUTS),
        options=_options(result),
        intervals=intervals_text(result),
        method=result.energy.method,
        version=__version__,
        made_at=made_at.strftime("%Y-%m-%d %H:%M %Z").strip() if made_at else "",
        labels=phase_label(result),
    )


def _by_time(result: Analysis) -> Analysis:
    """Sort the tables by busy time, where there is no energy to sort by."""
    tables = {
        name: getattr(result, name).sort("busy_s", descending=True, maintain_order=True)
        for name in ("phases", "subphases", "kernels")
    }
    return replace(result, **tables)


def _title(result: Analysis) -> str:
    traces = [origin.name for origin in result.origins if origin.rank is not None]
    names = traces or [origin.name for origin in result.origins]
    if not names:
        return "GPU energy report"
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    return f"GPU energy of {clean_name(names[0])}{more}"


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


def input_views(result: Analysis) -> tuple[InputView, ...]:
    """List the files that a result is made of."""
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
    return ours + _written(result, chosen=True)


def _assumptions(result: Analysis) -> tuple[tuple[str, str], ...]:
    return _written(result, chosen=False)


def _written(result: Analysis, *, chosen: bool) -> tuple[tuple[str, str], ...]:
    return tuple(
        (clean_name(str(name)), cut_middle(clean_name(option_text(value)), OPTION_LENGTH))
        for name, value in result.options.items()
        if (name in CHOICES) == chosen
    )


def _cut_note(n: int, n_shown: int) -> str:
    return f"{n_shown} of {n:,} are shown; the .json output has all." if n > n_shown else ""


def option_text(value: object) -> str:
    """Write the value of an option."""
    value = plain(value)
    if value is None:
        return UNKNOWN
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
