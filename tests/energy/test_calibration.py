"""What one run tells another of the power of kernels: against joint fits of small linear runs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.device import ATTENTION, FILL, GEMM, classes_of, design_of, model_of, pieces, series_of
from traceenergy.energy import calibration
from traceenergy.energy.calibration import BY_SIZE_SD, IN_PLACE_SD, Calibration, calibrate
from traceenergy.energy.class_power import ClassPower, inverse_of
from traceenergy.energy.prior import ClassTraits, Prior

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from traceenergy.energy.design import Design
    from traceenergy.energy.power_model import PowerModel

    Int = NDArray[np.int64]
    Float = NDArray[np.float64]

READ_SD_W = 3.0
COPY = "[CUDA memcpy Host-to-Device]"
# Powers of four kernels, off together by 90 W and each by 60 W.
POWER_W = {GEMM: 300.0, ATTENTION: 350.0, FILL: 170.0, COPY: 100.0}


def prior_of(names: Sequence[str]) -> Prior:
    n_classes = len(names)
    covariance = 90.0**2 + np.diag(np.full(n_classes, 60.0**2))
    return Prior(np.array([POWER_W[name] for name in names]), covariance, "names")


def alike(prior: Prior, duration_us: float = 1000.0) -> ClassTraits:
    """Describe classes of a prior that all last as long."""
    n_classes = len(prior.mean_w)
    return ClassTraits(["gemm"] * n_classes, np.arange(n_classes), np.full(n_classes, duration_us))


@dataclass(frozen=True)
class Run:
    """Readings of a linear model: background in the first columns, then classes."""

    names: Sequence[str]
    design: Design
    rows: Float
    power_w: Float

    def fit(self, prior: Prior) -> PowerModel:
        """Solve by normal equations; noise is known."""
        mean, covariance = self.design.prior(prior.mean_w, prior.covariance_w2)
        precision = np.linalg.inv(covariance)
        told = self.rows.T @ self.rows / READ_SD_W**2
        after = np.linalg.inv(told + precision)
        pull = self.rows.T @ self.power_w / READ_SD_W**2
        posterior = ClassPower(
            mean=after @ (pull + precision @ mean),
            covariance=after,
            prior_mean=mean,
            prior_covariance=covariance,
            process_w2_s=1.0,
            temper=1.0,
        )
        series = series_of(np.zeros(0, dtype=np.int64), np.zeros(0))
        model = model_of(self.design, posterior.mean, after, series)
        return replace(model, fit=posterior, names=self.names)


def run_of(names: Sequence[str], seed: int, n_rows: int = 40) -> Run:
    """Mix kernels of 1 ms at random in each of a few readings."""
    rng = np.random.default_rng(seed)
    work = pieces(*((10.0 * turn, 10.0 * turn + 1) for turn in range(len(names))))
    design = design_of(work, classes_of(np.arange(len(names)), names))
    rows = rng.uniform(0, 1, (n_rows, design.n_columns))
    rows[:, 0] = 1.0
    true = rng.multivariate_normal(*design.prior(*_prior_parts(names)))
    return Run(names, design, rows, rows @ true + rng.normal(0, READ_SD_W, n_rows))


def _prior_parts(names: Sequence[str]) -> tuple[Float, Float]:
    prior = prior_of(names)
    return prior.mean_w, prior.covariance_w2


def fit_both(one: Run, other: Run, classes: Prior) -> tuple[Float, Float]:
    """Fit both runs at once: each has its own background, all share the classes of the second."""
    n_one, n_other = one.design.first_class, other.design.first_class
    n_classes = len(classes.mean_w)
    n_all = n_one + n_other + n_classes
    mean, covariance = np.zeros(n_all), np.zeros((n_all, n_all))
    rows = np.zeros((len(one.rows) + len(other.rows), n_all))
    lasts = slice(n_one + n_other, n_all)
    for run, own, mine in (
        (one, slice(0, n_one), slice(0, len(one.rows))),
        (other, slice(n_one, n_one + n_other), slice(len(one.rows), len(rows))),
    ):
        first = run.design.first_class
        own_mean, own_covariance = run.design.prior(*_prior_parts(run.names))
        mean[own], covariance[own, own] = own_mean[:first], own_covariance[:first, :first]
        rows[mine, own] = run.rows[:, :first]
        place = [list(other.names).index(name) for name in run.names]
        rows[mine, np.array(place) + lasts.start] = run.rows[:, first:]
    mean[lasts], covariance[lasts, lasts] = classes.mean_w, classes.covariance_w2
    precision = np.linalg.inv(covariance)
    after = np.linalg.inv(rows.T @ rows / READ_SD_W**2 + precision)
    power_w = np.concatenate((one.power_w, other.power_w))
    found = after @ (rows.T @ power_w / READ_SD_W**2 + precision @ mean)
    return found[lasts], after[lasts, lasts]


@pytest.fixture
def in_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take a kernel in a loop to draw what it draws in its place."""
    monkeypatch.setattr(calibration, "IN_PLACE_SD", 0.0)


