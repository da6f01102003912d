"""Which steps a model learns from, and what is said of the others."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest

from tests.sweep.fleet import fleet
from traceenergy.errors import StepModelRefusedError
from traceenergy.sweeps.step_sample import FEATURES, sample_steps

if TYPE_CHECKING:
    from traceenergy.sweeps.model import SweepRun


@pytest.fixture(scope="module")
def runs() -> list[SweepRun]:
    return fleet(clocks_mhz=(800, 1400, 2000), batches=(4, 32), n_steps=60)


def changed(runs: list[SweepRun], **columns: pl.Expr) -> list[SweepRun]:
    return [replace(run, steps=run.steps.with_columns(**columns)) for run in runs]


def slugs(runs: list[SweepRun]) -> list[str]:
    return [caveat.slug for caveat in sample_steps(runs).caveats]


def test_all_steps_are_taken_and_nothing_is_doubted(runs: list[SweepRun]) -> None:
    sample = sample_steps(runs)

    assert len(sample.run) == sample.n_steps == 6 * 60
    assert sample.is_used.all()
    assert sample.caveats == ()


def test_order_of_runs_changes_only_their_numbers(runs: list[SweepRun]) -> None:
    sample, other = sample_steps(runs), sample_steps(runs[::-1])

    assert (sample.features == other.features).all()
    assert (sample.time_s == other.time_s).all()
    assert (sample.run == 5 - other.run).all()


def test_time_holds_what_lies_between_steps_of_a_run(runs: list[SweepRun]) -> None:
    # 2 ms after each step; a pause of the load after step 30 is no time of a step.
    pause = pl.when(pl.col("step") > 30).then(10**9).otherwise(0)
    late = changed(runs, start_ns=pl.col("start_ns") + pl.col("step") * 2_000_000 + pause)

    assert sample_steps(late).time_s == pytest.approx(sample_steps(runs).time_s + 0.002, abs=1e-7)


def test_steps_left_out_before_are_no_time_between() -> None:
    third = [replace(run, steps=run.steps.gather_every(3)) for run in fleet(n_steps=60)]

    sample = sample_steps(third)

    assert sample.time_s.sum() == pytest.approx(sum(run.steps["step_s"].sum() for run in third))


def test_decode_steps_work_on_no_prompt(runs: list[SweepRun]) -> None:
    none = changed(runs, prefill_tokens=pl.lit(None, pl.Int64))

    sample = sample_steps(none)

    assert (sample.features[:, FEATURES.index("prefill_tokens")] == 0).all()
    n_mixed = sum((run.steps["kind"] != "decode").sum() for run in runs)
    left_out = next(one for one in sample.caveats if one.slug == "model-steps-left-out")
    assert left_out.n == n_mixed > 0


def test_a_feature_nobody_knows_is_left_out(runs: list[SweepRun]) -> None:
    sample = sample_steps(changed(runs, context_tokens=pl.lit(None, pl.Int64)))

    assert sample.is_known.tolist() == sample.is_used.tolist() == [True, False, True, True]
    assert [(one.slug, one.where) for one in sample.caveats] == [
        ("model-feature-unknown", "context_tokens")
    ]


def test_a_feature_that_never_changes_is_not_used() -> None:
    sample = sample_steps(fleet(clocks_mhz=(1400,), n_steps=60))

    assert sample.is_known.all()
    assert sample.is_used.tolist() == [True, True, True, False]
    assert [(one.slug, one.where) for one in sample.caveats] == [
        ("model-feature-constant", "clock_mhz")
    ]


def test_steps_without_time_or_clock_are_no_steps(runs: list[SweepRun]) -> None:
    first = pl.col("step") == 0
    broken = changed(
        runs,
        step_s=pl.when(first).then(0.0).otherwise("step_s"),
        clock_mhz=pl.when(pl.col("step") == 1).then(0.0).otherwise("clock_mhz"),
    )

    assert sample_steps(broken).n_steps == 6 * 58


@pytest.mark.parametrize(("n_runs", "n_steps"), [(0, 60), (2, 200), (6, 20)])
def test_too_few_runs_or_steps_are_refused(n_runs: int, n_steps: int) -> None:
    few = fleet(clocks_mhz=(800, 1400, 2000), batches=(4, 32), n_steps=n_steps)[:n_runs]

    with pytest.raises(StepModelRefusedError, match="too few"):
        sample_steps(few)


def test_steps_that_are_all_alike_are_refused(runs: list[SweepRun]) -> None:
    alike = changed(runs, **{name: pl.lit(7).cast(runs[0].steps[name].dtype) for name in FEATURES})

    with pytest.raises(StepModelRefusedError, match="alike"):
        sample_steps(alike)


def test_the_engine_with_most_runs_is_learned(runs: list[SweepRun]) -> None:
    other = replace(runs[0], setting=replace(runs[0].setting, gpu_name="A100", label="other"))

    sample = sample_steps([other, *runs])

    assert 0 not in sample.run
    assert [(one.slug, one.n) for one in sample.caveats] == [("model-other-engines", 1)]


def test_modelled_energy_is_learned_only_where_none_is_measured(runs: list[SweepRun]) -> None:
    modelled = [replace(run, is_modelled=True) for run in runs]
    some = sample_steps([*runs[:3], *modelled[3:]])

    assert np.isfinite(some.step_j).sum() == 3 * 60
    assert np.isfinite(sample_steps(modelled).step_j).all()
    assert slugs([*runs[:3], *modelled[3:]]) == slugs(modelled) == ["model-of-modelled"]


def test_many_steps_are_thinned_but_rare_kinds_stay() -> None:
    long = fleet(clocks_mhz=(800, 1400, 2000), batches=(4,), n_steps=4000)
    rare = [
        replace(
            run,
            steps=run.steps.with_columns(
                kind=pl.when(pl.col("step") % 200 == 7).then(pl.lit("prefill")).otherwise("kind"),
                prefill_tokens=pl.when(pl.col("step") % 200 == 7)
                .then(123_456)
                .otherwise("prefill_tokens"),
            ),
        )
        for run in long
    ]

    every = sample_steps(rare, most=6000, most_few=1200)
    sample = every.few()

    assert sample.n_steps == every.n_steps == 12_000
    assert len(every.run) == pytest.approx(6000, rel=0.1)
    assert np.isin(sample.time_s, every.time_s).all()
    assert len(sample.run) == pytest.approx(1200, rel=0.1)
    prompts = sample.features[:, FEATURES.index("prefill_tokens")]
    assert (np.bincount(sample.run[prompts == 123_456]) >= 15).all()
    assert np.bincount(sample.run).min() > 350
    assert np.histogram(sample.step, 10)[0].min() > 90
