"""Runs analyzed report by report: sums as of one analysis, whoever does them."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pytest
from typer.testing import CliRunner

import traceenergy as te
from tests.read.dask_cluster import cluster
from tests.read.rank_files import cut_short
from traceenergy.cli.app import make_app
from traceenergy.errors import UnreadableFileError, UsageError
from traceenergy.portions import portion
from traceenergy.portions.merge import merge_results
from traceenergy.report import render_json
from traceenergy.report.html_report import render_html
from traceenergy.report.reproduce import command_line
from traceenergy.simulate.options import Options
from traceenergy.simulate.run import simulate_run
from traceenergy.units import NS_PER_MS

if TYPE_CHECKING:
    from traceenergy.analysis import Analysis

N_RANKS = 3


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Path], Path]:
    """Write a run of several GPUs, a report each, with one power log."""
    folder = tmp_path_factory.mktemp("run")
    simulate_run(
        folder / "made",
        Options(kernels=3000, gpus=N_RANKS, reports="per-gpu", poll_ns=20 * NS_PER_MS),
    )
    return sorted((folder / "made").glob("*.sqlite")), folder / "made" / "power.csv"


@pytest.fixture(scope="module")
def summed(run: tuple[list[Path], Path]) -> Analysis:
    return te.analyze_by_report(run[0], power=[run[1]])


@pytest.fixture(scope="module")
def whole(run: tuple[list[Path], Path]) -> Analysis:
    return te.analyze(te.read_trace(run[0], power=[run[1]]))


@pytest.mark.parametrize("table", ["phases", "subphases", "layers", "kernels", "ranges"])
def test_sums_are_those_of_one_analysis(whole: Analysis, summed: Analysis, table: str) -> None:
    keys = ["name", "phase"] if table == "kernels" else ["name"]
    columns = [*keys, "static_j", "energy_j", "busy_s", "n_kernels"]
    ours = getattr(summed, table).select(columns).sort(keys)
    theirs = getattr(whole, table).select(columns).sort(keys)

    assert ours.select(keys).equals(theirs.select(keys))
    assert ours["n_kernels"].to_list() == theirs["n_kernels"].to_list()
    assert ours["busy_s"].to_list() == pytest.approx(theirs["busy_s"].to_list(), rel=1e-12)
    # Clocks of ranks are not brought together, so readings lie elsewhere by microseconds.
    assert ours["energy_j"].to_list() == pytest.approx(
        theirs["energy_j"].to_list(), rel=0.02, abs=1e-3
    )


def test_the_balance_closes(summed: Analysis) -> None:
    energy = summed.energy

    assert energy.total_j == pytest.approx(summed.devices["total_j"].sum(), rel=1e-12)
    parts = (energy.kernel_j, energy.idle_gap_j, energy.unattributed_j)
    assert sum(part or 0.0 for part in parts) == pytest.approx(energy.total_j, rel=1e-9)
    assert summed.phases["energy_j"].sum() == pytest.approx(energy.kernel_j, rel=1e-9)
    assert summed.phases["energy_share"].sum() == pytest.approx(1.0)
    assert summed.devices["rank"].to_list() == list(range(N_RANKS))
    assert (summed.phases["energy_lo_j"] <= summed.phases["energy_j"]).all()
    assert (summed.phases["energy_j"] <= summed.phases["energy_hi_j"]).all()


def test_what_is_not_in_the_sum_is_said(summed: Analysis) -> None:
    assert "by-report" in [caveat.slug for caveat in summed.caveats]
    assert summed.options["by_report"] == N_RANKS
    assert summed.energy.tokens is None
    assert summed.max_vs_sum["parts"] is None


def test_a_sum_is_written_and_loaded_like_any_result(summed: Analysis, tmp_path: Path) -> None:
    path = te.write(summed, tmp_path / "sum.json")

    assert render_json(te.load(path)) == path.read_text()
    page = render_html(summed)
    assert "analyzed each for itself" in page
    assert page.count("Not in a sum over parts of the run.") == 2
    assert "were not recorded" not in page
    assert "No steps:" not in page
    assert command_line(summed).endswith("--power power.csv --by-report")


def test_processes_and_a_cluster_give_the_same_bytes(
    run: tuple[list[Path], Path], summed: Analysis, tmp_path: Path
) -> None:
    files, log = run
    expected = render_json(summed)

    two = te.analyze_by_report(files, power=[log], workers=te.Workers(jobs=2))
    with cluster(tmp_path, 2) as (address, _):
        workers = te.Workers(scheduler=address)
        clustered = te.analyze_by_report(files, power=[log], workers=workers)

    assert render_json(two) == expected
    assert render_json(clustered) == expected


def test_one_report_is_its_own_sum(run: tuple[list[Path], Path]) -> None:
    files, log = run

    alone = te.analyze(te.read_trace(files[:1], power=[log]))
    summed = te.analyze_by_report(files[0], power=[log])

    columns = ["name", "energy_j", "energy_lo_j", "energy_hi_j", "static_j", "busy_s", "slack_s"]
    assert summed.phases.select(columns).equals(alone.phases.select(columns))
    assert summed.energy == replace(alone.energy, tokens=None)


def test_a_damaged_report_ends_the_run_or_is_left_out(
    run: tuple[list[Path], Path], tmp_path: Path
) -> None:
    files, log = run
    bad = cut_short(Path(shutil.copy(files[0], tmp_path / "trace_rank7.sqlite")))

    with pytest.raises(UnreadableFileError, match="rank7") as caught:
        te.analyze_by_report([*files, bad], power=[log])
    workers = te.Workers(on_error="skip")
    summed = te.analyze_by_report([*files, bad], power=[log], workers=workers)

    assert "--on-error skip" in caught.value.next_step
    assert len(summed.devices) == N_RANKS
    assert "trace_rank7.sqlite" in next(
        caveat.text for caveat in summed.caveats if caveat.slug == "rank-left-out"
    )


def test_a_missing_report_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFileError, match="not there"):
        te.analyze_by_report(tmp_path / "x.sqlite", workers=te.Workers(jobs=None))


def test_options_that_need_all_reports_are_refused(run: tuple[list[Path], Path]) -> None:
    options = te.AnalysisOptions(tokens_per_step=5, filter_time_ns=(0, 10))

    with pytest.raises(UsageError, match="--filter-time, --tokens-per-step"):
        te.analyze_by_report(run[0], options)


def test_long_tables_are_cut_and_counted(whole: Analysis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(portion, "MOST_ROWS", 5)

    short = portion.cut_down(whole)

    assert short.kernels.equals(whole.kernels.head(5))
    assert len(short.work) == 0
    told = {caveat.where: caveat.n for caveat in short.caveats if caveat.slug == "rows-left-out"}
    assert told["kernels"] == len(whole.kernels) - 5
    assert "phases" not in told or told["phases"] == len(whole.phases) - 5


def test_what_is_unknown_in_all_reports_stays_unknown(whole: Analysis) -> None:
    without = replace(
        whole, phases=whole.phases.with_columns(pl.lit(None, pl.Float64).alias("energy_j"))
    )

    both = merge_results([without, without], [0, 1]).phases
    half = merge_results([without, whole], [0, 1]).phases

    assert both["energy_j"].null_count() == len(both)
    assert half["energy_j"].to_list() == whole.phases["energy_j"].to_list()
    assert half["n_kernels"].to_list() == (2 * whole.phases["n_kernels"]).to_list()


def test_the_shell_sums_reports(run: tuple[list[Path], Path], tmp_path: Path) -> None:
    out = tmp_path / "sum.json"
    words = [*(str(file) for file in run[0]), "--power", str(run[1]), "--by-report", "-o", str(out)]

    done = CliRunner().invoke(make_app(), ["analyze", *words])

    assert done.exit_code == 0, done.output
    assert json.loads(out.read_text())["options"]["by_report"] == N_RANKS