def informed(one: Run, other: Run) -> Prior:
    told = calibrate(one.fit(prior_of(one.names)), one.names, None)
    return told.inform(prior_of(other.names), other.names, other.design.traits)


ALL = [GEMM, ATTENTION, FILL, COPY]


@pytest.mark.usefixtures("in_place")
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    ("calibrated", "names"),
    [
        ([GEMM, FILL], [GEMM, FILL]),
        ([FILL, GEMM], [GEMM, FILL]),
        ([GEMM], ALL),
        ([COPY, ATTENTION, GEMM], ALL),
    ],
    ids=["the same kernels", "in another order", "one of four", "three of four"],
)
def test_a_calibrated_prior_and_a_run_tell_what_both_runs_tell(
    calibrated: Sequence[str], names: Sequence[str], seed: int
) -> None:
    one, other = run_of(calibrated, seed), run_of(names, 100 + seed)

    found = other.fit(informed(one, other)).fit

    mean_w, covariance_w2 = fit_both(one, other, prior_of(names))
    first = other.design.first_class
    assert found.mean[first:] == pytest.approx(mean_w, rel=1e-4)
    assert found.covariance[first:, first:] == pytest.approx(
        covariance_w2, rel=1e-3, abs=1e-4 * covariance_w2.max()
    )


@pytest.mark.usefixtures("in_place")
def test_kernels_of_the_calibration_alone_are_taken_to_draw_anything() -> None:
    # The calibration has gemm and a kernel that the run has not, in every reading both.
    one, other = run_of([GEMM, COPY], 1), run_of([GEMM, FILL], 2)

    found = other.fit(informed(one, other)).fit

    # the same as a joint fit in which nothing is known of that kernel beforehand
    names = [GEMM, FILL, COPY]
    known = prior_of([GEMM, FILL])
    wide = np.diag(np.array([0, 0, 1e8]))
    wide[:2, :2] = known.covariance_w2
    classes = Prior(np.append(known.mean_w, 0.0), wide, "names")
    both = replace(
        other,
        names=names,
        design=run_of(names, 2).design,
        rows=np.column_stack(
            (np.insert(other.rows, other.design.first_class - 1, 0.0, axis=1), np.zeros(40))
        ),
    )
    mean_w, covariance_w2 = fit_both(one, both, classes)
    first = other.design.first_class
    assert found.mean[first:] == pytest.approx(mean_w[:2], rel=1e-3)
    assert found.covariance[first:, first:] == pytest.approx(covariance_w2[:2, :2], rel=1e-2)


def told(
    names: Sequence[str], power_w: Float, sd_w: Float, duration_us: float = 1000
) -> Calibration:
    """Tell powers one by one."""
    precision = np.diag(1 / np.square(sd_w))
    length = np.full(len(names), duration_us)
    return Calibration(names, length, precision, precision @ power_w, None, power_w)


def test_kernels_of_other_runs_only_change_nothing() -> None:
    prior = prior_of([GEMM, FILL])

    found = told([COPY], np.array([500.0]), np.array([1.0])).inform(
        prior, [GEMM, FILL], alike(prior)
    )

    assert found is prior


