"""Scores, drift and margins against numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from traceenergy.sweeps.step_fit import HeldOut
from traceenergy.sweeps.step_sample import StepSample
from traceenergy.sweeps.step_scores import (
    MODEL_DRIFT,
    MODEL_SCORE,
    Split,
    drift,
    margins_of,
    score,
    split_most,
    split_tenth,
)

Floats = npt.NDArray[np.float64]


def sample_of(n_runs: int, n_steps: int) -> StepSample:
    """Make steps whose features do not matter here."""
    n = n_runs * n_steps
    return StepSample(
        features=np.ones((n, 4)),
        is_known=np.ones(4, dtype=np.bool_),
        is_used=np.ones(4, dtype=np.bool_),
        time_s=np.ones(n),
        step_j=np.ones(n),
        run=np.repeat(np.arange(n_runs), n_steps),
        step=np.tile(np.arange(n_steps), n_runs),
        is_few=np.ones(n, dtype=np.bool_),
        n_steps=n,
        caveats=(),
    )


@pytest.mark.parametrize(("n_runs", "of_most", "of_tenth"), [
    (3, "block", "block"), (10, "run", "block"), (19, "run", "block"), (20, "run", "run"),
])  # fmt: skip
def test_runs_are_held_out_whole_where_there_are_enough(
    n_runs: int, of_most: str, of_tenth: str
) -> None:
    sample = sample_of(n_runs, 50)

    assert split_most(sample).grouped_by == of_most
    assert split_tenth(sample).grouped_by == of_tenth


@pytest.mark.parametrize("n_runs", [3, 12, 37])
def test_no_group_is_both_learned_and_tested(n_runs: int) -> None:
    sample = sample_of(n_runs, 53)

    for split in (split_most(sample), split_tenth(sample)):
        for trained in split.is_trained:
            assert not set(split.group[trained]) & set(split.group[~trained])
    assert ((~split_most(sample).is_trained).sum(axis=0) == 1).all()
    assert (split_tenth(sample).is_trained.sum(axis=0) == 1).all()


def test_shares_are_about_those_asked_for() -> None:
    sample = sample_of(40, 20)

    assert split_most(sample).is_trained.mean(axis=1) == pytest.approx(np.full(10, 0.9))
    assert split_tenth(sample).is_trained.mean(axis=1) == pytest.approx(np.full(10, 0.1))


def test_blocks_are_stretches_of_a_run() -> None:
    split = split_most(sample_of(3, 40))

    assert split.group.tolist() == np.repeat(np.arange(30), 4).tolist()


def two_splits(predicted: list[float]) -> tuple[HeldOut, Split]:
    """Four steps of two runs; each split tests one of the runs."""
    trained = np.array([[True, True, False, False], [False, False, True, True]])
    held = HeldOut(np.tile(predicted, (2, 1)), ~trained)
    return held, Split(0.5, "run", np.array([0, 0, 1, 1]), trained)


def test_scores_of_four_steps() -> None:
    held, split = two_splits([1.1, 2.0, 4.0, 4.0])

    table = score("step_s", np.array([1.0, 2.0, 4.0, 5.0]), held, split)

    assert table.schema == {column.name: column.dtype for column in MODEL_SCORE}
    row = table.row(0, named=True)
    assert row["r2"] == pytest.approx(1 - (0.1**2 + 1) / 10)
    assert row["mape"] == pytest.approx((0.1 + 0.2) / 4)
    assert row["mae"] == pytest.approx(1.1 / 4)
    assert row["mae_iterations_per_s"] == pytest.approx((1 - 1 / 1.1 + 1 / 4 - 1 / 5) / 4)
    assert (row["n_train"], row["n_test"]) == (2, 2)


def test_steps_that_do_not_differ_have_no_explained_variance() -> None:
    held, split = two_splits([2.0, 2.0, 2.0, 2.0])

    row = score("step_j", np.full(4, 2.0), held, split).row(0, named=True)

    assert row["r2"] is None
    assert row["mae_iterations_per_s"] is None
    assert row["mape"] == 0


def test_drift_is_the_slope_of_the_error_along_each_run() -> None:
    sample = sample_of(2, 100)
    # Run 0 grows by 3 % over 1000 steps from 1 % too slow, run 1 stays 2 % too fast.
    measured = np.where(sample.run == 0, 1.01 + 0.03 * sample.step / 1000, 0.98)

    table = drift("step_s", sample, measured, np.ones(200))

    assert table.schema == {column.name: column.dtype for column in MODEL_DRIFT}
    assert table["run"].to_list() == [None, 0, 1]
    assert table["drift_per_1000_steps"].to_list() == pytest.approx([0.015, 0.03, 0.0])
    assert table["mean_error"][2] == pytest.approx(-0.02)
    everything = table.row(0, named=True)
    assert everything["drift_lo"] < 0
    assert everything["drift_hi"] > 0.03


def test_a_run_of_one_step_has_no_drift() -> None:
    table = drift("step_s", sample_of(2, 1), np.ones(2), np.ones(2))

    assert table["drift_per_1000_steps"].to_list() == [None, None, None]


def margins(errors: Floats, n_runs: int) -> tuple[Floats, Split, HeldOut]:
    n = len(errors) // n_runs
    group = np.repeat(np.arange(n_runs), n)
    trained = np.array([group != run for run in range(n_runs)])
    measured = np.exp(errors)
    held = HeldOut(np.ones((n_runs, len(errors))), ~trained)
    return measured, Split(0.9, "run", group, trained), held


def test_margin_of_a_run_is_an_order_statistic_of_runs() -> None:
    measured, split, held = margins(np.repeat(np.arange(1, 20) / 100, 5), 19)
    found = margins_of(split, measured, held)

    # Of 19 runs the 18th error holds a further one with probability 18 / 20.
    assert found.run(0.9) == pytest.approx(0.18)
    assert found.run(0.95) == pytest.approx(0.19)
    assert found.run(0.96) is None


def test_margin_of_a_step_counts_runs_alike() -> None:
    # Nine runs of errors 0.01, and one of which half are 0.5: its share is a tenth of all.
    errors = np.full(100, 0.01)
    errors[:5] = -0.5
    measured, split, held = margins(errors, 10)

    found = margins_of(split, measured, held)

    assert found.step(0.85) == pytest.approx(0.01)
    assert found.step(0.9) == pytest.approx(0.5)
    assert found.step(0.95) is None


def test_margins_of_a_few_runs_are_not_known() -> None:
    measured, split, held = margins(np.zeros(4 * 60), 4)

    found = margins_of(split, measured, held)

    assert found.run(0.9) is None
    assert found.step(0.9) is None
