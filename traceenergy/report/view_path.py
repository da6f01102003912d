"""Max beside sum as the page shows it: the path, its parts, quadrants, who holds it when."""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, Any

import polars as pl

from traceenergy.records import dataclass
from traceenergy.report.names import clean_name, cut_middle, energy_word, short_names
from traceenergy.report.quantities import bounds_text, duration_text, energy_text, share_text
from traceenergy.report.view_collectives import (
    collective_table,
    expert_bars,
    expert_table,
    straggler_table,
)
from traceenergy.report.view_path_lanes import lanes_view
from traceenergy.report.view_path_tables import (
    holder_table,
    opportunity_rule,
    opportunity_table,
    overlap_table,
    step_path_table,
)
from traceenergy.report.view_tables import phase_label

if TYPE_CHECKING:
    from traceenergy.analysis.model import Analysis
    from traceenergy.report.view_collectives import ExpertView
    from traceenergy.report.view_path_lanes import LanesView
    from traceenergy.report.view_tables import TableView

MAX_POINTS = 200
MAX_LABELS = 8
_LABEL_LENGTH = 22
_DIGITS = 5
WAITS = (
    ("host", "Waits for a launch or the host"),
    ("collective_wait", "Collective waits for a rank"),
    ("idle", "Nothing recorded explains the wait"),
)
# Symbol as text, name of the quadrant, what it means.
QUADRANTS = (
    ("\N{BLACK CIRCLE}", "time+energy", "worth optimizing for both"),
    ("\N{BLACK UP-POINTING TRIANGLE}", "time only", "gates the end, costs little"),
    ("\N{BLACK SQUARE}", "energy only", "costs much, nobody waits for it"),
    ("\N{MULTIPLICATION X}", "neither", "worth optimizing for neither"),
)
_LEVELS = (("phase", "phases"), ("kernel", "kernels"), ("layer", "layers"))


@dataclass(frozen=True)
class PathPart:
    """One line of the elapsed time; `key` chooses the color, `is_part` tells parts of a part."""

    name: str
    time: str
    share: str
    is_part: bool = False
    key: str = ""


@dataclass(frozen=True)
class ShareBar:
    """A bar of parts in per cent of a whole: elapsed time, or measured energy.

    Attributes
    ----------
    name
        What the whole is.
    keys
        Phase, or kind of wait, of each part, for its color.
    names, shares, texts
        Of each part; the text has its unit.
    """

    name: str
    keys: tuple[str, ...]
    names: tuple[str, ...]
    shares: tuple[float, ...]
    texts: tuple[str, ...]


@dataclass(frozen=True)
class QuadrantView:
    """Rows of one level as points: share of the path, share of energy with its interval.

    Attributes
    ----------
    level, plural
        `phase`, `phases` and so on.
    names, titles
        Labels, empty where a neighbor has one; what hovering tells.
    phases
        For colors; empty for none.
    path_share, energy_share, energy_lo_share, energy_hi_share
        Of elapsed time; of the energy of all GPU work.
    quadrants
        One of `QUADRANTS` each.
    note
        How many rows are not drawn; empty if none.
    """

    level: str
    plural: str
    names: tuple[str, ...]
    titles: tuple[str, ...]
    phases: tuple[str, ...]
    path_share: tuple[float, ...]
    energy_share: tuple[float, ...]
    energy_lo_share: tuple[float, ...]
    energy_hi_share: tuple[float, ...]
    quadrants: tuple[str, ...]
    note: str = ""


@dataclass(frozen=True)
class PathView:
    """The critical path beside energy."""

    sentence: str
    parts: tuple[PathPart, ...]
    bars: tuple[ShareBar, ...]
    quadrants: tuple[QuadrantView, ...]
    handovers: str
    lanes: LanesView | None
    holders: TableView
    steps: TableView
    opportunities: TableView
    opportunity_rule: str
    overlap: TableView
    collectives: TableView
    stragglers: TableView
    experts: TableView
    expert_chart: ExpertView | None


