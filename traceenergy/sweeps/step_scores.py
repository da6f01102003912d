"""How well a model predicts steps that it did not see: scores, drift, margins."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from traceenergy.records import dataclass
from traceenergy.trace.tables import Column

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.sweeps.step_fit import HeldOut
    from traceenergy.sweeps.step_sample import StepSample

    Float = NDArray[np.float64]
    Int = NDArray[np.int64]
    Bool = NDArray[np.bool_]

_TARGET = Column("target", pl.String, "", "step_s or step_j", words=("step_s", "step_j"))

MODEL_SCORE = (
    _TARGET,
    Column("training_share", pl.Float64, "", "share of runs, or blocks, that were learned from"),
    Column("r2", pl.Float64, "", "share of variance that is explained", "steps do not differ"),
    Column("mape", pl.Float64, "", "mean of |predicted - measured| / measured"),
    Column("mae", pl.Float64, "s or J", "mean of |predicted - measured|"),
    Column("mae_iterations_per_s", pl.Float64, "1/s", "that of 1 / time", "of energies"),
    Column("n_train", pl.Int64, "", "steps learned from, median over splits"),
    Column("n_test", pl.Int64, "", "steps predicted, median over splits"),
    Column("grouped_by", pl.String, "", "what was held out whole: run, or block of a run's time"),
)

MODEL_DRIFT = (
    _TARGET,
    Column("run", pl.Int32, "", "position of its run in the sweep", "all runs together"),
    Column("n_steps", pl.Int64, "", "steps that were held out and predicted"),
    Column("mean_error", pl.Float64, "", "mean of measured / predicted - 1"),
    Column("drift_per_1000_steps", pl.Float64, "", "its slope along the run", "one step only"),
    Column("drift_lo", pl.Float64, "", "not below, at 90 %", "of one run"),
    Column("drift_hi", pl.Float64, "", "not above, at 90 %", "of one run"),
)

MODEL_POINT = (
    _TARGET,
    Column("run", pl.Int32, "", "position of its run in the sweep, 0-based"),
    Column("step", pl.Int64, "", "number of the step within its run"),
    Column("measured", pl.Float64, "s or J", "as the run tells it"),
    Column("predicted", pl.Float64, "s or J", "by a model that did not see its run, or block"),
)

MAX_POINTS = 400
"""Steps that a chart of predicted against measured shows."""

N_FOLDS = 10
"""Tenths are held out, or learned from alone: 90 %, 10 % of runs to learn from."""

MIN_RUNS_FOR_MOST, MIN_RUNS_FOR_TENTH = 10, 20
"""Runs from which on they are held out whole; below, blocks of a run's time are."""

N_SCATTER = 200
"""Quantiles of the scatter of steps: the top ones tell percentiles up to 99."""

DRIFT_LEVEL = 0.9
_SEED = 0
_STEPS_PER_SLOPE = 1000


@dataclass(frozen=True)
class Split:
    """Which steps are learned from, each time.

    Attributes
    ----------
    training_share
        About this share of groups.
    grouped_by
        `run` or `block`.
    group : ndarray of shape (n,)
        Of each step; one group is never both learned from and tested.
    is_trained : ndarray of shape (n_splits, n)
    """

    training_share: float
    grouped_by: str
    group: Int
    is_trained: Bool


@dataclass(frozen=True)
class Margins:
    """Errors on groups that were held out, for intervals of what is predicted.

    Attributes
    ----------
    of_step : ndarray of shape (n,)
        |logarithm of measured over predicted|, ascending.
    weight : ndarray of shape (n,)
        Of each, so that each group counts alike; they sum to 1.
    of_run : ndarray of shape (n_groups,)
        The same of a whole group's sum, ascending.
    """

    of_step: Float
    weight: Float
    of_run: Float

    def step(self, confidence: float) -> float | None:
        """Give m: a step of a new run lies in predicted x [exp(-m), exp(m)]; None: not known."""
        level = confidence * (1 + 1 / len(self.of_run))
        if level > 1:
            return None
        at = int(np.searchsorted(np.cumsum(self.weight), level - 1e-12))
        return float(self.of_step[min(at, len(self.of_step) - 1)])

    def run(self, confidence: float) -> float | None:
        """Give m: the sum over a new run lies in predicted x [exp(-m), exp(m)]; None: not known."""
        rank = int(np.ceil(confidence * (len(self.of_run) + 1)))
        return float(self.of_run[rank - 1]) if rank <= len(self.of_run) else None