def test_kernels_that_are_not_calibrated_change_by_correlation_only() -> None:
    prior = prior_of([GEMM, FILL, COPY])
    alone = np.diag(np.array([100.0, 400, 900]))
    calibrated = told([GEMM], np.array([400.0]), np.array([10.0]))

    apart = calibrated.inform(replace(prior, covariance_w2=alone), [GEMM, FILL, COPY], alike(prior))
    together = calibrated.inform(prior, [GEMM, FILL, COPY], alike(prior))

    assert apart.mean_w[1:] == pytest.approx(prior.mean_w[1:])
    assert apart.covariance_w2[1:] == pytest.approx(alone[1:])
    # by regression on the one that is: covariance over variance, 90^2 / (90^2 + 60^2)
    slope = 90**2 / (90**2 + 60**2)
    moved_w = together.mean_w - prior.mean_w
    assert moved_w[0] > 0
    assert moved_w[1:] == pytest.approx(slope * moved_w[0])
    assert together.source == "names, calibration"


def test_a_power_known_exactly_is_believed_to_what_its_place_changes() -> None:
    # of 300 W that were expected, 7 %: 21 W; against a prior of 60 W
    prior = Prior(np.array([300.0]), np.array([[60.0**2]]), "names")

    found = told([GEMM], np.array([400.0]), np.array([1e-3])).inform(prior, [GEMM], alike(prior))

    doubt_w = IN_PLACE_SD * 300
    weight = 60**2 / (60**2 + doubt_w**2)
    assert found.mean_w == pytest.approx(300 + weight * 100)
    assert found.covariance_w2 == pytest.approx(weight * doubt_w**2)


def test_a_kernel_of_another_size_is_believed_less() -> None:
    # calibrated at 1 ms; in the run it lasts 1 ms times e^2
    prior = Prior(np.array([300.0]), np.array([[60.0**2]]), "names")
    calibrated = told([GEMM], np.array([400.0]), np.array([1e-3]))

    found = calibrated.inform(prior, [GEMM], alike(prior, 1000 * np.e**2))

    doubt_w = (IN_PLACE_SD + 2 * BY_SIZE_SD) * 300
    assert found.mean_w == pytest.approx(300 + 60**2 / (60**2 + doubt_w**2) * 100)


def test_a_calibrated_class_speaks_of_the_class_of_its_kernel_nearest_in_duration() -> None:
    # gemm of 10 us, 1 ms, 100 ms in the run; calibrated at 2 ms
    prior = replace(prior_of([GEMM] * 3), covariance_w2=np.eye(3) * 60.0**2)
    traits = ClassTraits(["gemm"] * 3, np.zeros(3, dtype=np.int64), np.array([10, 1e3, 1e5]))

    found = told([GEMM], np.array([400.0]), np.array([1.0]), 2000.0).inform(
        prior, [GEMM] * 3, traits
    )

    assert (found.mean_w != prior.mean_w).tolist() == [False, True, False]


def test_two_calibrated_classes_may_speak_of_one() -> None:
    # 1 ms both: 400 and 440 W, each to 20 W; what the place changes is not the same for both
    prior = Prior(np.array([300.0]), np.array([[1e8]]), "names")
    calibrated = told([GEMM, GEMM], np.array([400.0, 440.0]), np.array([20.0, 20.0]))

    found = calibrated.inform(prior, [GEMM], alike(prior))

    assert found.mean_w == pytest.approx(420, rel=1e-3)
    assert found.covariance_w2 == pytest.approx((20**2 + (IN_PLACE_SD * 300) ** 2) / 2, rel=1e-3)


