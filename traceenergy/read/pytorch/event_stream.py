"""File of a Chrome trace -> its events, some at a time, beside what is written around them."""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO

import msgspec
import numpy as np

from traceenergy.errors import NotATraceError, UnreadableFileError
from traceenergy.read.inputs import GZIP_MAGIC
from traceenergy.read.pytorch.event_form import BORDER, decode_parts, decode_whole

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_READ_BYTES = 1 << 23
_HEAD_BYTES = 1 << 20
_PACKED_BYTES, _GZIP_BITS = 1 << 20, 31
_PATIENCE_BYTES = 1 << 26  # one event may fill; more than that has lost a quote
_TAIL_BYTES = 1 << 16  # where a border of two events is looked for first
_LARGEST_BYTES = 1 << 28  # of one event, of all before or after the events
_EVENTS = re.compile(rb'"traceEvents"\s*:\s*\[')
_ARRAY = re.compile(rb"\s*\[")
_QUOTE, _OPEN, _CLOSE, _LIST, _LIST_END = b'"{}[]'
_RECORD = "record a trace with torch.profiler and export_chrome_trace"


def begins_like_trace(path: Path) -> bool:
    """Tell by its first megabyte whether a file holds a list of events.

    Parameters
    ----------
    path : pathlib.Path
        A `.json`, plain or compressed by gzip.

    Returns
    -------
    bool
        False for a result of this tool, and for what cannot be opened.
    """
    try:
        with path.open("rb") as file:
            head = next(_unpacked(file)) if _is_packed(file) else file.read(_HEAD_BYTES)
    except (OSError, EOFError, StopIteration, zlib.error):
        return False
    is_listed = _ARRAY.match(head) or _EVENTS.search(head)
    return bool(is_listed) and b'"producer":"traceenergy' not in head


