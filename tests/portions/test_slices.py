"""Exports analyzed in slices of time: sums as of one analysis."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import traceenergy as te
from tests.build import Range, Work, build_export
from traceenergy.errors import UsageError
from traceenergy.read.nsys import database, read_nsys, schema
from traceenergy.read.nsys.time_slice import MARGIN_NS, TimeSlice, cut_in_slices
from traceenergy.report import render_json
from traceenergy.simulate.options import Options
from traceenergy.simulate.run import simulate_run
from traceenergy.units import NS_PER_MS, NS_PER_S

if TYPE_CHECKING:
    from pathlib import Path

N_SLICES = 3


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Write a run of a minute, stretched so that slices are longer than what lies around them."""
    folder = tmp_path_factory.mktemp("run") / "made"
    simulate_run(folder, Options(kernels=6000, stretch=200, poll_ns=20 * NS_PER_MS))
    return folder / "trace.sqlite", folder / "power.csv"


def test_slices_follow_each_other_with_as_many_kernels(run: tuple[Path, Path]) -> None:
    slices = cut_in_slices(run[0], N_SLICES)
    work = read_nsys(run[0]).gpu_work

    assert (slices[0].start_ns, slices[-1].end_ns) == (None, None)
    assert all(one.end_ns == after.start_ns for one, after in pairwise(slices))
    edges = [one.start_ns for one in slices[1:]]
    n_before = [int((work["start_ns"] < edge).sum()) for edge in edges if edge is not None]
    assert n_before == pytest.approx([len(work) / 3, len(work) * 2 / 3], rel=0.05)


def test_a_slice_holds_its_work_with_launches_and_ranges(run: tuple[Path, Path]) -> None:
    whole = read_nsys(run[0])
    middle = cut_in_slices(run[0], N_SLICES)[1]
    assert middle.start_ns is not None
    assert middle.end_ns is not None

    part = read_nsys(run[0], within=middle)

    low, high = middle.start_ns - MARGIN_NS, middle.end_ns + MARGIN_NS
    inside = (whole.gpu_work["end_ns"] > low) & (whole.gpu_work["start_ns"] < high)
    assert 0 < inside.sum() < len(whole.gpu_work)
    assert part.gpu_work["trace_row"].to_list() == (
        whole.gpu_work.filter(inside)["trace_row"].to_list()
    )
    wanted = set(part.gpu_work["correlation_id"].drop_nulls())
    assert wanted <= set(part.launches["correlation_id"])
    assert len(part.launches) < len(whole.launches)
    first_ns = part.launches["start_ns"].min()
    around = whole.nvtx_ranges.filter(
        (whole.nvtx_ranges["end_ns"] > first_ns) & (whole.nvtx_ranges["start_ns"] < high)
    )
    assert set(around["range_id"]) <= set(part.nvtx_ranges["range_id"])


def test_a_slice_looks_only_where_its_rows_can_be(
    run: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "_PART_ROWS", 50)
    slices = cut_in_slices(run[0], 10)
    last = slices[-1]

    for table in (schema.KERNEL, schema.NVTX):
        found = last.rows(table)
        assert found is not None
        assert 0 < len(found) < len(last.zones[table]) / 2
    for one in (slices[0], slices[4], last):
        part = read_nsys(run[0], within=one)
        anywhere = read_nsys(run[0], within=TimeSlice(one.start_ns, one.end_ns))
        assert len(part.gpu_work) > 0
        for name, table in vars(anywhere).items():
            if isinstance(table, pl.DataFrame):
                assert_frame_equal(getattr(part, name), table)
        assert part.origins == anywhere.origins


