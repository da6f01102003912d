"""Activity of each class from sampled metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest

from traceenergy.energy.activity import measure_activity
from traceenergy.energy.coverage import covered_s, sort_classes
from traceenergy.trace.tables import GpuMetrics

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.energy.coverage import ClassTimes

US = 1000
PERIOD_NS = 100 * US
EPOCH_NS = 1_700_000_000_000_000_000
SMS, TENSOR, READS, WRITES, NVLINK = (
    "SMs Active [Throughput %]",
    "Tensor Active [Throughput %]",
    "DRAM Read Bandwidth [Throughput %]",
    "DRAM Write Bandwidth [Throughput %]",
    "NVLink TX Responses User Data [Throughput %]",
)
# SMs, tensor cores, reads, writes, NVLink of each of three classes
TRUE = np.array(
    [
        [0.90, 0.80, 0.30, 0.10, 0.00],
        [0.50, 0.00, 0.70, 0.20, 0.00],
        [0.20, 0.00, 0.10, 0.10, 0.60],
    ]
)
BY_PART = np.column_stack((TRUE[:, 0], TRUE[:, 1], TRUE[:, 2] + TRUE[:, 3], TRUE[:, 4]))


def work(n: int = 6000) -> ClassTimes:
    """Let kernels of 10 to 120 us follow each other with short pauses."""
    rng = np.random.default_rng(2)
    turns = rng.integers(1, 40, n), rng.integers(10, 120, n)
    edge_ns = EPOCH_NS + np.cumsum(np.column_stack(turns).ravel()) * US
    return sort_classes(edge_ns[::2], edge_ns[1::2], np.ones(n), rng.integers(0, 3, n), 3)


def sampled(
    classes: ClassTimes, offset_ns: int, names: dict[str, int], noise: float = 0.0
) -> GpuMetrics:
    """Sample metrics [%] whose period ends so long after the stamp."""
    last_ns = EPOCH_NS + round(float(classes.end_s.max()) * 1e9)
    at_ns = np.arange(EPOCH_NS, last_ns, PERIOD_NS)
    end_ns = at_ns + offset_ns
    share: NDArray[np.float64] = covered_s(classes, end_ns - PERIOD_NS, end_ns) / (PERIOD_NS * 1e-9)
    rng = np.random.default_rng(8)
    tables = [
        pl.DataFrame(
            {
                "sample_ns": at_ns,
                "metric": [name] * len(at_ns),
                "value": 100 * (share @ TRUE[:, column] + rng.normal(0, noise, len(at_ns))),
            }
        )
        for name, column in names.items()
    ]
    return GpuMetrics(pl.concat(tables).with_columns(pl.col("metric").cast(pl.Categorical)))


ALL = {SMS: 0, TENSOR: 1, READS: 2, WRITES: 3, NVLINK: 4}


@pytest.mark.parametrize("offset_us", [-200, -85, 0, 50, 100, 200])
def test_activity_and_the_place_of_samples_are_found(offset_us: int) -> None:
    classes = work()

    found = measure_activity(sampled(classes, offset_us * US, ALL), classes, classes)

    # a multiple of the 5 us that are tried, so noise-free metrics are met but for the ridge:
    # 0.5 of about 4000 samples by a quarter each
    assert found is not None
    assert found.offset_ns == offset_us * US
    assert found.mean == pytest.approx(BY_PART, abs=0.005)


def test_noise_widens_the_errors_that_are_told() -> None:
    classes = work()

    found = measure_activity(sampled(classes, 50 * US, ALL, noise=0.2), classes, classes)

    assert found is not None
    assert abs(found.offset_ns - 50 * US) <= 10 * US
    assert np.abs(found.mean - BY_PART).max() < 4 * found.se.max()
    # noise of 0.2 over the root of about 4000 samples, a class in about a quarter of each;
    # DRAM adds the noise of reads and writes
    assert 0.003 < found.se.min() < found.se.max() < 0.05
    assert found.se[0, 2] == pytest.approx(np.sqrt(2) * found.se[0, 0], rel=0.1)


def test_parts_without_a_metric_rest() -> None:
    classes = work()

    found = measure_activity(sampled(classes, 0, {SMS: 0, READS: 2}), classes, classes)

    assert found is not None
    assert found.mean[:, [0, 2]] == pytest.approx(TRUE[:, [0, 2]], abs=0.005)
    assert not found.mean[:, [1, 3]].any()


@pytest.mark.parametrize("names", [{SMS: 0}, {READS: 2, WRITES: 3}, {"GR Active [%]": 0}])
def test_metrics_without_sms_or_dram_say_nothing(names: dict[str, int]) -> None:
    classes = work()

    assert measure_activity(sampled(classes, 0, names), classes, classes) is None


def test_few_samples_say_nothing() -> None:
    # about 1000 kernels of 85 us with their pause: 850 samples of 100 us
    classes = work(1000)

    assert measure_activity(sampled(classes, 0, ALL), classes, classes) is None


def test_samples_beside_the_work_do_not_count() -> None:
    # work in the first tenth of the samples only: fewer than 1000 samples have any
    long, classes = work(), work(600)
    metrics = sampled(long, 0, ALL)

    assert len(metrics) > 5 * 1000
    assert measure_activity(metrics, classes, classes) is None
