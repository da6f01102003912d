"""Time and memory of critical path and slack over 8 devices with collectives, beside their target.

Each device runs blocks of kernels on one stream, each block followed by a collective on another:
events join the two. Every so often the threads wait for the devices and launch anew. Ends with exit
code 1 if a target is missed.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from traceenergy.critical_path.constraints import find_constraints
from traceenergy.critical_path.model import EventWaits, HostWaits, Pieces
from traceenergy.critical_path.slack import slack_within
from traceenergy.critical_path.walk import walk

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Int = NDArray[np.int64]

DEVICES = 8
KERNELS = 9  # of a block
BLOCKS_A_STEP = 200
TARGET_PIECES = 1_000_000
TARGET_S = 2.0
TARGET_BYTES = 1 << 30


@dataclass(frozen=True)
class Run:
    """What a path is found from."""

    pieces: Pieces
    events: EventWaits
    host_waits: HostWaits
    window: tuple[int, int]


@dataclass(frozen=True)
class Times:
    """CPU times of one run [s]."""

    constraints_s: float
    path_s: float
    slack_s: float

    @property
    def sum_s(self) -> float:
        """All three."""
        return self.constraints_s + self.path_s + self.slack_s


def make_run(n_pieces: int, seed: int) -> Run:
    """Schedule blocks on all devices, in the order of their starts as a trace has them."""
    n_blocks = n_pieces // (DEVICES * (KERNELS + 1))
    starts_ns, ends_ns, launch_ns = _schedule(n_blocks, np.random.default_rng(seed))
    device = np.broadcast_to(np.arange(DEVICES)[:, None], starts_ns.shape)
    is_collective = np.arange(KERNELS + 1) == KERNELS
    group = np.where(is_collective, np.arange(n_blocks)[:, None, None], -1)
    columns = (
        starts_ns,
        ends_ns,
        2 * device + is_collective,
        launch_ns,
        device,
        np.broadcast_to(group, starts_ns.shape),
    )
    order = np.argsort(starts_ns.ravel(), kind="stable")
    row = np.empty_like(order)
    row[order] = np.arange(len(order))
    row = row.reshape(starts_ns.shape)
    events = EventWaits(
        np.concatenate([row[:, :, -2].ravel(), row[:-1, :, -1].ravel()]),
        np.concatenate([row[:, :, -1].ravel(), row[1:, :, 0].ravel()]),
    )
    closes = np.arange(BLOCKS_A_STEP - 1, n_blocks - 1, BLOCKS_A_STEP)
    waited_ns = ends_ns[closes, :, -1].ravel()
    host_waits = HostWaits(
        np.tile(np.arange(DEVICES), len(closes)),
        waited_ns - 2_000_000,
        waited_ns + 8_000,
        row[closes, :, -1].ravel(),
    )
    pieces = Pieces(*(column.ravel()[order] for column in columns))
    return Run(pieces, events, host_waits, (0, int(ends_ns.max()) + 1))


def _schedule(n_blocks: int, rng: np.random.Generator) -> tuple[Int, Int, Int]:
    """Give starts, ends, launches [ns] by block, device, kernel; the collective is the last one."""
    long_ns = rng.integers(2_000, 60_000, (n_blocks, DEVICES, KERNELS))
    ends_ns = np.cumsum(long_ns + 900, axis=2) - 900
    arrives_ns = ends_ns[:, :, -1:] + 1_500
    last_ns = arrives_ns.max(axis=(1, 2))
    in_step = np.arange(n_blocks) % BLOCKS_A_STEP
    block_ns = last_ns + 30_000 + np.where(in_step == 0, 40_000, 0)
    begin_ns = (np.cumsum(block_ns) - last_ns - 30_000)[:, None, None]
    moved_ns = np.broadcast_to((last_ns + 29_000)[:, None, None], arrives_ns.shape)
    starts_ns = np.concatenate([ends_ns - long_ns, arrives_ns], axis=2) + begin_ns
    ends_ns = np.concatenate([ends_ns, moved_ns], axis=2) + begin_ns
    step = np.arange(n_blocks) - in_step
    launch_ns = begin_ns[step] - 5_000 + in_step[:, None, None] * (KERNELS + 1) * 4_000
    launch_ns = launch_ns + np.arange(KERNELS + 1) * 4_000
    return starts_ns, ends_ns, np.minimum(launch_ns, starts_ns - 3_000)


def measure(run: Run) -> Times:
    """Find constraints, path and slack once."""
    began = time.process_time()
    constraints = find_constraints(run.pieces, run.events, run.host_waits, run.window)
    built = time.process_time()
    walk(constraints, run.window)
    walked = time.process_time()
    slack_within(constraints, run.window)
    return Times(built - began, walked - built, time.process_time() - walked)


def peak_bytes() -> int:
    """Peak memory of this process, input included."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main() -> int:
    """Measure each size; give the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pieces", type=int, nargs="+", default=[TARGET_PIECES, 10_000_000])
    parser.add_argument("--runs", type=int, default=3)
    words = parser.parse_args()
    print(
        f"{DEVICES} devices, load {os.getloadavg()[0]:.1f}; CPU time, the fastest of {words.runs}"
    )
    missed = False
    for n_pieces in sorted(words.pieces):
        run = make_run(n_pieces, seed=1)
        best = min((measure(run) for _ in range(words.runs)), key=lambda one: one.sum_s)
        print(
            f"  {n_pieces:>10,} pieces, {len(run.events.before):,} events: "
            f"constraints {best.constraints_s:.2f} s, path {best.path_s:.2f} s, "
            f"slack {best.slack_s:.2f} s, sum {best.sum_s:.2f} s; "
            f"peak {peak_bytes() / 1e6:,.0f} MB"
        )
        if n_pieces == TARGET_PIECES:
            missed |= best.sum_s > TARGET_S or peak_bytes() > TARGET_BYTES
            print(f"{'':>13}target {TARGET_S} s, {TARGET_BYTES / 1e6:,.0f} MB")
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
