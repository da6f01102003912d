"""How many small defects the tests find: changes one thing in a module, runs the tests of its room.

    python bench/mutants.py [--room energy]... [--each 60] [--seed 1] [--workers 2] [--out FILE]
    python bench/mutants.py --only energy:1234

Of all places in a room where something can be changed (a comparison, a sign, a number, a condition,
`min` for `max`), some are drawn. Each is changed in a copy of the tree, and those tests of the room
that call the function run until the first fails, quickest first; at a place outside of functions,
all of them. A change that no test notices survives. Tests run as where a change is judged: laws
try the same examples each time. Outcomes go to `--out` as JSON lines; what is there already is not
tried again.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import random
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from called_functions import Chosen, Recorder
from changes import changes, function_lines
from scipy.stats import binomtest

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).parents[1]
ROOMS = {
    "energy": (
        "tests/energy",
        "tests/laws/test_regression_laws.py",
        "tests/laws/test_modelled_energy.py",
        "tests/analysis/test_calibration.py",
        "tests/analysis/test_inseparable.py",
    ),
    "projection": ("tests/projection", "tests/laws/test_projection_laws.py"),
    "critical_path": (
        "tests/critical_path",
        "tests/laws/test_path_laws.py",
        "tests/analysis/test_waiting.py",
        "tests/analysis/test_collectives.py",
        "tests/analysis/test_exchange_rules.py",
        "tests/analysis/test_step_paths.py",
        "tests/test_path_truth.py",
    ),
}
LONGER = 3.0  # times the CPU of sound tests after which a change is taken to hang
START_S = 20
MOST_BYTES = 4 << 30
# Not polars: it starts threads, which no fork takes along.
LIBRARIES = ("hypothesis", "scipy.optimize", "scipy.sparse", "scipy.stats")
CONFIDENCE = 0.95

_WORDS = (
    "-x", "-q", "--tb=no", "-p", "no:cacheprovider", "-k", "not against_nsys",
    "-W", "ignore::pytest.PytestAssertRewriteWarning",
)  # fmt: skip


@dataclass(frozen=True)
class Place:
    """Something in a module that can be changed.

    Attributes
    ----------
    room, path : str
    number : int
        In its room.
    nth : int
        In its module.
    """

    room: str
    path: str
    number: int
    nth: int


@dataclass(frozen=True)
class Outcome:
    """What became of a change.

    Attributes
    ----------
    room : str
    number, line : int
    path, change : str
    killed_by : str
        The test that failed, or what else ended the tests; empty if nothing did.
    wall_s : float
    """

    room: str
    number: int
    line: int
    path: str
    change: str
    killed_by: str
    wall_s: float


def main() -> None:
    """Try a sample of changes, say how many the tests found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--room", action="append", choices=list(ROOMS), default=[])
    parser.add_argument("--each", type=int, default=60, help="changes of a room")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--only", action="append", default=[], help="ROOM:NUMBER of a place")
    parser.add_argument("--out", type=Path, default=Path(os.devnull))
    asked = parser.parse_args()
    rooms = {room: places_of(room) for room in asked.room or ROOMS}
    if asked.only:
        named = [name.split(":") for name in asked.only]
        drawn = [rooms[room][int(number)] for room, number in named]
    else:
        # A room is drawn the same alone.
        drawn = [
            place
            for room, places in rooms.items()
            for place in random.Random(f"{asked.seed} {room}").sample(places, asked.each)  # noqa: S311 - no secret
        ]
    known = []
    if asked.out.is_file():
        known = [Outcome(**json.loads(line)) for line in asked.out.read_text().splitlines()]
        tried = {(outcome.room, outcome.number) for outcome in known}
        drawn = [place for place in drawn if (place.room, place.number) not in tried]
    for name in LIBRARIES:
        import_module(name)
    with tempfile.TemporaryDirectory() as folder:
        copies = [copy_tree(Path(folder) / str(number)) for number in range(asked.workers)]
        sound = {
            room: run_sound(room, copies[0])
            for room in dict.fromkeys(place.room for place in drawn)
        }
        outcomes = try_all(drawn, copies, sound, asked.out)
    say([*known, *outcomes], rooms)


def places_of(room: str) -> list[Place]:
    """List what can be changed in a room."""
    found = [
        (str(path.relative_to(ROOT)), nth)
        for path in sorted((ROOT / "traceenergy" / room).rglob("*.py"))
        for nth, _ in enumerate(changes(ast.parse(path.read_text())))
    ]
    return [Place(room, path, number, nth) for number, (path, nth) in enumerate(found)]


def try_all(
    places: Sequence[Place], copies: Sequence[Path], sound: dict[str, dict[str, Any]], out: Path
) -> list[Outcome]:
    """Try changes side by side, one in each copy of the tree."""
    free, outcomes, waiting = list(copies), [], list(places)[::-1]
    running: dict[int, Trial] = {}
    with out.open("a") as log:
        while waiting or running:
            while waiting and free:
                place = waiting.pop()
                tests, cpu_s = tests_of(place, sound[place.room])
                trial = Trial(place, tests, free.pop())
                running[trial.start(int(LONGER * cpu_s) + START_S)] = trial
            number, status, _ = os.wait3(0)
            trial = running.pop(number)
            free.append(trial.copy)
            outcomes.append(trial.end(status))
            said = asdict(outcomes[-1])
            print(*said.values(), sep="  ", flush=True)
            log.write(json.dumps(said) + "\n")
            log.flush()
    return outcomes


