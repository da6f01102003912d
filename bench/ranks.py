"""Times an analysis report by report of a run of many ranks, by one worker and by two."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sqlite3
import sys
import tempfile
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from analyze import DATA, TRACEENERGY, describe, timed

from traceenergy.analysis.options import AnalysisOptions
from traceenergy.portions.merge import merge_results
from traceenergy.portions.portion import Portion, analyze_packed, unpack
from traceenergy.read.mapping import Report
from traceenergy.read.options import ReadOptions

WANTED_SHARE, MOST_MB, MOST_REDUCE_S = 0.85, 5.0, 10.0


def make_reports(n: int, n_kernels: int) -> tuple[list[Path], Path]:
    """Write reports of one size whose bytes differ, once; give them with their power log."""
    folder = DATA / f"ranks-{n_kernels}"
    if not (folder / "made" / "trace.sqlite").exists():
        folder.mkdir(parents=True, exist_ok=True)
        sizes = ["--kernels", str(n_kernels), "--ranges-per-kernel", "3", "--poll", "20ms"]
        timed([*TRACEENERGY, "simulate", "--out", str(folder / "made"), "-q", *sizes])
    files = [folder / f"trace_rank{rank}.sqlite" for rank in range(n)]
    for rank, file in enumerate(files):
        if not file.exists():
            shutil.copy(folder / "made" / "trace.sqlite", file)
            with closing(sqlite3.connect(file)) as export, export:
                export.execute(f"PRAGMA user_version = {rank + 1}")
    return files, folder / "made" / "power.csv"


def sizes_and_reduce(file: Path, log: Path, n: int) -> None:
    """Print how large what one report sends is, and how long the sum over many takes."""
    read_options = ReadOptions()
    report = Report(file.absolute(), 0, rank_is_certain=False, power=None)
    portion = Portion(report, (log.absolute(),), read_options, AnalysisOptions())
    sent = analyze_packed(portion)
    found = unpack(sent).result
    if found is None:
        sys.exit("the report cannot be analyzed")
    start_s = time.perf_counter()
    merge_results([replace(found) for _ in range(n)], list(range(n)))
    took_s = time.perf_counter() - start_s
    met = "met" if len(sent) <= MOST_MB * 1e6 and took_s <= MOST_REDUCE_S else "MISSED"
    print(
        f"a report sends {len(sent) / 1e6:.2f} MB (most {MOST_MB:.0f}); the sum over {n:,} takes "
        f"{took_s:.2f} s (most {MOST_REDUCE_S:.0f}): {met}"
    )


def main() -> None:
    """Make the reports, analyze them by each number of processes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reports", type=int, default=256)
    parser.add_argument("--kernels", type=int, default=50_000)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--jobs", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--sums", type=int, nargs="*", default=[256, 10_000])
    words = parser.parse_args()
    files, log = make_reports(words.reports, words.kernels)
    print(
        f"{words.reports} reports of {words.kernels:,} kernels, {os.cpu_count()} cores, load "
        f"{os.getloadavg()[0]:.1f}"
    )
    walls = {}
    with tempfile.TemporaryDirectory() as out:
        page, result = str(Path(out) / "page.html"), Path(out) / "result.json"
        for jobs in words.jobs:
            command = [
                *TRACEENERGY,
                "analyze",
                *map(str, files),
                "--power",
                str(log),
                "--by-report",
            ]
            command += ["--jobs", str(jobs), "-o", page, "-o", str(result), "--force", "-q"]
            # A core for each process, as workers of a cluster have.
            command = ["taskset", "--cpu-list", f"0-{jobs - 1}", *command]
            name = f"{jobs} process{'es' if jobs > 1 else ''}, {jobs} of the cores"
            walls[jobs] = describe(name, [timed(command) for _ in range(words.runs)])
        n_devices = len(json.loads(result.read_text())["devices"])
    if n_devices != words.reports:
        sys.exit(f"{n_devices} devices in the sum of {words.reports} reports")
    if {1, 2} <= set(walls):
        share = walls[1] / walls[2] / 2
        met = "met" if share >= WANTED_SHARE else "MISSED"
        print(f"two processes: {share:.0%} of perfect scaling (target {WANTED_SHARE:.0%}): {met}")
    for n in words.sums:
        sizes_and_reduce(files[0], log, n)


if __name__ == "__main__":
    main()