@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_classes_does_not_matter(seed: int) -> None:
    rng = np.random.default_rng(seed)
    prior = prior_of(ALL)
    traits = replace(alike(prior), duration_us=rng.uniform(10, 1000, 4))
    root = rng.normal(0, 1, (3, 3))
    calibrated = Calibration(
        [COPY, GEMM, FILL], rng.uniform(10, 1000, 3), root @ root.T, rng.uniform(0, 400, 3), None,
        np.zeros(3),
    )  # fmt: skip
    mine, its = rng.permutation(4), rng.permutation(3)
    shuffled = Calibration(
        [calibrated.names[index] for index in its],
        calibrated.duration_us[its],
        calibrated.precision[np.ix_(its, its)],
        calibrated.pull[its],
        None,
        np.zeros(3),
    )

    found = calibrated.inform(prior, ALL, traits)
    other = shuffled.inform(
        Prior(prior.mean_w[mine], prior.covariance_w2[np.ix_(mine, mine)], "names"),
        [ALL[index] for index in mine],
        replace(traits, kernel=traits.kernel[mine], duration_us=traits.duration_us[mine]),
    )

    assert other.mean_w == pytest.approx(found.mean_w[mine])
    assert other.covariance_w2 == pytest.approx(found.covariance_w2[np.ix_(mine, mine)])


@pytest.mark.parametrize("seed", range(5))
def test_a_calibration_never_makes_less_sure(seed: int) -> None:
    one, other = run_of([GEMM, COPY], seed), run_of(ALL, seed)
    prior = prior_of(ALL)

    gained = prior.covariance_w2 - informed(one, other).covariance_w2

    assert np.linalg.eigvalsh(gained).min() > -1e-6 * prior.covariance_w2.max()


def test_what_a_run_tells_is_what_its_readings_add_to_the_prior() -> None:
    # of class powers with the background, which is only guessed, integrated out
    run = run_of(ALL, 3)

    found = calibrate(run.fit(prior_of(ALL)), ALL, "Toy GPU")

    first = run.design.first_class
    background = run.design.prior(*_prior_parts(ALL))[1][:first, :first]
    noise = READ_SD_W**2 * np.eye(40) + run.rows[:, :first] @ background @ run.rows[:, :first].T
    seen = run.rows[:, first:]
    assert found.precision == pytest.approx(seen.T @ np.linalg.solve(noise, seen), rel=1e-6)
    left_w = run.power_w - run.rows[:, :first] @ run.design.prior(*_prior_parts(ALL))[0][:first]
    assert found.pull == pytest.approx(seen.T @ np.linalg.solve(noise, left_w), rel=1e-6)
    assert found.gpu_name == "Toy GPU"
    assert found.duration_us.tolist() == pytest.approx([1000.0] * 4)


def test_a_run_that_tells_nothing_leaves_a_prior_as_it_is() -> None:
    silent = replace(run_of([GEMM, FILL], 1), rows=np.zeros((40, 7)), power_w=np.zeros(40))
    assert silent.design.n_columns == 7
    prior = prior_of([GEMM, FILL])

    found = calibrate(silent.fit(prior), [GEMM, FILL], None).inform(
        prior, [GEMM, FILL], silent.design.traits
    )

    # a power known to ten kilowatts is not known, to (110 W / 10 kW)^2
    assert found.mean_w == pytest.approx(prior.mean_w, rel=1e-3)
    assert found.covariance_w2 == pytest.approx(prior.covariance_w2, rel=1e-3)


def test_a_calibration_does_not_count_its_own_prior() -> None:
    # the same readings with another prior tell the same
    run = run_of([GEMM, FILL], 4)
    wide = replace(prior_of([GEMM, FILL]), mean_w=np.array([500.0, 20]))

    found = [calibrate(run.fit(prior), run.names, None) for prior in (prior_of(run.names), wide)]

    assert found[1].precision == pytest.approx(found[0].precision)
    assert found[1].pull == pytest.approx(found[0].pull)
    assert inverse_of(found[0].precision) @ found[0].pull == pytest.approx(
        inverse_of(found[1].precision) @ found[1].pull
    )


def test_the_power_of_a_kernel_is_its_mean_over_time() -> None:
    # 1 ms of 100 W, 9 ms of 300 W: 2.8 J in 10 ms
    design = design_of(pieces((5, 6), (20, 29)), classes_of([0, 0], [GEMM]))
    n, series = design.n_columns, series_of(np.zeros(0, dtype=np.int64), np.zeros(0))
    model = model_of(design, np.zeros(n), np.eye(n), series)

    found = calibrate(replace(model, power_w=np.array([100.0, 300.0])), [GEMM], None)

    assert found.power_w.tolist() == pytest.approx([280.0])
