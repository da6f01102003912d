"""Windows can be cut and joined, ranks can be read alone or together: joules stay the same."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import traceenergy as te
from tests.build import Work, build_export, build_trace
from tests.power_rows import json_rows
from tests.strategies import MS, runs

PARTS = ("total_j", "kernel_j", "static_j", "dynamic_j", "idle_gap_j", "unattributed_j")
# A regression learns from all of a window, so that it may learn something else from half of it.
BY_TIME = te.AnalysisOptions(idle_power_w=60.0, method="window-share")
few = settings(max_examples=7, deadline=None)


def parts_of(result: te.Analysis) -> dict[str, float]:
    """Give the sums of a run, its busy time, and its joules by phase."""
    sums = {name: getattr(result.energy, name) for name in PARTS}
    phases = result.phases.select("name", pl.col("energy_j").fill_null(0.0)).iter_rows()
    return sums | {"busy_s": result.phases["busy_s"].sum()} | dict(phases)


def added(*results: te.Analysis) -> dict[str, float]:
    found: dict[str, float] = {}
    for result in results:
        for name, value in parts_of(result).items():
            found[name] = found.get(name, 0.0) + value
    return found


@few
@given(runs(), st.data())
def test_two_windows_side_by_side_are_one(arguments: dict[str, Any], data: st.DataObject) -> None:
    log = arguments["power"][0]
    # Between two samples power is shared by who was busy, so that a cut there shares it anew; and a
    # window ends with its last work, so that some runs across the cut.
    cut_ns = data.draw(st.sampled_from([ns for ns, _ in log if 0 < ns < 1000 * MS]))
    across = Work("gemm_a", cut_ns - 20 * MS, cut_ns + 30 * MS, stream=9)
    kernels = [work for work in arguments["kernels"] if work.device == 0]
    trace = build_trace([*kernels, across], ranges=arguments["ranges"], power=log)

    whole = te.analyze(trace, BY_TIME)
    halves = [
        te.analyze(trace, replace(BY_TIME, filter_time_ns=window))
        for window in ((None, cut_ns), (cut_ns, None))
    ]

    assert added(*halves) == pytest.approx(added(whole), rel=1e-6, abs=1e-6)


@few
@given(runs())
def test_the_sum_of_ranks_is_the_run(arguments: dict[str, Any]) -> None:
    works = [
        [replace(work, device=0) for work in arguments["kernels"] if work.device == rank]
        for rank in (0, 1)
    ]
    # The window of a run goes from its first work to its last: the same for each.
    around = [Work("gemm_a", -9 * MS, -6 * MS), Work("gemm_a", 1200 * MS, 1207 * MS)]
    with tempfile.TemporaryDirectory() as folder:
        files = [
            build_export(
                Path(folder) / f"rank{rank}.sqlite",
                kernels=[*works[rank], *around],
                ranges=arguments["ranges"],
                gpus=[{"id": 0, "name": "Toy GPU", "uuid": f"GPU-0000000{rank}-4455-6677"}],
                raw=json_rows([(ns, round(1000 * watt)) for ns, watt in log]),
            )
            for rank, log in arguments["power"].items()
        ]
        whole = te.analyze(te.read_trace(files), BY_TIME)
        alone = [te.analyze(te.read_trace(file), BY_TIME) for file in files]

    assert added(*alone) == pytest.approx(added(whole), rel=1e-6, abs=1e-6)
    for result, row in zip(alone, whole.devices.iter_rows(named=True), strict=True):
        (own,) = result.devices.iter_rows(named=True)
        assert [own[name] for name in PARTS] == pytest.approx([row[name] for name in PARTS])
