"""Time and memory that attribution of one device takes, beside its targets.

Kernels, classes and readings are made up in memory: no file is read. Ends with exit code 1 if a
target is missed.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import os
import pstats
import re
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from traceenergy.energy.attribute import AttributionOptions, attribute_device
from traceenergy.energy.device_energy import Evidence
from traceenergy.energy.device_work import DeviceWork, WorkClasses
from traceenergy.trace.tables import GpuMetrics, PowerSamples
from traceenergy.units import NS_PER_MS, NS_PER_S

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Int = NDArray[np.int64]
    Float = NDArray[np.float64]

SECONDS, POLL_NS, N_CLASSES = 60, 20 * NS_PER_MS, 100
METRIC_HZ = 10_000
METRICS = ("SMs Active [Throughput %]", "DRAM Read Bandwidth [Throughput %]")
STATIC_W = 80.0
BESIDE_SHARE = 0.1  # of pieces that run on into the next one
N_STEPS, BUSY_SHARE = 400, 0.9
LINES = 25
# The sensor of this board updates every 20 ms: each reading is a row of the fit.
BOARD, FIELD = "Tesla V100-SXM2-32GB", "power.draw"
KINDS = ("gemm_kernel_{}", "flash_fwd_kernel_{}", "elementwise_kernel_{}", "ncclDevKernel_{}")


@dataclass(frozen=True)
class Target:
    """Most that attribution may take of so many kernels."""

    n_kernels: int
    seconds: float
    peak_mb: float | None


TARGETS = (Target(1_000_000, 3.0, None), Target(10_000_000, 15.0, 2500.0))


@dataclass(frozen=True)
class Cost:
    """What attribution took.

    Attributes
    ----------
    wall_s, cpu_s
        Of `attribute_device`, once [s].
    before_mb, peak_mb
        Memory of the process: with its input, at most [MB].
    n_rows
        Readings in the fit; 0 where it was refused.
    """

    wall_s: float
    cpu_s: float
    before_mb: float
    peak_mb: float
    n_rows: int


def make_device(n_kernels: int, *, with_metrics: bool) -> tuple[DeviceWork, Evidence]:
    """Make up the work of a device with its readings.

    Parameters
    ----------
    n_kernels : int
    with_metrics : bool
        Sample two metrics at 10 kHz.

    Returns
    -------
    work : DeviceWork
    evidence : Evidence
        Steps with pauses between them, each a mix of classes of its own, so that readings tell
        the powers of classes and when the sensor looked.
    """
    rng = np.random.default_rng(0)
    turn_ns = BUSY_SHARE * SECONDS * NS_PER_S / n_kernels
    number = np.arange(n_kernels)
    step = number * N_STEPS // n_kernels
    pause_ns = (1 - BUSY_SHARE) * SECONDS * NS_PER_S / N_STEPS
    start_ns = (number * turn_ns + step * pause_ns).astype(np.int64)
    length_ns = (turn_ns * (0.4 + 0.4 * rng.random(n_kernels, dtype=np.float32))).astype(np.int64)
    length_ns[rng.random(n_kernels, dtype=np.float32) < BESIDE_SHARE] += round(0.8 * turn_ns)
    # A step favors some classes: the square of a uniform number, scaled and shifted.
    of_all = (N_CLASSES * rng.random(n_kernels, dtype=np.float32) ** 2).astype(np.int64)
    of_all = (of_all + rng.integers(0, N_CLASSES, N_STEPS)[step]) % N_CLASSES
    row, end_ns = np.arange(n_kernels), start_ns + length_ns
    work = DeviceWork(0, 0, BOARD, row, start_ns, end_ns, start_ns, end_ns, row, row)
    names = [KINDS[one % len(KINDS)].format(one) for one in range(N_CLASSES)]
    metrics = _metrics(start_ns, length_ns, of_all) if with_metrics else pl.DataFrame()
    classes = WorkClasses(of_all, names, np.arange(N_CLASSES), GpuMetrics(metrics))
    return work, Evidence(_samples(start_ns, length_ns, of_all, rng), 300.0, classes)


def _samples(start_ns: Int, length_ns: Int, of_all: Int, rng: np.random.Generator) -> PowerSamples:
    watts = 40.0 + 160.0 * rng.random(N_CLASSES)
    margin = NS_PER_S // POLL_NS
    n = SECONDS * NS_PER_S // POLL_NS
    power_w = np.full(n + 2 * margin, STATIC_W) + rng.normal(0.0, 1.0, n + 2 * margin)
    power_w[margin:-margin] += _binned(start_ns, length_ns * watts[of_all], POLL_NS, n) / POLL_NS
    sample_ns = (np.arange(n + 2 * margin) - margin + 1) * POLL_NS
    frame = pl.DataFrame({"sample_ns": sample_ns, "power_w": power_w})
    return PowerSamples(frame.with_columns(field=pl.lit(FIELD), source=pl.lit("made up")))


def _metrics(start_ns: Int, length_ns: Int, of_all: Int) -> pl.DataFrame:
    period_ns = NS_PER_S // METRIC_HZ
    n = SECONDS * METRIC_HZ
    sample_ns = (np.arange(n) + 1) * period_ns
    frames = []
    for number, name in enumerate(METRICS):
        active = (of_all * (number + 1) % N_CLASSES) / N_CLASSES
        value = np.round(100 * _binned(start_ns, length_ns * active, period_ns, n) / period_ns)
        frame = pl.DataFrame({"sample_ns": sample_ns, "value": np.clip(value, 0.0, 100.0)})
        frames.append(frame.with_columns(metric=pl.lit(name).cast(pl.Categorical)))
    return pl.concat(frames)


def _binned(start_ns: Int, weight: Float | Int, period_ns: int, n: int) -> Float:
    # By where pieces start: close enough, as they are far shorter than a period of readings.
    return np.bincount(np.minimum(start_ns // period_ns, n - 1), weight, n).astype(np.float64)


def measure(n_kernels: int, *, with_metrics: bool, profile: bool) -> Cost:
    """Attribute once in this process.

    Parameters
    ----------
    n_kernels : int
    with_metrics : bool
    profile : bool
        Print where time went; costs some.

    Returns
    -------
    Cost
    """
    work, evidence = make_device(n_kernels, with_metrics=with_metrics)
    window = int(work.start_ns[0]), int(work.end_ns.max())
    # Sets the peak that Linux keeps back to what is in use now.
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    before_mb = _memory_mb("VmRSS")
    watch = cProfile.Profile(builtins=False)
    if profile:
        watch.enable()
    wall_s, cpu_s = time.perf_counter(), time.process_time()
    energy, _ = attribute_device(work, evidence, window, AttributionOptions())
    wall_s, cpu_s = time.perf_counter() - wall_s, time.process_time() - cpu_s
    watch.disable()
    if profile:
        pstats.Stats(watch).sort_stats("cumulative").print_stats(r"traceenergy", LINES)
    n_rows = energy.model.n_rows if energy.model is not None else 0
    return Cost(wall_s, cpu_s, before_mb, _memory_mb("VmHWM"), n_rows)


def _memory_mb(key: str) -> float:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    found = re.search(rf"^{key}:\s+(\d+) kB", status, re.MULTILINE)
    return float(found[1]) * 1024 / 1e6 if found else float("nan")


def measure_apart(target: Target, *, with_metrics: bool) -> Cost:
    """Attribute in a process of its own, so that no other run adds to its peak."""
    words = [sys.executable, __file__, "--kernels", str(target.n_kernels), "--json"]
    words += ["--metrics"] if with_metrics else []
    done = subprocess.run(words, check=True, capture_output=True, text=True)
    return Cost(**json.loads(done.stdout))


def main() -> int:
    """Measure what was asked for, else all targets; give the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--kernels", type=int, help="only so many, in this process")
    parser.add_argument("--metrics", action="store_true", help="with GPU metrics")
    parser.add_argument("--profile", action="store_true", help="with --kernels: print functions")
    parser.add_argument("--json", action="store_true", help="with --kernels: print JSON")
    words = parser.parse_args()
    if words.kernels:
        cost = measure(words.kernels, with_metrics=words.metrics, profile=words.profile)
        print(json.dumps(asdict(cost)) if words.json else cost)
        return 0
    load = os.getloadavg()[0]
    print(f"{N_CLASSES} classes, {SECONDS} s, {POLL_NS / NS_PER_MS:g} ms, load {load:.1f}")
    missed = False
    for target in TARGETS:
        runs = [measure_apart(target, with_metrics=words.metrics) for _ in range(words.runs)]
        wall_s, peak_mb = min(run.wall_s for run in runs), max(run.peak_mb for run in runs)
        met = wall_s <= target.seconds and peak_mb <= (target.peak_mb or np.inf)
        missed = missed or not met
        most = "" if target.peak_mb is None else f", {target.peak_mb:.0f} MB"
        walls = ", ".join(f"{run.wall_s:.1f}" for run in runs)
        print(
            f"{target.n_kernels:>12,} kernels: wall {walls} s, cpu {runs[0].cpu_s:.1f} s, "
            f"peak {peak_mb:.0f} MB ({runs[0].before_mb:.0f} before), {runs[0].n_rows} rows; "
            f"target {target.seconds:g} s{most}: {'met' if met else 'MISSED'}"
        )
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
