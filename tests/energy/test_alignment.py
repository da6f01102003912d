"""The lag of a power log, found from bursts of work."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pytest

from traceenergy.energy.alignment import Alignment, align
from traceenergy.energy.coverage import covered_s, sort_classes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.energy.coverage import ClassTimes

MS = 1_000_000
EPOCH_NS = 1_700_000_000_000_000_000


@dataclass(frozen=True)
class Work:
    """Bursts of one of two categories each."""

    start_ns: NDArray[np.int64]
    end_ns: NDArray[np.int64]
    busy: ClassTimes
    categories: ClassTimes


def bursts(seed: int = 1, n: int = 80) -> Work:
    """Let bursts of 20 to 300 ms alternate with pauses of 20 to 400 ms."""
    rng = np.random.default_rng(seed)
    turns_ms = np.column_stack((rng.uniform(20, 400, n), rng.uniform(20, 300, n)))
    edge_ns = EPOCH_NS + np.round(np.cumsum(turns_ms.ravel()) * MS).astype(np.int64)
    return work_of(edge_ns[::2], edge_ns[1::2], rng.integers(0, 2, n))


def work_of(
    start_ns: NDArray[np.int64], end_ns: NDArray[np.int64], category: NDArray[np.int64]
) -> Work:
    ones, same = np.ones(len(start_ns)), np.zeros(len(start_ns), dtype=np.int64)
    return Work(
        start_ns,
        end_ns,
        sort_classes(start_ns, end_ns, ones, same, 1),
        sort_classes(start_ns, end_ns, ones, category, 2),
    )


def readings(
    work: Work, lag_ms: float, window_ms: float, span_ns: tuple[int, int], noise_w: float = 2.0
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Read 100 W idle, 400 W and 250 W in the categories, every 100 ms."""
    at_ns = np.arange(span_ns[0], span_ns[1], 100 * MS)
    window_ns = round(max(window_ms, 1.0) * MS)
    high_ns = at_ns - round(lag_ms * MS)
    share = covered_s(work.categories, high_ns - window_ns, high_ns) / (window_ns * 1e-9)
    rng = np.random.default_rng(9)
    return at_ns, 100 + share @ np.array([300.0, 150.0]) + rng.normal(0, noise_w, len(at_ns))


def span_of(work: Work) -> tuple[int, int]:
    return int(work.start_ns[0]), int(work.end_ns[-1])


def find(work: Work, lag_ms: float, window_ms: float, noise_w: float = 2.0) -> Alignment:
    at_ns, power_w = readings(work, lag_ms, window_ms, span_of(work), noise_w)
    return align(at_ns, power_w, window_ms, work.busy, work.categories)


@pytest.mark.parametrize("window_ms", [0, 25, 100, 1000])
@pytest.mark.parametrize("lag_ms", [-500, -13, 0, 12, 57, 500])
def test_the_lag_of_bursts_is_found_within_milliseconds(window_ms: float, lag_ms: float) -> None:
    found = find(bursts(), lag_ms, window_ms)

    # a longer window blurs edges: 1 s of 20 to 300 W a step leaves them a few ms wide
    assert found.lag_ms == pytest.approx(lag_ms, abs=1.0 if window_ms < 1000 else 4.0)
    assert found.is_trusted
    assert found.explained_share > 0.95
    assert found.lag_lo_ms <= found.lag_ms <= found.lag_hi_ms


@pytest.mark.parametrize("window_ms", [25, 1000])
def test_bursts_under_heavy_noise_still_show_the_lag(window_ms: float) -> None:
    # 40 W of noise on steps of 150 to 300 W
    found = find(bursts(), 57, window_ms, noise_w=40.0)

    assert found.lag_ms == pytest.approx(57, abs=20 if window_ms < 1000 else 100)
    assert found.explained_share < 0.99


def test_more_noise_leaves_more_lags_possible() -> None:
    widths = []
    for noise_w in (2.0, 20.0, 80.0):
        found = find(bursts(), 57, 100, noise_w)
        widths.append(found.lag_hi_ms - found.lag_lo_ms)

    assert widths == sorted(widths)
    assert widths[0] < widths[2]


@pytest.mark.parametrize("window_ms", [0, 25, 100, 1000])
def test_the_lag_of_steady_work_is_not_trusted(window_ms: float) -> None:
    # one category at work from 0 to 60 s, readings from 5 to 55 s: all lags show the same
    start_ns = np.array([EPOCH_NS])
    work = work_of(start_ns, start_ns + 60_000 * MS, np.zeros(1, dtype=np.int64))
    inside = EPOCH_NS + 5000 * MS, EPOCH_NS + 55_000 * MS
    at_ns, power_w = readings(work, 57, window_ms, inside)

    found = align(at_ns, power_w, window_ms, work.busy, work.categories)

    assert not found.is_trusted
    # nothing speaks against what is usual
    assert found.lag_lo_ms < 50 < found.lag_hi_ms
    assert found.lag_ms == pytest.approx(50, abs=20)


def test_power_that_has_nothing_to_do_with_the_work_is_not_trusted() -> None:
    work = bursts()
    at_ns, _ = readings(work, 0, 25, span_of(work))
    power_w = np.random.default_rng(4).normal(300, 50, len(at_ns))

    found = align(at_ns, power_w, 25, work.busy, work.categories)

    assert not found.is_trusted
    assert found.explained_share < 0.3
