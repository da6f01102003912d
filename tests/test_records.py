"""Fast frozen dataclasses do what those of the standard module do."""

from __future__ import annotations

import copy
import dataclasses
import pickle
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traceenergy.records import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable


def made_by(decorate: Callable[..., Any]) -> Any:  # noqa: ANN401 - a class made here
    @decorate(frozen=True)
    class Point:
        """A point."""

        x: float
        y: float
        name: str = "p"
        tags: list[str] = dataclasses.field(default_factory=list)

        def __post_init__(self) -> None:
            if self.x == 13:
                raise ValueError(self.x)

        @cached_property
        def norm(self) -> float:
            return float((self.x**2 + self.y**2) ** 0.5)

    return Point


OURS, THEIRS = made_by(dataclass), made_by(dataclasses.dataclass)


@dataclass(frozen=True)
class Kept:
    """Stands in the module, as pickle asks."""

    value: int
    inner: Kept | None = None

    def __repr__(self) -> str:
        """Write what no decorator would."""
        return "own"


def outcome(call: Callable[[], object]) -> object:
    try:
        return call()
    except (TypeError, ValueError) as error:
        return type(error)


@given(
    st.lists(st.sampled_from([1.0, 2.0, 13.0]), max_size=5),
    st.dictionaries(st.sampled_from(["x", "y", "name", "tags", "z"]), st.sampled_from([3.0, "s"])),
)
def test_made_or_refused_alike(args: list[float], named: dict[str, object]) -> None:
    ours = outcome(lambda: vars(OURS(*args, **named)))

    assert ours == outcome(lambda: vars(THEIRS(*args, **named)))


def test_written_compared_and_hashed_alike() -> None:
    for kind in (OURS, THEIRS):
        assert repr(kind(1, 2)) == f"{kind.__qualname__}(x=1, y=2, name='p', tags=[])"
        assert kind(1, 2) == kind(1, 2, "p", [])
        assert kind(1, 2) != kind(1, 3)
        assert kind(1, 2) != (1, 2, "p", [])
        assert hash(kind(1, 2, tags=())) == hash(kind(1, 2, tags=()))
    assert OURS(1, 2) != THEIRS(1, 2)


def test_nothing_can_be_changed() -> None:
    point = OURS(3, 4)

    for name in ("x", "new"):
        with pytest.raises(dataclasses.FrozenInstanceError, match="cannot be changed"):
            setattr(point, name, 1)
    with pytest.raises(dataclasses.FrozenInstanceError):
        del point.x
    assert point.norm == 5.0
    assert point.norm == 5.0


def test_defaults_are_not_shared() -> None:
    OURS(1, 2).tags.append("a")

    assert OURS(1, 2).tags == []


def test_the_standard_module_takes_it_for_one_of_its_own() -> None:
    point = OURS(1, 2)

    assert all(map(dataclasses.is_dataclass, (OURS, point)))
    assert dataclasses.asdict(point) == {"x": 1, "y": 2, "name": "p", "tags": []}
    assert dataclasses.replace(point, x=5) == OURS(5, 2)
    assert [field.name for field in dataclasses.fields(OURS)] == ["x", "y", "name", "tags"]
    match point:
        case OURS(x, y):
            assert (x, y) == (1, 2)


def test_copies_and_pickles_are_equal() -> None:
    kept = Kept(1, Kept(2))

    assert pickle.loads(pickle.dumps(kept)) == kept  # noqa: S301 - of our own
    assert copy.deepcopy(kept) == kept


def test_a_class_inherits_fields_whichever_is_asked_first() -> None:
    @dataclass(frozen=True)
    class Base:
        a: int
        b: list[int] = dataclasses.field(default_factory=list)

    @dataclass(frozen=True)
    class Wider(Base):
        c: int = 3

    assert Wider(1) == Wider(1, [], 3)
    assert Base(1) == Base(1, [])
    assert [field.name for field in dataclasses.fields(Wider)] == ["a", "b", "c"]


def test_threads_that_make_the_first_at_once_make_the_same() -> None:
    for _ in range(50):
        kind, ready = made_by(dataclass), threading.Barrier(4)

        def make(_: int, kind: Any = kind, ready: threading.Barrier = ready) -> object:  # noqa: ANN401 - a class made here
            ready.wait()
            return kind(1, 2)

        with ThreadPoolExecutor(4) as pool:
            made = list(pool.map(make, range(4)))

        assert made == [kind(1, 2, "p", [])] * 4


def test_what_is_never_made_is_not_looked_at() -> None:
    code = (
        "import dataclasses\n"
        "from traceenergy.records import dataclass\n"
        "found = []\n"
        "dataclasses._get_field = lambda *_: found.append(1)\n"
        "@dataclass(frozen=True)\n"
        "class Point:\n"
        "    x: int\n"
        "print(len(found))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "0"


def test_methods_of_a_class_are_its_own() -> None:
    assert repr(Kept(1)) == "own"


def test_what_is_not_frozen_is_the_standard_one() -> None:
    @dataclass(frozen=False)
    class Loose:
        x: int

    loose = Loose(1)
    loose.x = 2

    assert loose == Loose(2)


def test_a_run_compiles_few_methods() -> None:
    """What the standard decorator makes at load is a tenth of a short run if all classes use it."""
    code = (
        "import dataclasses\n"
        "slow, make = [], dataclasses._process_class\n"
        "def count(cls, init, *more, **named):\n"
        "    slow.extend([cls] if init and cls.__module__.startswith('traceenergy') else [])\n"
        "    return make(cls, init, *more, **named)\n"
        "dataclasses._process_class = count\n"
        "import traceenergy.analysis, traceenergy.read, traceenergy.report\n"
        "print(len(slow), *slow)"
    )

    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert int(found.stdout.split()[0]) < 10, found.stdout
