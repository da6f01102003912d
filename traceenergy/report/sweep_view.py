"""What the page of a sweep shows, section by section."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from traceenergy import __version__
from traceenergy.records import dataclass
from traceenergy.report import sweep_tables as tables
from traceenergy.report import sweep_words as words
from traceenergy.report.names import clean_name
from traceenergy.report.quantities import energy_text
from traceenergy.report.sweep_columns import label_text, names_text, plain_text
from traceenergy.report.sweep_model_view import model_view
from traceenergy.report.sweep_slo_view import slo_view
from traceenergy.report.view import option_text
from traceenergy.report.view_caveats import caveat_notes

if TYPE_CHECKING:
    from datetime import datetime

    from traceenergy.report.sweep_model_view import ModelView
    from traceenergy.report.sweep_slo_view import SloView
    from traceenergy.report.view_caveats import Note
    from traceenergy.report.view_tables import TableView
    from traceenergy.sweeps.result import Sweep

_MOST_INPUTS = 100
_MOST_NAMED = 12  # points of a front with their names beside them
_NAME_WIDTH, _NAME_HEIGHT = 0.3, 0.045  # of the axes
_DIGITS = 6
_FIRST = (
    "run-left-out",
    "no-step-model",
    "no-slo",
    "slo-not-kept",
    "modelled-runs",
    "mixed-gpus",
    "run-without-power",
)


@dataclass(frozen=True)
class Points:
    """Runs as points: names beside them (empty for none), texts on hover, colors by front."""

    x_title: str
    y_title: str
    names: tuple[str, ...]
    texts: tuple[str, ...]
    x: tuple[float, ...]
    y: tuple[float, ...]
    on_front: tuple[bool, ...]


@dataclass(frozen=True)
class FrontView:
    """A Pareto chart: anchor, sentence, points, table, runs that are not placed."""

    key: str
    title: str
    sentence: str
    points: Points
    table: TableView
    not_placed: str


@dataclass(frozen=True)
class Curves:
    """Changes against a base over a cap or a clock: one curve a setting and quantity."""

    axis: str
    names: tuple[str, ...]
    quantities: tuple[str, ...]
    x: tuple[tuple[float, ...], ...]
    change: tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class SweepView:
    """Everything the page of a sweep shows, in words."""

    title: str
    verdict: str
    banners: tuple[str, ...]
    facts: tuple[tuple[str, str], ...]
    fronts: tuple[FrontView, ...]
    runs: TableView
    sweet_spots: tuple[str, ...]
    energy_delay: TableView
    basis: str
    power_caps: TableView
    power_cap_words: tuple[str, ...]
    power_cap_curves: Curves | None
    clocks: TableView
    clock_words: tuple[str, ...]
    clock_curves: Curves | None
    shards: TableView
    repeats: TableView
    router: TableView
    router_words: tuple[str, ...]
    model: ModelView | None
    slo: SloView | None
    caveats: tuple[Note, ...]
    inputs: tuple[tuple[str, str, str, str, str], ...]
    inputs_note: str
    options: tuple[tuple[str, str], ...]
    version: str
    made_at: str


def sweep_view(sweep: Sweep, *, made_at: datetime | None = None) -> SweepView:
    """Choose, order and round what the page of a sweep shows.

    Parameters
    ----------
    sweep : Sweep
    made_at : datetime, optional
        Date for the foot of the page.

    Returns
    -------
    SweepView
    """
    n_inputs = len(sweep.inputs)
    return SweepView(
        title=words.title(sweep),
        verdict=words.verdict_sentence(sweep),
        banners=tuple(
            clean_name(caveat.text) for caveat in sweep.caveats if caveat.slug in _FIRST
        ),
        facts=tuple(words.facts(sweep)),
        fronts=tuple(_front(sweep, per) for per in tables.PER_NAMES
                     if words.front_sentence(sweep, per)),
        runs=tables.run_table(sweep),
        sweet_spots=tuple(words.sweet_spots(sweep)),
        energy_delay=tables.energy_delay_table(sweep),
        basis=sweep.basis or "",
        power_caps=tables.power_cap_table(sweep),
        power_cap_words=tuple(words.knob_sentences(sweep, "power_caps")),
        power_cap_curves=_curves(sweep.power_caps, "power_cap_w", "power cap [W]"),
        clocks=tables.clock_table(sweep),
        clock_words=tuple(words.knob_sentences(sweep, "clocks")),
        clock_curves=_curves(sweep.clocks, "clock_mhz", "SM clock [MHz]"),
        shards=tables.shard_table(sweep),
        repeats=tables.repeat_table(sweep),
        router=tables.router_table(sweep),
        router_words=tuple(words.router_sentences(sweep)),
        model=model_view(sweep.model, sweep.runs["label"].to_list()),
        slo=slo_view(sweep),
        caveats=caveat_notes(sweep.caveats),
        inputs=tuple(
            (label_text(label), clean_name(origin.name), origin.kind, origin.sha256,
             ", ".join(map(clean_name, origin.gpu_names)))
            for label, origin in sweep.inputs[:_MOST_INPUTS]
        ),
        inputs_note=f"{_MOST_INPUTS} of {n_inputs:,} files; the JSON has all."
        if n_inputs > _MOST_INPUTS else "",
        options=tuple(
            (name, clean_name(option_text(value))) for name, value in
            {**sweep.options, "confidence_level": sweep.confidence_level}.items()
        ),
        version=__version__,
        made_at=made_at.strftime("%Y-%m-%d %H:%M %Z").strip() if made_at else "",
    )  # fmt: skip


def _front(sweep: Sweep, per: str) -> FrontView:
    missing = tables.not_placed(sweep, per)
    name = tables.PER_NAMES[per]
    return FrontView(
        key=per,
        title=f"{name[0].upper()}{name[1:]} against tokens/s per user",
        sentence=words.front_sentence(sweep, per),
        points=_points(sweep, per),
        table=tables.pareto_table(sweep, per),
        not_placed=f"Not placed, since one of both is not known: {names_text(sorted(missing))}."
        if missing
        else "",
    )


def _points(sweep: Sweep, per: str) -> Points:
    placed = sweep.pareto.filter(pl.col("per") == per)
    placed = placed.drop_nulls(["on_front", "tokens_per_s_per_user", "value"]).sort(
        "tokens_per_s_per_user", "label"
    )
    energies = dict(sweep.runs.select("label", "j_per_token").rows())
    rows = placed.rows(named=True)
    names_fit = sum(row["on_front"] for row in rows) <= _MOST_NAMED
    texts = []
    for row in rows:
        beaten = names_text(row["dominated_by"])
        texts.append(
            f"{label_text(row['label'])}<br>{plain_text(row['tokens_per_s_per_user'])} tokens/s "
            f"per user, {plain_text(row['value'])} {tables.PER_NAMES[per]}, "
            f"{energy_text(energies[row['label']])} per token<br>"
            + ("on the front" if row["on_front"] else f"dominated by {beaten}")
        )
    return Points(
        x_title="tokens/s per user [1/s]",
        y_title=f"{tables.PER_NAMES[per]} [{'1/J' if per == 'watt' else '1/s'}]",
        names=_names_apart(rows) if names_fit else ("",) * len(rows),
        texts=tuple(texts),
        x=tuple(_round(row["tokens_per_s_per_user"]) for row in rows),
        y=tuple(_round(row["value"]) for row in rows),
        on_front=tuple(row["on_front"] for row in rows),
    )


def _names_apart(rows: list[dict[str, Any]]) -> tuple[str, ...]:
    """Name the points of a front, but for those whose name would lie on another."""
    fastest = max(row["tokens_per_s_per_user"] for row in rows) or 1.0
    highest = max(row["value"] for row in rows) or 1.0
    named: list[tuple[float, float]] = []
    found = []
    for row in rows:
        x, y = row["tokens_per_s_per_user"] / fastest, row["value"] / highest
        is_free = all(abs(x - a) > _NAME_WIDTH or abs(y - b) > _NAME_HEIGHT for a, b in named)
        found.append(label_text(row["label"]) if row["on_front"] and is_free else "")
        if found[-1]:
            named.append((x, y))
    return tuple(found)


def _curves(frame: pl.DataFrame, knob: str, axis: str) -> Curves | None:
    """Take changes of energy and time over the knob; None with no two of a setting."""
    per = "j_per_token" if frame["j_per_token"].null_count() == 0 else "energy"
    told = {per: "energy per token" if per == "j_per_token" else "energy", "elapsed": "time"}
    if per == "j_per_token":
        told = {per: "energy per token", "tokens_per_s": "tokens/s"}
    names, quantities, x, change = [], [], [], []
    for _, rows in frame.drop_nulls(knob).group_by("setting", maintain_order=True):
        for name, text in told.items():
            known = rows.with_columns(
                shown=pl.when("is_base").then(0.0).otherwise(f"{name}_change")
            ).drop_nulls("shown")
            if len(known) > 1:
                names.append(names_text(rows["runs"][0].to_list()))
                quantities.append(text)
                x.append(tuple(known[knob].to_list()))
                change.append(tuple(map(_round, known["shown"].to_list())))
    if not names:
        return None
    return Curves(axis, tuple(names), tuple(quantities), tuple(x), tuple(change))


def _round(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")
