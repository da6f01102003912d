"""NVTX ranges of an export."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.build import Range, build_export, process_id, thread_id
from traceenergy.read.nsys import read_nsys

if TYPE_CHECKING:
    from pathlib import Path

    from traceenergy.trace.model import Trace

END_NS = 1_000  # of the capture


def read(tmp_path: Path, *ranges: Range, **more: object) -> Trace:
    path = tmp_path / "x.sqlite"
    return read_nsys(build_export(path, ranges=ranges, duration_ns=END_NS, **more))


def texts(trace: Trace) -> list[str]:
    return trace.names.gather(trace.nvtx_ranges["name_id"]).to_list()


def slugs(trace: Trace) -> dict[str, int | None]:
    return {caveat.slug: caveat.n for caveat in trace.caveats}


def test_a_range_without_end_ends_with_the_trace(tmp_path: Path) -> None:
    trace = read(tmp_path, Range("a", 10, 20), Range("b", 30, None), Range("c", 40, END_NS))

    columns = ["start_ns", "end_ns", "is_open"]
    assert trace.nvtx_ranges.select(columns).rows() == [
        (10, 20, False),
        (30, END_NS, True),
        (40, END_NS, True),
    ]
    assert slugs(trace)["open-ranges"] == 2


def test_an_open_range_of_a_cut_export_ends_with_the_last_event(tmp_path: Path) -> None:
    # The duration is that of the whole run, long after the part that is left.
    trace = read(
        tmp_path, Range("b", 30, None), kernels=[("k", 40, 90)], metadata={"DERIVED_FROM": "y"}
    )

    assert trace.nvtx_ranges["end_ns"].to_list() == [90]
    assert "cut-export" in slugs(trace)


def test_a_range_ended_by_another_thread_is_kept_and_said(tmp_path: Path) -> None:
    trace = read(
        tmp_path,
        Range("there", 10, 20, style="start_end", end_tid=2),
        Range("here", 10, 20, style="start_end", end_tid=1),
    )

    assert trace.nvtx_ranges["end_thread_id"].to_list() == [thread_id(1, 2), None]
    assert trace.nvtx_ranges["style"].to_list() == ["start_end", "start_end"]
    assert slugs(trace)["cross-thread-ranges"] == 1


def test_text_comes_from_either_column(tmp_path: Path) -> None:
    row = {"start": 1, "end": 2, "eventType": 59, "globalTid": thread_id(1, 1), "domainId": 0}
    raw = {
        "NVTX_EVENTS": [
            {**row, "textId": 1},
            {**row, "text": "written"},
            {**row, "textId": 99, "text": "id is gone"},
            row,
            {**row, "text": "bad \udcff bytes".encode("utf-8", "surrogateescape")},
            {**row, "text": "\N{ROCKET}"},
        ],
        "StringIds": [{"id": 1, "value": "registered"}],
    }

    trace = read(tmp_path, raw=raw)

    assert texts(trace) == [
        "registered",
        "written",
        "id is gone",
        "",
        "bad \N{REPLACEMENT CHARACTER} bytes",
        "\N{ROCKET}",
    ]


def test_marks_are_no_ranges_but_imported_ranges_are(tmp_path: Path) -> None:
    row = {"start": 1, "globalTid": thread_id(1, 1), "domainId": 0}
    kinds = {34: "mark", 59: "a", 60: "b", 70: "c", 71: "d", 39: "thread", 75: "domain"}
    raw = {
        "NVTX_EVENTS": [
            {**row, "end": 2, "eventType": kind, "text": text} for kind, text in kinds.items()
        ]
    }

    trace = read(tmp_path, raw=raw)

    assert texts(trace) == ["a", "b", "c", "d"]
    assert trace.nvtx_ranges["style"].to_list() == ["push_pop", "start_end"] * 2


def test_domain_names_belong_to_a_process(tmp_path: Path) -> None:
    # Both processes call their domain 1; one is created twice, from two threads.
    created = {"start": -3, "eventType": 75, "globalTid": thread_id(1, 9), "domainId": 1}
    trace = read(
        tmp_path,
        Range("a", 1, 2, pid=1, domain=1, domain_name="NCCL"),
        Range("b", 1, 2, pid=2, domain=1, domain_name="other"),
        Range("c", 1, 2, pid=1),
        Range("d", 1, 2, pid=3, domain=1),
        raw={"NVTX_EVENTS": [{**created, "text": "NCCL"}]},
    )

    ids = trace.nvtx_ranges["domain_name_id"].to_list()
    assert [None if i is None else trace.names[i] for i in ids] == ["NCCL", "other", None, None]
    assert trace.nvtx_ranges["domain_id"].to_list() == [1, 1, 0, 1]
    assert trace.nvtx_ranges["process_id"].to_list() == [process_id(i) for i in (1, 2, 1, 3)]


def test_no_ranges_name_the_table_with_the_cure(tmp_path: Path) -> None:
    trace = read(tmp_path, kernels=[("k", 1, 2)])

    (caveat,) = [caveat for caveat in trace.caveats if caveat.slug == "no-nvtx"]
    assert "NVTX_EVENTS" in caveat.text
    assert "-t cuda,nvtx" in caveat.text
