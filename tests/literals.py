"""Pieces of a trace as literals."""

from __future__ import annotations

from dataclasses import dataclass

VM = 1 << 48  # the VM byte of every id in a real report of one machine
AT_START = "at start"


def process_id(pid: int) -> int:
    """Pack a pid as nsys does: machine, VM, pid, 24 zero bits."""
    return VM | pid << 24


def thread_id(pid: int, tid: int) -> int:
    """Pack a pid and a tid as nsys does."""
    return VM | pid << 24 | tid


@dataclass(frozen=True)
class Work:
    """A piece of GPU work, launched from a thread.

    `launch` is the interval of the API call; by default a call of no length at the start of the
    work; None for work without launch.
    """

    name: str
    start_ns: int
    end_ns: int
    device: int = 0
    stream: int = 7
    launch: tuple[int, int] | str | None = AT_START
    pid: int = 1
    tid: int = 1
    rank: int = 0
    table: str = "KERNEL"
    full_name: str | None = None
    correlation: int | None = None
    node: int | None = None
    blocks: int | None = 1
    n_bytes: int | None = None
    api: str = "cudaLaunchKernel"
    context: int = 1
    copy_kind: int = 1

    @property
    def launch_ns(self) -> tuple[int, int] | None:
        """Give the interval of the API call."""
        if isinstance(self.launch, str):
            return (self.start_ns, self.start_ns)
        return self.launch


@dataclass(frozen=True)
class Node:
    """A node of a CUDA graph, made by a call of a thread; a copy if it names an original."""

    node: int
    made_ns: int
    original: int | None = None
    pid: int = 1
    tid: int = 1
    rank: int = 0


@dataclass(frozen=True)
class Wait:
    """A wait for GPU work: of a stream, or of a thread in a call; `kind` as in SYNC_KIND."""

    kind: str
    start_ns: int
    end_ns: int
    stream: int | None = None
    event: int | None = None
    event_sync: int | None = None
    correlation: int | None = None
    pid: int = 1
    tid: int = 1
    rank: int = 0
    context: int = 1


@dataclass(frozen=True)
class Record:
    """A record of an event on a stream, by a call that began at a moment."""

    event: int
    recorded_ns: int | None
    stream: int = 7
    event_sync: int | None = None
    pid: int = 1
    tid: int = 1
    rank: int = 0
    context: int = 1


@dataclass(frozen=True)
class Range:
    """An NVTX range."""

    name: str
    start_ns: int
    end_ns: int | None
    pid: int = 1
    tid: int = 1
    rank: int = 0
    domain: int = 0
    domain_name: str | None = None
    style: str = "push_pop"
    end_tid: int | None = None
    is_open: bool = False
