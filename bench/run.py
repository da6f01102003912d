"""Times `traceenergy analyze` at several sizes, beside what others take on the same files."""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from analyze import DATA, TRACEENERGY, Run, describe
from recipe_input import write_recipe_input
from repeat import repeat_run

RANGES_PER_KERNEL = 5
BASE_KERNELS = 1_000_000  # larger inputs are repeats of one of this size, with fewer ranges
# Kernels -> most seconds, most MB on 2 cores.
TARGETS = {
    4_000: (1.2, None),
    100_000: (2.5, None),
    1_000_000: (6.0, 1200),
    10_000_000: (35.0, 4500),
    50_000_000: (None, 8000),
}
GIVE_UP_S = 900.0
MOST_WITH_JSON = 1_000_000
LOAD = """
import sys
from pathlib import Path
from traceenergy.read.nsys import gpu_work, launches, schema
from traceenergy.read.nsys.database import Database
with Database(Path(sys.argv[1])) as database:
    asked = [rows for _, rows in gpu_work.ask_gpu_work(database)]
    asked.append(launches.ask_launches(database))
    asked.append(database.ask(
        schema.NVTX, ["start", "end", "eventType"], each=lambda part: part,
        optional=["globalTid", "endGlobalTid", "textId", "domainId"], text="text"))
    kept = [rows() for rows in asked]
"""
PARSE = """
import sys
from hta.common.trace_parser import parse_trace_dataframe
from hta.configs.parser_config import ParserConfig
parse_trace_dataframe(sys.argv[1], ParserConfig.get_default_cfg())
"""


@dataclass(frozen=True)
class Input:
    """A run on disk."""

    n_kernels: int
    folder: Path

    @property
    def trace(self) -> Path:
        """The export."""
        return self.folder / "trace.sqlite"


def make_input(
    n_kernels: int, ranges_per_kernel: int = RANGES_PER_KERNEL, *, gpu_metrics: bool = False
) -> Input:
    """Simulate a run, or repeat one, once."""
    metrics = "-metrics" if gpu_metrics else ""
    folder = DATA / f"run-{n_kernels}-{ranges_per_kernel}{metrics}"
    made = Input(n_kernels, folder)
    if made.trace.exists():
        return made
    print(f"making {n_kernels:,} kernels", flush=True)
    if n_kernels > BASE_KERNELS:
        base = make_input(BASE_KERNELS, 1, gpu_metrics=gpu_metrics)
        repeat_run(base.trace, folder, n_kernels // BASE_KERNELS)
        return made
    words = ["--kernels", str(n_kernels), "--ranges-per-kernel", str(ranges_per_kernel), "--poll",
             "100ms", "-q", *(["--gpu-metrics"] if gpu_metrics else [])]  # fmt: skip
    subprocess.run([*TRACEENERGY, "simulate", "--out", str(folder), *words], check=True)
    return made


def tried(name: str, command: list[str], n: int, **more: str) -> float | None:
    """Time a command; say so where it fails or takes too long."""
    runs = []
    # Polars, once loaded here, sets it for processes begun from here.
    mine = {name: value for name, value in os.environ.items() if name != "_RJEM_MALLOC_CONF"}
    for _ in range(n):
        start_s = time.perf_counter()
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, env={**mine, **more},
        )  # fmt: skip
        while (found := os.wait4(process.pid, os.WNOHANG))[0] == 0:
            if time.perf_counter() - start_s > GIVE_UP_S:
                process.kill()
                os.wait4(process.pid, 0)
                process.returncode = -9
                print(f"{name:<28} given up after {GIVE_UP_S:.0f} s")
                return None
            time.sleep(0.02)
        _, status, usage = found
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            print(f"{name:<28} failed (exit code {process.returncode})")
            return None
        cpu_s = usage.ru_utime + usage.ru_stime
        wall_s = time.perf_counter() - start_s
        runs.append(Run(wall_s, cpu_s, usage.ru_maxrss * 1024 / 1e6))
    return describe(name, runs)


