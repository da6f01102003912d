"""Charts show every peak, every gap, with few points."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.report import sample
from traceenergy.report import view_charts
from traceenergy.report.view_charts import (
    MAX_POINTS,
    balance_view,
    kernel_bars,
    layer_bars,
    phase_bars,
    power_views,
    thin,
)


@given(
    n=st.integers(1, 20_000),
    peak=st.floats(0, 1, exclude_max=True),
    hole=st.floats(0, 1, exclude_max=True),
)
def test_thinning_keeps_peak_gap_and_order(n: int, peak: float, hole: float) -> None:
    time_s = np.arange(n, dtype=float)
    power_w = np.full(n, 100.0)
    power_w[int(hole * n)] = np.nan
    power_w[int(peak * n)] = 700.0

    kept_s, kept_w = thin(time_s, power_w)

    assert len(kept_s) <= max(MAX_POINTS, 0)
    assert np.nanmax(kept_w) == 700.0
    assert np.isnan(kept_w).any() == np.isnan(power_w).any()
    assert (np.diff(kept_s) > 0).all()


def test_few_samples_are_all_drawn() -> None:
    time_s, power_w = np.array([0.0, 1.0]), np.array([5.0, 6.0])

    assert thin(time_s, power_w)[1].tolist() == [5.0, 6.0]


def test_gaps_stay_open() -> None:
    view = power_views(sample.rich_analysis())[0]

    # 20 samples of 0.1 s, a gap before the eleventh
    assert view.power_w[10] is None
    assert view.time_s[9] == pytest.approx(0.9)
    assert view.time_s[11] == pytest.approx(1.0)
    assert len(view.time_s) == 21


def test_activity_is_stacked_by_phase_over_the_bins() -> None:
    view = power_views(sample.rich_analysis())[0]

    assert [phase for phase, _, _ in view.phases] == ["moe", "attention", "allreduce", "norm"]
    assert len(view.edge_s) == 61
    # bin 3: full shares, 0.4 + 0.2 + 0.1 + 0.1
    assert sum(share[3] for _, _, share in view.phases) == pytest.approx(0.8)


def test_a_bin_without_a_phase_has_none_of_it() -> None:
    result = sample.rich_analysis()
    cut = result.timeline.filter((pl.col("phase") != "moe") | (pl.col("bin") != 7))

    view = power_views(replace(result, timeline=cut))[0]

    assert view.phases[0][2][7] == 0.0
    assert view.phases[0][2][6] > 0.0


def test_only_the_first_devices_are_drawn() -> None:
    result = sample.rich_analysis()
    devices = pl.concat(
        [result.devices.head(1).with_columns(device_id=pl.lit(i, pl.Int32)) for i in range(12)]
    )

    views = power_views(
        replace(result, devices=devices, timeline=sample.timeline(n_bins=5, n_devices=12))
    )

    assert len(views) == view_charts.MAX_DEVICE_CHARTS


def test_balance_parts_sum_to_the_total() -> None:
    view = balance_view(sample.rich_analysis())

    assert view is not None
    assert sum(view.energy_j) == pytest.approx(1_600.0)


def test_layers_are_in_order_without_the_rest() -> None:
    view = layer_bars(sample.rich_analysis())

    assert view is not None
    assert view.names == tuple(str(i) for i in range(24))


def test_bars_of_one_chart_have_names_of_their_own() -> None:
    result = sample.rich_analysis()
    twins = result.kernels.head(3).with_columns(name=pl.lit("same"))

    view = kernel_bars(replace(result, kernels=twins))

    assert view is not None
    assert view.names == ("same", "same (2)", "same (3)")


def test_nothing_to_draw_is_no_chart() -> None:
    bare = sample.bare_analysis()

    assert [phase_bars(bare), kernel_bars(bare), layer_bars(bare), balance_view(bare)] == [None] * 4
    assert power_views(bare) == ()
