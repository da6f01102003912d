"""What GPUs wait for each other: groups drawn by hand, laws."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.build import Work, build_trace
from tests.critical_path.collective_runs import ALL_REDUCE
from traceenergy.analysis import AnalysisOptions, analyze
from traceenergy.analysis.collectives import CollectiveTables, collective_tables
from traceenergy.analysis.ledger import Ledger, open_ledger
from traceenergy.analysis.model import Window
from traceenergy.analysis.tables import Labels
from traceenergy.critical_path.collectives import match_collectives
from traceenergy.energy.attribute import AttributionOptions

US = 1_000
DISPATCH = "void deep_ep::intranode::dispatch<(int)8>(int)"
SEND = "ncclDevKernel_SendRecv(x)"


@dataclass(frozen=True)
class Piece:
    """A kernel [us] with its energy [J]."""

    name: str
    start_us: float
    end_us: float
    device: int = 0
    energy_j: float = np.nan
    subphase: str = "allreduce.nccl"
    layer: int | None = None
    step: int = -1


def tables(pieces: list[Piece], window_us: tuple[int, int] = (0, 100_000)) -> CollectiveTables:
    """Make the tables of pieces whose energy is known."""
    pieces = sorted(pieces, key=lambda piece: (piece.start_us, piece.end_us))
    trace = build_trace(
        [
            Work(p.name, round(p.start_us * US), round(p.end_us * US), p.device, pid=p.device + 1)
            for p in pieces
        ]
    )
    window = Window(window_us[0] * US, window_us[1] * US, None)
    ledger, _ = open_ledger(trace, window, AttributionOptions(), time_only=True)
    kept = [pieces[row] for row in ledger.trace_index]
    energy_j = np.array([piece.energy_j for piece in kept])
    ledger = replace(ledger, static_j=0 * energy_j, dynamic_j=energy_j)
    found = match_collectives(trace.gpu_work, trace.names)
    return collective_tables(trace, ledger, labels_of(kept), found)


def labels_of(pieces: list[Piece]) -> Labels:
    subphase = [piece.subphase for piece in pieces]
    return Labels(
        phase=pl.Series([name.partition(".")[0] for name in subphase]),
        subphase=pl.Series(subphase),
        layer=pl.Series([piece.layer for piece in pieces], dtype=pl.Int32),
        step=np.array([piece.step for piece in pieces], dtype=np.int64),
        phase_names={},
    )


def one_slow_rank(n_calls: int = 3, late_us: float = 80.0) -> list[Piece]:
    """Draw calls of four GPUs of 100 W; GPU 2 begins late, all move for 20 us."""
    return [
        Piece(
            ALL_REDUCE, begin_us, end_us, device,
            energy_j=100.0 * (end_us - begin_us) * 1e-6,
        )
        for call in range(n_calls)
        for end_us in [1_000.0 * call + late_us + 20]
        for device in range(4)
        for begin_us in [1_000.0 * call + (late_us if device == 2 else 0)]
    ]  # fmt: skip


def test_members_wait_for_the_slow_rank() -> None:
    row = tables(one_slow_rank()).collectives.row(0, named=True)

    assert (row["n_groups"], row["n_members"], row["n_unmatched"]) == (3, 12, 0)
    assert row["wait_s"] == pytest.approx(3 * 3 * 80e-6)
    assert row["moving_s"] == pytest.approx(3 * 4 * 20e-6)
    assert row["mean_wait_us"] == pytest.approx(60)
    assert row["mean_moving_us"] == pytest.approx(20)
    assert row["wait_share"] == pytest.approx(0.75)


def test_waiting_costs_its_share_of_time() -> None:
    row = tables(one_slow_rank()).collectives.row(0, named=True)

    assert row["energy_j"] == pytest.approx(100 * (9 * 100e-6 + 3 * 20e-6))
    assert row["wait_energy_j"] == pytest.approx(100 * 9 * 80e-6)


def test_the_slow_rank_is_named() -> None:
    found = tables(one_slow_rank()).stragglers

    assert found["device_id"].to_list() == [0, 1, 2, 3]
    assert found["n_groups"].to_list() == [3, 3, 3, 3]
    assert found["n_last"].to_list() == [0, 0, 3, 0]
    assert found["last_share"].to_list() == [0, 0, 1, 0]
    assert found["mean_lateness_us"].to_list() == [None, None, pytest.approx(80), None]
    assert found["caused_wait_s"].to_list() == pytest.approx([0, 0, 9 * 80e-6, 0])
    assert found["caused_wait_j"][2] == pytest.approx(100 * 9 * 80e-6)
    assert found["own_wait_s"].to_list() == pytest.approx([240e-6, 240e-6, 0, 240e-6])
    assert found["own_wait_j"].to_list() == pytest.approx([0.024, 0.024, 0, 0.024])


def test_of_two_that_begin_last_the_first_one_is_named() -> None:
    pieces = [Piece(ALL_REDUCE, 0 if d == 0 else 5, 20, d) for d in range(3)]

    assert tables(pieces).stragglers["n_last"].to_list() == [0, 1, 0]


def test_waits_are_cut_to_the_window() -> None:
    # GPU 2 begins the last call at 2,080 us; the window ends at 2,050 us.
    found = tables(one_slow_rank(), (1_030, 2_050))

    wait_us = 3 * 50 + 3 * 50
    moving_us = 4 * 20
    row = found.collectives.row(0, named=True)
    assert row["wait_s"] == pytest.approx(wait_us * 1e-6)
    assert row["moving_s"] == pytest.approx(moving_us * 1e-6)
    assert found.stragglers["caused_wait_s"][2] == pytest.approx(wait_us * 1e-6)


def test_energy_is_null_without_power() -> None:
    found = tables([replace(piece, energy_j=np.nan) for piece in one_slow_rank()])

    assert found.collectives["wait_energy_j"].to_list() == [None]
    assert found.stragglers["caused_wait_j"].to_list() == [None] * 4
    assert found.collectives["wait_s"][0] > 0


def test_what_has_no_counterpart_is_listed_with_its_time() -> None:
    alone = [
        Piece(SEND, 100 * i + 20 * d, 100 * i + 25 + 20 * d, d) for i in range(4) for d in (0, 1)
    ]
    rows = tables([*alone[:-1]]).collectives

    row = rows.row(0, named=True)
    assert (row["n_groups"], row["n_members"], row["n_unmatched"]) == (0, 0, 7)
    assert row["unmatched_s"] == pytest.approx(7 * 25e-6)
    assert (row["wait_s"], row["mean_wait_us"], row["wait_share"]) == (0, None, None)


def test_no_collectives_no_rows() -> None:
    found = tables([Piece("gemm", 0, 10), Piece("gemm", 0, 10, 1)])

    assert [len(found.collectives), len(found.stragglers), len(found.expert_balance)] == [0, 0, 0]


def expert(start_us: float, length_us: float, device: int, step: int, layer: int = 5) -> Piece:
    return Piece(
        "moe_gemm", start_us, start_us + length_us, device, energy_j=length_us * 1e-3,
        subphase="moe.routed_fc1", layer=layer, step=step,
    )  # fmt: skip


def test_experts_that_are_uneven_by_turns_are_uneven() -> None:
    # Step 0 loads GPU 1, step 1 loads GPU 0 a little less: sums are almost equal.
    pieces = [
        expert(0, 10, 0, 0), expert(0, 30, 1, 0), expert(100, 28, 0, 1), expert(100, 10, 1, 1),
        expert(200, 20, 0, 0, layer=6), expert(200, 20, 1, 0, layer=6),
    ]  # fmt: skip

    uneven, even = tables(pieces).expert_balance.rows(named=True)

    assert (uneven["layer"], uneven["n_passes"], uneven["n_devices"]) == (5, 2, 2)
    assert uneven["mean_busy_s"] == pytest.approx((20 + 19) * 1e-6)
    assert uneven["max_busy_s"] == pytest.approx((30 + 28) * 1e-6)
    assert uneven["imbalance"] == pytest.approx(58 / 39)
    assert (uneven["rank"], uneven["device_id"]) == (0, 1)
    assert uneven["device_busy_s"] == pytest.approx(40e-6)
    assert uneven["energy_j"] == pytest.approx(0.078)
    assert uneven["device_energy_j"] == pytest.approx(0.040)
    assert (even["layer"], even["imbalance"]) == (6, 1)


def test_each_dispatch_is_a_pass_of_its_own() -> None:
    # Without steps: two dispatches, after each the experts.
    pieces = []
    for turn, lengths in enumerate([(10, 30), (30, 10)]):
        at_us = 200.0 * turn
        for device, length_us in enumerate(lengths):
            sent = Piece(DISPATCH, at_us, at_us + 20, device, 0.01, "moe.dispatch", 5)
            pieces += [sent, expert(at_us + 21, length_us, device, -1)]

    row = tables(pieces).expert_balance.row(0, named=True)

    assert (row["n_passes"], row["imbalance"]) == (2, pytest.approx(30 / 20))


def test_layers_tell_what_the_travel_of_tokens_waits() -> None:
    sent = [
        Piece(DISPATCH, 0, 50, 0, 0.05, "moe.dispatch", 5),
        Piece(DISPATCH, 40, 50, 1, 0.01, "moe.dispatch", 5),
    ]

    row = tables([*sent, expert(60, 10, 0, -1), expert(60, 20, 1, -1)]).expert_balance.row(
        0, named=True
    )

    assert row["wait_s"] == pytest.approx(40e-6)
    assert row["wait_energy_j"] == pytest.approx(0.04)


def test_experts_of_one_gpu_have_nothing_to_be_even_with() -> None:
    assert len(tables([expert(0, 10, 0, 0)]).expert_balance) == 0


@settings(max_examples=25)
@given(
    early_us=st.lists(st.lists(st.integers(0, 90), min_size=3, max_size=3), min_size=1, max_size=8)
)
def test_what_is_waited_is_caused_by_someone(early_us: list[list[int]]) -> None:
    pieces = [
        Piece(ALL_REDUCE, 1_000 * i + 100 - early, 1_000 * i + 120, device, energy_j=1.0)
        for i, call in enumerate(early_us)
        for device, early in enumerate(call)
    ]

    found = tables(pieces)

    wait_us = sum(early - min(call) for call in early_us for early in call)
    assert found.collectives["wait_s"].sum() == pytest.approx(wait_us * 1e-6)
    assert found.stragglers["caused_wait_s"].sum() == pytest.approx(wait_us * 1e-6)
    assert found.stragglers["own_wait_s"].sum() == pytest.approx(wait_us * 1e-6)
    assert found.stragglers["own_wait_j"].sum() == pytest.approx(
        found.stragglers["caused_wait_j"].sum()
    )
    assert found.stragglers["n_last"].sum() == len(early_us)


def test_an_analysis_has_the_tables_with_their_bounds() -> None:
    pieces = one_slow_rank(n_calls=60, late_us=800.0)
    watt = [(ms * 1_000_000, 100.0 + ms % 7) for ms in range(0, 62, 2)]
    trace = build_trace(
        [
            Work(p.name, round(p.start_us * US), round(p.end_us * US), p.device, pid=p.device + 1)
            for p in pieces
        ],
        power=dict.fromkeys(range(4), watt),
    )

    result = analyze(trace, AnalysisOptions(method="window-share"))

    row = result.collectives.row(0, named=True)
    assert row["subphase"] == "allreduce.nccl"
    assert row["wait_share"] == pytest.approx(2_400 / 2_480)
    assert 0 < row["wait_energy_lo_j"] <= row["wait_energy_j"] <= row["wait_energy_hi_j"]
    assert result.stragglers["n_last"].to_list() == [0, 0, 60, 0]


def test_a_million_pieces_take_half_a_second() -> None:
    n_devices, n_calls, n_between = 8, 12_500, 9
    n_each = n_calls * (n_between + 1)
    rng = np.random.default_rng(0)
    is_call = np.tile(np.arange(n_each) % (n_between + 1) == 0, n_devices)
    end_ns = np.tile(np.arange(1, n_each + 1) * 10 * US, n_devices)
    start_ns = end_ns - np.where(is_call, rng.integers(2 * US, 9 * US, len(end_ns)), 5 * US)
    device = np.repeat(np.arange(n_devices), n_each)
    few = build_trace([Work(ALL_REDUCE if d % 2 else "gemm", 0, 10, d) for d in range(n_devices)])
    template = few.gpu_work.sort("device_id")[0:2].sort("name_id")
    ids = dict(
        zip(
            few.names.gather(template["name_id"]).to_list(),
            template["name_id"].to_list(),
            strict=True,
        )
    )
    name_id = pl.Series(np.where(is_call, ids[ALL_REDUCE], ids["gemm"]), dtype=pl.UInt32)
    work = template[0:1].select(pl.all().repeat_by(len(device)).explode()).with_columns(
        device_id=pl.Series(device, dtype=pl.Int32), start_ns=pl.Series(start_ns),
        end_ns=pl.Series(end_ns), name_id=name_id, full_name_id=name_id,
    )  # fmt: skip
    trace = replace(few, gpu_work=work.sort("start_ns", "end_ns"))
    window = Window(0, int(end_ns.max()), None)
    ledger: Ledger = open_ledger(trace, window, AttributionOptions(), time_only=True)[0]
    found = match_collectives(trace.gpu_work, trace.names)
    n = len(device)
    labels = Labels(
        pl.repeat("allreduce", n, eager=True), pl.repeat("allreduce.nccl", n, eager=True),
        pl.repeat(0, n, dtype=pl.Int32, eager=True), np.zeros(n, dtype=np.int64), {},
    )  # fmt: skip

    began_s = time.process_time()
    rows = collective_tables(trace, ledger, labels, found).collectives
    took_s = time.process_time() - began_s

    assert rows["n_groups"].to_list() == [n_calls]
    assert took_s < 0.5