def path_view(result: Analysis) -> PathView | None:
    """Lay out the critical path of a result.

    Parameters
    ----------
    result : Analysis

    Returns
    -------
    PathView or None
        None where the path was not computed.
    """
    if not _known(result):
        return None
    views = (_quadrant_view(result, level, plural) for level, plural in _LEVELS)
    return PathView(
        sentence=path_sentence(result),
        parts=_parts(result),
        bars=tuple(bar for bar in (_max_bar(result), _sum_bar(result)) if bar),
        quadrants=tuple(view for view in views if view),
        handovers=_handovers(result),
        lanes=lanes_view(result),
        holders=holder_table(result),
        steps=step_path_table(result),
        opportunities=opportunity_table(result),
        opportunity_rule=opportunity_rule(result),
        overlap=overlap_table(result),
        collectives=collective_table(result),
        stragglers=straggler_table(result),
        experts=expert_table(result),
        expert_chart=expert_bars(result),
    )


def path_sentence(result: Analysis) -> str:
    """Say what gates most time beside what it costs; empty where the path was not computed."""
    if not _known(result):
        return ""
    labels = phase_label(result)
    rows = result.phases.filter(pl.col("critical_path_s") > 0)
    top = rows.sort("critical_path_s", "name", descending=[True, False]).head(2)
    said = []
    for number, row in enumerate(top.iter_rows(named=True)):
        of = ("of the elapsed time", "of the energy of GPU work") if number == 0 else ("", "")
        gates = f"{labels[row['name']]} gates {share_text(row['path_share'])} {of[0]}".rstrip()
        costs = f" and costs {share_text(row['energy_share'])} {of[1]}".rstrip()
        said.append(gates + costs * (row["energy_share"] is not None))
    parts = result.max_vs_sum["parts"]
    rest_s = sum(parts[f"{kind}_s"] for kind, _ in WAITS)
    waits = f"for {share_text(_of_elapsed(result, rest_s))} of the time no GPU work holds the path"
    said += [waits] if said and rest_s > 0 else []
    return "; ".join(said) + "." * bool(said)


def _known(result: Analysis) -> bool:
    return result.max_vs_sum.get("parts") is not None


def _of_elapsed(result: Analysis, time_s: float) -> float:
    return float(time_s / (result.max_vs_sum["elapsed_s"] or 1.0))


def _phases_on_path(result: Analysis) -> list[tuple[str, str, float]]:
    """Name, label and time [s] of the phases that hold the path, longest first."""
    labels = phase_label(result)
    rows = result.phases.filter(pl.col("critical_path_s") > 0)
    rows = rows.sort("critical_path_s", "name", descending=[True, False])
    return [
        (name, labels[name], time_s) for name, time_s in rows["name", "critical_path_s"].iter_rows()
    ]


def _parts(result: Analysis) -> tuple[PathPart, ...]:
    parts = result.max_vs_sum["parts"]
    rows = [("", "GPU work", parts["work_s"], False)]
    rows += [(key, label, time_s, True) for key, label, time_s in _phases_on_path(result)]
    rows += [(kind, name, parts[f"{kind}_s"], False) for kind, name in WAITS]
    rows += [("", "Elapsed", result.max_vs_sum["elapsed_s"], False)]
    return tuple(
        PathPart(
            name, duration_text(time_s, 4), share_text(_of_elapsed(result, time_s)), is_part, key
        )
        for key, name, time_s, is_part in rows
    )


def _max_bar(result: Analysis) -> ShareBar:
    parts = result.max_vs_sum["parts"]
    pieces = _phases_on_path(result)
    pieces += [(kind, name, parts[f"{kind}_s"]) for kind, name in WAITS]
    return ShareBar(
        "max: elapsed time",
        keys=tuple(key for key, _, _ in pieces),
        names=tuple(name for _, name, _ in pieces),
        shares=tuple(_round(_of_elapsed(result, time_s)) for _, _, time_s in pieces),
        texts=tuple(duration_text(time_s) for _, _, time_s in pieces),
    )


def _sum_bar(result: Analysis) -> ShareBar | None:
    """Energy of phases in the order of the path above it, then what belongs to no work."""
    energy, total_j = result.energy, result.energy.total_j
    if not total_j:
        return None
    labels = phase_label(result)
    order = {key: place for place, (key, _, _) in enumerate(_phases_on_path(result))}
    columns = ("name", "energy_j", "energy_lo_j", "energy_hi_j")
    known = list(result.phases.drop_nulls("energy_j").select(columns).iter_rows())
    rows = [(name, labels[name], energy_j) for name, energy_j, _, _ in known]
    bounds = {name: f" ({text})" for name, *all_j in known if (text := bounds_text(*all_j))}
    rows.sort(key=lambda row: order.get(row[0], len(order)))
    rest = (
        ("idle", "Idle gaps", energy.idle_gap_j),
        ("unattributed", "Unattributed", energy.unattributed_j),
    )
    rows += [(key, name, energy_j) for key, name, energy_j in rest if energy_j is not None]
    return ShareBar(
        f"sum: {energy_word(energy.method)} energy",
        keys=tuple(key for key, _, _ in rows),
        names=tuple(name for _, name, _ in rows),
        shares=tuple(_round(energy_j / total_j) for _, _, energy_j in rows),
        texts=tuple(energy_text(energy_j) + bounds.get(key, "") for key, _, energy_j in rows),
    )


