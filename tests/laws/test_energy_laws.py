"""What must hold for the energy of every trace."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.build import build_trace
from tests.strategies import MS, runs
from traceenergy.analysis import Analysis, AnalysisOptions, analyze

if TYPE_CHECKING:
    from random import Random

    from traceenergy.trace.model import Trace

OPTIONS = AnalysisOptions(idle_power_w=60.0)
# A regression knows watts and durations beforehand, so these laws hold for it only in part:
# test_regression_laws.py says how far.
BY_TIME = replace(OPTIONS, method="window-share")
few = settings(max_examples=20, deadline=None)


def run(arguments: dict[str, object], options: AnalysisOptions = OPTIONS) -> Analysis:
    return analyze(build_trace(**arguments), options)


def energy_by_name(table: pl.DataFrame) -> dict[str, float]:
    rows = table.filter(pl.col("energy_j").is_not_null())
    return dict(rows.select("name", "energy_j").iter_rows())


@few
@given(runs())
def test_parts_and_the_rest_are_the_whole(arguments: dict[str, object]) -> None:
    result = run(arguments)
    energy = result.energy

    assert energy.kernel_j + energy.idle_gap_j + energy.unattributed_j == pytest.approx(
        energy.total_j, rel=1e-6
    )
    assert energy.static_j + energy.dynamic_j == pytest.approx(energy.kernel_j, rel=1e-9)
    for device in result.devices.iter_rows(named=True):
        parts = device["kernel_j"] + device["idle_gap_j"] + device["unattributed_j"]
        assert parts == pytest.approx(device["total_j"], rel=1e-6, abs=1e-9)


@few
@given(runs())
def test_every_table_sums_to_the_same_energy(arguments: dict[str, object]) -> None:
    result = run(arguments)

    for table in (result.phases, result.subphases, result.kernels, result.ranges, result.work):
        assert table["energy_j"].sum() == pytest.approx(result.energy.kernel_j, rel=1e-6, abs=1e-9)
    for table in (result.layers, result.steps):
        if len(table):
            assert table["energy_j"].sum() == pytest.approx(
                result.energy.kernel_j, rel=1e-6, abs=1e-9
            )


@few
@given(runs())
def test_no_part_is_negative_and_bounds_enclose(arguments: dict[str, object]) -> None:
    result = run(arguments)

    assert result.energy.idle_gap_j >= 0
    assert result.energy.unattributed_j >= 0
    for table in (result.phases, result.kernels, result.ranges):
        known = table.filter(pl.col("energy_j").is_not_null())
        assert (known["static_j"] >= 0).all()
        assert (known["dynamic_j"] >= 0).all()
        assert (known["energy_lo_j"] <= known["energy_j"] * (1 + 1e-9) + 1e-12).all()
        assert (known["energy_j"] <= known["energy_hi_j"] * (1 + 1e-9) + 1e-12).all()


@few
@given(runs(), st.integers(-(10**17), 10**18))
def test_shifting_all_clocks_changes_no_energy(arguments: dict[str, object], by_ns: int) -> None:
    kernels = [
        replace(work, start_ns=work.start_ns + by_ns, end_ns=work.end_ns + by_ns)
        for work in arguments["kernels"]
    ]
    ranges = [
        replace(span, start_ns=span.start_ns + by_ns, end_ns=span.end_ns + by_ns)
        for span in arguments["ranges"]
    ]
    power = {
        device: [(ns + by_ns, watt) for ns, watt in log]
        for device, log in arguments["power"].items()
    }

    here = run(arguments)
    there = run({"kernels": kernels, "ranges": ranges, "power": power})

    assert energy_by_name(there.phases) == pytest.approx(energy_by_name(here.phases), rel=1e-9)
    assert there.energy.total_j == pytest.approx(here.energy.total_j, rel=1e-9)


@few
@given(runs())
def test_doubling_all_powers_doubles_all_energies(arguments: dict[str, object]) -> None:
    doubled = arguments | {
        "power": {d: [(t, 2 * w) for t, w in log] for d, log in arguments["power"].items()}
    }

    once = run(arguments, BY_TIME)
    twice = run(doubled, replace(BY_TIME, idle_power_w=120.0))

    expected = {name: 2 * joules for name, joules in energy_by_name(once.kernels).items()}
    assert energy_by_name(twice.kernels) == pytest.approx(expected, rel=1e-9, abs=1e-9)


@few
@given(runs(), st.data())
def test_cutting_a_kernel_in_two_changes_no_phase(
    arguments: dict[str, object], data: st.DataObject
) -> None:
    kernels = list(arguments["kernels"])
    chosen = kernels.pop(data.draw(st.integers(0, len(kernels) - 1)))
    cut_ns = data.draw(st.integers(chosen.start_ns, chosen.end_ns))
    launch = (chosen.start_ns, chosen.start_ns)
    pieces = [
        replace(chosen, end_ns=cut_ns, launch=launch),
        replace(chosen, start_ns=cut_ns, launch=launch),
    ]

    whole = run(arguments, BY_TIME)
    cut = run(arguments | {"kernels": [*kernels, *pieces]}, BY_TIME)

    assert energy_by_name(cut.phases) == pytest.approx(
        energy_by_name(whole.phases), rel=1e-9, abs=1e-9
    )
    assert dict(cut.phases.select("name", "busy_s").iter_rows()) == pytest.approx(
        dict(whole.phases.select("name", "busy_s").iter_rows())
    )


@few
@given(runs(), st.randoms(use_true_random=False))
def test_row_order_changes_nothing(arguments: dict[str, object], random: Random) -> None:
    kernels, ranges = list(arguments["kernels"]), list(arguments["ranges"])
    random.shuffle(kernels)
    random.shuffle(ranges)

    here = run(arguments)
    there = run(arguments | {"kernels": kernels, "ranges": ranges})

    assert energy_by_name(there.ranges) == pytest.approx(energy_by_name(here.ranges), abs=1e-9)


@few
@given(runs())
def test_another_device_changes_no_other(arguments: dict[str, object]) -> None:
    alone = [work for work in arguments["kernels"] if work.device == 0]
    if not alone:
        return

    whole = run(arguments)
    one = run(arguments | {"kernels": alone}, replace(OPTIONS, filter_time_ns=_window_of(whole)))

    if _window_of(one) != _window_of(whole):
        return
    mine = whole.devices.filter(pl.col("device_id") == 0)
    assert one.devices["total_j"].to_list() == pytest.approx(mine["total_j"].to_list())
    assert one.devices["kernel_j"].to_list() == pytest.approx(mine["kernel_j"].to_list())


def _window_of(result: Analysis) -> tuple[int, int]:
    return result.window.start_ns, result.window.end_ns


@few
@given(runs())
def test_largest_share_of_time_is_at_most_busy_is_at_most_the_sum(
    arguments: dict[str, object],
) -> None:
    trace: Trace = build_trace(**arguments)
    result = analyze(trace, OPTIONS)
    longest = trace.gpu_work.select((pl.col("end_ns") - pl.col("start_ns")).max()).item() / 1e9
    total = trace.gpu_work.select((pl.col("end_ns") - pl.col("start_ns")).sum()).item() / 1e9

    busy = sum(
        share * result.window.elapsed_ns / 1e9 for share in result.devices["busy_share"].to_list()
    )

    assert longest - 1e-9 <= busy <= total + 1e-9
    bins = result.timeline.group_by("device_id", "bin").agg(pl.col("busy_share").sum())
    assert bins["busy_share"].to_list() == pytest.approx([1.0] * len(bins))


def test_the_laws_are_not_empty() -> None:
    """The strategies draw work in ranges, so that the laws above speak of something."""
    trace = build_trace(
        kernels=[("gemm_a", 10 * MS, 200 * MS)],
        ranges=[("step 0", 0, 300 * MS)],
        power=[(t * MS, 300.0) for t in range(-400, 1600, 50)],
    )

    result = analyze(trace, OPTIONS)

    assert result.ranges["name"].to_list() == ["step *"]
    assert result.energy.kernel_j == pytest.approx(300.0 * 0.19, rel=1e-6)
