"""The window that a program marks with cudaProfilerStart and cudaProfilerStop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.build import Work, build_export, build_trace, thread_id
from traceenergy import read_trace
from traceenergy.analysis import Analysis, AnalysisOptions, analyze

if TYPE_CHECKING:
    from pathlib import Path

MS = 1_000_000
START, STOP = "cudaProfilerStart_v4000", "cudaProfilerStop_v4000"


def profiled(*calls: tuple[str, int] | tuple[str, int, int], **options: Any) -> Analysis:  # noqa: ANN401 - any option
    """Run kernels of 5 ms at 0, 10, ... 90 ms in two processes, with calls (name, ms, process)."""
    works = [
        Work("k", i * 10 * MS, i * 10 * MS + 5 * MS, pid=pid, device=pid)
        for pid in (1, 2)
        for i in range(10)
    ]
    marks = [
        Work("", call[1] * MS, 0, launch=(call[1] * MS, call[1] * MS + 1), api=call[0],
             pid=call[2] if len(call) > 2 else 1, correlation=1000 + i)
        for i, call in enumerate(calls)
    ]  # fmt: skip
    trace = build_trace(works, extra_launches=marks)
    return analyze(trace, AnalysisOptions(time_only=True, **options))


@pytest.mark.parametrize(
    ("calls", "start_ms", "end_ms"),
    [
        (((START, 25), (STOP, 78)), 30, 75),
        ((("cuProfilerStart", 25), ("cuProfilerStop", 78)), 30, 75),
        (((START, 25),), 30, 95),  # until the end
        (((STOP, 78),), 0, 75),  # nsys may begin with a start that it does not see
        (((START, 25), (STOP, 38), (START, 55), (STOP, 78)), 30, 75),  # first to last
        (((START, 25), (STOP, 38), (START, 55)), 30, 95),  # the last one has no stop
        (((START, 25, 1), (STOP, 48, 1), (START, 35, 2), (STOP, 78, 2)), 30, 75),  # of any process
        (((START, 25, 1), (STOP, 48, 1), (START, 35, 2)), 30, 95),
        ((("cudaProfilerInitialize", 25),), 0, 95),
    ],
)
def test_the_window_goes_from_the_first_start_to_the_last_stop(
    calls: tuple[tuple[str, int], ...], start_ms: int, end_ms: int
) -> None:
    window = profiled(*calls).window

    assert (window.start_ns, window.end_ns) == (start_ms * MS, end_ms * MS)


def test_how_much_lies_outside_is_said() -> None:
    # 3 kernels before, 2 after, of each process
    result = profiled((START, 25), (STOP, 78))

    said = next(c for c in result.caveats if c.slug == "profiler-window")
    assert said.n == 10
    assert "50.0% of the GPU time" in said.text


def test_nothing_is_said_where_nothing_lies_outside() -> None:
    assert "profiler-window" not in [c.slug for c in profiled((START, -5), (STOP, 99)).caveats]


def test_a_filter_comes_before_it() -> None:
    result = profiled((START, 25), (STOP, 78), filter_time_ns=(None, None))

    assert (result.window.start_ns, result.window.end_ns) == (0, 95 * MS)
    assert "profiler-window" not in [c.slug for c in result.caveats]


def test_a_window_without_work_is_said_and_not_used() -> None:
    result = profiled((START, 96), (STOP, 97))

    assert (result.window.start_ns, result.window.end_ns) == (0, 95 * MS)
    said = next(c for c in result.caveats if c.slug == "profiler-window")
    assert said.text.startswith("No GPU work was launched between")


def test_calls_are_read_from_an_export(tmp_path: Path) -> None:
    # the export keeps calls of the runtime beside launches; they carry correlation ids too
    call = {"eventClass": 0, "globalTid": thread_id(1, 1), "returnValue": 0}
    path = build_export(
        tmp_path / "x.sqlite",
        kernels=[("k", i * 10 * MS, i * 10 * MS + 5 * MS) for i in range(10)],
        raw={
            "StringIds": [{"id": 900, "value": START}, {"id": 901, "value": STOP}],
            "CUPTI_ACTIVITY_KIND_RUNTIME": [
                {**call, "start": 25 * MS, "end": 26 * MS, "correlationId": 800, "nameId": 900},
                {**call, "start": 78 * MS, "end": 79 * MS, "correlationId": 801, "nameId": 901},
            ],
        },
    )
    work = analyze(read_trace(path), AnalysisOptions(time_only=True)).work

    assert len(work) == 5
