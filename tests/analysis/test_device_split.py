"""GPU work cut to a window, split by device."""

from __future__ import annotations

import numpy as np
import pytest

from tests.build import Work, build_trace
from traceenergy.analysis.device_split import cut_work, split_by_device
from traceenergy.analysis.model import Window


def test_work_is_cut_to_the_window() -> None:
    #   time     0    5   10   15   20   25
    #   window           [=========]
    #   work    [-----------]
    #                       [--]
    #                            [-------]
    #            [-]        |          [-]        none of it; no length, inside
    trace = build_trace([("a", 0, 12), ("n", 1, 3), ("b", 12, 15), ("z", 12, 12), ("c", 17, 26)])

    row, start_ns, end_ns = cut_work(trace.gpu_work, Window(10, 20, None))

    assert trace.gpu_work["start_ns"].gather(row).to_list() == [0, 12, 12, 17]
    assert start_ns.tolist() == [10, 12, 12, 17]
    assert end_ns.tolist() == [12, 12, 15, 20]


@pytest.mark.parametrize("n_devices", [1, 2, 5])
@pytest.mark.parametrize("window", [(-10, 5000), (300, 700), (850, 900)])
@pytest.mark.parametrize("seed", range(3))
def test_each_device_has_its_work_and_knows_where_it_was(
    seed: int, window: tuple[int, int], n_devices: int
) -> None:
    rng = np.random.default_rng(seed)
    start = rng.integers(0, 1000, 60).tolist()
    device = rng.integers(0, n_devices, 60).tolist()
    trace = build_trace(
        Work("k", begin, begin + 40, device=7 * one)
        for begin, one in zip(start, device, strict=True)
    )
    work = trace.gpu_work

    row, start_ns, end_ns = cut_work(work, Window(*window, None))
    of_piece, devices = split_by_device(trace, row, start_ns, end_ns)

    inside = work[row]
    keys = sorted(set(inside["device_id"]))
    assert [one.device_id for one in devices] == keys
    assert [keys[place] for place in of_piece] == inside["device_id"].to_list()
    for one in devices:
        every = work.with_row_index().filter(device_id=one.device_id)
        assert one.all_trace_row.tolist() == every["index"].to_list()
        assert one.all_start_ns.tolist() == every["start_ns"].to_list()
        assert one.all_end_ns.tolist() == every["end_ns"].to_list()
        assert row[one.row].tolist() == one.all_trace_row[one.all_row].tolist()
        assert set(inside["device_id"].gather(one.row)) == {one.device_id}
        assert one.start_ns.tolist() == start_ns[one.row].tolist()
        assert one.end_ns.tolist() == end_ns[one.row].tolist()
    assert sum(len(one.row) for one in devices) == len(row)


def test_all_work_of_one_device_is_not_copied() -> None:
    trace = build_trace([("a", 0, 5), ("b", 6, 9)])
    row, start_ns, end_ns = cut_work(trace.gpu_work, Window(0, 9, None))

    device = split_by_device(trace, row, start_ns, end_ns)[1][0]

    assert all(np.may_share_memory(row, one) for one in (device.row, device.all_row))
    assert np.may_share_memory(start_ns, device.start_ns)
    assert np.may_share_memory(end_ns, device.end_ns)