def split_most(sample: StepSample) -> Split:
    """Learn from nine tenths, test the rest, ten times."""
    grouped_by, group, fold = _folds(sample, MIN_RUNS_FOR_MOST)
    return Split(1 - 1 / N_FOLDS, grouped_by, group, fold != np.arange(N_FOLDS)[:, np.newaxis])


def split_tenth(sample: StepSample) -> Split:
    """Learn from a tenth, test the rest, ten times."""
    grouped_by, group, fold = _folds(sample, MIN_RUNS_FOR_TENTH)
    return Split(1 / N_FOLDS, grouped_by, group, fold == np.arange(N_FOLDS)[:, np.newaxis])


def score(target: str, measured: Float, held: HeldOut, split: Split) -> pl.DataFrame:
    """Score predictions of held-out steps, all splits together, as a row of `MODEL_SCORE`."""
    true = np.broadcast_to(measured, held.predicted.shape)[held.is_tested]
    found = held.predicted[held.is_tested]
    error = found - true
    spread = float(((true - true.mean()) ** 2).sum())
    is_used = held.is_tested.any(axis=1)
    row = {
        "target": target,
        "training_share": split.training_share,
        "r2": 1 - float((error**2).sum()) / spread if spread else None,
        "mape": float((np.abs(error) / true).mean()),
        "mae": float(np.abs(error).mean()),
        "mae_iterations_per_s": (
            float(np.abs(1 / found - 1 / true).mean()) if target == "step_s" else None
        ),
        "n_train": int(np.median((split.is_trained & np.isfinite(measured))[is_used].sum(axis=1))),
        "n_test": int(np.median(held.is_tested[is_used].sum(axis=1))),
        "grouped_by": split.grouped_by,
    }
    return _table([row], MODEL_SCORE)


def drift(target: str, sample: StepSample, measured: Float, predicted: Float) -> pl.DataFrame:
    """Find how the error changes along runs, as rows of `MODEL_DRIFT`, of all runs first.

    Parameters
    ----------
    target
        `step_s` or `step_j`.
    sample : StepSample
    measured, predicted : ndarray of shape (n,)
        nan where a step was not measured.

    Notes
    -----
    The slope of all runs together is that within runs; its interval takes runs as independent, not
    steps: neighbors share what the model does not know.
    """
    is_there = np.isfinite(measured) & np.isfinite(predicted)
    at = pl.col("step") - pl.col("step").mean().over("run")
    one = pl.col("error") - pl.col("error").mean().over("run")
    runs = (
        pl.DataFrame(
            {
                "run": sample.run[is_there],
                "step": sample.step[is_there] / _STEPS_PER_SLOPE,
                "error": measured[is_there] / predicted[is_there] - 1,
            }
        )
        .with_columns(xy=at * one, xx=at**2)
        .group_by("run")
        .agg(
            pl.len().alias("n_steps"),
            pl.col("error").mean().alias("mean_error"),
            pl.col("xy").sum(),
            pl.col("xx").sum(),
        )
        .sort("run")
    )
    rows = runs.select(
        pl.lit(target).alias("target"),
        pl.col("run").cast(pl.Int32),
        pl.col("n_steps").cast(pl.Int64),
        "mean_error",
        pl.when(pl.col("xx") > 0).then(pl.col("xy") / pl.col("xx")).alias("drift_per_1000_steps"),
        pl.lit(None, pl.Float64).alias("drift_lo"),
        pl.lit(None, pl.Float64).alias("drift_hi"),
    )
    return pl.concat([_table([_drift_of_all(target, runs)], MODEL_DRIFT), rows])


def margins_of(split: Split, measured: Float, held: HeldOut) -> Margins:
    """Collect errors on held-out groups; each step is tested once."""
    predicted = once(held)
    is_there = np.isfinite(measured) & np.isfinite(predicted)
    groups, group = np.unique(split.group[is_there], return_inverse=True)
    measured, predicted = measured[is_there], predicted[is_there]
    size = np.bincount(group)
    of_step = np.abs(np.log(measured / predicted))
    order = np.argsort(of_step)
    sums = np.bincount(group, measured) / np.bincount(group, predicted)
    return Margins(
        of_step=of_step[order],
        weight=1 / (len(groups) * size[group[order]]),
        of_run=np.sort(np.abs(np.log(sums))),
    )


