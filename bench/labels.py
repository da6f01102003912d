"""Share of GPU time with the right step, layer and phase, over runs whose labels are known.

Ends with exit code 1 if a target is missed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
from label_corpus import Case, read_corpus
from label_judge import Labels, found_layers, judge_labels

import traceenergy as te

if TYPE_CHECKING:
    from collections.abc import Sequence

# Of time with all three right; of none there is a target for layers alone.
TARGETS = {"ranges": 1.0, "capture": 1.0, "transfer": 0.98, "order": 0.95}
HEAD = (
    "run", "evidence", "pieces", "step", "layer", "phase", "all three", "target", "layers invented",
    "cpu [s]", "",
)  # fmt: skip
# Sums of shares are rounded.
ALL = 1.0 - 1e-9


@dataclass(frozen=True)
class Outcome:
    """One run of the corpus, judged.

    Attributes
    ----------
    name, evidence
        Which run, what told its labels.
    labels
        None where it was not analyzed.
    cpu_s
        Of reading and analysis.
    why
        Error that it ended with; empty for none.
    """

    name: str
    evidence: str
    labels: Labels | None
    cpu_s: float = 0.0
    why: str = ""

    @property
    def missed(self) -> str:
        """What it misses; empty for nothing."""
        if self.labels is None:
            return self.why
        if self.labels.n_invented:
            return f"{self.labels.n_invented} layers invented, none is allowed"
        target = TARGETS.get(self.evidence, 0.0)
        if self.labels.all_three < min(target, ALL):
            return f"all three right for {self.labels.all_three:.2%}, {target:.0%} is asked"
        return ""

    def row(self) -> list[str]:
        """Fill a row of the table under `HEAD`."""
        target = f"{TARGETS[self.evidence]:.0%}" if self.evidence in TARGETS else ""
        if self.labels is None:
            return [self.name, self.evidence, *[""] * 5, target, "", "", self.why]
        found = self.labels
        mark = "!" if self.missed else ""
        shares = [""] * 4  # without a transformer only layers are asked for
        if self.evidence != "nothing":
            four = (found.step, found.layer, found.phase, found.all_three)
            shares = [f"{share:.2%}" for share in four]
        return [
            self.name, self.evidence, str(found.n_pieces), *shares,
            target, str(found.n_invented), f"{self.cpu_s:.2f}", mark,
        ]  # fmt: skip


def judge_case(case: Case, marked: Case | None, folder: Path, seed: int) -> Outcome:
    """Make, analyze and judge a run.

    Parameters
    ----------
    case : Case
    marked : Case or None
        The run that tells layers, of the same seed.
    folder : Path
        Of the corpus.
    seed : int

    Returns
    -------
    Outcome
    """
    name, out = f"{case.name} {seed}", case.make(folder, seed)
    known = None if marked is None else marked.make(folder, seed) / "trace.sqlite"
    options = te.AnalysisOptions(time_only=True)
    begin_s = time.process_time()
    try:
        layers_from = None if known is None else te.read_trace(known)
        trace = te.read_trace(out / "trace.sqlite")
        result = te.analyze(trace, options, layers_from=layers_from)
    except te.TraceEnergyError as error:
        return Outcome(name, case.evidence, None, why=f"{error.slug}: {error}".splitlines()[0])
    cpu_s = time.process_time() - begin_s
    labels = judge_labels(pl.read_parquet(out / "truth.parquet"), result.work)
    return Outcome(name, case.evidence, labels, cpu_s)


def judge_recorded(path: Path) -> Outcome:
    """Count the layers that are found in a recorded trace that has none."""
    begin_s = time.process_time()
    try:
        work = te.analyze(te.read_trace(path), te.AnalysisOptions(time_only=True)).work
    except te.TraceEnergyError as error:
        return Outcome(path.name, "nothing", None, why=f"{error.slug}: {error}".splitlines()[0])
    cpu_s = time.process_time() - begin_s
    nan = float("nan")
    labels = Labels(nan, nan, nan, nan, len(found_layers(work)), len(work))
    return Outcome(path.name, "nothing", labels, cpu_s)


def print_table(rows: Sequence[Sequence[str]]) -> None:
    """Print rows in columns."""
    wide = [max(len(line[column]) for line in [HEAD, *rows]) for column in range(len(HEAD))]
    for line in [HEAD, *rows]:
        print("  ".join(cell.ljust(n) for cell, n in zip(line, wide, strict=True)).rstrip())


def main() -> int:
    """Print the table; give the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=2, help="runs of each case")
    parser.add_argument("--only", default="", metavar="WORD", help="names that hold this")
    parser.add_argument("--corpus", type=Path, metavar="DIR", help="keep the runs here")
    parser.add_argument("--traces", type=Path, metavar="DIR", help="of recorded traces")
    words = parser.parse_args()
    cases, recorded = read_corpus()
    by_name = {case.name: case for case in cases}
    outcomes = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = words.corpus or Path(temporary)
        for case in (case for case in cases if words.only in case.name):
            marked = by_name[case.layers_from] if case.layers_from else None
            outcomes += [judge_case(case, marked, folder, seed) for seed in range(words.seeds)]
    if words.traces:
        paths = [words.traces / name for name in recorded if words.only in name]
        outcomes += [judge_recorded(path) for path in paths if path.exists()]
    print_table([outcome.row() for outcome in outcomes])
    missed = [f"MISSED {one.name}: {one.missed}" for one in outcomes if one.missed]
    print("\n" + ("\n".join(missed) or "all targets met"))
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
