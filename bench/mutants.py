"""How many small defects the tests find: changes one thing in a module, runs the tests of its room.

    python bench/mutants.py [--room energy]... [--each 60] [--seed 1] [--workers 2] [--out FILE]
    python bench/mutants.py --only energy:1234

Of all places in a room where something can be changed (a comparison, a sign, a number, a condition,
`min` for `max`), some are drawn. Each is changed in a copy of the tree, and the tests of the room
run until the first fails: those that name the module first. A change that no test notices survives.
Tests run as where a change is judged: laws try the same examples each time. Outcomes go to `--out`
as JSON lines; what is there already is not tried again.
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
from collections import deque
from dataclasses import asdict, dataclass
from functools import partial
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from scipy.stats import binomtest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

ROOT = Path(__file__).parents[1]
ROOMS = {
    "energy": (
        "tests/energy",
        "tests/laws/test_regression_laws.py",
        "tests/laws/test_modelled_energy.py",
    ),
    "projection": ("tests/projection", "tests/laws/test_projection_laws.py"),
    "critical_path": (
        "tests/critical_path",
        "tests/laws/test_path_laws.py",
        "tests/analysis/test_waiting.py",
        "tests/analysis/test_collectives.py",
        "tests/test_path_truth.py",
    ),
}
LONGER = 1.5  # times the CPU of the sound room after which a change is taken to hang
MOST_BYTES = 4 << 30
# Not polars: it starts threads, which no fork takes along.
LIBRARIES = ("hypothesis", "scipy.optimize", "scipy.sparse", "scipy.stats")
CONFIDENCE = 0.95

_COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
_OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult, ast.Mod: ast.Mult, ast.Pow: ast.Mult, ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd, ast.LShift: ast.RShift, ast.RShift: ast.LShift,
}  # fmt: skip
_OTHER_WORD: dict[type[ast.boolop], type[ast.boolop]] = {ast.And: ast.Or, ast.Or: ast.And}
_PAIRS = (
    ("min", "max"), ("minimum", "maximum"), ("any", "all"), ("floor", "ceil"),
    ("argmin", "argmax"), ("first", "last"), ("left", "right"), ("cum_min", "cum_max"),
)  # fmt: skip
_MANY = 10
_WORDS = (
    "-x", "-q", "--tb=no", "-p", "no:cacheprovider", "-k", "not against_nsys",
    "-W", "ignore::pytest.PytestAssertRewriteWarning",
)  # fmt: skip
_NAMES = {a: b for pair in _PAIRS for a, b in (pair, pair[::-1])}


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
        rng = random.Random(asked.seed)  # noqa: S311 - no secret
        drawn = [place for places in rooms.values() for place in rng.sample(places, asked.each)]
        rng.shuffle(drawn)
    known = []
    if asked.out.is_file():
        known = [Outcome(**json.loads(line)) for line in asked.out.read_text().splitlines()]
        tried = {(outcome.room, outcome.number) for outcome in known}
        drawn = [place for place in drawn if (place.room, place.number) not in tried]
    for name in LIBRARIES:
        import_module(name)
    with tempfile.TemporaryDirectory() as folder:
        copies = [copy_tree(Path(folder) / str(number)) for number in range(asked.workers)]
        cpu_s = {room: cpu_of(room, copies[0]) for room in rooms}
        print("sound:", ", ".join(f"{room} {used_s:.0f} s" for room, used_s in cpu_s.items()))
        outcomes = try_all(drawn, copies, cpu_s, asked.out)
    say([*known, *outcomes], rooms)


def places_of(room: str) -> list[Place]:
    """List what can be changed in a room."""
    found = [
        (str(path.relative_to(ROOT)), nth)
        for path in sorted((ROOT / "traceenergy" / room).rglob("*.py"))
        for nth, _ in enumerate(changes(ast.parse(path.read_text())))
    ]
    return [Place(room, path, number, nth) for number, (path, nth) in enumerate(found)]


def changes(tree: ast.AST) -> Iterator[tuple[ast.AST, Callable[[], None]]]:
    """Find what can be changed, in order: an expression, and how to change it in place.

    Left alone are annotations, docstrings, what only type checkers read, texts, and what is raised.
    """
    for name, value in ast.iter_fields(tree):
        if name in ("annotation", "returns", "decorator_list"):
            continue
        for node in value if isinstance(value, list) else [value]:
            if not isinstance(node, ast.AST) or _is_talk(node):
                continue
            if (change := _change(node)) is not None:
                yield node, change
            yield from changes(node)


def _is_talk(node: ast.AST) -> bool:
    is_types = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    return is_types or isinstance(node, ast.JoinedStr | ast.Raise | ast.ImportFrom | ast.Import)


def _change(node: ast.AST) -> Callable[[], None] | None:
    match node:
        case ast.Compare(ops=[operator, *_]):
            change = partial(node.ops.__setitem__, 0, _COMPARISONS[type(operator)]())
        case ast.BinOp() | ast.AugAssign() if type(node.op) in _OPERATORS:
            change = partial(setattr, node, "op", _OPERATORS[type(node.op)]())
        case ast.BoolOp(op=operator):
            change = partial(setattr, node, "op", _OTHER_WORD[type(operator)]())
        case ast.UnaryOp(op=ast.USub()):
            change = partial(setattr, node, "op", ast.UAdd())
        case ast.UnaryOp(op=ast.Not() | ast.Invert()):
            # Twice the same is nothing, for truth and bits.
            change = partial(setattr, node, "operand", ast.UnaryOp(node.op, node.operand))
        case ast.If() | ast.IfExp() if isinstance(node.test, ast.Name | ast.Attribute | ast.Call):
            change = partial(setattr, node, "test", ast.UnaryOp(ast.Not(), node.test))
        case _:
            return _change_word(node)
    return change


def _change_word(node: ast.AST) -> Callable[[], None] | None:
    match node:
        case ast.Constant(value=bool(value)):
            change = partial(setattr, node, "value", not value)
        case ast.Constant(value=int(value)):
            # One more of a limit that was chosen freely is no defect.
            change = partial(setattr, node, "value", value + 1 if abs(value) < _MANY else 2 * value)
        case ast.Constant(value=float(value)):
            change = partial(setattr, node, "value", 2 * value or 1.0)
        case ast.Constant(value=str(value)) if value in _NAMES:
            change = partial(setattr, node, "value", _NAMES[value])
        case ast.Attribute(attr=name) if name in _NAMES:
            change = partial(setattr, node, "attr", _NAMES[name])
        case ast.Call(func=ast.Name(id=name) as function) if name in _NAMES:
            change = partial(setattr, function, "id", _NAMES[name])
        case _:
            return None
    return change


def try_all(
    places: Sequence[Place], copies: Sequence[Path], cpu_s: dict[str, float], out: Path
) -> list[Outcome]:
    """Try changes side by side, one in each copy of the tree."""
    free, outcomes = list(copies), []
    running: dict[int, Trial] = {}
    # Most changes are noticed by tests that name the module; those that are not wait for the rest.
    waiting = deque((place, True) for place in places)
    with out.open("a") as log:
        while waiting or running:
            while waiting and free:
                trial = Trial(*waiting.popleft(), free.pop())
                running[trial.start(int(LONGER * cpu_s[trial.place.room]) + 1)] = trial
            number, status, _ = os.wait3(0)
            trial = running.pop(number)
            free.append(trial.copy)
            outcome = trial.end(status)
            print(*asdict(outcome).values(), "(near)" if trial.near else "", sep="  ", flush=True)
            if trial.near and not outcome.killed_by:
                waiting.append((trial.place, False))
                continue
            outcomes.append(outcome)
            log.write(json.dumps(asdict(outcome)) + "\n")
            log.flush()
    return outcomes


def cpu_of(room: str, copy: Path) -> float:
    """Measure what the tests of a room need; they must pass."""
    sound = Trial(Place(room, f"traceenergy/{room}/__init__.py", 0, -1), near=False, copy=copy)
    _, status, used = os.wait4(sound.start(None), 0)
    if failed := sound.end(status).killed_by:
        print(sound.said())
        sys.exit(f"{room}: {failed} fails without a change")
    return used.ru_utime + used.ru_stime


class Trial:
    """A change in a copy of the tree, while the tests of its room run.

    They run in a fork of this process, which has loaded all libraries but not the project.

    Parameters
    ----------
    place : Place
        Nothing is changed if its `nth` is negative.
    near : bool
        Run tests that name the module, else the others of its room.
    copy : pathlib.Path
    """

    _n_written = 0

    def __init__(self, place: Place, near: bool, copy: Path) -> None:  # noqa: FBT001 - as said
        self.place, self.near, self.copy = place, near, copy
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
        module = self.place.path.removesuffix(".py").replace("/", ".")
        files = [
            file
            for part in ROOMS[self.place.room]
            for file in (sorted(Path(part).glob("test_*.py")) or [Path(part)])
        ]
        chosen = [str(file) for file in files if (module in file.read_text()) == self.near]
        code = pytest.main([*_WORDS, *chosen]) if chosen else pytest.ExitCode.OK
        return 0 if code == pytest.ExitCode.NO_TESTS_COLLECTED else int(code)


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