def scatter_of(sample: StepSample, measured: Float, predicted: Float) -> Float:
    """Tell how steps differ that no feature tells apart.

    Parameters
    ----------
    sample : StepSample
    measured, predicted : ndarray of shape (n,)
        nan where a step was not measured.

    Returns
    -------
    ndarray of shape (N_SCATTER,)
        Measured over predicted: quantiles of equal weight, ascending. What a run is off by as a
        whole is taken out, all runs together are not; each run counts alike.
    """
    log_ratio = np.log(measured / predicted)
    frame = (
        pl.DataFrame({"log": log_ratio, "run": sample.run})
        .filter(pl.col("log").is_finite())
        .with_columns(middle=pl.col("log").median().over("run"))
        .select(
            off=pl.col("log") - pl.col("middle"),
            middle="middle",
            weight=1 / pl.len().over("run"),
        )
    )
    middle = np.average(frame["middle"].to_numpy(), weights=frame["weight"].to_numpy())
    off, weight = frame.sort("off").select("off", "weight").get_columns()
    reached = weight.cum_sum().to_numpy()
    at = np.searchsorted(reached, (np.arange(N_SCATTER) + 0.5) / N_SCATTER * reached[-1])
    factors: Float = np.exp(off.to_numpy()[np.minimum(at, len(off) - 1)] + middle)
    return factors


def once(held: HeldOut) -> Float:
    """Give the prediction of each step by the one split that held it out; nan if none did."""
    split = held.is_tested.argmax(axis=0)
    steps = np.arange(len(split))
    return np.where(held.is_tested[split, steps], held.predicted[split, steps], np.nan)


def points_of(target: str, sample: StepSample, measured: Float, predicted: Float) -> pl.DataFrame:
    """Choose some steps for a chart, at equal distances in measured rank, as `MODEL_POINT`."""
    rows = np.flatnonzero(np.isfinite(measured) & np.isfinite(predicted))
    rows = rows[np.argsort(measured[rows], kind="stable")]
    rows = rows[np.linspace(0, len(rows) - 1, min(MAX_POINTS, len(rows))).astype(np.int64)]
    return pl.DataFrame(
        {
            "target": [target] * len(rows),
            "run": sample.run[rows],
            "step": sample.step[rows],
            "measured": measured[rows],
            "predicted": predicted[rows],
        },
        schema={column.name: column.dtype for column in MODEL_POINT},
    )


def _folds(sample: StepSample, least_runs: int) -> tuple[str, Int, Int]:
    """Deal runs to folds, or tenths of each run's time where runs are few, not by their order."""
    rng = np.random.default_rng(_SEED)
    starts = np.flatnonzero(np.diff(sample.run, prepend=-1))
    index = np.cumsum(np.diff(sample.run, prepend=-1) != 0) - 1
    if len(starts) >= least_runs:
        fold = rng.permutation(len(starts)) % N_FOLDS
        return "run", index, fold[index]
    length = np.diff(np.append(starts, len(sample.run)))
    block = (np.arange(len(index)) - starts[index]) * N_FOLDS // length[index]
    deal = np.array([rng.permutation(N_FOLDS) for _ in starts])
    return "block", index * N_FOLDS + block, deal[index, block]


def _drift_of_all(target: str, runs: pl.DataFrame) -> dict[str, object]:
    from scipy.stats import t  # noqa: PLC0415 - only models need it, and it is slow

    xy, xx = runs["xy"].to_numpy(), runs["xx"].to_numpy()
    n_steps = int(runs["n_steps"].sum())
    weights = runs["n_steps"].to_numpy()
    slope = float(xy.sum() / xx.sum()) if xx.sum() > 0 else None
    low = high = None
    if slope is not None and len(xy) > 1:
        n = len(xy)
        se = np.sqrt(((xy - slope * xx) ** 2).sum() * n / (n - 1)) / xx.sum()
        half = float(t.ppf((1 + DRIFT_LEVEL) / 2, n - 1) * se)
        low, high = slope - half, slope + half
    return {
        "target": target,
        "run": None,
        "n_steps": n_steps,
        "mean_error": float(np.average(runs["mean_error"].to_numpy(), weights=weights)),
        "drift_per_1000_steps": slope,
        "drift_lo": low,
        "drift_hi": high,
    }


def _table(rows: list[dict[str, object]], columns: tuple[Column, ...]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema={column.name: column.dtype for column in columns})