def test_names_of_domains_hold_in_every_slice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "_PART_ROWS", 2)
    times = [i * 10 * NS_PER_S for i in range(1, 7)]
    path = build_export(
        tmp_path / "x.sqlite",
        kernels=[Work("k", time, time + 100) for time in times],
        ranges=[
            Range(f"r{time}", time - 50, time, domain=3, domain_name="torch") for time in times
        ],
    )
    last = cut_in_slices(path, 3)[-1]

    part = read_nsys(path, within=last)

    assert last.start_ns is not None
    assert part.nvtx_ranges["start_ns"].to_list() == [time - 50 for time in times[-2:]]
    assert set(part.names.gather(part.nvtx_ranges["domain_name_id"])) == {"torch"}


def test_samples_of_metrics_are_looked_for_where_they_can_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "_PART_ROWS", 4)
    times = [i * NS_PER_S for i in range(60)]
    path = build_export(
        tmp_path / "x.sqlite",
        kernels=[Work("k", time, time + 100) for time in times],
        metrics=[(time, "SM Active", 40) for time in times],
    )
    middle = cut_in_slices(path, 10)[4]
    assert middle.start_ns is not None
    assert middle.end_ns is not None

    found = middle.rows(schema.METRICS)
    part = read_nsys(path, within=middle)

    assert found is not None
    assert 0 < len(found) < len(middle.zones[schema.METRICS]) / 2
    low, high = middle.start_ns - MARGIN_NS, middle.end_ns + MARGIN_NS
    inside = [time for time in times if low < time < high]
    assert part.gpu_metrics["sample_ns"].to_list() == inside


def test_sums_over_slices_are_those_of_the_whole(run: tuple[Path, Path]) -> None:
    trace, log = run
    whole = te.analyze(te.read_trace(trace, power=[log]))

    summed = te.analyze_by_report(trace, power=[log], slices=N_SLICES)

    assert summed.energy.total_j == pytest.approx(whole.energy.total_j, rel=1e-3)
    assert summed.energy.kernel_j == pytest.approx(whole.energy.kernel_j, rel=0.01)
    ours, theirs = summed.phases.sort("name"), whole.phases.sort("name")
    assert ours["name"].to_list() == theirs["name"].to_list()
    assert ours["busy_s"].to_list() == pytest.approx(theirs["busy_s"].to_list(), rel=1e-9)
    # What runs where two slices meet counts in both.
    twice = int(summed.kernels["n_kernels"].sum()) - int(whole.kernels["n_kernels"].sum())
    assert 0 <= twice <= N_SLICES
    assert summed.window == whole.window
    (ours_gpu,), (their_gpu,) = summed.devices.rows(named=True), whole.devices.rows(named=True)
    for name in ("busy_share", "coverage_share", "mean_power_w", "peak_power_w"):
        assert ours_gpu[name] == pytest.approx(their_gpu[name], rel=1e-3), name
    assert "by-slice" in [caveat.slug for caveat in summed.caveats]


def test_processes_give_the_same_bytes(run: tuple[Path, Path]) -> None:
    trace, log = run

    one = te.analyze_by_report(trace, power=[log], slices=2)
    two = te.analyze_by_report(trace, power=[log], slices=2, workers=te.Workers(jobs=2))

    assert render_json(one) == render_json(two)


def test_a_slice_is_written_as_a_condition() -> None:
    low, high = 5 * NS_PER_S, 9 * NS_PER_S

    assert TimeSlice().holds("a", "b") == ""
    assert TimeSlice(low).holds("a", "b") == "b > 3000000000"
    assert TimeSlice(low, high).holds("a", "b") == "b > 3000000000 AND a < 11000000000"


def test_few_kernels_make_few_slices(tmp_path: Path) -> None:
    path = build_export(tmp_path / "x.sqlite", kernels=[Work("k", 10, 20), Work("k", 30, 40)])

    assert cut_in_slices(path, 5) == [TimeSlice(None, 30), TimeSlice(30, None)]


def test_what_cannot_be_cut_is_refused(tmp_path: Path) -> None:
    report = tmp_path / "x.nsys-rep"
    report.write_bytes(b"something")

    with pytest.raises(UsageError, match="no export"):
        te.analyze_by_report(report, slices=2)
