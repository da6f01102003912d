"""Texts of an export, each kept once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from tests.build import build_export, process_id
from traceenergy.read.nsys import read_nsys
from traceenergy.read.nsys.database import Database
from traceenergy.read.nsys.names import Names

if TYPE_CHECKING:
    from pathlib import Path

    from traceenergy.trace.model import Trace

KERNEL = "CUPTI_ACTIVITY_KIND_KERNEL"


def slugs(trace: Trace) -> dict[str, int | None]:
    return {caveat.slug: caveat.n for caveat in trace.caveats}


def name_of(trace: Trace, frame: pl.DataFrame) -> list[str]:
    return trace.names.gather(frame["name_id"]).to_list()


def test_a_text_has_one_number_wherever_it_stands(tmp_path: Path) -> None:
    strings = {"StringIds": [{"id": -7, "value": "b"}, {"id": 8, "value": None}]}
    path = build_export(tmp_path / "x.sqlite", raw=strings)

    with Database(path) as database:
        names = Names(database)
        written = names.of_texts(pl.Series([b"b", None, b"a", b"b\xff"]))
        registered = names.of_strings(pl.Series([-7, None, 8, 9, -7]))

        assert names.texts().to_list() == ["", "b", "a", "b\N{REPLACEMENT CHARACTER}"]
        assert written.to_list() == [1, None, 2, 3]
        assert registered.to_list() == [1, None, None, None, 1]
        assert (names.find("a"), names.find("z"), names.of_text("")) == (2, None, 0)


def test_kernels_whose_names_are_gone_are_said(tmp_path: Path) -> None:
    row = {"start": 1, "end": 2, "deviceId": 0, "streamId": 7, "globalPid": process_id(1)}
    raw = {KERNEL: [{**row, "shortName": 4711}, {**row, "shortName": None}]}

    trace = read_nsys(build_export(tmp_path / "x.sqlite", raw=raw))

    assert name_of(trace, trace.gpu_work) == ["[unnamed kernel]"] * 2
    assert slugs(trace)["unnamed-kernels"] == 2
