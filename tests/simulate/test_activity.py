"""GPU metrics are means between samples."""

from __future__ import annotations

import numpy as np
import polars as pl

from traceenergy.simulate.activity import metric_names, sample_activity
from traceenergy.simulate.clock import steady_clock
from traceenergy.simulate.cost import UNITS, Cost
from traceenergy.simulate.target import BOARDS

US = 1000


def test_values_are_time_weighted_means_in_per_cent() -> None:
    # Samples 100 us apart start 40 ms before the work.
    # us        0        100       200       300
    # work           [---------------)         50..200, 80 % SM, 40 % tensor, 50 % DRAM
    activity = np.zeros((1, 1, len(UNITS)))
    activity[0, 0] = [0.8, 0.4, 0.5, 0.0]
    none = np.zeros((1, 1))
    cost = Cost(none, activity, none, none.astype(np.int64), none)
    work = pl.DataFrame({"start_ns": [50 * US], "end_ns": [200 * US], "step": [0], "class_id": [0]})
    made = sample_activity(work, cost, steady_clock(BOARDS["h100"]))

    at_work = made.values[made.values[:, 1] > 0]
    # The first sample lies at 50 us - 40 ms, so periods begin at 50 us, 150 us.
    assert at_work.tolist() == [
        [1_980_000_000, 100, 80, 40, 40, 10, 0],
        [1_980_000_000, 50, 40, 20, 20, 5, 0],
    ]
    assert (np.diff(made.sample_ns) == 100 * US).all()


def test_names_follow_the_version() -> None:
    assert "SM Active" in metric_names("3.7.2")
    assert "SMs Active" in metric_names("3.11.1")
    assert "SMs Active [Throughput %]" in metric_names("3.25.0")
