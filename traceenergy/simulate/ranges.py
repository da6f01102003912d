"""NVTX ranges that the host opens around its launches."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from traceenergy.simulate.calibration import KIND
from traceenergy.simulate.catalog import CATALOG
from traceenergy.simulate.template import CLASS_KEYS

if TYPE_CHECKING:
    from traceenergy.simulate.template import Template
    from traceenergy.simulate.timeline import Timeline

# How far a range reaches beyond the launches in it; launches are more than 1 us apart.
LAYER_MARGIN_NS, PART_MARGIN_NS, OPERATOR_MARGIN_NS = 500, 350, 200
STEP_MARGIN_NS = 20_000
OPERATORS = ("trtllm::linear", "aten::_run_op", "aten::launch")

_SCHEMA = {"device": pl.Int64, "start_ns": pl.Int64, "end_ns": pl.Int64, "text": pl.String}


def nvtx_ranges(timeline: Timeline, operators_per_launch: int, marks: str = "full") -> pl.DataFrame:
    """List all push/pop ranges of the run.

    Parameters
    ----------
    timeline : Timeline
        The launches.
    operators_per_launch : int
        Ranges nested around every launch.
    marks : str, optional
        One of `options.MARK_FORMS`.

    Returns
    -------
    polars.DataFrame
        `device, start_ns, end_ns, text, level`; level 0 are steps, 1 layers, 2 parts of layers, 3
        operators. The calibration stretch is one of level 0, each class in it one of level 1.
        Sorted by (start_ns, device, level).
    """
    if marks != "full":
        steps = _steps(timeline).with_columns(level=pl.lit(0))
        steps = steps.sort("start_ns", "device", "level")
        return steps if marks == "steps" else steps.clear()
    launches = timeline.calls.filter(pl.col("slot") >= 0)
    is_alone = pl.col("kind") == KIND
    frames = [
        _steps(timeline).with_columns(level=pl.lit(0)),
        *layer_ranges(launches.filter(~is_alone), timeline.templates),
        *_calibration(launches.filter(is_alone), timeline),
    ]
    for k in range(operators_per_launch):
        margin_ns = OPERATOR_MARGIN_NS - k * OPERATOR_MARGIN_NS // operators_per_launch
        text = f"{OPERATORS[k % len(OPERATORS)]}" + (f"_{k}" if k >= len(OPERATORS) else "")
        frames.append(
            launches.select(
                "device",
                pl.col("start_ns") - margin_ns,
                pl.col("end_ns") + margin_ns,
                pl.lit(text).alias("text"),
                pl.lit(3 + k).alias("level"),
            )
        )
    return pl.concat(frames).sort("start_ns", "device", "level")


def layer_ranges(launches: pl.DataFrame, templates: dict[str, Template]) -> list[pl.DataFrame]:
    """Open ranges for the layers of a model, for the parts of each layer.

    Parameters
    ----------
    launches : polars.DataFrame
        `device, step, kind, slot, start_ns, end_ns` of launches.
    templates : dict of str to Template
        By kind of step.

    Returns
    -------
    list of polars.DataFrame
        `device, start_ns, end_ns, text, level`.
    """
    placed = launches.join(_places(templates), on=["kind", "slot"], how="left")
    parts = _around(placed, ["part", "run"], PART_MARGIN_NS).rename({"part": "text"})
    layers = _around(placed.drop_nulls("layer"), ["layer"], LAYER_MARGIN_NS).with_columns(
        text=pl.format(next(iter(templates.values())).layer_text, "layer")
    )
    return [
        layers.select(*_SCHEMA).with_columns(level=pl.lit(1)),
        parts.select(*_SCHEMA).with_columns(level=pl.lit(2)),
    ]


def _calibration(launches: pl.DataFrame, timeline: Timeline) -> list[pl.DataFrame]:
    if launches.is_empty():
        return []
    names = [CATALOG[CLASS_KEYS[entry.class_id]].short for entry in timeline.calibrated]
    entries = launches.group_by("device", "slot").agg(
        pl.col("start_ns").min() - PART_MARGIN_NS, pl.col("end_ns").max() + PART_MARGIN_NS
    )
    whole = entries.group_by("device").agg(
        pl.col("start_ns").min() - STEP_MARGIN_NS, pl.col("end_ns").max() + STEP_MARGIN_NS
    )
    entries = entries.with_columns(pl.Series(names).gather(entries["slot"]).alias("text"))
    return [
        whole.with_columns(text=pl.lit(KIND)).select(*_SCHEMA).with_columns(level=pl.lit(0)),
        entries.select(*_SCHEMA).with_columns(level=pl.lit(1)),
    ]


def _around(placed: pl.DataFrame, keys: list[str], margin_ns: int) -> pl.DataFrame:
    return placed.group_by("device", "step", *keys).agg(
        pl.col("start_ns").min() - margin_ns, pl.col("end_ns").max() + margin_ns
    )


def _places(templates: dict[str, Template]) -> pl.DataFrame:
    # A part that comes twice in a layer, such as `allreduce`, is two ranges: `run` tells them.
    frames = []
    for kind, template in templates.items():
        slots = template.slots
        places = [(slot.layer, slot.part) for slot in slots]
        changes = [a != b for a, b in pairwise(places)]
        frames.append(
            pl.DataFrame(
                {
                    "kind": [kind] * len(slots),
                    "slot": np.arange(len(slots)),
                    "layer": pl.Series([layer for layer, _ in places], dtype=pl.Int32),
                    "part": [part for _, part in places],
                    "run": np.cumsum([0, *changes]),
                }
            )
        )
    return pl.concat(frames)


def _steps(timeline: Timeline) -> pl.DataFrame:
    devices = timeline.calls.select("device").unique().sort("device")
    said = ("step", "ctx_requests", "gen_requests")[: timeline.step_text.count("{}")]
    text = pl.format(timeline.step_text, *said)
    return devices.join(timeline.steps, how="cross").select(
        "device",
        pl.col("start_ns") + STEP_MARGIN_NS // 2,
        pl.col("end_ns") + STEP_MARGIN_NS,
        text.alias("text"),
    )
