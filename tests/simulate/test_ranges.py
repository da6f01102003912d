"""NVTX ranges enclose what they are about."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from traceenergy.simulate.options import Options
from traceenergy.simulate.ranges import nvtx_ranges
from traceenergy.simulate.target import BOARDS
from traceenergy.simulate.timeline import Timeline, lay_out


@pytest.fixture(scope="module", params=["decode", "mixed"])
def timeline(request: pytest.FixtureRequest) -> Timeline:
    options = Options(scenario=request.param, steps=3, layers=5, gpus=2, batch=8)
    return lay_out(options, BOARDS["h100"], np.random.default_rng(4))


def test_ranges_of_a_thread_nest(timeline: Timeline) -> None:
    ranges = nvtx_ranges(timeline, 2).filter(device=1)

    open_ends: list[int] = []
    for start_ns, end_ns in ranges.select("start_ns", "end_ns").iter_rows():
        while open_ends and open_ends[-1] <= start_ns:
            open_ends.pop()
        assert not open_ends or end_ns <= open_ends[-1], "a range crosses its parent"
        open_ends.append(end_ns)


def test_each_launch_of_a_layer_is_in_the_range_of_that_layer(timeline: Timeline) -> None:
    layers = nvtx_ranges(timeline, 0).filter(level=1).sort("start_ns")
    work = timeline.work.drop_nulls("layer").select("call", "layer", "device")
    launches = timeline.calls.select("call", "start_ns", "end_ns").join(work, on="call")

    found = launches.sort("start_ns").join_asof(
        layers.rename({"end_ns": "range_end_ns"}), on="start_ns", by="device",
        check_sortedness=False,
    )  # fmt: skip

    assert found.select((pl.col("text") == pl.format("layer_{}", "layer")).all()).item()
    assert (found["end_ns"] <= found["range_end_ns"]).all()


def test_steps_say_what_they_hold(timeline: Timeline) -> None:
    steps = nvtx_ranges(timeline, 0).filter(level=0, device=0)["text"].to_list()

    assert len(steps) == 3
    first = timeline.steps.row(0, named=True)
    assert steps[0] == (
        f"[Executor] _forward_step 0: {first['ctx_requests']} ctx reqs, "
        f"{first['gen_requests']} gen reqs"
    )


def test_operator_ranges_come_per_launch(timeline: Timeline) -> None:
    launches = timeline.calls.filter(pl.col("slot") >= 0)

    assert len(nvtx_ranges(timeline, 3)) - len(nvtx_ranges(timeline, 0)) == 3 * len(launches)


def test_fewer_marks_are_the_steps_or_nothing(timeline: Timeline) -> None:
    full = nvtx_ranges(timeline, 1)

    assert nvtx_ranges(timeline, 1, "steps").rows() == full.filter(level=0).rows()
    assert nvtx_ranges(timeline, 1, "none").is_empty()
