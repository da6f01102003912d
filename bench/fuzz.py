"""Damaged inputs by the thousand: each must give a right result or an error of this project.

    python bench/fuzz.py [--minutes 10] [--from 0] [--workers 2] [--family export]...
    python bench/fuzz.py --only export:1234

Inputs are numbered; the number and the family decide the input, so that a run goes on where another
ended (`--from`), and each defect can be made again (`--only`). Each worker is a process with a
limit of memory. Where one takes longer than the limit of time, or dies, that is a defect of the
input that it held, and another takes its place. Ends with exit code 1 if there was a defect. JSON
lines of defects go to `--out`.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import selectors
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

sys.path.insert(0, str(Path(__file__).parents[1]))

MOST_CPU_S = 10.0
MOST_WALL_S = 300.0  # of one input, where the machine is busy with other things
MOST_BYTES = 2 << 30
# Inputs of a family in each thousand: those that take long are fewer.
SHARES = {
    "export": 12, "trace of PyTorch": 25, "result": 20, "power log": 63, "request log": 120,
    "request tree": 120, "rules": 130, "power model": 100, "simulator's power": 100,
    "runs of a sweep": 85, "steps": 60, "tokens": 70, "words of options": 70,
    "member of a result": 15, "member of a sweep": 10,
}  # fmt: skip
_FRAMES = 3  # that tell one defect from another


def main() -> None:
    """Try inputs until the time is over."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--from", type=int, default=0, dest="first", help="number of the first")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--family", action="append", choices=list(SHARES), default=[])
    parser.add_argument("--only", help="FAMILY:NUMBER, with its traceback")
    parser.add_argument("--out", type=Path, help="file for defects, one JSON object a line")
    parser.add_argument("--worker", nargs=2, type=int, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.only:
        try_only(asked.only)
    elif asked.worker:
        work(asked.worker[0], asked.worker[1], asked.family)
    else:
        found = Run(asked.first, asked.family)
        found.go(asked.workers, asked.minutes * 60)
        sys.exit(found.report(asked.out))


def family_of(number: int, families: list[str]) -> str:
    """Tell which family an input is of: as often as its share says."""
    known = families or list(SHARES)
    at = number * 377 % sum(SHARES[name] for name in known)
    for name in known:
        at -= SHARES[name]
        if at < 0:
            return name
    raise AssertionError(number)


def try_only(text: str) -> None:
    """Try one input here, with its traceback."""
    from tests.fuzz.families import run_one  # noqa: PLC0415 - takes seconds, needs the path above

    family, _, number = text.rpartition(":")
    with tempfile.TemporaryDirectory() as folder:
        print(run_one(family, int(number), Path(folder)))


def work(first: int, step: int, families: list[str]) -> None:
    """Try every so many inputs from the first on; say which before, what came of it after."""
    from tests.fuzz.families import run_one  # noqa: PLC0415 - takes seconds, needs the path above

    with tempfile.TemporaryDirectory(dir=_memory_folder()) as folder:
        limit_memory()
        number = first
        while True:
            family = family_of(number, families)
            print(json.dumps({"at": number}), flush=True)
            said: dict[str, Any] = {"family": family, "number": number}
            began_s = time.process_time()
            try:
                said["came"] = run_one(family, number, Path(folder))
            except KeyboardInterrupt:
                return
            except BaseException as error:  # noqa: BLE001 - each is a defect, panics of polars too
                said |= {"came": "defect", "trace": traceback.format_exc()[-4_000:]}
                said["where"] = _place(error)
            said["cpu_s"] = time.process_time() - began_s
            print(json.dumps(said), flush=True)
            number += step


def _memory_folder() -> str | None:
    folder = Path("/dev/shm")  # noqa: S108 - files of no secret, under a name that nobody can guess
    return str(folder) if folder.is_dir() else None


def limit_memory() -> None:
    """Let the process take 2 GiB more address space than it has."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    limit = pages * resource.getpagesize() + MOST_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _place(error: BaseException) -> str:
    frames = [
        f"{Path(frame.filename).name}:{frame.name}"
        for frame in traceback.extract_tb(error.__traceback__)
        if "traceenergy" in frame.filename or "fuzz" in frame.filename
    ]
    return " > ".join([*frames[-_FRAMES:], type(error).__name__])


@dataclass
class Worker:
    """A process that tries every so many inputs."""

    first: int
    step: int
    families: list[str]
    at: int = 0
    cpu_at_begin_s: float = 0.0
    began_s: float = 0.0
    process: subprocess.Popen[str] = field(init=False)

    def __post_init__(self) -> None:
        """Start it."""
        families = [word for family in self.families for word in ("--family", family)]
        command = [sys.executable, __file__, "--worker", str(self.first), str(self.step), *families]
        one_thread = {"POLARS_MAX_THREADS": "1", "OMP_NUM_THREADS": "1"}
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            env=os.environ | one_thread,
        )  # fmt: skip
        self.at = self.first
        self.begin()

    @property
    def lines(self) -> IO[str]:
        """What it says."""
        if self.process.stdout is None:
            raise AssertionError(self)
        return self.process.stdout

    def begin(self) -> None:
        """Note that it begins an input."""
        self.began_s, self.cpu_at_begin_s = time.monotonic(), self.cpu_s()

    def cpu_s(self) -> float:
        """Tell the CPU time that it has taken."""
        try:
            text = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="ascii")
        except OSError:
            return 0.0
        words = text.rpartition(")")[2].split()
        return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")

    def is_late(self) -> bool:
        """Tell whether the input that it holds takes too long; starting up takes some, too."""
        is_first = self.at == self.first
        cpu_s = self.cpu_s() - self.cpu_at_begin_s
        return (
            cpu_s > MOST_CPU_S * (3 if is_first else 1)
            or time.monotonic() - self.began_s > MOST_WALL_S
        )


@dataclass
class Run:
    """What came of all inputs."""

    first: int
    families: list[str]
    came: Counter[tuple[str, str]] = field(default_factory=Counter)
    defects: list[dict[str, Any]] = field(default_factory=list)
    next_number: int = 0
    slowest: dict[str, float] = field(default_factory=dict)

    def go(self, n_workers: int, seconds: float) -> None:
        """Try inputs for so long."""
        until_s = time.monotonic() + seconds
        with selectors.DefaultSelector() as selector:
            workers = [self._start(selector, self.first + i, n_workers) for i in range(n_workers)]
            try:
                while time.monotonic() < until_s:
                    for key, _ in selector.select(timeout=1):
                        workers = self._heard(selector, key.data, workers)
                    for worker in [one for one in workers if one.is_late()]:
                        workers = self._replaced(selector, worker, workers, "too long")
            except KeyboardInterrupt:
                print("stopped; what was tried until then:")
            finally:
                for worker in workers:
                    worker.process.kill()
                    worker.process.wait()

    def _start(self, selector: selectors.BaseSelector, first: int, step: int) -> Worker:
        worker = Worker(first, step, self.families)
        selector.register(worker.lines, selectors.EVENT_READ, worker)
        return worker

    def _heard(
        self, selector: selectors.BaseSelector, worker: Worker, workers: list[Worker]
    ) -> list[Worker]:
        line = worker.lines.readline()
        if not line:
            return self._replaced(selector, worker, workers, "the process died")
        said = json.loads(line)
        if "at" in said:
            worker.at = said["at"]
            worker.begin()
            return workers
        family = said["family"]
        self.came[family, said["came"]] += 1
        self.next_number = max(self.next_number, said["number"] + worker.step)
        self.slowest[family] = max(said["cpu_s"], self.slowest.get(family, 0.0))
        if said["came"] == "defect":
            self._defect(said)
        return workers

    def _replaced(
        self, selector: selectors.BaseSelector, worker: Worker, workers: list[Worker], why: str
    ) -> list[Worker]:
        selector.unregister(worker.lines)
        worker.process.kill()
        worker.process.wait()
        family = family_of(worker.at, self.families)
        self.came[family, "defect"] += 1
        self._defect({"family": family, "number": worker.at, "where": why})
        others = [one for one in workers if one is not worker]
        return [*others, self._start(selector, worker.at + worker.step, worker.step)]

    def _defect(self, said: dict[str, Any]) -> None:
        self.defects.append(said)
        print(f"defect {said['family']}:{said['number']}: {said['where']}", flush=True)

    def report(self, out: Path | None) -> int:
        """Print counts; return the exit code."""
        print(
            f"{self.came.total():,} inputs from {self.first:,} on; next --from {self.next_number}"
        )
        for family in sorted({name for name, _ in self.came}):
            counts = {came: n for (name, came), n in self.came.items() if name == family}
            listed = ", ".join(f"{came} {n:,}" for came, n in sorted(counts.items()))
            slowest_s = self.slowest.get(family, 0.0)
            print(f"{family}: {sum(counts.values()):,}; {listed}; slowest {slowest_s:.2f} s of CPU")
        if out is not None:
            with out.open("a", encoding="utf-8") as file:
                file.writelines(f"{json.dumps(one)}\n" for one in self.defects)
        return 1 if self.defects else 0


if __name__ == "__main__":
    main()