def run_sound(room: str, copy: Path) -> dict[str, Any]:
    """Run the tests of a room, which must pass: what each calls and needs."""
    out = copy / "called.json"
    place = Place(room, f"traceenergy/{room}/__init__.py", 0, -1)
    recorder = Recorder(f"{copy}{os.sep}", out)
    trial = Trial(place, ROOMS[room], copy, recorder)
    _, status, _ = os.wait4(trial.start(None), 0)
    if failed := trial.end(status).killed_by:
        print(trial.said())
        sys.exit(f"{room}: {failed} fails without a change")
    called: dict[str, Any] = json.loads(out.read_text())
    print(f"{room}: {len(called)} tests, {sum(test['cpu_s'] for test in called.values()):.0f} s")
    return called


def tests_of(place: Place, sound: dict[str, Any]) -> tuple[list[str], float]:
    """Choose the tests that may notice a change, quickest first: those that call the function."""
    tree = ast.parse((ROOT / place.path).read_text())
    node, _ = next(islice(changes(tree), place.nth, None))
    around = function_lines(tree, getattr(node, "lineno", 0))
    chosen = [
        (test["cpu_s"], name)
        for name, test in sound.items()
        if around is None
        or any(around[0] <= line <= around[1] for line in test["lines"].get(place.path, ()))
    ]
    return [name for _, name in sorted(chosen)], sum(cpu_s for cpu_s, _ in chosen)


class Trial:
    """A change in a copy of the tree, while the tests of its room run.

    They run in a fork of this process, which has loaded all libraries but not the project.

    Parameters
    ----------
    place : Place
        Nothing is changed if its `nth` is negative.
    tests : sequence of str
        As pytest names them; files and folders if nothing is changed.
    copy : pathlib.Path
    recorder : Recorder, optional
        Notes what the tests call.
    """

    _n_written = 0

    def __init__(
        self, place: Place, tests: Sequence[str], copy: Path, recorder: Recorder | None = None
    ) -> None:
        self.place, self.copy = place, copy
        self._tests, self._recorder = tests, recorder
        self._module, self._said = copy / place.path, copy / "said.txt"
        self._sound = self._module.read_text()
        self._line, self._change = 0, ""

    def start(self, most_cpu_s: int | None) -> int:
        """Change the module, begin the tests; give the number of their process."""
        self._begun_s = time.monotonic()
        if self.place.nth >= 0:
            tree = ast.parse(self._sound)
            node, change = next(islice(changes(tree), self.place.nth, None))
            before = ast.unparse(node).partition("\n")[0]
            change()
            after = ast.unparse(node).partition("\n")[0]
            self._line, self._change = getattr(node, "lineno", 0), f"{before}  ->  {after}"
            self._write(ast.unparse(ast.fix_missing_locations(tree)))
        number = os.fork()
        if number == 0:
            code = 1
            try:
                code = self._run(most_cpu_s)
            finally:
                sys.stdout.flush()
                os._exit(code)
        return number

    def end(self, status: int) -> Outcome:
        """Undo the change; tell what became of it."""
        self._write(self._sound)
        code = os.waitstatus_to_exitcode(status)
        failed = re.search(r"^(?:FAILED|ERROR) (\S+)", self.said(), re.MULTILINE)
        return Outcome(
            self.place.room,
            self.place.number,
            self._line,
            self.place.path,
            self._change,
            "" if code == 0 else failed[1] if failed else f"exit code {code}",
            round(time.monotonic() - self._begun_s, 1),
        )

    def said(self) -> str:
        """Give what the tests printed."""
        return self._said.read_text()

    def _write(self, source: str) -> None:
        # Python knows a module that it has compiled by second and size.
        Trial._n_written += 1
        self._module.write_text(source)
        os.utime(self._module, (Trial._n_written, Trial._n_written))

    def _run(self, most_cpu_s: int | None) -> int:
        with self._said.open("w") as said:
            os.dup2(said.fileno(), 1)
            os.dup2(said.fileno(), 2)
        if most_cpu_s is not None:
            resource.setrlimit(resource.RLIMIT_CPU, (most_cpu_s, most_cpu_s))
        resource.setrlimit(resource.RLIMIT_DATA, (MOST_BYTES, MOST_BYTES))
        os.chdir(self.copy)
        sys.path[0] = str(self.copy)
        os.environ["CI"] = "true"
        if not self._tests:
            return 0
        plugin = self._recorder or Chosen(self._tests)
        files = dict.fromkeys(test.partition("::")[0] for test in self._tests)
        return int(pytest.main([*_WORDS, *files], plugins=[plugin]))


def copy_tree(copy: Path) -> Path:
    """Copy the files of the project as they lie here."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"],  # noqa: S607 - as on PATH
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copy / name)
    return copy


def say(outcomes: Sequence[Outcome], rooms: dict[str, list[Place]]) -> None:
    """Print the share that was found: by room, and of all places, rooms weighed by theirs."""
    share = variance = 0.0
    n_places = sum(len(rooms[room]) for room in {outcome.room for outcome in outcomes})
    for room, places in rooms.items():
        killed = [bool(outcome.killed_by) for outcome in outcomes if outcome.room == room]
        if not killed:
            continue
        found = binomtest(sum(killed), len(killed))
        low, high = found.proportion_ci(CONFIDENCE)
        print(
            f"{room}: {sum(killed)} of {len(killed)} found, {found.statistic:.1%} "
            f"({low:.1%} to {high:.1%}), of {len(places)} places"
        )
        weight = len(places) / n_places
        share += weight * found.statistic
        variance += weight**2 * found.statistic * (1 - found.statistic) / len(killed)
    print(f"all: {share:.1%} +- {1.96 * variance**0.5:.1%}")


if __name__ == "__main__":
    main()
