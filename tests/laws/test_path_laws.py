"""Critical path and slack against a scheduler that runs the same programs again, with delays."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.critical_path.drawn import (
    Call,
    Part,
    Piece,
    as_calls,
    as_events,
    as_parts,
    as_pieces,
)
from traceenergy.critical_path.slack import path_and_slack

if TYPE_CHECKING:
    from random import Random

STREAMS = 4
THREADS = 2


@dataclass(frozen=True)
class Order:
    """What a host does next: launch a piece, launch a collective, or wait for a piece."""

    kind: str
    thread: int
    cost: int
    streams: tuple[int, ...] = ()
    lasts: int = 1
    lag: int = 0
    waits_for: tuple[int, ...] = ()


@dataclass
class Ran:
    """A program after it ran."""

    pieces: list[Piece] = field(default_factory=list)
    events: list[tuple[int, int]] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)

    @property
    def end(self) -> int:
        """Last end."""
        return max(one.end for one in self.pieces)


def run(program: list[Order], late: int = -1, by: int = 0) -> Ran:
    """Run orders one after the other; the piece of row `late` ends later `by` so much.

    Work starts a fixed lag after the last of: what ran before on its stream, the events it waits
    for, the return of its launch. A collective ends a fixed time after its last member started.
    """
    ran = Ran()
    host, free = [0] * THREADS, [0] * STREAMS
    for number, order in enumerate(program):
        thread, n = order.thread, len(ran.pieces)
        known = sorted({row % n for row in order.waits_for}) if n else []
        if order.kind == "wait":
            if known:
                begin = host[thread]
                host[thread] = max(begin, ran.pieces[known[0]].end) + order.cost
                ran.calls.append(Call(thread, begin, host[thread], known[0]))
            continue
        host[thread] += order.cost
        needed = max((ran.pieces[row].end for row in known), default=0)
        starts = [max(free[one], needed, host[thread]) + order.lag for one in order.streams]
        end = max(starts) + order.lasts + (by if late in range(n, n + len(starts)) else 0)
        group = number if order.kind == "collective" else -1
        for start, stream in zip(starts, order.streams, strict=True):
            ran.events += [(row, len(ran.pieces)) for row in known]
            ran.pieces.append(Piece(start, end, stream, host[thread], thread, group))
            free[stream] = end
    return ran


@st.composite
def programs(draw: st.DrawFn) -> list[Order]:
    """Draw orders of two threads to four streams."""
    found = [Order("piece", 0, draw(st.integers(1, 9)), (0,), draw(st.integers(1, 30)))]
    for _ in range(draw(st.integers(0, 12))):
        kind = draw(st.sampled_from(["piece", "piece", "collective", "wait"]))
        width = draw(st.integers(2, STREAMS)) if kind == "collective" else 1
        streams = draw(st.permutations(range(STREAMS)))[:width]
        found.append(
            Order(
                kind,
                draw(st.integers(0, THREADS - 1)),
                draw(st.integers(1, 9)),
                tuple(streams),
                draw(st.integers(1, 30)),
                draw(st.integers(0, 4)),
                tuple(draw(st.lists(st.integers(0, 15), max_size=2, unique=True))),
            )
        )
    return found


def find(
    ran: Ran, window: tuple[int, int] | None = None, unit_ns: int = 1
) -> tuple[list[Part], list[int]]:
    begin, end = window or (0, ran.end)
    path, slack_ns = path_and_slack(
        as_pieces(ran.pieces, unit_ns),
        as_events(ran.events),
        as_calls(ran.calls, unit_ns),
        (begin * unit_ns, end * unit_ns),
    )
    return as_parts(path, unit_ns), (slack_ns // unit_ns).tolist()


@given(programs(), st.integers(0, 40))
def test_a_late_end_moves_the_end_by_what_exceeds_its_slack(program: list[Order], by: int) -> None:
    ran = run(program)
    _, slack = find(ran)
    for row in range(len(ran.pieces)):
        assert run(program, row, by).end == ran.end + max(0, by - slack[row])


@given(programs())
def test_nothing_on_the_path_is_without_a_cause(program: list[Order]) -> None:
    """All waits of these programs are for launches: of a path, nothing is left over as idle."""
    parts, _ = find(run(program))
    assert "IDLE" not in {kind for _, _, kind, _ in parts}


@given(programs(), st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_nothing(program: list[Order], chance: Random) -> None:
    ran = run(program)
    order = list(range(len(ran.pieces)))
    chance.shuffle(order)
    now = {old: new for new, old in enumerate(order)}
    moved = Ran(
        [ran.pieces[old] for old in order],
        [(now[before], now[after]) for before, after in reversed(ran.events)],
        [replace(call, piece=now[call.piece]) for call in reversed(ran.calls)],
    )
    parts, slack = find(ran)
    moved_parts, moved_slack = find(moved)
    assert moved_parts == [(*part[:3], now.get(part[3], -1)) for part in parts]
    assert moved_slack == [slack[old] for old in order]


@given(programs(), st.integers(0, 2))
def test_devices_for_which_nobody_waits_change_nothing(program: list[Order], devices: int) -> None:
    ran = run(program)
    beside = [Piece(0, ran.end - 1, STREAMS + one) for one in range(devices)]
    parts, slack = find(ran)
    more_parts, more_slack = find(Ran([*ran.pieces, *beside], ran.events, ran.calls))
    assert more_parts == parts
    assert more_slack == slack + [1] * devices


time = st.integers(-5, 40)


@st.composite
def any_rows(draw: st.DrawFn) -> Ran:
    """Draw rows no device could have run: overlaps, equal times, waits for what comes later."""
    pieces = []
    for _ in range(draw(st.integers(0, 10))):
        start, long, launch = draw(st.tuples(time, st.integers(0, 20), time))
        stream, thread, group = draw(
            st.tuples(st.integers(0, 2), st.integers(-1, 1), st.integers(-1, 2))
        )
        pieces.append(Piece(start, start + long, stream, launch, thread, group))
    row = st.integers(-1, len(pieces) - 1)
    events = draw(st.lists(st.tuples(row, row), max_size=5))
    calls = []
    for _ in range(draw(st.integers(0, 4))):
        thread, start, long, piece = draw(
            st.tuples(st.integers(-1, 1), time, st.integers(0, 9), row)
        )
        calls.append(Call(thread, start, start + long, piece))
    return Ran(pieces, events, calls)


@given(any_rows(), st.integers(0, 10), st.integers(1, 30), st.sampled_from([1, 1_000, 10_000]))
def test_parts_tile_the_window_and_hold_no_slack(
    rows: Ran, begin: int, long: int, unit_ns: int
) -> None:
    """By the unit, contradictions are errors of clocks, or not."""
    parts, slack = find(rows, (begin, begin + long), unit_ns)
    assert parts[0][0] == begin
    assert [part[1] for part in parts] == [*(part[0] for part in parts[1:]), begin + long]
    assert all(start < end for start, end, _, _ in parts)
    assert min(slack, default=0) >= 0
    for start, end, kind, piece in parts:
        if kind == "WORK":
            assert slack[piece] == 0
            assert rows.pieces[piece].start <= start < end <= rows.pieces[piece].end


@given(any_rows(), st.integers(-(2**40), 2**40))
def test_only_times_since_the_window_began_matter(rows: Ran, by: int) -> None:
    moved = Ran(
        [
            replace(one, start=one.start + by, end=one.end + by, launch=one.launch + by)
            for one in rows.pieces
        ],
        rows.events,
        [replace(one, start=one.start + by, end=one.end + by) for one in rows.calls],
    )
    parts, slack = find(rows, (0, 30))
    moved_parts, moved_slack = find(moved, (by, by + 30))
    assert moved_parts == [(start + by, end + by, *rest) for start, end, *rest in parts]
    assert np.array_equal(moved_slack, slack)
