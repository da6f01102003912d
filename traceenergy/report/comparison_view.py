"""What the page of a comparison shows, section by section."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from traceenergy import __version__
from traceenergy.comparison.equal_clocks import kernel_pairs, paired_kernels
from traceenergy.comparison.model import UNDECIDED
from traceenergy.records import dataclass
from traceenergy.report import comparison_words as words
from traceenergy.report.change_text import change_text, interval_text, value_text
from traceenergy.report.comparison_tables import (
    ARROW,
    change_table,
    labels,
    parts_table,
    phase_parts_table,
    records,
    run_table,
)
from traceenergy.report.names import clean_name, cut_middle, full_name, short_name
from traceenergy.report.quantities import UNKNOWN, duration_text, energy_text, power_text
from traceenergy.report.view import input_views, option_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from traceenergy.comparison.equal_clocks import AtClock, KernelPair, Variant
    from traceenergy.comparison.model import Comparison
    from traceenergy.report.comparison_tables import Record
    from traceenergy.report.view import InputView
    from traceenergy.report.view_tables import TableView

MAX_PAIRS = 20
_MAX_BARS = 20
_LABEL_LENGTH = 36
_DIGITS = 6
_LEVELS = (
    ("step_kind", "Kind", "Kinds of steps, a mean step of each"),
    ("phase", "Phase", "Phases, largest difference of energy first"),
    ("subphase", "Part", "Parts of phases, largest difference of energy first"),
    ("layer", "Layer", "Layers, in order of the model"),
    ("kernel", "Kernel", "Kernels, largest difference of energy first"),
)


@dataclass(frozen=True)
class DifferenceBars:
    """Bars of differences with their intervals.

    Attributes
    ----------
    axis
        What is drawn, with its unit.
    names, texts, verdicts
        Of each row; the text is shown on hover.
    delta, low, high
        None where unknown.
    """

    axis: str
    names: tuple[str, ...]
    texts: tuple[str, ...]
    verdicts: tuple[str, ...]
    delta: tuple[float | None, ...]
    low: tuple[float | None, ...]
    high: tuple[float | None, ...]


@dataclass(frozen=True)
class PartsBars:
    """Parts of differences: (key, name, one value a row) in order, for rows of these names."""

    names: tuple[str, ...]
    parts: tuple[tuple[str, str, tuple[float, ...]], ...]


@dataclass(frozen=True)
class PairView:
    """Two variants of a kernel: its title, full names, headings, rows, what they rest on."""

    title: str
    base_name: str
    head_name: str
    phase: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str


@dataclass(frozen=True)
class ComparisonView:
    """Everything the page of a comparison shows, in words."""

    title: str
    verdict: str
    explanations: tuple[str, ...]
    marks: tuple[str, ...]
    gates: tuple[tuple[str, str, str], ...]
    has_power: bool
    run: TableView
    parts: TableView | None
    parts_chart: PartsBars | None
    work: str
    phase_parts: TableView
    phase_parts_chart: PartsBars | None
    phase_chart: DifferenceBars | None
    phase_time_chart: DifferenceBars | None
    tables: dict[str, TableView]
    kernel_counts: str
    pairs: tuple[PairView, ...]
    pairs_note: str
    assumptions: tuple[str, ...]
    inputs: tuple[tuple[str, InputView], ...]
    options: tuple[tuple[str, str], ...]
    version: str
    made_at: str


def comparison_view(comparison: Comparison, *, made_at: datetime | None = None) -> ComparisonView:
    """Choose, order and round what the page of a comparison shows.

    Parameters
    ----------
    comparison : Comparison
    made_at : datetime, optional
        Date for the foot of the page.

    Returns
    -------
    ComparisonView
    """
    parts = words.run_parts(comparison)
    phases, _ = records(comparison, "phase", _MAX_BARS)
    known = labels(comparison)
    n_pairs = len(paired_kernels(comparison))
    return ComparisonView(
        title=words.title(comparison),
        verdict=words.verdict_sentence(comparison),
        explanations=words.explanation_texts(comparison),
        marks=words.mark_texts(comparison),
        gates=gate_rows(comparison),
        has_power=parts is not None,
        run=run_table(comparison),
        parts=parts_table(comparison) if parts else None,
        parts_chart=_run_bars(parts) if parts else None,
        work=words.work_sentence(comparison),
        phase_parts=phase_parts_table(comparison),
        phase_parts_chart=_phase_parts(comparison, known),
        phase_chart=_bars(phases, known, "energy_j", "difference of energy, mean step [J]"),
        phase_time_chart=_bars(phases, known, "work_s", "difference of time, mean step [s]"),
        tables={
            level: change_table(comparison, level, heading, caption)
            for level, heading, caption in _LEVELS
        },
        kernel_counts=kernel_counts(comparison),
        pairs=tuple(pair_view(pair) for pair in kernel_pairs(comparison, MAX_PAIRS)),
        pairs_note=f"{MAX_PAIRS} of {n_pairs:,} pairs; the JSON has all."
        if n_pairs > MAX_PAIRS else "",
        assumptions=words.assumptions(comparison),
        inputs=_inputs(comparison),
        options=_options(comparison),
        version=__version__,
        made_at=made_at.strftime("%Y-%m-%d %H:%M %Z").strip() if made_at else "",
    )  # fmt: skip


def gate_rows(comparison: Comparison) -> tuple[tuple[str, str, str], ...]:
    """List the limits that were asked for: expression, outcome, sentence."""
    return tuple(
        (clean_name(gate.expression), gate.outcome, clean_name(gate.text))
        for gate in comparison.gates
    )


def _run_bars(parts: dict[str, float]) -> PartsBars:
    named = tuple((part, words.PART_NAMES[part], (_round(value),)) for part, value in parts.items())
    return PartsBars(("run",), named)


def _phase_parts(comparison: Comparison, known: dict[str, str]) -> PartsBars | None:
    frame = comparison.parts.filter(level="phase").sort(pl.col("delta_j").abs(), descending=True)
    frame = frame.head(_MAX_BARS)
    if not len(frame):
        return None
    return PartsBars(
        _bar_names(frame["name"].to_list(), known),
        tuple(
            (part, words.PART_NAMES[part], tuple(_round(value) for value in frame[part].to_list()))
            for part in ("count_j", "time_j", "power_j")
        ),
    )


def _bars(
    rows: Sequence[Record], known: dict[str, str], quantity: str, axis: str
) -> DifferenceBars | None:
    changes = [row[quantity] for row in rows if row[quantity]["delta"] is not None]
    if not changes:
        return None
    names = _bar_names([change["name"] for change in changes], known)
    return DifferenceBars(
        axis=axis,
        names=names,
        texts=tuple(
            f"{name}: {change_text(quantity, change['delta'])}, "
            f"{interval_text(change) or 'no interval'}, {change['verdict'] or UNKNOWN}"
            for name, change in zip(names, changes, strict=True)
        ),
        verdicts=tuple(change["verdict"] or UNDECIDED for change in changes),
        **{
            name: tuple(_round_known(change[column]) for change in changes)
            for name, column in (("delta", "delta"), ("low", "delta_lo"), ("high", "delta_hi"))
        },
    )


def _bar_names(names: Sequence[str], known: dict[str, str]) -> tuple[str, ...]:
    return tuple(cut_middle(clean_name(known.get(name, name)), _LABEL_LENGTH) for name in names)


def _round(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")


def _round_known(value: float | None) -> float | None:
    return None if value is None else _round(value)


def kernel_counts(comparison: Comparison) -> str:
    """Say how many kernels were matched, renamed, appeared, vanished."""
    counts = dict(comparison.kernels["status"].value_counts().iter_rows())
    return ", ".join(
        f"{counts.get(status, 0):,} {status}"
        for status in ("matched", "renamed", "appeared", "vanished")
    )


def pair_view(pair: KernelPair) -> PairView:
    """Write two variants of a kernel side by side, and the head at the base's clock.

    Parameters
    ----------
    pair : KernelPair

    Returns
    -------
    PairView
    """
    base, head, equal = pair.base, pair.head, pair.head_at_base_clock
    headings: tuple[str, ...] = ("Of one launch", "Base", "Head", "Difference")
    rows = [
        _pair_row("Energy", "energy_j", base.energy_j, head.energy_j),
        _pair_row("Time", "time_s", base.time_s, head.time_s),
        _pair_row("Mean power", "power_w", base.power_w, head.power_w),
        _pair_row("SM clock", "clock_mhz", base.clock_mhz, head.clock_mhz),
        _pair_row("Launches per step", "n", base.per_step, head.per_step),
    ]
    note = "Without readings of the clock in both runs, no energy at equal clocks can be told."
    if equal is not None:
        headings = (*headings, "Head at the base's clock", "Its difference")
        rows = [(*row, *more) for row, more in zip(rows, _equal_columns(base, equal), strict=True)]
        note = (
            "At the base's clock: time from unchanged (bound by memory) to in proportion to "
            "1 / clock (bound by the SMs); static power stays, dynamic power goes with clock^2.2. "
            "What attribution may be off by comes on top."
        )
    names = [short_name(name) for name in (base.name, head.name)]
    return PairView(
        " against ".join(names), full_name(base.name), full_name(head.name), pair.phase,
        headings, tuple(rows), note,
    )  # fmt: skip


def _pair_row(text: str, quantity: str, base: float | None, head: float | None) -> tuple[str, ...]:
    delta = None if base is None or head is None else head - base
    difference = change_text(quantity, delta)
    if delta is not None and base:
        difference += f" ({delta / base * 100:+.1f} %)"
    return text, value_text(quantity, base, 3), value_text(quantity, head, 3), difference


def _equal_columns(base: Variant, equal: AtClock) -> list[tuple[str, str]]:
    energy = (equal.energy_lo_j, equal.energy_hi_j)
    took = (equal.time_lo_s, equal.time_hi_s)
    return [
        (_range([energy_text(value) for value in energy]), _range_change(energy, base.energy_j)),
        (_range([duration_text(value) for value in took]), _range_change(took, base.time_s)),
        (power_text(equal.power_w), _range_change((equal.power_w,) * 2, base.power_w)),
        (value_text("clock_mhz", base.clock_mhz), ""),
        ("", ""),
    ]


def _range(texts: Sequence[str]) -> str:
    return texts[0] if texts[0] == texts[1] else " to ".join(texts)


def _range_change(values: Sequence[float], base: float | None) -> str:
    if not base:
        return UNKNOWN
    return _range([f"{(value / base - 1) * 100:+.1f} %" for value in values])


def _inputs(comparison: Comparison) -> tuple[tuple[str, InputView], ...]:
    runs = (("base", comparison.base), ("head", comparison.head))
    return tuple((name, view) for name, run in runs for view in input_views(run))


def _options(comparison: Comparison) -> tuple[tuple[str, str], ...]:
    """List options of the comparison, then those in which the two analyses differ or agree."""
    found = [(name, option_text(value)) for name, value in comparison.options.record().items()]
    base, head = comparison.base.options, comparison.head.options
    for name in dict.fromkeys((*base, *head)):
        texts = [option_text(options.get(name)) for options in (base, head)]
        found.append((f"{name} of the analyses", ARROW.join(dict.fromkeys(texts))))
    return tuple((clean_name(name), clean_name(text)) for name, text in found)
