"""Samples of metrics, one row per time stamp."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from traceenergy.energy.metric_samples import MetricSamples, read_samples
from traceenergy.trace.tables import GpuMetrics

EPOCH_NS = 1_700_000_000_000_000_000
ALWAYS = EPOCH_NS - 10**9, EPOCH_NS + 10**9


def table(**series: dict[int, float]) -> GpuMetrics:
    """Make a table of values by time since the epoch; `DRAM_Read` stands for a blank."""
    rows = [
        (EPOCH_NS + at_ns, metric.replace("_", " "), value)
        for metric, values in series.items()
        for at_ns, value in values.items()
    ]
    schema = {"sample_ns": pl.Int64, "metric": pl.Categorical, "value": pl.Float64}
    return GpuMetrics(pl.DataFrame(rows, schema=schema, orient="row"))


def read(metrics: GpuMetrics) -> MetricSamples:
    found = read_samples(metrics, *ALWAYS)
    assert found is not None
    return found


def every(*at_ns: int) -> dict[int, float]:
    return {at: float(place + 1) for place, at in enumerate(at_ns)}


def test_reads_and_writes_add_up_and_parts_have_their_columns() -> None:
    times = (0, 100, 200, 300)
    metrics = table(
        SMs_Active=dict.fromkeys(times, 50.0),
        DRAM_Read_Throughput=dict.fromkeys(times, 30.0),
        DRAM_Write_Throughput=dict.fromkeys(times, 20.0),
    )

    found = read(metrics)

    # the first and the last have no neighbor
    assert (found.at_ns - EPOCH_NS).tolist() == [100, 200]
    assert found.length_ns.tolist() == [100, 100]
    assert found.value[0].tolist() == pytest.approx([0.5, np.nan, 0.5, np.nan], nan_ok=True)
    # two values are rounded, each to a per cent: root of 2 / 12
    assert found.rounding[2] == pytest.approx(0.01 * (2 / 12) ** 0.5)


def test_beside_gaps_it_is_not_known_what_a_sample_covers() -> None:
    times = (0, 100, 200, 300, 500, 600, 700, 800)
    metrics = table(SMs_Active=every(*times), DRAM_Read_Throughput=every(*times))

    assert (read(metrics).at_ns - EPOCH_NS).tolist() == [100, 200, 600, 700]


def test_long_rows_of_lost_samples_are_gaps_too() -> None:
    # every second one is lost from 400 to 1000: as regular as the others, but twice as long
    times = (*range(0, 400, 100), *range(400, 1000, 200), *range(1000, 1500, 100))
    metrics = table(SMs_Active=every(*times), DRAM_Read_Throughput=every(*times))

    kept = (read(metrics).at_ns - EPOCH_NS).tolist()

    assert kept == [100, 200, 300, 1100, 1200, 1300]


def test_a_period_that_changes_is_followed() -> None:
    times = (0, 1000, 2000, 3000, 4100, 5200, 6300)
    found = read(table(SMs_Active=every(*times), DRAM_Read_Throughput=every(*times)))

    assert found.length_ns.tolist() == [1000, 1000, 1100, 1100]
    low_ns, high_ns = found.bins(0)
    assert (high_ns - low_ns).tolist() == found.length_ns.tolist()
    # one usual period on, a sample covers the time until the next, however long that is
    low_ns, high_ns = found.bins(found.period_ns)
    assert low_ns.tolist() == found.at_ns.tolist()
    assert (high_ns - found.at_ns).tolist() == found.length_ns.tolist()


def test_bins_lie_as_far_from_stamps_as_told() -> None:
    found = read(table(SMs_Active=every(*range(0, 900, 100)), DRAM_Read=every(*range(0, 900, 100))))

    for offset_ns in (-230, -50, 0, 7, 100, 180):
        low_ns, high_ns = found.bins(offset_ns)
        assert set((high_ns - found.at_ns).tolist()) == {offset_ns}
        assert set((high_ns - low_ns).tolist()) == {100}


def test_what_is_not_sampled_is_not_known() -> None:
    # SMs at even, DRAM at odd stamps
    metrics = table(SMs_Active=every(*range(0, 1000, 200)), DRAM_Read=every(*range(100, 1000, 200)))

    value = read(metrics).value

    assert np.isnan(value[:, 0]).tolist() == [True, False] * 4
    assert np.isnan(value[:, 2]).tolist() == [False, True] * 4


def test_a_sum_with_a_part_that_is_not_known_is_not_known() -> None:
    times = range(0, 500, 100)
    metrics = table(SMs_Active=every(*times), DRAM_Read=every(*times), DRAM_Write=every(*times[:3]))

    assert np.isnan(read(metrics).value[:, 2]).tolist() == [False, False, True]


def test_order_of_rows_does_not_matter() -> None:
    times = range(0, 2000, 100)
    metrics = table(SMs_Active=every(*times), DRAM_Read=every(*times))

    mixed = read(GpuMetrics(metrics.sample(fraction=1, shuffle=True, seed=1)))

    assert mixed.at_ns.tolist() == read(metrics).at_ns.tolist()
    assert mixed.value[:, 0].tolist() == read(metrics).value[:, 0].tolist()


@pytest.mark.parametrize("since_ns", [200, 250])
def test_samples_are_cut_to_the_time_that_is_asked_for(since_ns: int) -> None:
    times = range(0, 1000, 100)
    metrics = table(SMs_Active=every(*times), DRAM_Read=every(*times))

    found = read_samples(metrics, EPOCH_NS + since_ns, EPOCH_NS + 600)

    assert found is not None
    assert (found.at_ns - EPOCH_NS).tolist() == [300, 400, 500]


def test_long_idle_times_are_left_out_but_their_edges() -> None:
    times = range(0, 1000, 100)
    level = dict.fromkeys(times, 0.0) | {300: 50.0, 700: 20.0}
    metrics = table(SMs_Active=level, DRAM_Read=dict.fromkeys(times, 0.0))

    assert (read(metrics).at_ns - EPOCH_NS).tolist() == [200, 300, 400, 600, 700, 800]


@pytest.mark.parametrize(
    "metrics",
    [
        table(SMs_Active=every(0, 100, 200)),
        table(DRAM_Read=every(0, 100, 200)),
        table(SMs_Active=every(0, 100), DRAM_Read=every(0, 100)),
        table(),
    ],
)
def test_too_little_is_nothing(metrics: GpuMetrics) -> None:
    assert read_samples(metrics, *ALWAYS) is None