def _quadrant_view(result: Analysis, level: str, plural: str) -> QuadrantView | None:
    told = {
        entry["name"]: entry["quadrant"]
        for entry in result.max_vs_sum["levels"]
        if entry["level"] == level and entry["quadrant"]
    }
    frame: pl.DataFrame = getattr(result, plural)
    if level == "layer":
        frame = frame.drop_nulls("layer")
    frame = frame.filter(
        pl.col("name").is_in(list(told)),
        pl.col("energy_share").is_not_null(),
        pl.max_horizontal("path_share", "energy_share") > 0,
    )
    if frame.height == 0:
        return None
    weight = pl.max_horizontal("path_share", "energy_share")
    drawn = frame.sort(weight, "name", descending=[True, False]).head(MAX_POINTS)
    rows = list(drawn.iter_rows(named=True))
    names = _names(result, level, rows)
    labelled = _labelled(rows)
    left = frame.height - len(rows)
    return QuadrantView(
        level,
        plural,
        names=tuple(
            cut_middle(name, _LABEL_LENGTH) * here
            for name, here in zip(names, labelled, strict=True)
        ),
        titles=tuple(
            f"{cut_middle(name, 4 * _LABEL_LENGTH)}: {told[row['name']]}"
            for name, row in zip(names, rows, strict=True)
        ),
        phases=tuple(_phase(level, row) for row in rows),
        **_shares(rows),
        quadrants=tuple(told[row["name"]] for row in rows),
        note=f"The {len(rows)} {plural} of largest share are drawn, {left:,} are not." * bool(left),
    )


def _names(result: Analysis, level: str, rows: list[dict[str, Any]]) -> list[str]:
    if level == "phase":
        labels = phase_label(result)
        return [labels[row["name"]] for row in rows]
    if level == "kernel":
        return short_names([row["name"] for row in rows])
    return [clean_name(row["name"]) for row in rows]


def _phase(level: str, row: dict[str, Any]) -> str:
    return str({"phase": row["name"], "kernel": row.get("phase")}.get(level, ""))


def _shares(rows: list[dict[str, Any]]) -> dict[str, tuple[float, ...]]:
    """Shares of each row; its bounds are taken to the same whole as its energy."""

    def bound(row: dict[str, Any], name: str) -> float:
        if row[name] is None or not row["energy_j"]:
            return float(row["energy_share"])
        return float(row["energy_share"] * row[name] / row["energy_j"])

    return {
        "path_share": tuple(_round(row["path_share"] or 0.0) for row in rows),
        "energy_share": tuple(_round(row["energy_share"]) for row in rows),
        "energy_lo_share": tuple(_round(bound(row, "energy_lo_j")) for row in rows),
        "energy_hi_share": tuple(_round(bound(row, "energy_hi_j")) for row in rows),
    }


def _labelled(rows: list[dict[str, Any]]) -> list[bool]:
    """Choose the points that get a label: the heaviest ones with room around them."""
    at = [((row["path_share"] or 0.0), row["energy_share"]) for row in rows]
    wide, high = (max(map(itemgetter(axis), at)) or 1.0 for axis in (0, 1))
    taken: list[tuple[float, float]] = []
    labelled = []
    for path, energy in at:
        x, y = path / wide, energy / high
        free = all(abs(x - other_x) > 0.6 or abs(y - other_y) > 0.07 for other_x, other_y in taken)  # noqa: PLR2004 - about one label
        here = free and len(taken) < MAX_LABELS
        labelled.append(here)
        if here:
            taken.append((x, y))
    return labelled


def _handovers(result: Analysis) -> str:
    n = result.max_vs_sum.get("n_handovers")
    if n is None or result.devices.height <= 1:
        return ""
    every = duration_text(result.max_vs_sum["elapsed_s"] / (n + 1))
    return (
        f"The path changes its GPU {n:,} time{'s' * (n != 1)}: every {every} on average."
        if n
        else "The path stays on one GPU."
    )


def _round(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")
