"""The average block: blocks drawn by hand with their means, a simulated run with its truth."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest

from tests.build import Range, Work, build_trace
from traceenergy import read_trace
from traceenergy.analysis import AnalysisOptions, analyze
from traceenergy.analysis.blocks import AverageBlocks, average_blocks, fold_blocks
from traceenergy.analysis.cells import cells_of
from traceenergy.analysis.folding import Marks
from traceenergy.analysis.ledger import open_ledger
from traceenergy.analysis.model import Window
from traceenergy.energy.attribute import AttributionOptions
from traceenergy.simulate.options import Options
from traceenergy.simulate.run import simulate_run

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

US = 1_000
MAIN, SIDE = 7, 20


@dataclass(frozen=True)
class Piece:
    """A kernel of a block [us], named by its phase, with its energy [J]."""

    phase: str
    start_us: int
    end_us: int
    layer: int | None = 0
    step: int = 0
    stream: int = MAIN
    device: int = 0
    energy_j: float = 0.0


def fold(pieces: list[Piece], kinds: Sequence[str] = (), end_us: int = 10_000) -> AverageBlocks:
    """Average the blocks of pieces whose energy is known, in the window from 0."""
    pieces = sorted(pieces, key=lambda piece: (piece.start_us, piece.end_us))
    trace = build_trace(
        [
            Work(one.phase, one.start_us * US, one.end_us * US, one.device, one.stream)
            for one in pieces
        ]
    )
    window = Window(0, end_us * US, None)
    ledger, _ = open_ledger(trace, window, AttributionOptions(), time_only=True)
    energy_j = np.array([piece.energy_j for piece in pieces])[ledger.trace_index]
    subphase = [piece.phase for piece in pieces]
    phase = [name.partition(".")[0] for name in subphase]
    marks = Marks(
        pl.Series(phase, dtype=pl.Enum(sorted(set(phase)))),
        pl.Series(subphase, dtype=pl.Enum(sorted(set(subphase)))),
        pl.Series([piece.layer for piece in pieces], dtype=pl.Int32),
        np.array([piece.step for piece in pieces]),
        [*kinds, *["unknown"] * 100],
    )
    known = replace(ledger, static_j=0.25 * energy_j, dynamic_j=0.75 * energy_j)
    folded = fold_blocks(trace.gpu_work, marks, known, window)
    cells = cells_of(known, folded.part)
    return average_blocks(folded, cells, folded.part[cells.first], {"norm": "Norm"})


def parts(found: AverageBlocks, block: str = "unknown dense") -> pl.DataFrame:
    return found.rows.filter((pl.col("block") == block) & pl.col("position").is_not_null())


def whole(found: AverageBlocks, block: str = "unknown dense") -> dict[str, float]:
    rows = found.rows.filter((pl.col("block") == block) & pl.col("position").is_null())
    row: dict[str, float] = rows.row(0, named=True)
    return row


def two_passes() -> list[Piece]:
    # us      0    5  10      20  25       100  104    112    130 134
    # layer 0 norm    attn attn
    # layer 1                              norm     attn attn
    return [
        Piece("norm", 0, 4, energy_j=1.0),
        Piece("attention", 10, 20, energy_j=2.0),
        Piece("attention", 21, 25, energy_j=3.0),
        Piece("norm", 100, 106, 1, energy_j=3.0),
        Piece("attention", 114, 126, 1, energy_j=4.0),
        Piece("attention", 127, 133, 1, energy_j=5.0),
    ]


def test_times_and_energies_are_means_over_passes() -> None:
    found = fold(two_passes())

    rows = parts(found)
    assert rows["subphase"].to_list() == ["norm", "attention"]
    assert rows["label"].to_list() == ["Norm", "attention"]
    assert rows["start_us"].to_list() == [0.0, 12.0]  # of 10 and 14
    assert rows["duration_us"].to_list() == [5.0, 17.0]  # of 4 and 6; of 15 and 19
    # of 15 and 19: sqrt((2 * 2 + 2 * 2) / (2 - 1))
    assert rows["duration_sd_us"].to_list() == pytest.approx([2**0.5, 8**0.5])
    assert rows["busy_us"].to_list() == pytest.approx([5.0, 16.0])  # less 1 us between kernels
    assert rows["n_kernels"].to_list() == [1.0, 2.0]
    assert rows["energy_j"].to_list() == pytest.approx([2.0, 7.0])  # of 1, 3; of 5, 9
    assert rows["mean_power_w"].to_list() == pytest.approx([2.0 / 5e-6, 7.0 / 16e-6])
    assert rows["n_instances"].to_list() == [2, 2]


def test_the_whole_block_is_the_sum_of_its_parts() -> None:
    found = fold(two_passes())

    row, rows = whole(found), parts(found)
    assert row["duration_us"] == 29.0  # of 25 and 33
    assert row["energy_j"] == pytest.approx(9.0)
    assert row["n_kernels"] == 3.0
    assert rows["energy_share"].to_list() == pytest.approx([2 / 9, 7 / 9])
    assert rows["time_share"].to_list() == pytest.approx([5 / 29, 17 / 29])


def test_steps_and_layers_of_different_kinds_are_different_blocks() -> None:
    pieces = [
        Piece("norm", 0, 2, 0, 0),
        Piece("moe.fc1", 5, 9, 1, 0),
        Piece("norm", 20, 26, 0, 1),
        Piece("moe.fc1", 30, 38, 1, 1),
        Piece("norm", 40, 48, 0, 2),
    ]

    rows = fold(pieces, ["decode", "prefill"]).rows.filter(pl.col("position") == 0)

    assert {row["block"]: row["duration_us"] for row in rows.iter_rows(named=True)} == {
        "decode dense": 2.0, "decode moe": 4.0, "prefill dense": 6.0, "prefill moe": 8.0,
        "unknown dense": 8.0,  # nothing is known of step 2
    }  # fmt: skip


def test_work_on_another_stream_is_beside() -> None:
    # 7   norm  router  ....fc1....
    # 20            shared.act         as often before the router ends as after
    pieces = [
        piece
        for layer, shift in ((0, -1), (1, 1))
        for at in [layer * 100]
        for piece in (
            Piece("norm", at, at + 5, layer),
            Piece("moe.router", at + 5, at + 10, layer),
            Piece("moe.fc1", at + 12, at + 40, layer),
            Piece("moe.shared", at + 10 + shift, at + 20, layer, stream=SIDE),
        )
    ]

    rows = parts(fold(pieces), "unknown moe")

    assert rows.select("subphase", "beside", "start_us").rows() == [
        ("norm", False, 0.0), ("moe.router", False, 5.0), ("moe.shared", True, 10.0),
        ("moe.fc1", False, 12.0),
    ]  # fmt: skip
    assert rows["n_instances"].to_list() == [2] * 4


def test_passes_of_another_order_are_left_out_and_counted() -> None:
    pieces = [
        *(Piece("norm", at, at + 4, step=step) for step, at in enumerate((0, 20, 40, 60, 80))),
        *(Piece("mlp", at, at + 9, step=step) for step, at in enumerate((5, 25, 45))),
        Piece("memory", 65, 66, step=3),
    ]

    found = fold(pieces)

    assert (whole(found)["n_instances"], whole(found)["n_other_order"]) == (3, 2)
    (caveat,) = found.caveats
    # norm and memory of step 3, norm of step 4: 9 of 48 us
    assert caveat.slug == "blocks-left-out"
    assert "19% of the time" in caveat.text


def test_many_short_fragments_do_not_make_the_block() -> None:
    pieces = [
        *(Piece("memory", at, at + 1, step=step) for step, at in enumerate(range(0, 60, 2))),
        Piece("norm", 100, 150, step=50),
        Piece("mlp", 150, 190, step=50),
    ]

    assert parts(fold(pieces))["subphase"].to_list() == ["norm", "mlp"]


def test_passes_cut_by_the_window_are_left_out_and_counted() -> None:
    pieces = [Piece("norm", at, at + 10, step=step) for step, at in enumerate((-5, 20, 40, 95))]
    outside = Piece("norm", 200, 210, step=4)

    row = whole(fold([*pieces, outside], end_us=100))

    assert (row["n_instances"], row["n_cut"], row["n_other_order"]) == (2, 2, 0)


def test_a_pass_that_comes_back_to_a_layer_is_another_pass() -> None:
    """Within one step, or where no step is known: three layers in turn, twice."""
    order = [(layer, turn) for turn in (0, 1) for layer in (0, 1, 2)]
    for step in (0, -1):
        pieces = [
            Piece("norm", 10 * at, 10 * at + 4, layer, step) for at, (layer, _) in enumerate(order)
        ]

        assert whole(fold(pieces))["n_instances"] == 6
        assert whole(fold(pieces))["duration_us"] == 4.0


def test_neighbor_layers_that_take_turns_stay_whole() -> None:
    # 7    norm.0  mlp.0   norm.1  mlp.1
    # 20              late.0             late.1     begins after the next layer has begun
    pieces = [
        piece
        for layer in (0, 1, 2)
        for at in [20 * layer]
        for piece in (
            Piece("norm", at, at + 5, layer),
            Piece("mlp", at + 5, at + 20, layer),
            Piece("memory", at + 22, at + 23, layer, stream=SIDE),
        )
    ]

    assert whole(fold(pieces))["n_instances"] == 3


def test_the_way_back_is_a_block_of_its_own() -> None:
    forward = [Piece("mlp", 10 * layer, 10 * layer + 4, layer) for layer in range(3)]
    backward = [
        Piece("mlp.bwd", 30 + 10 * at, 38 + 10 * at, layer) for at, layer in enumerate((2, 1, 0))
    ]

    found = fold([*forward, *backward], ["train"])

    assert whole(found, "train dense")["duration_us"] == 4.0
    assert whole(found, "train dense backward")["duration_us"] == 8.0
    assert whole(found, "train dense backward")["n_instances"] == 3


def test_parts_without_a_usual_order_are_folded_by_phase() -> None:
    """Experts called as often as they are hit: the order of their parts differs every time."""
    pieces = []
    for step in range(4):
        at = 100 * step
        pieces.append(Piece("norm", at, at + 5, step=step))
        for call in range(step + 1):
            begin = at + 10 + 10 * call
            pieces += [
                Piece("moe.fc1", begin, begin + 4, step=step),
                Piece("moe.fc2", begin + 4, begin + 8, step=step),
            ]

    rows = parts(fold(pieces), "unknown moe")

    assert rows["subphase"].to_list() == ["norm", "moe"]
    assert rows["n_instances"].to_list() == [4, 4]
    assert rows["n_kernels"].to_list() == [1.0, 5.0]  # 2, 4, 6, 8


def test_each_device_runs_blocks_of_its_own() -> None:
    pieces = [
        Piece("norm", at, at + length, device=device)
        for device, (at, length) in enumerate(((0, 10), (3, 20)))
    ]

    row = whole(fold(pieces))

    assert row["n_instances"] == 2
    assert row["duration_us"] == 15.0


def test_energy_is_a_mean_over_passes_whose_energy_is_known() -> None:
    pieces = [
        Piece("norm", 0, 10, energy_j=1.0),
        Piece("norm", 20, 40, step=1, energy_j=3.0),
        Piece("norm", 60, 90, step=2, energy_j=np.nan),
    ]

    row = whole(fold(pieces))

    assert (row["n_instances"], row["n_with_energy"]) == (3, 2)
    assert row["duration_us"] == 20.0
    assert row["energy_j"] == pytest.approx(2.0)
    assert row["mean_power_w"] == pytest.approx(4.0 / 30e-6)


def test_without_layers_there_is_no_block() -> None:
    found = fold([Piece("norm", 0, 10, layer=None)])

    assert (found.rows.height, found.waveform.height, found.caveats) == (0, 0, ())


def test_without_power_blocks_have_times_only() -> None:
    trace = build_trace(
        [Work("rms_norm_kernel", at * US, (at + 4) * US) for at in (0, 10, 20)],
        ranges=[
            Range(f"model.layers.{layer}.input_layernorm", 10 * layer * US, (10 * layer + 9) * US)
            for layer in range(3)
        ],
    )

    result = analyze(trace, AnalysisOptions(time_only=True))

    (part, all_of_it) = result.blocks.iter_rows(named=True)
    assert (part["duration_us"], part["n_instances"], part["n_with_energy"]) == (4.0, 3, 0)
    assert part["busy_us"] == pytest.approx(4.0)
    assert part["energy_j"] is part["mean_power_w"] is all_of_it["energy_share"] is None
    assert result.block_waveform.height == 0


def test_kinds_are_those_of_steps_by_their_own_number() -> None:
    trace = build_trace(
        [Work("rms_norm_kernel", at * US, (at + 4) * US) for at in (0, 10, 20)],
        ranges=[
            one
            for number, (at, kind) in enumerate(((0, "decode"), (10, "prefill"), (20, "decode")))
            for one in (
                Range(f"step {number + 7} {kind}", at * US, (at + 9) * US),
                Range("model.layers.0", at * US, (at + 8) * US),
            )
        ],
    )

    result = analyze(trace, AnalysisOptions(time_only=True, steps=r"step (?P<step>\d+)"))

    wholes = result.blocks.filter(pl.col("position").is_null())
    assert dict(wholes.select("block", "n_instances").iter_rows()) == {
        "decode dense": 2, "prefill dense": 1,
    }  # fmt: skip


@pytest.mark.parametrize("scenario", ["decode", "mixed"])
def test_a_simulated_block_is_the_true_one(tmp_path: Path, scenario: str) -> None:
    options = Options(scenario=scenario, seconds=20, layers=6, stretch=20.0, seed=5)
    simulate_run(tmp_path, options)
    truth = pl.read_parquet(tmp_path / "truth.parquet").drop_nulls("layer")

    result = analyze(read_trace(tmp_path / "trace.sqlite", power=[tmp_path / "power.csv"]))

    work = result.work.with_columns(pl.col("table").cast(pl.String)).join(
        result.steps.select("step", step_kind="kind"), on="step"
    )
    true = truth.select(
        "device_id", "trace_row", pl.col("table").cast(pl.String), true_j="energy_j"
    )
    is_moe = (pl.col("phase") == "moe").any().over("layer")
    layer_kind = pl.when(is_moe).then(pl.lit("moe")).otherwise(pl.lit("dense"))
    length_us = (pl.col("end_ns") - pl.col("start_ns")) / US
    joined = work.join(true, on=["device_id", "trace_row", "table"]).with_columns(
        layer_kind=layer_kind
    )
    blocks = result.blocks.filter(pl.col("position").is_null())
    assert blocks["n_instances"].sum() == joined.select("step", "layer").n_unique()
    assert blocks["n_with_energy"].to_list() == blocks["n_instances"].to_list()
    keys = ["step_kind", "layer_kind", "subphase"]
    by_part = (
        result.blocks.drop_nulls("position")
        .group_by(keys)
        .agg(pl.col("busy_us", "energy_lo_j", "energy_hi_j").sum(), pl.first("n_instances"))
        .join(joined.group_by(keys).agg(length_us.sum().alias("true_us"), pl.sum("true_j")), keys)
    )
    true_us, true_j = (by_part[name] / by_part["n_instances"] for name in ("true_us", "true_j"))
    assert by_part["busy_us"].to_numpy() == pytest.approx(true_us.to_numpy())
    held = (by_part["energy_lo_j"] <= true_j) & (true_j <= by_part["energy_hi_j"])
    assert float(true_j.filter(held).sum()) > 0.8 * float(
        true_j.sum()
    )  # intervals are meant to hold 90 %
