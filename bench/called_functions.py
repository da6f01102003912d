"""Which functions of a room each test calls: only those tests may notice a change in one."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections import defaultdict
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from types import FrameType


class Recorder:
    """Writes what each test calls, and how long it takes: a plugin of pytest.

    What a test calls while it is set up counts for all tests of its file, which may share it.
    Answers that functions keep are forgotten before each test: else only the first would call.

    Parameters
    ----------
    folder : str
        Of the modules that count, with the separator at its end.
    out : pathlib.Path
        Becomes JSON: `{test: {"cpu_s": float, "lines": {path: [first line of a function]}}}`.
    """

    def __init__(self, folder: str, out: Path) -> None:
        self._folder, self._out = folder, out
        self._called: set[tuple[str, int]] = set()
        self._by_test: dict[str, set[tuple[str, int]]] = {}
        self._by_file: dict[str, set[tuple[str, int]]] = defaultdict(set)
        self._cpu_s: dict[str, float] = {}

    def pytest_sessionstart(self) -> None:
        """Listen to calls, those of threads included."""
        sys.setprofile(self._hear)
        threading.setprofile(self._hear)

    def _hear(self, frame: FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(self._folder):
            self._called.add((frame.f_code.co_filename, frame.f_code.co_firstlineno))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Note what a test calls, and its time."""
        _forget()
        self._called.clear()
        begun_s = time.process_time()
        done = yield
        self._cpu_s[item.nodeid] = time.process_time() - begun_s
        self._by_test[item.nodeid] = set(self._called)
        return done

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Iterator[None]:
        """Note what the file of a test calls to prepare."""
        done = yield
        self._by_file[item.nodeid.partition("::")[0]] |= self._called
        return done

    def pytest_sessionfinish(self) -> None:
        """Write it all."""
        sys.setprofile(None)
        threading.setprofile(None)  # type: ignore[arg-type] - None ends it, as of sys
        said = {}
        for test, called in self._by_test.items():
            lines = defaultdict(list)
            for path, line in sorted(called | self._by_file[test.partition("::")[0]]):
                lines[path.removeprefix(self._folder)].append(line)
            said[test] = {"cpu_s": self._cpu_s[test], "lines": lines}
        self._out.write_text(json.dumps(said))


class Chosen:
    """Runs these tests and no others, in this order: a plugin of pytest.

    Parameters
    ----------
    tests : sequence of str
    """

    def __init__(self, tests: Sequence[str]) -> None:
        self._place = {test: place for place, test in enumerate(tests)}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Leave out the others, sort the rest."""
        items[:] = sorted(
            (item for item in items if item.nodeid in self._place),
            key=lambda item: self._place[item.nodeid],
        )


def _forget() -> None:
    for name, module in list(sys.modules.items()):
        if name.startswith("traceenergy."):
            for thing in list(vars(module).values()):
                if callable(forget := getattr(thing, "cache_clear", None)):
                    forget()
