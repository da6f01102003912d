"""The flame graph of the page: which rectangles, how wide, what is said of each."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import polars as pl

from traceenergy.records import dataclass
from traceenergy.report.names import clean_name, cut_middle, energy_word, short_name
from traceenergy.report.quantities import (
    bounds_text,
    count_text,
    duration_text,
    energy_text,
    power_text,
    share_text,
    significant,
)
from traceenergy.report.view_columns import (
    Cell,
    Column,
    count_column,
    duration_cell,
    energy_columns,
    power_column,
    text_column,
)
from traceenergy.report.view_tables import TableView, lay_out, phase_label
from traceenergy.units import S_PER_NS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from traceenergy.analysis.model import Analysis

# Of one tree, rests of what is cut not counted; more would be thinner than a pixel each.
MAX_RECTANGLES = 1_500
IDLE, UNATTRIBUTED = "idle", "unattributed"
_LEVELS = ("step_kind", "layers", "phase", "kernel")
_LABEL_LENGTH, _TITLE_LENGTH = 40, 100
# Digits of the widest; widths are whole multiples of its last one, so that sums hold.
_DIGITS = 9
_MOST_PLACES, _MOST_NAMES = 1_000, 1_000


@dataclass(frozen=True)
class FlameTree:
    """Rectangles of a flame graph, parents before what is in them.

    Attributes
    ----------
    name
        What the tree shows of layers.
    labels, titles
        Short text in the rectangle; lines on hover.
    parents
        Position of each one's parent; -1 for the root, which is first.
    keys
        What gives the color: a phase, `idle`, `unattributed`, or empty.
    energy_j, gpu_time_s
        Widths; each is the sum of what is in it. Empty energies without power.
    cut_note
        How many rectangles are left out; empty if none.
    """

    name: str
    labels: tuple[str, ...]
    titles: tuple[tuple[str, ...], ...]
    parents: tuple[int, ...]
    keys: tuple[str, ...]
    energy_j: tuple[float, ...]
    gpu_time_s: tuple[float, ...]
    cut_note: str


@dataclass(frozen=True)
class FlameView:
    """The flame graph: alike layers together, then each layer where that differs; its table."""

    trees: tuple[FlameTree, ...]
    table: TableView
    text: str


def flame_view(result: Analysis) -> FlameView | None:
    """Choose the rectangles of the flame graph; None without GPU work."""
    if not len(result.flame):
        return None
    table = _table(result)
    trees = [_tree(result, _together(result.flame), "Alike layers together")]
    if len(result.flame.filter(level="layer")) > len(result.flame.filter(level="layers")):
        trees.append(_tree(result, _alone(result.flame), "Each layer"))
    firsts = [f"{row[0].text} {row[1].text}" for row in table.rows[:4]]
    what = "Energy" if result.energy.total_j is not None else "GPU time"
    text = f"{what} by kind of step, layer, phase and kernel. Largest phases: {'; '.join(firsts)}."
    return FlameView(tuple(trees), table, text)


def _together(flame: pl.DataFrame) -> pl.DataFrame:
    rows = flame.filter(pl.col("layer").is_null())
    return rows.with_columns(place=pl.col("layers"))


def _alone(flame: pl.DataFrame) -> pl.DataFrame:
    single = pl.col("layer").is_not_null() | pl.col("layers").is_null()
    rows = flame.filter(single)
    level = pl.col("level").replace("layer", "layers")
    return rows.with_columns(level, place=pl.col("layer").cast(pl.String))


def _tree(result: Analysis, rows: pl.DataFrame, name: str) -> FlameTree:
    whole = _whole(result)
    rows = _with_paths(rows)
    share = pl.max_horizontal(
        (pl.col("energy_j") / (whole["energy_j"] or 1.0)).fill_null(0.0),
        pl.col("gpu_time_s") / whole["gpu_time_s"],
    )
    ranked = rows.with_columns(share=share).sort(
        "share", "depth", descending=[True, False], maintain_order=True
    )
    kept = ranked.head(MAX_RECTANGLES)
    cut = ranked.slice(MAX_RECTANGLES)
    # What is in something that is cut goes with it.
    left = cut.filter((pl.col("parent") == "") | pl.col("parent").is_in(kept["path"].implode()))
    of_kernels = pl.col("level") == "kernel"
    more = (
        left.group_by("parent", maintain_order=True)
        .agg(
            pl.col("step_kind", "place", "depth").first(),
            pl.when(of_kernels).then(pl.col("phase", "subphase")).first(),
            pl.when(pl.col("energy_j").count() > 0).then(pl.col("energy_j").sum()),
            pl.col("gpu_time_s").sum(),
            pl.col("n_kernels").sum(),
            n_more=pl.len(),
        )
        .with_columns(path=pl.col("parent") + "\x1fmore")
    )
    nodes = pl.concat([_in_order(kept), more], how="diagonal_relaxed").sort(
        "depth", maintain_order=True
    )
    cut_note = ""
    if len(cut):
        largest_pct = significant(100 * cut["share"][0], 2)
        cut_note = (
            f"{len(cut):,} rectangles, each at most {largest_pct} % of the run, are "
            "drawn together as (more)."
        )
    return _drawn(result, name, whole, nodes.to_dicts(), cut_note)


def _with_paths(rows: pl.DataFrame) -> pl.DataFrame:
    """Add depth, path and path of the parent; levels that tell nothing are left out."""
    parts = {
        "step_kind": ["step_kind"],
        "layers": ["place"],
        "phase": ["phase"],
        "kernel": ["subphase", "kernel"],
    }
    told = [
        level
        for level in _LEVELS
        if level in _LEVELS[2:] or rows[parts[level][0]].null_count() < len(rows)
    ]
    tables, prefix = [], pl.lit("")
    for depth, level in enumerate(told, start=1):
        at = prefix
        for column in parts[level]:
            at = at + pl.lit("\x1f") + pl.col(column).fill_null("")
        mine = rows.filter(pl.col("level") == level)
        tables.append(mine.with_columns(depth=pl.lit(depth), path=at, parent=prefix))
        prefix = at
    return pl.concat(tables)


def _in_order(rows: pl.DataFrame) -> pl.DataFrame:
    """Sort layers by index, all else by what it costs."""
    index = pl.col("place").str.extract(r"^(\d+)").cast(pl.Int64)
    is_layer = pl.col("level") == "layers"
    return rows.sort(
        pl.when(is_layer).then(index.fill_null(2**31)), "share", descending=[False, True],
        nulls_last=True, maintain_order=True,
    )  # fmt: skip


def _whole(result: Analysis) -> dict[str, Any]:
    elapsed_s = result.window.elapsed_ns * S_PER_NS
    return {
        "energy_j": result.energy.total_j,
        "gpu_time_s": elapsed_s * max(1, result.devices.height),
        "n_kernels": int(result.flame.filter(level="step_kind")["n_kernels"].sum()),
    }


def _drawn(
    result: Analysis, name: str, whole: dict[str, Any], rows: list[dict[str, Any]], cut_note: str
) -> FlameTree:
    rows = [*rows, *_rest_of_run(result, whole)]
    place = {"": 0} | {row["path"]: index for index, row in enumerate(rows, start=1)}
    parents = (-1, *(place[row["parent"]] for row in rows))
    words = _Words(result, whole)
    known = whole["energy_j"] is not None
    return FlameTree(
        name=name,
        labels=("run", *(words.label(row) for row in rows)),
        titles=(words.lines("run", whole), *(words.title(row) for row in rows)),
        parents=parents,
        keys=("", *(row.get("key") or row.get("phase") or "" for row in rows)),
        energy_j=_widths(parents, [row["energy_j"] for row in rows]) if known else (),
        gpu_time_s=_widths(parents, [row["gpu_time_s"] for row in rows]),
        cut_note=cut_note,
    )


def _rest_of_run(result: Analysis, whole: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """List what the GPUs used beside their work, so that the parts are the whole."""
    busy_s = float(result.flame.filter(level="step_kind")["gpu_time_s"].sum())
    idle_s = max(0.0, whole["gpu_time_s"] - busy_s)
    beside = (
        (IDLE, "Idle gaps", result.energy.idle_gap_j, idle_s),
        (UNATTRIBUTED, "Unattributed", result.energy.unattributed_j, 0.0),
    )
    for key, label, energy_j, time_s in beside:
        if energy_j or time_s:
            yield {
                "path": f"\x1f{key}\x1f", "parent": "", "key": key, "label": label,
                "energy_j": energy_j, "gpu_time_s": time_s, "n_kernels": 0,
            }  # fmt: skip


def _widths(parents: tuple[int, ...], values: list[float | None]) -> tuple[float, ...]:
    """Round what nothing is in; all else is the sum of what is in it."""
    own = [0.0, *(max(0.0, value or 0.0) for value in values)]
    unit = 10.0 ** (math.floor(math.log10(max(own) or 1.0)) - _DIGITS)
    has_parts = set(parents)
    counts = [0 if index in has_parts else round(value / unit) for index, value in enumerate(own)]
    for index in range(len(counts) - 1, 0, -1):
        counts[parents[index]] += counts[index]
    return tuple(float(f"{count * unit:.12g}") for count in counts)


class _Words:
    """What is said of rectangles."""

    def __init__(self, result: Analysis, whole: dict[str, Any]) -> None:
        self._whole = whole
        self._word = energy_word(result.energy.method)
        self._phases = phase_label(result)
        self._names = {
            (row["phase"], row["subphase"], row["name"]): row["full_name"]
            for row in result.kernels.iter_rows(named=True)
        }

    def label(self, row: dict[str, Any]) -> str:
        """Name a rectangle."""
        if "label" in row:
            return str(row["label"])
        if row["n_more"]:
            return f"({row['n_more']:,} more)"
        if row["level"] == "step_kind":
            return row["step_kind"] or "in no step"
        if row["level"] == "layers":
            return _layers_text(row["place"])
        if row["level"] == "phase":
            return self._phases.get(row["phase"], clean_name(row["phase"]))
        return cut_middle(short_name(row["kernel"]), _LABEL_LENGTH)

    def title(self, row: dict[str, Any]) -> tuple[str, ...]:
        """Say where a rectangle is, what it costs."""
        if "label" in row:
            return self.lines(row["label"], row)
        name = self.label(row)
        if row["level"] == "kernel" and row["kernel"]:
            key = (row["phase"], row["subphase"], row["kernel"])
            name = _title_name(self._names.get(key) or row["kernel"])
        where = [row["step_kind"], row["place"] and _layers_text(row["place"]), row["subphase"]]
        place = ", ".join(text for text in where if text and text != name)
        return (*self.lines(name, row), *([place] if place else []))

    def lines(self, name: str, row: dict[str, Any]) -> tuple[str, ...]:
        """Write name, energy with its interval, time, count."""
        lines = [name]
        if self._whole["energy_j"]:
            lines.append(self._energy(row))
        share = share_text(row["gpu_time_s"] / self._whole["gpu_time_s"])
        time = f"{duration_text(row['gpu_time_s'])}, {share} of the time of all GPUs"
        if row["energy_j"] is not None and row["gpu_time_s"]:
            time += f", at {power_text(row['energy_j'] / row['gpu_time_s'])}"
        lines.append(time)
        if row["n_kernels"]:
            lines.append(f"{count_text(row['n_kernels'])} pieces of GPU work")
        return tuple(lines)

    def _energy(self, row: dict[str, Any]) -> str:
        if row["energy_j"] is None:
            return "energy not known"
        bounds = bounds_text(row["energy_j"], row.get("energy_lo_j"), row.get("energy_hi_j"))
        share = share_text(row["energy_j"] / self._whole["energy_j"])
        interval = f" ({bounds})" if bounds else ""
        return f"{energy_text(row['energy_j'])}{interval}, {share} of the {self._word} energy"


@lru_cache(_MOST_NAMES)  # the kernels of a layer are those of the others
def _title_name(name: str) -> str:
    return cut_middle(clean_name(name), _TITLE_LENGTH)


@lru_cache(_MOST_PLACES)  # few places hold many rectangles
def _layers_text(place: str | None) -> str:
    if place is None:
        return "in no layer"
    runs = [run.partition("-") for run in place.split(",")]
    n = sum(int(last or first) - int(first) + 1 for first, _, last in runs)
    if n == 1:
        return f"layer {place}"
    text = place.replace("-", "\N{EN DASH}").replace(",", ", ")
    return f"layers {cut_middle(text, _LABEL_LENGTH)} ({n})"


def _table(result: Analysis) -> TableView:
    """Lay out the phases of alike layers of each kind of step."""
    rows = result.flame.filter(pl.col("level") == "phase", pl.col("layer").is_null())
    kernel_j = result.energy.kernel_j
    rows = rows.with_columns(
        energy_share=pl.col("energy_j") / kernel_j if kernel_j else pl.lit(None, pl.Float64),
        mean_power_w=pl.col("energy_j") / pl.col("gpu_time_s"),
        inseparable_with=pl.lit([], pl.List(pl.String)),
    )
    labels = phase_label(result)

    def where(row: dict[str, Any]) -> Cell:
        phase = labels.get(row["phase"], clean_name(row["phase"]))
        text = f"{row['step_kind'] or 'in no step'}, {_layers_text(row['layers'])}, {phase}"
        return Cell(text, sort=text, phase=row["phase"])

    columns = [
        text_column("Step, layers, phase", where),
        *energy_columns(),
        Column(
            "GPU time",
            "time of GPUs, which concurrent work shares evenly",
            lambda row: duration_cell(row["gpu_time_s"]),
        ),
        power_column("Mean power", "mean_power_w", "energy over GPU time"),
        count_column(),
    ]
    return lay_out(
        result, "flame-table", "Phases within steps and layers, by energy", rows, columns
    )
