"""Pieces of GPU work as literals, in microseconds, and what is found of them as plain tuples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from traceenergy.critical_path.model import EventWaits, HostWaits, PartKind, Path, Pieces
from traceenergy.critical_path.slack import path_and_slack

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Int = NDArray[np.int64]

US = 1_000  # [ns]


@dataclass(frozen=True)
class Piece:
    """One piece [us]."""

    start: int
    end: int
    stream: int = 0
    launch: int = 0
    thread: int = -1
    group: int = -1


@dataclass(frozen=True)
class Call:
    """One call in which a thread waited for a piece [us]."""

    thread: int
    start: int
    end: int
    piece: int


Part = tuple[int, int, str, int]


@dataclass(frozen=True)
class Found:
    """Parts as start, end [us], kind, piece; slack of each piece [us]."""

    parts: list[Part]
    slack: list[int]


def find(
    pieces: Sequence[Piece],
    window: tuple[int, int],
    events: Sequence[tuple[int, int]] = (),
    calls: Sequence[Call] = (),
) -> Found:
    """Find path and slack of drawn pieces."""
    path, slack_ns = path_and_slack(
        as_pieces(pieces, US),
        as_events(events),
        as_calls(calls, US),
        (window[0] * US, window[1] * US),
    )
    return Found(as_parts(path, US), [int(one) // US for one in slack_ns])


def as_pieces(pieces: Sequence[Piece], unit_ns: int) -> Pieces:
    """Put pieces into columns."""
    return Pieces(
        _column([one.start * unit_ns for one in pieces]),
        _column([one.end * unit_ns for one in pieces]),
        _column([one.stream for one in pieces]),
        _column([one.launch * unit_ns for one in pieces]),
        _column([one.thread for one in pieces]),
        _column([one.group for one in pieces]),
    )


def as_events(events: Sequence[tuple[int, int]]) -> EventWaits:
    """Put pairs of rows, before and after, into columns."""
    return EventWaits(_column([one[0] for one in events]), _column([one[1] for one in events]))


def as_calls(calls: Sequence[Call], unit_ns: int) -> HostWaits:
    """Put waiting calls into columns."""
    return HostWaits(
        _column([one.thread for one in calls]),
        _column([one.start * unit_ns for one in calls]),
        _column([one.end * unit_ns for one in calls]),
        _column([one.piece for one in calls]),
    )


def as_parts(path: Path, unit_ns: int) -> list[Part]:
    """Take a path apart."""
    columns = (path.start_ns, path.end_ns, path.kind, path.piece)
    return [
        (start // unit_ns, end // unit_ns, PartKind(kind).name, piece)
        for start, end, kind, piece in zip(*(one.tolist() for one in columns), strict=True)
    ]


def _column(values: list[int]) -> Int:
    return np.array(values, dtype=np.int64)