@dataclass
class EventStream:
    """A trace while it is read.

    Parameters
    ----------
    path
        `.json`, plain or compressed by gzip.

    Attributes
    ----------
    about
        What is written before and behind the events; whole when all events were read.
    n_bad
        Events that could not be understood so far.
    is_cut
        The file ends before it should.
    """

    path: Path
    about: dict[str, Any] = field(default_factory=dict)
    n_bad: int = 0
    is_cut: bool = False

    def pieces(self) -> Iterator[list[Any]]:
        """Read events, some at a time.

        Yields
        ------
        list of Event
            In the order of the file.

        Raises
        ------
        NotATraceError
            If the file holds no list of events.
        UnreadableFileError
            If it cannot be opened or unpacked.
        """
        with self.path.open("rb") as file:
            rest, blocks = self._begin(self._blocks(file))
            yield from self._events(rest, blocks)

    def _blocks(self, file: BinaryIO) -> Iterator[bytes]:
        if not _is_packed(file):
            yield from iter(lambda: file.read(_READ_BYTES), b"")
            return
        try:
            yield from _unpacked(file)
        except EOFError:
            self.is_cut = True
        except zlib.error as problem:
            if not self.about:
                raise UnreadableFileError(
                    f"{self.path.name} cannot be unpacked", details=str(problem)
                ) from problem
            self.is_cut = True

    def _begin(self, blocks: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
        head = b""
        for block in blocks:
            head += block
            found = _ARRAY.match(head) or _EVENTS.search(head)
            if found:
                before = head[: found.end()]
                self.about = {} if before.strip() == b"[" else self._about(before + b"]}")
                self.about.setdefault("schemaVersion", None)
                return head[found.end() :], blocks
            if len(head) > _LARGEST_BYTES:
                break
        raise self._no_trace(head)

    def _about(self, text: bytes) -> dict[str, Any]:
        try:
            found = msgspec.json.decode(text.decode(errors="replace"))
        except (msgspec.DecodeError, RecursionError) as problem:
            raise UnreadableFileError(
                f"{self.path.name} is damaged before its events", details=str(problem)
            ) from problem
        found.pop("traceEvents", None)
        if isinstance(found.get("otherData"), dict):
            self._refuse_own(found["otherData"].get("producer"))
        return dict(found)

    def _refuse_own(self, producer: object) -> None:
        if str(producer).startswith("traceenergy"):
            raise NotATraceError(
                f"{self.path.name} is a result that traceenergy wrote, not a trace",
                next_step="name the trace that it was made of",
            )

    def _no_trace(self, head: bytes) -> NotATraceError:
        if b'"traceenergy.' in head[:200]:
            return NotATraceError(
                f"{self.path.name} is a result that traceenergy wrote, not a trace",
                next_step="results go to traceenergy compare or sweep, or te.load",
            )
        return NotATraceError(
            f"{self.path.name} is no trace of the PyTorch profiler: it has no traceEvents",
            next_step=_RECORD,
        )

    def _events(self, rest: bytes, blocks: Iterator[bytes]) -> Iterator[list[Any]]:
        for block in blocks:
            rest += block
            cut = _last_border(rest)
            if cut is None:
                self._check_size(rest)
                continue
            events = decode_whole(rest[: cut[0]])
            if events is None:
                split = _split_at_depth(rest)
                if split.array_end is not None:
                    break
                if not split.last_end and len(rest) < _PATIENCE_BYTES:
                    continue
                end = split.last_end or cut[0]
                cut = (end, end)
                events, n_bad = decode_parts(rest[:end])
                self.n_bad += n_bad
            yield events
            rest = rest[cut[1] :]
        yield self._last(rest, blocks)

    def _check_size(self, rest: bytes) -> None:
        if len(rest) > _LARGEST_BYTES:
            raise UnreadableFileError(
                f"{self.path.name} has an event of more than {len(rest) >> 20} MB", details=""
            )

    def _last(self, rest: bytes, blocks: Iterator[bytes]) -> list[Any]:
        split = _split_at_depth(rest)
        end = split.last_end
        if split.array_end is None:
            self.is_cut = True
            border = _last_border(rest)
            end = max(end, border[0] if border else 0)
        else:
            self._read_tail(rest[split.array_end + 1 :], blocks)
        events = decode_whole(rest[:end])
        if events is None:
            events, n_bad = decode_parts(rest[:end])
            self.n_bad += n_bad
        return events

    def _read_tail(self, tail: bytes, blocks: Iterator[bytes]) -> None:
        for block in blocks:
            tail += block
            if len(tail) > _LARGEST_BYTES:
                return
        text = tail.decode(errors="replace").strip()
        if not text:
            return
        try:
            found = msgspec.json.decode('{"":0' + text)
        except (msgspec.DecodeError, RecursionError):
            self.is_cut = True
            return
        self.about = {**found, **self.about}


@dataclass(frozen=True)
class _Split:
    last_end: int  # behind the last whole event
    array_end: int | None  # the bracket that closes the list of events


def _is_packed(file: BinaryIO) -> bool:
    packed = file.read(len(GZIP_MAGIC)) == GZIP_MAGIC
    file.seek(0)
    return packed


def _unpacked(file: BinaryIO) -> Iterator[bytes]:
    """Unpack gzip; unlike the module of that name, whatever comes before an early end as well.

    Raises
    ------
    EOFError
        If the file ends early.
    zlib.error
        If it is damaged.
    """
    member = zlib.decompressobj(_GZIP_BITS)
    for block in iter(lambda: file.read(_PACKED_BYTES), b""):
        left = block
        while left:
            if member.eof:  # several may follow each other
                member = zlib.decompressobj(_GZIP_BITS)
            unpacked = member.decompress(left, _READ_BYTES)
            if unpacked:
                yield unpacked
            left = member.unused_data if member.eof else member.unconsumed_tail
            left = left.lstrip(b"\0") if member.eof else left  # some pad the end
    while not member.eof and (unpacked := member.decompress(b"", _READ_BYTES)):
        yield unpacked
    if not member.eof:
        raise EOFError


def _last_border(text: bytes) -> tuple[int, int] | None:
    """Find end and start of the last two events that follow each other, nested or not."""
    for start in (max(0, len(text) - _TAIL_BYTES), 0):
        found = None
        for found in BORDER.finditer(text, start):  # noqa: B007 - the last one is wanted
            pass
        if found is not None:
            return found.start(1), found.end(1)
    return None


def _split_at_depth(text: bytes) -> _Split:
    """Find where events end by counting brackets outside of quotes."""
    plain = re.sub(rb"\\.", b"__", text, flags=re.DOTALL) if b"\\" in text else text
    letters = np.frombuffer(plain, dtype=np.uint8)
    quotes = np.flatnonzero(letters == _QUOTE)
    opens, closes = (
        (letters == one) | (letters == other)
        for one, other in ((_OPEN, _LIST), (_CLOSE, _LIST_END))
    )
    at = np.flatnonzero(opens | closes)
    at = at[np.searchsorted(quotes, at) % 2 == 0]
    depth = np.cumsum(np.where(opens[at], 1, -1))
    below = np.flatnonzero(depth < 0)
    array_end = int(at[below[0]]) if len(below) else None
    inside = slice(None, below[0] if len(below) else None)
    ends = at[inside][(depth[inside] == 0) & closes[at[inside]]]
    return _Split(int(ends[-1]) + 1 if len(ends) else 0, array_end)
