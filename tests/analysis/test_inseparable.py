"""Rows that readings tell in sum only: small traces drawn by hand, one simulated decode."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest

from tests.build import build_trace
from traceenergy import read_trace
from traceenergy.analysis import Analysis, AnalysisOptions, analyze
from traceenergy.analysis.cells import cells_of
from traceenergy.analysis.inseparable import distinct_names, doubt_split
from traceenergy.analysis.ledger import Ledger, open_ledger
from traceenergy.analysis.model import Window
from traceenergy.analysis.rows import sum_groups
from traceenergy.energy.attribute import AttributionOptions
from traceenergy.energy.recording_advice import advise_recording, mix_change
from traceenergy.energy.separability import spread_of
from traceenergy.energy.work_sums import sum_work
from traceenergy.simulate.options import Options
from traceenergy.simulate.run import simulate_run

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from traceenergy.energy.device_energy import DeviceEnergy
    from traceenergy.trace.model import Trace

    Int = NDArray[np.int64]

MS = 1_000_000
IDLE_W, WATTS = 90.0, (400.0, 250.0, 150.0)
NAMES = ("nvjet_gemm", "flash_fwd_kernel", "FillFunctor")
CYCLE_MS = 50
FIXED = [(25, 15, 10)] * 160
AVERAGE = AnalysisOptions(idle_power_w=IDLE_W, sensor_window_ms=100.0)


def loop(turns_ms: Sequence[tuple[int, int, int]]) -> Trace:
    """Run three kernels in turn, 50 ms a cycle; power is read every 100 ms as a mean over them.

    ms   0        25    40   50
         gemm.....flash.fill.gemm ...      90 W, and 400, 250, 150 W on top
    """
    end_ms = np.cumsum([turn for turns in turns_ms for turn in turns])
    start_ms = np.concatenate(([0], end_ms[:-1]))
    kernels = [
        (NAMES[i % 3], int(low) * MS, int(high) * MS)
        for i, (low, high) in enumerate(zip(start_ms, end_ms, strict=True))
    ]
    power_w = np.full(1500 + int(end_ms[-1]) + 1500, IDLE_W)
    for i, (low, high) in enumerate(zip(start_ms, end_ms, strict=True)):
        power_w[1500 + low : 1500 + high] += WATTS[i % 3]
    shown_w = power_w.reshape(-1, 100).mean(axis=1)
    shown_w += np.random.default_rng(0).normal(0, 1.0, len(shown_w))
    read_ms = 100 * (1 + np.arange(len(shown_w))) - 1500
    power = [(int(t) * MS, float(w)) for t, w in zip(read_ms, shown_w, strict=True)]
    return build_trace(kernels=kernels, power=power)


def varied() -> list[tuple[int, int, int]]:
    rng = np.random.default_rng(1)
    first, second = rng.integers(5, 30, 80), rng.integers(5, 15, 80)
    turns = [(int(a), int(b), int(CYCLE_MS - a - b)) for a, b in zip(first, second, strict=True)]
    return [turn for turn in turns for _ in range(2)]  # two cycles a reading


def together(rows: pl.DataFrame) -> dict[str, list[str]]:
    return dict(rows.select("name", "inseparable_with").iter_rows())


def slugs(result: Analysis) -> list[str]:
    return [caveat.slug for caveat in result.caveats]


@pytest.fixture(scope="module")
def fixed() -> Trace:
    return loop(FIXED)


@pytest.fixture(scope="module")
def ledger(fixed: Trace) -> Ledger:
    window = Window(0, len(FIXED) * CYCLE_MS * MS, None)
    options = AttributionOptions(IDLE_W, 100.0, "regression")

    return open_ledger(fixed, window, options, time_only=False)[0]


def energy_of(ledger: Ledger) -> DeviceEnergy:
    (energy,) = ledger.energies
    assert energy is not None
    assert energy.model is not None
    return energy


def kernel_of(ledger: Ledger) -> Int:
    return np.arange(len(ledger.work)) % 3


def test_kernels_in_a_fixed_proportion_are_named_with_each_other(fixed: Trace) -> None:
    result = analyze(fixed, AVERAGE)

    found = together(result.kernels)
    # Most energy first: truth is 490 W x 25 ms, 340 W x 15 ms, 240 W x 10 ms a cycle.
    assert found["nvjet_gemm"][0] == "flash_fwd_kernel"
    assert found["flash_fwd_kernel"][0] == "nvjet_gemm"
    for name, others in found.items():
        assert all(name in found[other] for other in others)
    (caveat,) = [caveat for caveat in result.caveats if caveat.slug == "inseparable"]
    assert "nvjet_gemm, flash_fwd_kernel" in caveat.text
    for part in ("of kernels", "GPU metrics", "batch sizes", "--calibration", "a longer run"):
        assert part in caveat.text


def summed(ledger: Ledger, group: Int, names: Sequence[str]) -> pl.DataFrame:
    cells = cells_of(ledger, group)
    return sum_groups(cells, group[cells.first], pl.Series(names))


def test_kernels_whose_proportion_changes_are_not() -> None:
    result = analyze(loop(varied()), AVERAGE)

    assert result.energy.method == "regression"
    assert all(others == [] for others in together(result.kernels).values())
    assert "inseparable" not in slugs(result)


def test_shares_of_time_are_never_named(fixed: Trace) -> None:
    result = analyze(fixed, replace(AVERAGE, method="window-share"))

    assert all(others == [] for others in together(result.kernels).values())
    assert "inseparable" not in slugs(result)


def test_cycles_of_equal_work_are_told_apart_from_each_other(ledger: Ledger) -> None:
    # Ten stretches with the same three kernels: powers are not known, but their split is.
    cycle = np.arange(len(ledger.work)) * 10 // len(ledger.work)
    rows = summed(ledger, cycle, [str(i) for i in range(10)])

    assert all(others == [] for others in together(rows).values())


def test_what_a_set_has_beyond_its_lower_bounds_may_be_any_ones(ledger: Ledger) -> None:
    kernel = kernel_of(ledger)
    own_low_j, own_high_j = ledger.bounds(kernel, 3)
    rows = summed(ledger, kernel, NAMES)
    members = np.flatnonzero(rows["inseparable_with"].list.len().to_numpy())
    _, set_high_j = ledger.bounds(np.where(np.isin(kernel, members), 0, -1), 1)
    low_j, high_j = rows["energy_lo_j"].to_numpy(), rows["energy_hi_j"].to_numpy()

    assert len(members) >= 2
    assert low_j == pytest.approx(own_low_j)
    for member in range(3):
        most_j = own_high_j[member]
        if member in members:
            others_j = low_j[members].sum() - low_j[member]
            most_j = max(most_j, set_high_j[0] - others_j)
        assert high_j[member] == pytest.approx(most_j)
    assert (high_j[members] > own_high_j[members] * 1.001).any()


def test_no_bound_is_wider_than_what_is_possible(ledger: Ledger) -> None:
    # A board that can draw no more than 2 x 260 W: gemm's 25 of 50 ms at 520 W at most.
    energy = replace(energy_of(ledger), most_w=520.0)
    limited = replace(ledger, energies=(energy,))
    possible_j = replace(energy, model=None).bounds(kernel_of(ledger), 3)[1]

    rows = summed(limited, kernel_of(ledger), NAMES)

    high_j, own_high_j = rows["energy_hi_j"].to_numpy(), limited.bounds(kernel_of(ledger), 3)[1]
    assert (high_j <= possible_j * (1 + 1e-9)).all()
    assert (high_j >= own_high_j * (1 - 1e-9)).all()


def test_errors_are_those_of_the_model_and_add_over_devices(ledger: Ledger) -> None:
    energy, kernel = energy_of(ledger), kernel_of(ledger)
    assert energy.model is not None
    length_s = (energy.work.end_ns - energy.work.start_ns).astype(np.float64) * 1e-9
    parts = energy.model.design.parts(energy.work.all_row, length_s)
    se_j = energy.model.standard_error_j(parts, kernel, 3)
    sums, blind = (sum_work(one, kernel, 3) for one in (energy, replace(energy, model=None)))
    each = np.arange(3)

    one = spread_of([(sums, each)], 3)
    two = spread_of([(sums, each), (blind, each), (sums, each)], 3)

    assert one is not None
    assert two is not None
    assert np.sqrt(np.diag(one.covariance_j2)) == pytest.approx(se_j)
    assert one.energy_j.sum() == pytest.approx(np.nansum(energy.dynamic_j))
    assert (np.diag(one.prior_covariance_j2) > np.diag(one.covariance_j2)).all()
    # Standard errors add, as bounds do: twice the error, four times the variance.
    assert two.covariance_j2 == pytest.approx(4 * one.covariance_j2)
    assert two.prior_covariance_j2 == pytest.approx(4 * one.prior_covariance_j2)
    assert two.energy_j == pytest.approx(2 * one.energy_j)
    assert spread_of([(blind, each)], 3) is None


def test_kernels_that_run_in_several_parts_are_called_by_both() -> None:
    names = distinct_names(pl.Series(["gemm", "fill", "gemm"]), pl.Series(["mlp.fc1", "a", "mlp"]))
    assert names.to_list() == ["gemm (mlp.fc1)", "fill", "gemm (mlp)"]


def test_a_caveat_counts_sets_and_shows_the_largest(ledger: Ledger) -> None:
    def rows(*sets: tuple[str, float]) -> pl.DataFrame:
        # Each set: names split by spaces, energy of each.
        records = [
            {
                "name": name,
                "subphase": "part",
                "energy_j": energy_j,
                "inseparable_with": [other for other in names.split() if other != name],
            }
            for names, energy_j in sets
            for name in names.split()
        ]
        return pl.DataFrame(records)

    kernels = rows(("a b", 10.0), ("c d e f g h", 2.0), ("i", 99.0))
    phases = rows(("p", 50.0), ("q", 60.0))

    (caveat,) = doubt_split(ledger, kernels, phases, phases)

    assert "2 of kernels; the largest, 20 J in all: a, b;" in caveat.text
    assert caveat.n == 8
    (caveat,) = doubt_split(ledger, rows(("c d e f g h", 2.0)), phases, phases)
    assert "1 of kernels; the largest, 12 J in all: c, d, e, f and 2 more;" in caveat.text
    assert doubt_split(ledger, phases, phases, phases) == ()


def test_advice_names_what_is_missing(ledger: Ledger) -> None:
    energy = energy_of(ledger)
    assert energy.model is not None
    metrics = replace(energy, model=replace(energy.model, prior_source="GPU metrics"))
    known = replace(
        energy, model=replace(energy.model, prior_source="names, calibration", n_rows=300)
    )

    def words(*energies: DeviceEnergy) -> list[str]:
        parts = ("GPU metrics", "batch sizes", "--calibration", "a longer run")
        return [word for word in parts if any(word in text for text in advise_recording(energies))]

    assert words(energy) == ["GPU metrics", "batch sizes", "--calibration", "a longer run"]
    assert words(metrics) == ["batch sizes", "--calibration", "a longer run"]
    assert words(known) == ["GPU metrics", "batch sizes"]
    assert words(known, metrics) == words(energy)  # what one of several devices lacks
    assert words(known, replace(metrics, model=None)) == words(known)


def test_the_mix_changes_by_what_would_have_to_move() -> None:
    # Stretches of 100 ns. First: 60 ns of 0, 40 of 1; second: 20 of 0, 80 of 1. In all 40 and
    # 60 %: in each 20 of 100 ns are too much of one kernel.
    start_ns, end_ns = np.array([0, 60, 100, 120]), np.array([60, 100, 120, 200])
    kernel = np.array([0, 1, 0, 1])

    assert mix_change(start_ns, end_ns, kernel, 100) == pytest.approx(0.2)
    assert mix_change(start_ns, end_ns, kernel, 200) == 0.0
    # Each stretch with a kernel of its own, n alike: 1 - 1/n.
    line = np.arange(0, 1000, 100)
    assert mix_change(line, line + 50, np.arange(10), 100) == pytest.approx(0.9)


def test_a_decode_of_one_batch_size_tells_the_largest_in_sum(tmp_path: Path) -> None:
    simulate_run(tmp_path, Options(seconds=10, layers=4, stretch=40.0, sensor="h100-average"))
    truth = json.loads((tmp_path / "truth.json").read_text())["subphases"]

    result = analyze(read_trace(tmp_path / "trace.sqlite", power=[tmp_path / "power.csv"]))

    rows = result.subphases
    found = together(rows)
    first = next(name for name in rows["name"] if found[name])
    members = rows.filter(pl.col("name").is_in([first, *found[first]]))
    true_j = sum(truth[name] for name in members["name"])
    assert len(members) >= 2
    # Members are uncertain by 15 % of their dynamic energy or more, their sum is within 10 %.
    assert members["energy_j"].sum() == pytest.approx(true_j, rel=0.1)
    for row in members.iter_rows(named=True):
        assert row["energy_lo_j"] <= truth[row["name"]] <= row["energy_hi_j"]
    assert all(others == [] for others in together(result.layers).values())
    assert "inseparable" in slugs(result)
