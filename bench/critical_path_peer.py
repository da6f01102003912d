"""HolisticTraceAnalysis and this project find the critical path of the same device, side by side.

The run of `critical_path.py` is made; of its first device, since the peer takes one at a time, a
trace of the PyTorch profiler is written, with an operator around each launch. The peer runs in an
interpreter of its own, that of the environment where it is installed. Its time is that of
`critical_path_analysis` alone: reading the trace is printed apart. It gives no slack, and is
not told of events and collectives.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from critical_path import DEVICES, Run, make_run, measure

from traceenergy.critical_path.model import EventWaits, HostWaits, Pieces

PEER = """
import resource, sys, time
from importlib.metadata import version
from hta.trace_analysis import TraceAnalysis
began = time.process_time()
analysis = TraceAnalysis(trace_dir=sys.argv[1])
read = time.process_time()
_, found = analysis.critical_path_analysis(rank=0, annotation="ProfilerStep", instance_id=0)
done = time.process_time()
peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
print("TIMES", version("HolisticTraceAnalysis"), found, read - began, done - read, peak_mb)
"""
OFFSET_NS = 5_000  # keeps the first call after the start of the step
CALL_NS, OPERATOR_NS = 2_500, 3_200


def first_device(run: Run) -> Run:
    """Keep the work of the first device, with what it waited for."""
    kept = run.pieces.thread == 0
    place = np.where(kept, np.cumsum(kept) - 1, -1)

    pieces, calls = run.pieces, run.host_waits
    on_thread = calls.thread == 0
    return Run(
        Pieces(
            pieces.start_ns[kept],
            pieces.end_ns[kept],
            pieces.stream[kept],
            pieces.launch_ns[kept],
            pieces.thread[kept],
            pieces.group[kept],
        ),
        EventWaits(place[run.events.before], place[run.events.after]),
        HostWaits(
            calls.thread[on_thread],
            calls.start_ns[on_thread],
            calls.end_ns[on_thread],
            place[calls.piece[on_thread]],
        ),
        run.window,
    )


def write_trace(run: Run, path: Path) -> None:
    """Write work and launches as the PyTorch profiler does: times in microseconds."""
    pieces = run.pieces
    events = [
        _event("user_annotation", "ProfilerStep#0", (0, run.window[1] + 2 * OFFSET_NS), 0),
        _event("user_annotation", "ProfilerStep#1", (run.window[1] + 3 * OFFSET_NS, 1_000), 0),
    ]
    columns = (pieces.start_ns, pieces.end_ns, pieces.stream, pieces.launch_ns, pieces.group)
    rows = zip(*(column.tolist() for column in columns), strict=True)
    for number, (start, end, stream, launch, group) in enumerate(rows, start=1):
        at = launch + OFFSET_NS
        name = "ncclDevKernel_AllReduce" if group >= 0 else "gemm"
        events += [
            _event("cpu_op", "aten::op", (at - OPERATOR_NS, OPERATOR_NS), number),
            _event("cuda_runtime", "cudaLaunchKernel", (at - CALL_NS, CALL_NS), number),
            _event("kernel", name, (start + OFFSET_NS, end - start), number, 7 + stream),
        ]
    about = {"backend": "nccl", "rank": 0, "world_size": 1}
    with gzip.open(path, "wt", compresslevel=1) as file:
        json.dump({"schemaVersion": 1, "distributedInfo": about, "traceEvents": events}, file)


def _event(
    kind: str,
    name: str,
    start_and_length_ns: tuple[int, int],
    number: int,
    stream: int | None = None,
) -> dict[str, object]:
    where: dict[str, object] = {"pid": 1, "tid": 1}
    words: dict[str, object] = {"External id": number} if number else {}
    words |= {"correlation": number} if kind in {"cuda_runtime", "kernel"} else {}
    if stream is not None:
        where = {"pid": 0, "tid": stream}
        words |= {"stream": stream, "device": 0, "context": 1}
    start_us, long_us = (one / 1e3 for one in start_and_length_ns)
    times = {"ts": start_us, "dur": long_us}
    return {"ph": "X", "cat": kind, "name": name, **where, **times, "args": words}


def main() -> None:
    """Time both on one run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer-python", required=True, help="where HolisticTraceAnalysis is")
    parser.add_argument("--pieces", type=int, default=50_000, help="of the device")
    words = parser.parse_args()
    run = first_device(make_run(words.pieces * DEVICES, seed=1))
    best = min((measure(run) for _ in range(3)), key=lambda one: one.sum_s)
    with tempfile.TemporaryDirectory() as folder:
        write_trace(run, Path(folder) / "rank0.json.gz")
        done = subprocess.run(
            [words.peer_python, "-c", PEER, folder], check=True, stdout=subprocess.PIPE, text=True
        )
    times = next(line for line in done.stdout.splitlines() if line.startswith("TIMES"))
    _, version, found, read_s, path_s, peak_mb = times.split()
    print(f"{words.pieces:,} pieces of one device, load {os.getloadavg()[0]:.1f}; CPU time")
    print(f"  HolisticTraceAnalysis {version}: graph and path {float(path_s):.2f} s, ", end="")
    print(f"found: {found}; reading {float(read_s):.2f} s, peak {float(peak_mb):,.0f} MB")
    found_s = best.constraints_s + best.path_s
    print(f"  traceenergy: graph and path {found_s:.4f} s, slack {best.slack_s:.4f} s: ", end="")
    print(f"{float(path_s) / best.sum_s:.0f} times as fast, slack included")


if __name__ == "__main__":
    main()
