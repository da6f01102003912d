"""Sums over cells against sums over pieces, on work of two GPUs that overlaps."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest

from tests.build import Work, build_trace
from traceenergy.analysis.cells import cells_of
from traceenergy.analysis.ledger import Ledger, open_ledger
from traceenergy.analysis.model import Window
from traceenergy.analysis.rows import sum_groups
from traceenergy.energy.attribute import REGRESSION, WINDOW_SHARE, AttributionOptions

if TYPE_CHECKING:
    from numpy.typing import NDArray

MS = 1_000_000
SPAN_MS, N_GROUPS = 9000, 6
NAMES = ("nvjet_gemm", "flash_fwd_kernel", "FillFunctor")


def opened(method: str) -> Ledger:
    """Attribute 500 kernels of two GPUs, a fifth of which run beside others.

    The readings of the second GPU begin late: some of its work has no known energy.
    """
    rng = np.random.default_rng(4)
    works, power_w = [], np.full((2, SPAN_MS + 1000), 90.0)
    for device in (0, 1):
        at = 0
        while at < SPAN_MS - 60:
            kind, length = int(rng.integers(3)), int(rng.integers(5, 40))
            works.append(Work(NAMES[kind], at * MS, (at + length) * MS, device=device))
            power_w[device, at : at + length] += (400.0, 250.0, 150.0)[kind]
            at += length if rng.random() < 0.8 else length // 2
    readings = {
        device: [
            (at * MS, float(power_w[device, max(at - 50, 0) : at].mean()))
            for at in range(50 + 1500 * device, SPAN_MS + 900, 50)
        ]
        for device in (0, 1)
    }
    trace = build_trace(works, power=readings)
    options = AttributionOptions(90.0, 50.0, method)
    window = Window(0, (SPAN_MS - 500) * MS, None)
    ledger = open_ledger(trace, window, options, time_only=False)[0]
    n_work = len(ledger.work)
    slack_ns = rng.integers(0, 10**6, n_work)
    return replace(
        ledger, path_ns=rng.integers(0, 100, n_work), slack_ns=slack_ns, elapsed_ns=10**9
    )


@pytest.fixture(scope="module", params=[REGRESSION, WINDOW_SHARE])
def ledger(request: pytest.FixtureRequest) -> Ledger:
    return opened(request.param)


def grouped(ledger: Ledger) -> NDArray[np.int64]:
    """Put pieces in six groups at random, some in none."""
    return np.random.default_rng(9).integers(-1, N_GROUPS, len(ledger.work))


def test_pieces_of_a_cell_are_alike(ledger: Ledger) -> None:
    group = grouped(ledger)
    cells = cells_of(ledger, group)

    for values in (group, ledger.device, np.isnan(ledger.static_j)):
        assert (values[cells.first][cells.cell] == values).all()
    for sums, mine in cells.devices:
        of_class = sums.energy.class_of_work
        first_class = np.full(mine.stop - mine.start, -1)
        first_class[sums.cell] = of_class
        assert (first_class[sums.cell] == of_class).all()
    assert (np.bincount(cells.cell) == cells.n_work).all()
    assert [int(np.flatnonzero(cells.cell == one)[0]) for one in range(5)] == list(cells.first[:5])


def test_some_work_has_no_known_energy_and_some_overlaps(ledger: Ledger) -> None:
    assert 0 < np.isnan(ledger.static_j).sum() < len(ledger.work) / 4
    assert 0 < len(ledger.not_alone.row) < len(ledger.work)


def test_rows_are_sums_over_pieces(ledger: Ledger) -> None:
    group = grouped(ledger)
    cells = cells_of(ledger, group)

    rows = sum_groups(cells, group[cells.first], pl.Series([str(i) for i in range(N_GROUPS)]))

    assert ledger.path_ns is not None
    assert ledger.slack_ns is not None
    for number, row in enumerate(rows.iter_rows(named=True)):
        mine = group == number
        assert row["n_kernels"] == mine.sum()
        assert row["static_j"] == pytest.approx(np.nansum(ledger.static_j[mine]))
        assert row["dynamic_j"] == pytest.approx(np.nansum(ledger.dynamic_j[mine]))
        assert row["critical_path_s"] == pytest.approx(ledger.path_ns[mine].sum() * 1e-9)
        assert row["slack_s"] == pytest.approx(ledger.slack_ns[mine].min() * 1e-9)
        busy_ms = sum(
            len(
                {
                    ms
                    for at in np.flatnonzero(mine & (ledger.device == device))
                    for ms in range(ledger.start_ns[at] // MS, ledger.end_ns[at] // MS)
                }
            )
            for device in (0, 1)
        )
        assert row["busy_s"] == pytest.approx(busy_ms * 1e-3)


def test_bounds_are_those_of_the_devices(ledger: Ledger) -> None:
    group = grouped(ledger)
    cells = cells_of(ledger, group, np.arange(len(group)) % 7)

    low_j, high_j = cells.bounds(group[cells.first], N_GROUPS)

    expected = ledger.bounds(group, N_GROUPS)
    assert low_j == pytest.approx(expected[0], rel=1e-10)
    assert high_j == pytest.approx(expected[1], rel=1e-10)


def test_shares_of_time_sum_to_the_time_that_gpus_are_busy(ledger: Ledger) -> None:
    cells = cells_of(ledger, grouped(ledger))
    everything = np.zeros(len(cells.first), dtype=np.int64)

    assert cells.gpu_time_s.sum() == pytest.approx(
        sum(
            cells.busy_s(np.where(ledger.device[cells.first] == device, everything, -1), 1)[0]
            for device in (0, 1)
        )
    )
