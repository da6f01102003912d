"""A real Dask cluster on this computer, for tests."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SCHEDULER = ("-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0")
WORKER = ("--no-nanny", "--nthreads", "1", "--no-dashboard")
RUN_WORKER = "from distributed.cli.dask_worker import main; main()"


@contextmanager
def cluster(
    folder: Path, n_workers: int, before: str = ""
) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """Start a scheduler and workers, which first run `before`; gives address and processes."""
    known = folder / "scheduler.json"
    where = ["--scheduler-file", str(known)]
    commands = [[*SCHEDULER, "--no-dashboard", *where]]
    worker = ["-c", before + RUN_WORKER, *WORKER, *where]
    commands += [[*worker, "--name", str(i)] for i in range(n_workers)]
    null = subprocess.DEVNULL
    running = [
        subprocess.Popen([sys.executable, *words], stdout=null, stderr=null) for words in commands
    ]
    try:
        until_s = time.monotonic() + 30
        while not known.exists() and time.monotonic() < until_s:
            time.sleep(0.02)
        yield json.loads(known.read_text())["address"], running
    finally:
        for process in running:
            process.kill()
            process.wait()
