"""Errors of attributed energy against simulated truth, over many seeds.

Ends with exit code 1 if a target is missed.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from by_time import HEAD as BY_TIME_HEAD
from by_time import rows_by_time
from conditions import CONDITIONS, METRICS, OTHER_RUN, Condition
from judge import judge
from naive import METHODS as NAIVE
from recorded import record

from traceenergy.energy.attribute import AttributionOptions, attribute_device
from traceenergy.energy.calibration import calibrate
from traceenergy.simulate.in_memory import run_in_memory

if TYPE_CHECKING:
    from collections.abc import Sequence

    from judge import Judgement
    from recorded import Recorded

FIRST_SEED = 1000
BY_TIME = "shared by time"
COVERED = (0.85, 0.97)  # of the truth, by intervals of 90 %: outside of it they are marked
SAME_TO = 0.01
HEAD = (
    "run, evidence", "class", "phase", "layer", "step", "total",
    "intervals hold: class", "phase", "half width: class", "phase",
    "window off [ms]", "lag off [ms]", "cpu [s]", "class / phase allowed",
)  # fmt: skip

Judged = dict[str, dict[str, list["Judgement"]]]


def judge_condition(condition: Condition, n_seeds: int) -> dict[str, list[Judgement]]:
    """Simulate and judge all seeds of a condition.

    Parameters
    ----------
    condition : Condition
    n_seeds : int

    Returns
    -------
    dict of str to list of Judgement
        By evidence. Naive methods are judged with the first one: they see no other.
    """
    judged: dict[str, list[Judgement]] = {evidence: [] for evidence in condition.targets}
    for seed in range(FIRST_SEED, FIRST_SEED + n_seeds):
        options = replace(condition.options, seed=seed)
        if OTHER_RUN in condition.targets:
            options = replace(options, calibration_s=0.0)
        recorded = record(run_in_memory(options))
        for number, evidence in enumerate(condition.targets):
            seen = recorded if evidence == METRICS else recorded.without_metrics()
            if evidence == OTHER_RUN:
                seen = calibrated(seen, condition, seed)
            judged[evidence].append(judge(seen, with_naive=number == 0))
    return judged


def calibrated(recorded: Recorded, condition: Condition, seed: int) -> Recorded:
    """Add what a recording of the calibration stretch alone tells."""
    options = replace(condition.options, seed=seed, calibration_only=True)
    other = record(run_in_memory(options))
    energy, caveats = attribute_device(
        other.work, other.evidence, other.window_ns, AttributionOptions()
    )
    if energy.model is None:
        sys.exit(f"calibration of seed {seed} was refused: {caveats}")
    told = calibrate(energy.model, energy.model.names, other.work.name)
    return replace(recorded, evidence=replace(recorded.evidence, calibration=told))


def row_of(name: str, runs: Sequence[Judgement], allowed: str) -> list[str]:
    """Fill a row of the table under `HEAD`."""
    errors = [per_cent([abs(run.errors[kind]) for run in runs]) for kind in ("class", "phase")]
    errors += [
        f"{np.mean([abs(run.errors[kind]) for run in runs]):.2%}"
        for kind in ("layer", "step", "total")
    ]
    covered, half = [], []
    for kind in ("class", "phase"):
        intervals = [run.intervals[kind] for run in runs]
        share = sum(one.n_inside for one in intervals) / sum(one.n for one in intervals)
        mark = "" if COVERED[0] <= share <= COVERED[1] else " !"
        covered.append(f"{share:.0%}{mark}")
        half.append(f"{np.median([one.half_width for one in intervals]):.0%}")
    found = [run.found for run in runs]
    untrusted = sum(not one.is_trusted for one in found)
    lag = f"{np.mean([abs(one.lag_ms) for one in found]):.2f}"
    sensor = [f"{np.mean([abs(one.window_ms) for one in found]):.1f}"]
    sensor += [lag + (f" ({untrusted} of {len(found)} not trusted)" if untrusted else "")]
    cpu = f"{np.mean([run.cpu_s for run in runs]):.1f}"
    return [name, *errors, *covered, *half, *sensor, cpu, allowed]


def naive_row(name: str, runs: Sequence[Judgement]) -> list[str]:
    """Give class and phase errors of each naive method, mean over seeds."""
    cells = []
    for method in NAIVE:
        errors = [run.naive[method] for run in runs if method in run.naive]
        pair = [np.mean([one[kind] for one in errors]) for kind in ("class", "phase")]
        cells.append(" / ".join(f"{error:.1%}" for error in pair))
    return [name, *cells]


def per_cent(sizes: Sequence[float]) -> str:
    """Write mean and largest of some shares."""
    return f"{np.mean(sizes):.1%} ({np.max(sizes):.1%})"


def misses(condition: Condition, judged: Judged) -> list[str]:
    """Say which targets a condition misses, and by how much."""
    found = []
    for evidence, runs in judged[condition.name].items():
        name, target = f"{condition.name}, {evidence}", condition.targets[evidence]
        if target is not None:
            for kind, most in (("class", target.class_error), ("phase", target.phase_error)):
                error = float(np.mean([run.errors[kind] for run in runs]))
                if error > most:
                    found.append(f"{name}: {kind} error {error:.1%}, at most {most:.1%} is allowed")
        if condition.same_as is not None:
            others = judged[condition.same_as][evidence]
            for kind in ("class", "phase"):
                changes = [
                    abs(run.errors[kind] - other.errors[kind])
                    for run, other in zip(runs, others, strict=True)
                ]
                words = f"{name}: {kind} errors of single runs differ by {per_cent(changes)}"
                print(f"{words} from those of {condition.same_as}")
                if np.mean(changes) > SAME_TO:
                    found.append(f"{words}, at most {SAME_TO:.0%} is allowed")
    return found


def refusals(condition: Condition, judged: Judged) -> list[str]:
    """Count caveats by evidence, as far as they say that energy was shared by time."""
    counts = {
        evidence: sum("regression-refused" in run.slugs for run in runs)
        for evidence, runs in judged[condition.name].items()
    }
    return [
        f"{condition.name}, {evidence}: {count} runs refused"
        for evidence, count in counts.items()
        if count
    ]


def print_table(head: Sequence[str], rows: list[list[str]], *, markdown: bool) -> None:
    """Print rows under a head, as Markdown or in columns."""
    if markdown:
        print("| " + " | ".join(head) + " |")
        print("|" + "---|" * len(head))
        for row in rows:
            print("| " + " | ".join(row) + " |")
    else:
        wide = [max(len(line[column]) for line in [head, *rows]) for column in range(len(head))]
        for line in [head, *rows]:
            print("  ".join(cell.ljust(n) for cell, n in zip(line, wide, strict=True)).rstrip())
    print(flush=True)


def main() -> int:
    """Print the tables; give the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=8, help="runs of each condition")
    parser.add_argument("--only", metavar="ROW", help="rows whose name holds this")
    parser.add_argument("--markdown", action="store_true", help="tables in Markdown")
    words = parser.parse_args()
    only = words.only or ""
    print(f"{words.seeds} seeds a row, from {FIRST_SEED} on; mean and, in brackets, largest error")
    if only in BY_TIME:
        print_table(BY_TIME_HEAD, rows_by_time(words.seeds), markdown=words.markdown)
    judged: Judged = {}
    rows, naive, missed = [], [], []
    for condition in CONDITIONS:
        if not any(only in name for name in condition.rows()):
            continue
        needed = [one for one in CONDITIONS if one.name in {condition.name, condition.same_as}]
        for one in needed:
            if one.name not in judged:
                judged[one.name] = judge_condition(one, words.seeds)
        print(f"{condition.name}: {condition.words()}", flush=True)
        for line in refusals(condition, judged):
            print(line)
        missed += misses(condition, judged)
        for evidence, runs in judged[condition.name].items():
            target = condition.targets[evidence]
            allowed = "" if target is None else target.words()
            rows.append(row_of(f"{condition.name}, {evidence}", runs, allowed))
        naive.append(naive_row(condition.name, next(iter(judged[condition.name].values()))))
    if rows:
        print()
        print_table(HEAD, rows, markdown=words.markdown)
        print_table(("run", *NAIVE), naive, markdown=words.markdown)
    print("\n".join(f"MISSED {line}" for line in missed) or "all targets met")
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