def run_ours(made: Input, n: int, out: Path, slices: int) -> float | None:
    """Time the whole analysis, and loading alone."""
    page, result, log = out / "page.html", out / "result.json", made.folder / "power.csv"
    command = [*TRACEENERGY, "analyze", str(made.trace), "--power", str(log), "-o", str(page), "-o",
               str(result), "--force", "-q", "--slices", str(slices), "--jobs", "1"]  # fmt: skip
    ours_s = tried("traceenergy analyze", command, n)
    load_s = tried("loading the columns alone", [sys.executable, "-c", LOAD, str(made.trace)], n)
    most_s, most_mb = TARGETS.get(made.n_kernels, (None, None))
    print(f"{'target':<28} {most_s or '-'} s, {most_mb or '-'} MB", end="")
    print(f"; {ours_s / load_s:.1f} times loading (target 4)" if ours_s and load_s else "")
    return ours_s


def run_peers(made: Input, n: int, out: Path, peers: Path | None) -> dict[str, float | None]:
    """Time other tools on copies, which they may write beside."""
    took: dict[str, float | None] = {}
    copy = str(shutil.copy(made.trace, out / "copy.sqlite"))
    if shutil.which("nsys") is None:
        print("nsys is not on PATH: not measured")
    else:
        reports = "nvtx_gpu_proj_sum,cuda_gpu_kern_sum"
        nsys = ["nsys", "stats", "-r", reports, "-f", "csv", "--force-export=false", copy]
        took["nsys stats"] = tried("nsys stats, two reports", nsys, n)
        report = str(write_recipe_input(made.trace, out))
        recipe = ["nsys", "recipe", "nvtx_gpu_proj_sum", "--input", report, "--force-overwrite",
                  "--output", str(out / "recipe")]  # fmt: skip
        # Recipes run in the first python3 that they find, and need pandas and others there.
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        took["nsys recipe"] = tried("nsys recipe, from Parquet", recipe, n, PATH=path)
    if peers is None:
        print("nsys-ai and HolisticTraceAnalysis: not measured (--peers PYTHON)")
        return took
    home = {"HOME": str(out)}
    other = str(peers.with_name("nsys-ai"))
    took["nsys-ai diagnose"] = tried("nsys-ai diagnose", [other, "diagnose", copy], n, **home)
    layers = [other, "skill", "run", "nvtx_layer_breakdown", copy]
    took["nsys-ai layers"] = tried("nsys-ai layer breakdown", layers, n, **home)
    if made.n_kernels <= MOST_WITH_JSON:
        words = ["--kernels", str(made.n_kernels), "--ranges-per-kernel", "1", "--format",
                 "pytorch", "-q"]  # fmt: skip
        folder = DATA / f"pytorch-{made.n_kernels}"
        if not (folder / "trace.json").exists():
            subprocess.run([*TRACEENERGY, "simulate", "--out", str(folder), *words], check=True)
        command = [str(peers), "-c", PARSE, str(folder / "trace.json")]
        took["HTA"] = tried("HTA, parse of a JSON alone", command, n)
    return took


def main() -> None:
    """Make each input, time everything on it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--kernels", type=int, nargs="+", default=[4_000, 100_000, 1_000_000])
    parser.add_argument(
        "--slices", type=int, default=1, help="of time, for what memory cannot hold"
    )
    parser.add_argument(
        "--gpu-metrics", action="store_true", help="inputs with GPU metrics, 10 kHz"
    )
    parser.add_argument("--peers", type=Path, help="a Python that has nsys-ai and HTA")
    parser.add_argument("--no-peers", action="store_true")
    words = parser.parse_args()
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    for n_kernels in words.kernels:
        made = make_input(n_kernels, gpu_metrics=words.gpu_metrics)
        size_mb, load = made.trace.stat().st_size / 1e6, os.getloadavg()[0]
        print(f"\n{n_kernels:,} kernels, {size_mb:,.0f} MB, load {load:.1f}", flush=True)
        with tempfile.TemporaryDirectory() as out:
            ours_s = run_ours(made, words.runs, Path(out), words.slices)
            peers = {} if words.no_peers else run_peers(made, words.runs, Path(out), words.peers)
        for name, their_s in peers.items():
            if ours_s and their_s:
                print(f"ratio: {name} takes {their_s / ours_s:.1f} times as long")


if __name__ == "__main__":
    main()
