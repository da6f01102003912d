"""A run of several reports: which of them may fail, how ranks are told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import traceenergy as te
from tests.build import build_export, thread_id
from tests.read.rank_files import assert_same, cut_short, write_ranks
from traceenergy.errors import (
    AmbiguousPowerError,
    MissingTableError,
    NoPowerError,
    TraceEnergyError,
    UnreadableFileError,
    UsageError,
)
from traceenergy.read import ReadOptions, Workers, read_trace

if TYPE_CHECKING:
    from pathlib import Path

SKIP = Workers(on_error="skip")


def test_a_report_that_cannot_be_read_ends_the_run_and_is_named(tmp_path: Path) -> None:
    files = write_ranks(tmp_path, 3)
    cut_short(files[1])

    with pytest.raises(UnreadableFileError) as problem:
        read_trace(files)

    assert "rank1.sqlite" in problem.value.what
    assert "of 3 reports, 1 cannot be read: rank1.sqlite (unreadable-file)" in str(problem.value)
    assert "--on-error skip" in problem.value.next_step


def test_all_that_cannot_be_read_are_named_at_once(tmp_path: Path) -> None:
    files = write_ranks(tmp_path, 4)
    files[0].unlink()
    build_export(files[0], kernels=[("k", 1, 2)], without=["StringIds"])
    cut_short(files[3])

    with pytest.raises(TraceEnergyError) as problem:
        read_trace(files)

    assert isinstance(problem.value, MissingTableError | UnreadableFileError)
    assert "rank0.sqlite (" in problem.value.details
    assert "rank3.sqlite (unreadable-file)" in problem.value.details


def test_a_file_that_is_plainly_no_trace_is_refused_before_any_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = write_ranks(tmp_path, 2)
    files[1].write_text("not a trace")
    monkeypatch.setattr("traceenergy.read.reports.read_report", None)

    with pytest.raises(UnreadableFileError, match=r"rank1\.sqlite"):
        read_trace(files)


@pytest.mark.parametrize("jobs", [1, 2])
def test_what_cannot_be_read_is_left_out_and_named_and_the_others_keep_their_ranks(
    tmp_path: Path, jobs: int
) -> None:
    files = write_ranks(tmp_path, 4)
    files[0].write_bytes(b"")
    cut_short(files[2])

    trace = read_trace(files, workers=Workers(jobs=jobs, on_error="skip"))

    assert [(o.name, o.rank) for o in trace.origins] == [("rank1.sqlite", 1), ("rank3.sqlite", 3)]
    assert trace.gpu_work["rank"].unique().sort().to_list() == [1, 3]
    (caveat,) = [c for c in trace.caveats if c.slug == "rank-left-out"]
    assert caveat.n == 2
    assert (
        "Of 4 reports of the run, 2 could not be read and were left out: rank0.sqlite "
        "(unreadable-file), rank2.sqlite (unreadable-file)." in caveat.text
    )


def test_without_names_that_tell_ranks_those_left_keep_their_place(tmp_path: Path) -> None:
    files = write_ranks(tmp_path, 3)
    files = [
        file.rename(tmp_path / f"{name}.sqlite") for file, name in zip(files, "abc", strict=True)
    ]
    cut_short(files[0])

    trace = read_trace(files, workers=SKIP)

    assert [(o.name, o.rank) for o in trace.origins] == [("b.sqlite", 1), ("c.sqlite", 2)]


def test_a_broken_report_does_not_hide_the_ranks_that_the_others_state(tmp_path: Path) -> None:
    for name, rank in (("a", 7), ("b", 2)):
        ranks = {"MPI_RANKS": [{"globalTid": thread_id(1, 1), "rank": rank}]}
        build_export(tmp_path / f"{name}.sqlite", kernels=[(name, rank, 99)], raw=ranks)
    (tmp_path / "c.sqlite").write_bytes(b"")

    trace = read_trace(tmp_path, workers=SKIP)

    assert [origin.rank for origin in trace.origins] == [7, 2]
    assert "guessed-ranks" not in {caveat.slug for caveat in trace.caveats}


def test_ranks_that_only_some_reports_state_are_not_used_for_their_power_either(
    tmp_path: Path,
) -> None:
    # Two GPUs, power marks without a name: only --power-gpu tells whose power it is. By order the
    # report `b`, which states rank 0, is rank 1.
    gpus = [{"id": i, "name": "GPU", "uuid": f"{i:032x}"} for i in (0, 1)]
    kernels = [("k", 0, 90)]
    domain = {"eventType": 75, "start": -9, "domainId": 3, "text": "traceenergy"}
    mark = {"eventType": 34, "domainId": 3, "text": "power", "int64Value": 300_000, "start": 10}
    marks = [{**row, "globalTid": thread_id(1, 1)} for row in (domain, mark)]
    build_export(tmp_path / "a.sqlite", kernels=kernels, raw={"NVTX_EVENTS": marks}, gpus=gpus)
    raw: dict[str, list[dict[str, Any]]] = {
        "NVTX_EVENTS": marks,
        "MPI_RANKS": [{"globalTid": thread_id(1, 1), "rank": 0}],
    }
    build_export(tmp_path / "b.sqlite", kernels=[("k", 0, 91)], raw=raw, gpus=gpus)

    trace = read_trace(tmp_path, options=ReadOptions(power_gpu=("0:0", "1:0")))

    assert [origin.rank for origin in trace.origins] == [0, 1]
    assert trace.gpu_work["rank"].to_list() == [0, 1]
    assert sorted(trace.power_samples["rank"]) == [0, 1]


def test_nothing_is_left_of_a_run_without_a_readable_report(tmp_path: Path) -> None:
    files = [cut_short(file) for file in write_ranks(tmp_path, 2)]

    with pytest.raises(UnreadableFileError) as problem:
        read_trace(files, workers=SKIP)

    assert "of 2 reports, 2 cannot be read" in problem.value.details
    assert "--on-error" not in problem.value.next_step


def test_where_the_only_power_is_left_out_times_remain_and_energy_is_refused(
    tmp_path: Path,
) -> None:
    files = write_ranks(tmp_path, 1)
    files.append(build_export(tmp_path / "rank1.sqlite", kernels=[("k", 1, 2)]))
    cut_short(files[0])

    trace = read_trace(files, workers=SKIP)

    with pytest.raises(NoPowerError):
        te.analyze(trace)
    times = te.analyze(trace, te.AnalysisOptions(time_only=True))
    assert "rank-left-out" in {caveat.slug for caveat in times.caveats}


def test_a_single_report_fails_in_its_own_words(tmp_path: Path) -> None:
    (file,) = write_ranks(tmp_path, 1)

    with pytest.raises(UnreadableFileError) as problem:
        read_trace(cut_short(file), workers=SKIP)

    assert "reports" not in str(problem.value)


def test_a_wrong_option_is_no_reason_to_leave_ranks_out(tmp_path: Path) -> None:
    files = write_ranks(tmp_path, 2)

    with pytest.raises(UsageError, match="no such GPU ran work") as problem:
        read_trace(files, options=ReadOptions(power_gpu=("1:9",)), workers=SKIP)

    assert not isinstance(problem.value, AmbiguousPowerError)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"jobs": 0}, "--jobs must be at least 1, got 0"),
        ({"on_error": "ignore"}, "--on-error 'ignore' is not known"),
        ({"jobs": 2, "scheduler": "tcp://x:1"}, "--jobs and --scheduler were both given"),
    ],
)
def test_workers_that_mean_nothing_are_refused(words: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        Workers(**words)


def test_the_default_is_the_calling_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = write_ranks(tmp_path, 2)
    expected = read_trace(files, workers=Workers(jobs=1))
    monkeypatch.setattr("traceenergy.read.local_jobs.read_in_processes", None)

    assert_same(read_trace(files), expected)
    # Files of some hundred kilobytes are not worth a process.
    assert_same(read_trace(files, workers=Workers(jobs=None)), expected)
