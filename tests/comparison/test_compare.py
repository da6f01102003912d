"""Comparisons of a run with itself, with itself changed, with runs that are none of it."""

from __future__ import annotations

from dataclasses import replace

import polars as pl
import pytest

from tests.comparison.doctored import decode, other_file, with_phase
from tests.report import sample
from traceenergy.comparison import CompareOptions, Comparison, compare
from traceenergy.errors import NotComparableError, UsageError


def energy_of(found: Comparison, phase: str) -> dict[str, object]:
    return found.change("energy_j", "phase", phase)


@pytest.mark.parametrize(
    "make", [decode, sample.rich_analysis, sample.time_only_analysis, sample.bare_analysis]
)
def test_a_run_beside_itself_shows_no_difference(make: object) -> None:
    run = make()  # type: ignore[operator] - four functions without arguments

    found = compare(run, run)

    known = found.changes.drop_nulls("delta")
    assert known["delta"].abs().to_numpy() == pytest.approx(0, abs=1e-9)
    assert not set(found.changes["verdict"]) & {"better", "worse"}
    assert set(found.kernels["status"]) <= {"matched"}
    assert not found.explanations


def test_the_run_beside_itself_is_the_same_in_energy_and_time() -> None:
    found = compare(decode(), decode())

    assert found.verdict == "same"
    assert found.change("elapsed_s")["verdict"] == "same"
    assert found.per == "run"
    assert [mark.slug for mark in found.marks] == ["same-inputs"]


def test_longer_work_of_one_phase_is_found_there() -> None:
    found = compare(decode(), with_phase(decode(), "moe", time=1.03))

    moe = energy_of(found, "moe")
    assert moe["verdict"] == "worse"
    assert moe["delta_share"] == pytest.approx(0.03, abs=0.004)
    assert found.change("work_s", "phase", "moe")["delta_share"] == pytest.approx(0.03)
    assert energy_of(found, "attention")["verdict"] != "worse"
    assert found.verdict == "worse"


def test_its_parts_say_that_time_did_it() -> None:
    found = compare(decode(), with_phase(decode(), "moe", time=1.03))

    run = found.parts.filter(level="run").row(0, named=True)
    more_j = found.change("energy_j")["delta"]
    assert run["delta_j"] == pytest.approx(more_j)
    assert run["time_j"] == pytest.approx(more_j, rel=0.02)
    assert run["count_j"] == pytest.approx(0, abs=1e-9)


def test_more_power_is_found_where_most_of_it_is() -> None:
    found = compare(decode(), with_phase(decode(), "moe", power=1.03))

    assert found.verdict == "worse"
    assert energy_of(found, "moe")["verdict"] == "worse"
    assert found.change("work_s", "phase", "moe")["verdict"] == "same"
    run = found.parts.filter(level="run").row(0, named=True)
    assert run["power_j"] == pytest.approx(run["delta_j"], rel=0.02)
    assert [mark.slug for mark in found.marks] == ["power-moved"]
    assert "+1.9%" in found.marks[0].text  # 3 % of MoE's 62 %


def test_exchanging_the_runs_turns_everything_around() -> None:
    other = with_phase(decode(), "moe", time=1.05, power=0.98)

    forth, back = compare(decode(), other).changes, compare(other, decode()).changes

    keys = ["level", "step_kind", "name", "phase", "quantity"]
    both = forth.join(back, on=keys, nulls_equal=True, suffix="_back")
    assert len(both) == len(forth)
    known = both.drop_nulls(["delta", "delta_back"])
    scale = known["base"].abs().to_numpy()
    assert (known["delta"] + known["delta_back"]).to_numpy() / scale == pytest.approx(0, abs=1e-6)
    turned = {"better": "worse", "worse": "better"}
    assert [turned.get(one, one) for one in both["verdict"]] == both["verdict_back"].to_list()


def test_rows_of_a_table_sum_to_the_steps() -> None:
    found = compare(decode(), with_phase(decode(), "moe", time=1.05))

    of_steps = found.changes.filter(level="step_kind", quantity="energy_j")["delta"].sum()
    for level in ("phase", "subphase", "kernel"):
        rows = found.changes.filter(level=level, quantity="energy_j", step_kind="all")
        assert rows["delta"].sum() == pytest.approx(of_steps, rel=1e-3)


def test_values_lie_within_the_intervals_of_each_run() -> None:
    run, other = decode(), with_phase(decode(), "moe", time=1.05)

    found = compare(run, other)

    n_steps = len(run.steps.drop_nulls("step"))
    rows = found.changes.filter(level="phase", quantity="energy_j", step_kind="all")
    told = rows.join(run.phases, on="name")
    assert (told["base"] * n_steps >= told["energy_lo_j"] * 0.999).all()
    assert (told["base"] * n_steps <= told["energy_hi_j"] * 1.001).all()


