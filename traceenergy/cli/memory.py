"""Asks whether a run fits this computer's memory before it is read."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from traceenergy.read.inputs import SQLITE, kind_of, list_files

if TYPE_CHECKING:
    from collections.abc import Sequence

# Bytes of memory for each byte of exports: 2.5 to 4.5 in runs of 1 to 10 million kernels.
BYTES_PER_BYTE = 4.5
_WORTH_ASKING_BYTES = 1 << 30  # of exports; smaller ones fit everywhere
_GROUP_LIMIT, _GROUP_USE = (Path("/sys/fs/cgroup") / f"memory.{x}" for x in ("max", "stat"))


def warn_of_memory(traces: Sequence[Path]) -> None:
    """Say on stderr where exports are too large to be analyzed in one piece.

    Parameters
    ----------
    traces : sequence of Path
        Reports, or folders of them.
    """
    files = [file for file in list_files(list(traces)) if kind_of(file) == SQLITE]
    n_bytes = sum(file.stat().st_size for file in files)
    free_bytes = available_bytes()
    if n_bytes < _WORTH_ASKING_BYTES or free_bytes is None:
        return
    needed_bytes = n_bytes * BYTES_PER_BYTE
    if needed_bytes <= free_bytes:
        return
    n_slices = 2 ** math.ceil(math.log2(2 * needed_bytes / free_bytes))
    sys.stderr.write(
        f"note: {n_bytes / 1e9:.1f} GB of exports may need {needed_bytes / 1e9:.0f} GB of memory, "
        f"and {free_bytes / 1e9:.0f} GB are free; --slices {n_slices} --jobs 1 needs less at a "
        "time\n"
    )


def available_bytes() -> int | None:
    """Tell how much memory can still be had, here and in this control group; None: not known."""
    found = [amount for amount in (_of_computer(), _of_group()) if amount is not None]
    return min(found, default=None)


def _of_computer() -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    told = [line.split()[1] for line in lines if line.startswith("MemAvailable:")]
    return int(told[0]) * 1024 if told else None


def _of_group() -> int | None:
    try:
        limit, use = (path.read_text(encoding="ascii") for path in (_GROUP_LIMIT, _GROUP_USE))
    except OSError:
        return None
    # Without cached files, which give way.
    told = [line.split()[1] for line in use.splitlines() if line.startswith("anon ")]
    return int(limit) - int(told[0]) if limit.strip().isdigit() and told else None
