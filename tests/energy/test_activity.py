"""Activity of each class from sampled metrics."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest

from traceenergy.energy.activity import measure_activity
from traceenergy.trace.tables import GpuMetrics

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from traceenergy.energy.activity import ClassActivity

    Int = NDArray[np.int64]
    Float = NDArray[np.float64]

US = 1000
EPOCH_NS = 1_700_000_000_000_000_000
SMS, TENSOR, READS, WRITES, NVLINK = (
    "SMs Active [Throughput %]",
    "Tensor Active [Throughput %]",
    "DRAM Read Bandwidth [Throughput %]",
    "DRAM Write Bandwidth [Throughput %]",
    "NVLink TX Responses User Data [Throughput %]",
)
ALL = {SMS: 0, TENSOR: 1, READS: 2, WRITES: 3, NVLINK: 4}
# SMs, tensor cores, reads, writes, NVLink of each class, and how long its kernels last
TRUE = np.array(
    [
        [0.95, 0.80, 0.30, 0.10, 0.00],
        [0.50, 0.00, 0.70, 0.20, 0.00],
        [0.20, 0.00, 0.10, 0.10, 0.60],
        [0.30, 0.05, 0.15, 0.05, 0.00],
        [0.60, 0.30, 0.40, 0.15, 0.00],
        [0.10, 0.00, 0.05, 0.05, 0.00],
    ]
)
LAST_US = (90.0, 40.0, 20.0, 2.0, 5.0, 3.0)
OF_CATEGORY = np.array([0, 1, 2, 1, 0, 1])
BY_PART = np.column_stack((TRUE[:, 0], TRUE[:, 1], TRUE[:, 2] + TRUE[:, 3], TRUE[:, 4]))


@dataclass(frozen=True)
class Work:
    """Pieces of work with what they make of each metric (n_pieces, 5)."""

    start_ns: Int
    end_ns: Int
    of_class: Int
    level: Float

    def beside(self, other: Work) -> Work:
        """Let other work run at the same time."""
        pairs = ((getattr(self, name), getattr(other, name)) for name in self.__annotations__)
        return Work(*(np.concatenate(pair) for pair in pairs))

    def true_mean(self, n_classes: int) -> Float:
        """Average over the time of each class."""
        length = (self.end_ns - self.start_ns).astype(np.float64)
        total = np.bincount(self.of_class, length, n_classes)
        columns = (
            np.bincount(self.of_class, length * level, n_classes) / total for level in self.level.T
        )
        return np.column_stack(tuple(columns))


def in_turn(
    of_class: Int,
    rng: np.random.Generator,
    spread: float = 0.0,
    last_us: Sequence[float] = LAST_US,
) -> Work:
    """Let kernels follow each other with short pauses; pieces of a class may differ."""
    n = len(of_class)
    length = np.array(last_us)[of_class] * US * rng.uniform(0.8, 1.2, n)
    edge = np.cumsum(np.column_stack((rng.uniform(0.1, 1.0, n) * US, length)).ravel())
    edge_ns = EPOCH_NS + edge.astype(np.int64)
    own = 1 + spread * rng.uniform(-1, 1, (n, 1))
    return Work(edge_ns[::2], edge_ns[1::2], of_class, np.clip(TRUE[of_class] * own, 0, 1))


def work(n: int = 8000, seed: int = 2, spread: float = 0.0) -> Work:
    rng = np.random.default_rng(seed)
    return in_turn(rng.integers(0, len(TRUE), n), rng, spread)


def sampled(
    done: Work, offset_ns: int = 0, names: dict[str, int] = ALL, period_ns: int = 100 * US
) -> GpuMetrics:
    """Sample whole per cent whose period ends so long after the stamp; at most 100 % is used."""
    at_ns = np.arange(EPOCH_NS - period_ns, done.end_ns.max() + period_ns, period_ns)
    return table(at_ns, at_ns + offset_ns - period_ns, at_ns + offset_ns, done, names)


def table(at_ns: Int, low_ns: Int, high_ns: Int, done: Work, names: dict[str, int]) -> GpuMetrics:
    edge_ns = np.concatenate((done.start_ns, done.end_ns)) - EPOCH_NS
    order = np.argsort(edge_ns, kind="stable")
    edge = edge_ns[order].astype(np.float64)
    tables = []
    for name, column in names.items():
        change = np.concatenate((done.level[:, column], -done.level[:, column]))
        level = np.clip(np.cumsum(change[order])[:-1], 0, 1)
        until = np.concatenate(([0.0], np.cumsum(level * np.diff(edge))))
        total = np.interp(high_ns - EPOCH_NS, edge, until) - np.interp(
            low_ns - EPOCH_NS, edge, until
        )
        per_cent = np.round(100 * total / (high_ns - low_ns))
        tables.append(
            pl.DataFrame({"sample_ns": at_ns, "metric": [name] * len(at_ns), "value": per_cent})
        )
    return GpuMetrics(pl.concat(tables).with_columns(pl.col("metric").cast(pl.Categorical)))


def measure(
    metrics: GpuMetrics, done: Work, of_category: Sequence[int] | Int = OF_CATEGORY
) -> ClassActivity:
    found = measure_activity(
        metrics, done.start_ns, done.end_ns, done.of_class, np.asarray(of_category)
    )
    assert found is not None
    return found


# before the stamp, after it (as an A100 does it), and clocks apart
@pytest.mark.parametrize("offset_us", [0, 100, -200, -85.3, 2.7, 149.9, 199.0])
def test_activity_of_kernels_of_2_us_and_the_place_of_samples_are_found(offset_us: float) -> None:
    done = work()

    found = measure(sampled(done, round(offset_us * US)), done)

    assert abs(found.offset_ns - offset_us * US) < 0.5 * US
    assert found.mean == pytest.approx(BY_PART, abs=0.03)
    assert np.abs(found.mean[:3] - BY_PART[:3]).max() < 0.006


@pytest.mark.parametrize(("period_us", "n"), [(10, 12_000), (1000, 60_000), (5000, 210_000)])
@pytest.mark.parametrize("periods", [0, 1])
def test_other_rates_do_as_well(period_us: int, n: int, periods: int) -> None:
    done = work(n)

    found = measure(sampled(done, periods * period_us * US, period_ns=period_us * US), done)

    assert abs(found.offset_ns - periods * period_us * US) < 0.02 * period_us * US
    assert np.abs(found.mean[:3] - BY_PART[:3]).max() < 0.05
    assert (np.abs(found.mean - BY_PART) / found.se).max() < 4


def test_errors_that_are_told_are_those_that_are_made() -> None:
    scores = []
    for seed in range(12):
        done = work(4500, seed, spread=0.3)
        found = measure(sampled(done), done)
        true = done.true_mean(len(TRUE))
        true = np.column_stack((true[:, 0], true[:, 1], true[:, 2] + true[:, 3], true[:, 4]))
        scores.append((found.mean - true) / found.se)

    # parts that a class does not use at all are met by the bound at 0
    used = np.array(scores)[:, BY_PART > 0]
    assert 0.5 < used.std() < 1.3
    assert abs(used.mean()) < 0.25
    assert (np.abs(used) < 1.645).mean() > 0.85


def test_metrics_that_are_less_sure_widen_the_errors() -> None:
    done = work()
    exact = sampled(done)
    noise = np.random.default_rng(4).normal(0, 10, len(exact))
    noisy = GpuMetrics(exact.with_columns(pl.col("value") + noise))

    clear, blurred = measure(exact, done), measure(noisy, done)

    # noise of 0.1 over the root of about 2000 samples, in each of which a class has a part
    assert (blurred.se[:, 0] > 1.2 * clear.se[:, 0]).all()
    assert 0.003 < blurred.se[0, 0] < 0.02
    assert (np.abs(blurred.mean - BY_PART) < 4 * blurred.se).all()


def test_what_shares_a_full_part_does_not_count() -> None:
    # class 6 runs beside the others a tenth of the time and would use 0.6 of the SMs: beside
    # class 0 (0.95) and 4 (0.6) that is more than there is, and the sum stays at 1
    done = work(20_000)
    rng = np.random.default_rng(5)
    start_ns = np.arange(done.start_ns[0], done.end_ns[-1], 300 * US)
    start_ns += rng.integers(0, 200 * US, len(start_ns))
    level = np.tile([0.6, 0.0, 0.1, 0.1, 0.5], (len(start_ns), 1))
    other = Work(start_ns, start_ns + 30 * US, np.full(len(start_ns), 6), level)
    both = done.beside(other)

    found = measure(sampled(both), both, [*OF_CATEGORY, 2])

    assert found.mean[6] == pytest.approx([0.6, 0.0, 0.2, 0.5], abs=0.03)
    assert np.abs(found.mean[:3] - BY_PART[:3]).max() < 0.015


def test_a_class_that_is_always_beside_a_full_gpu_is_not_known() -> None:
    # class 1 runs only while class 0 does, which leaves it 0.05 of the SMs of the 0.5 it would use
    rng = np.random.default_rng(6)
    done = in_turn(rng.choice([0, 2, 3, 4], 8000), rng)
    start_ns = done.start_ns[done.of_class == 0] + 20 * US
    ones = np.ones(len(start_ns), np.int64)
    both = done.beside(Work(start_ns, start_ns + 30 * US, ones, TRUE[ones]))

    found = measure(sampled(both), both)

    assert found.se[1, 0] > 0.2
    assert abs(found.mean[1, 0] - 0.5) < 2 * found.se[1, 0]
    assert found.mean[0] == pytest.approx(BY_PART[0], abs=0.01)


def test_a_rare_class_is_taken_as_others_of_its_category() -> None:
    # kernels of 20 us that use 0.8 to 0.9 of the SMs, or 0.2 to 0.3; one of 0.5 us, one never
    rng = np.random.default_rng(3)
    own = np.array([0.9, 0.8, 0.85, 0.2, 0.3, 0.25])
    turns = in_turn(rng.integers(0, 6, 8000), rng, last_us=(20.0,) * 6)
    level = np.repeat(own[turns.of_class][:, None], 5, axis=1) * [1, 1, 0.5, 0.5, 1]
    once_ns = turns.end_ns[[4000]]
    once = Work(once_ns, once_ns + 500, np.array([6]), np.full((1, 5), 0.5))
    both = Work(turns.start_ns, turns.end_ns, turns.of_class, level).beside(once)

    found = measure(sampled(both), both, [0, 0, 0, 1, 1, 1, 0, 1])

    # means of three, drawn a little to the mean of all
    assert found.mean[6] == pytest.approx([0.85] * 4, abs=0.12)
    assert found.mean[7] == pytest.approx([0.25] * 4, abs=0.12)
    assert (found.se[6:] > 0.2).all()
    assert (found.se[6:] < 0.6).all()
    assert (found.se[:6] < 0.02).all()


def test_rows_of_the_table_may_come_in_any_order() -> None:
    done = work()
    metrics = sampled(done, 100 * US)
    mixed = GpuMetrics(metrics.sample(fraction=1, shuffle=True, seed=3))
    turned = np.random.default_rng(1).permutation(len(done.start_ns))

    found = measure(metrics, done)
    again = measure(mixed, Work(*(column[turned] for column in vars(done).values())))

    assert again.offset_ns == found.offset_ns
    assert again.mean == pytest.approx(found.mean, abs=1e-9)
    assert again.se == pytest.approx(found.se, rel=1e-6)


def test_gaps_are_not_samples() -> None:
    # every 7th sample is lost, and a quarter of the run; what is left says the same
    done = work(16_000)
    at_ns = np.unique(sampled(done)["sample_ns"])
    place = np.arange(len(at_ns))
    lost = (place % 7 == 0) | ((place > 0.3 * len(at_ns)) & (place < 0.55 * len(at_ns)))
    metrics = GpuMetrics(sampled(done).filter(~pl.col("sample_ns").is_in(at_ns[lost])))

    found = measure(metrics, done)

    assert abs(found.offset_ns) < 0.5 * US
    assert np.abs(found.mean - BY_PART).max() < 0.03


def test_a_period_that_follows_the_clock_is_followed() -> None:
    # as on an A100: the period steps between 102.1 and 111.9 us, samples cover the time after
    done = work(16_000)
    step_ns = np.repeat([102_180, 103_300, 106_835, 111_924] * 10, 200)
    at_ns = EPOCH_NS + np.concatenate(([0], np.cumsum(step_ns)))
    at_ns = at_ns[at_ns < done.end_ns.max() - 2 * step_ns.max()]
    metrics = table(at_ns[:-1], at_ns[:-1], at_ns[1:], done, ALL)

    found = measure(metrics, done)

    assert np.median(np.diff(at_ns)) == pytest.approx(found.offset_ns, abs=0.5 * US)
    assert np.abs(found.mean - BY_PART).max() < 0.03


def test_metrics_that_take_turns_are_taken_where_they_are() -> None:
    done = work(16_000)
    even = (pl.col("sample_ns") - EPOCH_NS) // (100 * US) % 2 == 0
    sms = pl.col("metric").cast(pl.String) == SMS
    metrics = GpuMetrics(sampled(done).filter(sms == even))

    found = measure(metrics, done)

    assert abs(found.offset_ns) < 0.5 * US
    assert np.abs(found.mean - BY_PART).max() < 0.05


def test_a_long_run_is_seen_in_parts() -> None:
    # 40 s of 10 kHz are 400,000 samples: more than are used, from the whole of the run
    rng = np.random.default_rng(7)
    n = 400_000
    of_class = np.where(np.arange(n) < n // 2, rng.integers(0, 3, n), rng.integers(3, 6, n))
    late = np.where(np.arange(n) < n // 2, 0, 80 * US).cumsum()
    done = in_turn(of_class, rng)
    done = Work(done.start_ns + late, done.end_ns + late, of_class, done.level)

    found = measure(sampled(done), done)

    assert np.abs(found.mean[:3] - BY_PART[:3]).max() < 0.01
    # A kernel of 3 us that uses 0.1 of the SMs, alone in 100 us, reads as 0 %: its error is said.
    assert (np.abs(found.mean - BY_PART) / found.se).max() < 2
    assert found.se[5, 0] > 0.04


def test_parts_without_a_metric_rest() -> None:
    done = work()

    found = measure(sampled(done, names={SMS: 0, READS: 2}), done)

    assert found.mean[:, [0, 2]] == pytest.approx(TRUE[:, [0, 2]], abs=0.02)
    assert not found.mean[:, [1, 3]].any()
    assert not found.se[:, [1, 3]].any()


def test_old_names_of_metrics_are_known() -> None:
    done = work()
    old = {"SM Active": 0, "Tensor Active": 1, "DRAM Read Throughput": 2}

    assert measure(sampled(done, names=old), done).mean[:, :3] == pytest.approx(
        TRUE[:, :3], abs=0.03
    )


@pytest.mark.parametrize("names", [{SMS: 0}, {READS: 2, WRITES: 3}, {"GR Active [%]": 0}])
def test_metrics_without_sms_or_dram_say_nothing(names: dict[str, int]) -> None:
    done = work()

    columns = done.start_ns, done.end_ns, done.of_class, OF_CATEGORY
    assert measure_activity(sampled(done, names=names), *columns) is None


@pytest.mark.parametrize("n_pieces", [0, 1, 3000])
def test_few_samples_during_the_work_say_nothing(n_pieces: int) -> None:
    # 3000 kernels of 27 us with their pause: 820 samples of 100 us; the table has 2200
    long, done = work(), work(n_pieces)
    metrics = sampled(long)

    columns = done.start_ns, done.end_ns, done.of_class, OF_CATEGORY
    assert len(metrics) > 5 * 2000
    assert measure_activity(metrics, *columns) is None


def test_what_was_given_stays_as_it_was() -> None:
    done = work()
    metrics = sampled(done)
    before = metrics.clone(), [column.copy() for column in vars(done).values()]

    measure(metrics, done)

    assert metrics.equals(before[0])
    pairs = zip(vars(done).values(), before[1], strict=True)
    assert all(np.array_equal(now, then) for now, then in pairs)
