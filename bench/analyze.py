"""Times `traceenergy analyze` from export to page, beside nsys on the same file."""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

DATA = Path(__file__).with_name("data")
TARGET_S, TARGET_MB = 6.0, 800.0
NSYS_REPORTS = "nvtx_gpu_proj_sum,cuda_gpu_kern_sum"
TRACEENERGY = (sys.executable, "-m", "traceenergy")


@dataclass(frozen=True)
class Run:
    """What one process took."""

    wall_s: float
    cpu_s: float
    peak_mb: float


def timed(command: list[str]) -> Run:
    """Run a command to its end and measure it with all its children."""
    start = time.perf_counter()
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    wall_s = time.perf_counter() - start
    if process.returncode:
        sys.exit(f"exit code {process.returncode}: {' '.join(command)}")
    # ru_maxrss is in KiB on Linux.
    return Run(wall_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024 / 1e6)


def describe(name: str, runs: list[Run]) -> float:
    """Print the middle and the extremes of some runs; give the middle wall time."""
    walls = sorted(run.wall_s for run in runs)
    wall_s = statistics.median(walls)
    cpu_s = statistics.median(run.cpu_s for run in runs)
    peak_mb = max(run.peak_mb for run in runs)
    print(
        f"{name:<28} wall {wall_s:6.2f} s ({walls[0]:.2f} to {walls[-1]:.2f}, {len(runs)} runs)"
        f"   cpu {cpu_s:6.2f} s   peak {peak_mb:5.0f} MB"
    )
    return wall_s


def make_input(n_kernels: int, n_ranges: int) -> Path:
    """Simulate the input once and give its folder."""
    folder = DATA / f"{n_kernels}-{n_ranges}"
    if not (folder / "trace.sqlite").exists():
        folder.parent.mkdir(exist_ok=True)
        print(f"making {n_kernels:,} kernels and {n_ranges:,} ranges")
        sizes = ["--kernels", str(n_kernels), "--ranges-per-kernel", str(n_ranges // n_kernels)]
        timed([*TRACEENERGY, "simulate", "--out", str(folder), "--poll", "100ms", *sizes])
    return folder


def main() -> None:
    """Make the input, time everything on it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--kernels", type=int, default=100_000)
    parser.add_argument("--ranges", type=int, default=300_000)
    words = parser.parse_args()
    folder = make_input(words.kernels, words.ranges)
    trace, power = str(folder / "trace.sqlite"), str(folder / "power.csv")
    print(f"{words.kernels:,} kernels, {words.ranges:,} ranges, {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory() as out:
        page = str(Path(out) / "page.html")
        analyze = [*TRACEENERGY, "analyze", trace, "--power", power, "-o", page, "--force", "-q"]
        runs = [timed(analyze) for _ in range(words.runs)]
        ours_s = describe("traceenergy analyze", runs)
        peak_mb = max(run.peak_mb for run in runs)
        met = "met" if ours_s <= TARGET_S and peak_mb <= TARGET_MB else "MISSED"
        print(f"{'target':<28} wall {TARGET_S:6.2f} s, peak {TARGET_MB:.0f} MB: {met}")
        if shutil.which("nsys") is None:
            print("nsys is not on PATH: nothing to compare with")
            return
        copy = str(shutil.copy(trace, out))
        nsys = ["nsys", "stats", "-r", NSYS_REPORTS, "-f", "csv", copy]
        nsys_s = describe("nsys stats (two reports)", [timed(nsys) for _ in range(words.runs)])
        print(f"ratio: nsys takes {nsys_s / ours_s:.1f} times as long, without energy or page")


if __name__ == "__main__":
    main()