def test_of_runs_without_steps_only_the_whole_is_known() -> None:
    run = sample.rich_analysis()
    bare = replace(run, step_costs=run.step_costs.clear())

    found = compare(bare, other_file(bare))

    assert found.marks[0].slug == "no-steps"
    assert set(found.changes["level"]) == {"run"}
    assert found.verdict == "undecided"
    assert "too few steps" in str(found.change("energy_j")["reason"])


def test_without_power_time_is_compared() -> None:
    run = decode()
    nothing = {"total_j": None, "kernel_j": None, "idle_gap_j": None}
    costs = run.step_costs.with_columns(block_energy_j=pl.lit(None, pl.List(pl.Float64)))
    dark = replace(run, energy=replace(run.energy, **nothing), step_costs=costs)

    found = compare(dark, other_file(dark))

    assert found.verdict == "undecided"
    assert found.change("energy_j")["delta"] is None
    assert found.change("elapsed_s")["verdict"] == "same"
    assert found.change("work_s", "phase", "moe")["verdict"] == "same"
    assert "no-power" in {mark.slug for mark in found.marks}
    assert not len(found.parts)


def test_other_models_are_refused_unless_forced() -> None:
    run = decode()
    other = replace(
        other_file(run),
        kernels=run.kernels.with_columns(pl.col("name") + "x", pl.lit("mlp.fc1").alias("subphase")),
    )

    with pytest.raises(NotComparableError) as refused:
        compare(run, other)

    assert "other-model" in str(refused.value)
    assert compare(run, other, CompareOptions(force=True)).marks[0].slug == "other-model"


def test_other_layers_are_another_model() -> None:
    run = decode()
    fewer = replace(other_file(run), layers=run.layers.head(3))

    with pytest.raises(NotComparableError, match="cannot be compared"):
        compare(run, fewer)


def test_other_kinds_of_steps_are_refused() -> None:
    run = decode()
    costs = run.step_costs.with_columns(step_kind=pl.lit("prefill"))

    with pytest.raises(NotComparableError) as refused:
        compare(run, replace(other_file(run), step_costs=costs))

    assert "other-step-kind" in str(refused.value)


@pytest.mark.parametrize(
    ("column", "value", "slug"),
    [("name", "NVIDIA B200", "other-gpu"), ("uuid", "another", "other-board"),
     ("power_source", "nvml_metrics", "other-power-source")],
)  # fmt: skip
def test_other_meters_are_marked_and_widen_intervals(column: str, value: str, slug: str) -> None:
    run = decode()
    other = replace(other_file(run), devices=run.devices.with_columns(pl.lit(value).alias(column)))

    found = compare(run, other)

    assert slug in {mark.slug for mark in found.marks}
    # 5 % of two meters: 1.64 * sqrt(2) * 2.5 %.
    assert found.change("energy_j")["delta_hi_share"] == pytest.approx(0.058, abs=0.002)
    assert found.change("elapsed_s")["verdict"] == "same"


def test_a_gpu_without_power_beside_one_with_it_is_compared() -> None:
    run = sample.rich_analysis()
    dark = run.devices.with_columns(
        power_source=pl.when(pl.int_range(pl.len()) > 0).then("power_source")
    )
    other = replace(run, devices=dark)

    assert (
        "nothing"
        in {mark.slug: mark.text for mark in compare(run, other).marks}["other-power-source"]
    )
    assert "other-power-source" not in {mark.slug for mark in compare(other, other).marks}


def test_clocks_and_temperatures_that_differ_are_named() -> None:
    run = decode()
    cool = run.devices.with_columns(sm_clock_mhz=pl.lit(1700.0), temperature_c=pl.lit(50.0))
    warm = run.devices.with_columns(sm_clock_mhz=pl.lit(1785.0), temperature_c=pl.lit(58.0))

    found = compare(replace(run, devices=cool), replace(other_file(run), devices=warm))

    assert [mark.slug for mark in found.explanations] == ["other-clock", "other-temperature"]
    assert "1,700 MHz in the base, 1,785 MHz in the head (+5.0%)" in found.explanations[0].text


def test_a_row_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(UsageError) as refused:
        compare(decode(), decode()).change("energy_j", "phase", "moo")

    assert "moe" in refused.value.details


@pytest.mark.parametrize("options", [{"confidence_level": 1.0}, {"margin": -0.1}])
def test_options_that_mean_nothing_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(UsageError):
        CompareOptions(**options)  # type: ignore[arg-type] - both are numbers
