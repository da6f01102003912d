"""Requests served by an engine whose steps follow a law, event by event."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from heapq import heappop, heappush
from typing import TYPE_CHECKING

import numpy as np

from traceenergy.errors import UsageError
from traceenergy.records import dataclass
from traceenergy.sweeps.step_table import StepTable
from traceenergy.units import NS_PER_S, S_PER_NS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.sweeps.loads import Requests
    from traceenergy.sweeps.step_laws import StepLaw
    from traceenergy.sweeps.step_table import Engine

# Steps at which the table is held against the law, and the law asked whether it has seen them.
N_CHECKED_STEPS = 400


@dataclass(frozen=True)
class Blocks:
    """Stretches of steps in which no sequence came or left, each of shape (n_blocks,).

    Attributes
    ----------
    start_ns, end_ns
        Rising; gaps between blocks are idle.
    n_steps
        Steps in it, one after the other.
    batch
        Sequences in each of them.
    context_tokens
        Of the first of them.
    prompt_tokens
        Above 0 in steps with prompts, which are blocks of one step.
    output_tokens
        Made in all of them.
    energy_j
        Of all of them.
    """

    start_ns: NDArray[np.int64]
    end_ns: NDArray[np.int64]
    n_steps: NDArray[np.int64]
    batch: NDArray[np.int64]
    context_tokens: NDArray[np.int64]
    prompt_tokens: NDArray[np.int64]
    output_tokens: NDArray[np.int64]
    energy_j: NDArray[np.float64]


@dataclass(frozen=True)
class Replay:
    """What became of each request, and of the engine over time.

    Attributes
    ----------
    requests : Requests
    clock_mhz
        SM clock [MHz].
    admitted_ns, first_token_ns, end_ns : ndarray of shape (n_requests,)
        When each was let in, got its first token, got its last one.
    gap_ns, n_gaps : ndarray of shape (n_lengths,)
        Times between two tokens of a request, and how often each occurred.
    blocks : Blocks
    outside_share
        Share of steps outside of what the law was made from.
    time_error_share, energy_error_share
        Mean size of the difference between the table that was used and the law, over the law.
    """

    requests: Requests
    clock_mhz: float
    admitted_ns: NDArray[np.int64]
    first_token_ns: NDArray[np.int64]
    end_ns: NDArray[np.int64]
    gap_ns: NDArray[np.int64]
    n_gaps: NDArray[np.int64]
    blocks: Blocks
    outside_share: float
    time_error_share: float
    energy_error_share: float

    @property
    def busy_ns(self) -> int:
        """Time in steps."""
        return int((self.blocks.end_ns - self.blocks.start_ns).sum())

    def energy_j(self, idle_w: float | None, end_ns: int) -> float:
        """Energy from 0 to `end_ns`, which is after the last step; idle time counts if known."""
        idle_j = (idle_w or 0.0) * (end_ns - self.busy_ns) * S_PER_NS
        return float(self.blocks.energy_j.sum()) + idle_j


def replay(
    requests: Requests,
    engine: Engine,
    law: StepLaw,
    clock_mhz: float,
    table: StepTable | None = None,
) -> Replay:
    """Serve requests in the order of their arrival, with batching in flight.

    At the end of each step whoever waits is let in, first come first served, while there is
    room in the batch and in the KV cache. Room for all tokens of a request, those to come
    included, is taken when it is let in, so that none is ever sent back. Its prompt is worked on
    as `Engine.chunk_tokens` says; that makes its first token. Each step of decode makes one more
    for each sequence.

    Parameters
    ----------
    requests : Requests
    engine : Engine
    law : StepLaw
    clock_mhz
        SM clock, the same all the time [MHz].
    table : StepTable or None
        Made from the same engine, law, clock and these requests among others, to use it again.

    Returns
    -------
    Replay

    Raises
    ------
    UsageError
        If a request alone needs more KV cache than there is.

    Notes
    -----
    O((n_requests + n_prompt_steps) log max_batch): between two events the batch is the same and
    its context grows evenly, so any number of steps costs as much as one.
    """
    need = requests.input_tokens + requests.output_tokens
    if engine.kv_tokens is not None and need.max() > engine.kv_tokens:
        raise UsageError(
            f"{int((need > engine.kv_tokens).sum())} requests of {requests.name} never fit",
            details=f"the longest has {need.max()} tokens, the KV cache {engine.kv_tokens}",
            next_step="give the KV cache of the engine that served them",
        )
    table = table or StepTable(law, clock_mhz, engine, requests)
    run = _Run(requests, engine, table)
    while run.advance():
        pass
    blocks = Blocks(*(np.array(column) for column in zip(*run.blocks, strict=True)))
    gap_ns, n_gaps = run.gaps()
    outside_share, time_error_share, energy_error_share = _check(blocks, table)
    return Replay(
        requests=requests,
        clock_mhz=clock_mhz,
        admitted_ns=np.array(run.admitted),
        first_token_ns=np.array(run.first),
        end_ns=np.array(run.end),
        gap_ns=gap_ns,
        n_gaps=n_gaps,
        blocks=blocks,
        outside_share=outside_share,
        time_error_share=time_error_share,
        energy_error_share=energy_error_share,
    )


class _Run:
    """State of the engine; `advance` goes on to the next event.

    Sequences in decode are a heap by the number of the decode step that ends them, since each of
    these steps makes one token for all of them.
    """

    def __init__(self, requests: Requests, engine: Engine, table: StepTable) -> None:
        n_requests = len(requests)
        self.arrival = requests.arrival_ns.tolist()
        self.n_in = requests.input_tokens.tolist()
        self.n_out = requests.output_tokens.tolist()
        self.admitted, self.first, self.end = ([0] * n_requests for _ in range(3))
        self.blocks: list[tuple[int, int, int, int, int, int, int, float]] = []
        self.table = table
        self.max_batch = engine.max_batch
        self.chunk_tokens = engine.chunk_tokens
        self.kv_left = float("inf") if engine.kv_tokens is None else engine.kv_tokens
        self.now = 0
        self.next = 0
        # Prompts not yet done: [request, tokens left].
        self.prompts: deque[list[int]] = deque()
        self.decoding: list[tuple[int, int]] = []
        self.context = 0
        self.n_decodes = 0
        # When sequences in decode got their last token: all of them then, but for (time, number).
        self.last_token = 0
        self.fresh: list[tuple[int, int]] = []
        self.odd_gaps: list[tuple[int, int]] = []
        # Batch -> +1 where a block of steps begins on the axis of mean context, -1 after its end.
        self.edges: dict[int, list[int]] = {}

    def advance(self) -> bool:
        """Let in who waits, then run a step with prompts, or decode up to the next event."""
        while self.fits_next() and self.arrival[self.next] <= self.now:
            self.admitted[self.next] = self.now
            self.kv_left -= self.n_in[self.next] + self.n_out[self.next]
            self.prompts.append([self.next, self.n_in[self.next]])
            self.next += 1
        if self.prompts and self.chunk_tokens is None:
            self.prefill()
        elif self.prompts:
            self.mixed(self.chunk_tokens or 0)
        elif self.decoding:
            self.decode()
        elif self.next < len(self.arrival):
            self.now = self.arrival[self.next]
        else:
            return False
        return True

    def fits_next(self) -> bool:
        """Whether there is a next request and, once it has arrived, room for it."""
        return (
            self.next < len(self.arrival)
            and len(self.decoding) + len(self.prompts) < self.max_batch
            and self.n_in[self.next] + self.n_out[self.next] <= self.kv_left
        )

    def decode(self) -> None:
        """Run decode steps until a sequence ends, or a request arrives that can be let in."""
        batch = len(self.decoding)
        mean = self.context // batch
        time_ns, energy_j = self.table.decode(batch)
        before = time_ns[mean - 1]
        n_steps = self.decoding[0][0] - self.n_decodes
        if self.fits_next():
            until = self.arrival[self.next] - self.now + before
            # Contexts mean .. mean + n_steps - 1: the first step that ends at or after it.
            n_steps = bisect_left(time_ns, until, mean, mean + n_steps - 1) - mean + 1
        last = mean + n_steps - 1
        start = self.now
        self.now += time_ns[last] - before
        joules = energy_j[last] - energy_j[mean - 1]
        self.blocks.append(
            (start, self.now, n_steps, batch, self.context, 0, batch * n_steps, joules)
        )
        if self.fresh or start != self.last_token:
            self.note_gaps(start + time_ns[mean] - before, batch)
            mean += 1
        edges = self.edges.setdefault(batch, [0] * (len(time_ns) + 1))
        edges[mean] += 1
        edges[last + 1] -= 1
        self.last_token = self.now
        self.n_decodes += n_steps
        self.context += batch * n_steps
        self.finish()

    def prefill(self) -> None:
        """Run one step on the prompts of all who were let in."""
        batch = len(self.prompts)
        tokens = sum(left for _, left in self.prompts)
        self.step(batch, 0, tokens, batch)
        if self.decoding:
            n_joining = sum(self.n_out[request] > 1 for request, _ in self.prompts)
            self.fresh.append((self.now, n_joining))
        else:
            self.last_token = self.now
        while self.prompts:
            self.join(self.prompts.popleft()[0])

    def mixed(self, chunk_tokens: int) -> None:
        """Run one step of decode that works on prompts with what it has room for."""
        n_decoding = len(self.decoding)
        room = chunk_tokens - n_decoding
        context, n_parts, done = self.context, 0, []
        for part in self.prompts:
            taken = min(room, part[1])
            context += self.n_in[part[0]] - part[1]
            part[1] -= taken
            room -= taken
            n_parts += 1
            if not part[1]:
                done.append(part[0])
            if not room:
                break
        tokens = chunk_tokens - n_decoding - room
        self.step(n_decoding + n_parts, context, tokens, n_decoding + len(done))
        if n_decoding:
            self.note_gaps(self.now, n_decoding)
        self.last_token = self.now
        self.n_decodes += 1
        self.context += n_decoding
        self.finish()
        for request in done:
            self.prompts.popleft()
            self.join(request)

    def step(self, batch: int, context: int, prompt_tokens: int, output_tokens: int) -> None:
        """Run one step with prompts."""
        time_ns, energy_j = self.table.prefill(batch, context, prompt_tokens)
        start = self.now
        self.now += time_ns
        self.blocks.append(
            (start, self.now, 1, batch, context, prompt_tokens, output_tokens, energy_j)
        )

    def note_gaps(self, now: int, batch: int) -> None:
        """Count times since the last token where they are not those of the step alone."""
        for time, number in self.fresh:
            self.odd_gaps.append((now - time, number))
            batch -= number
        self.fresh.clear()
        if batch:
            self.odd_gaps.append((now - self.last_token, batch))

    def join(self, request: int) -> None:
        """Take a sequence with its first token into decode, or end it with that."""
        self.first[request] = self.now
        self.context += self.n_in[request]
        heappush(self.decoding, (self.n_decodes + self.n_out[request] - 1, request))
        self.finish()

    def finish(self) -> None:
        """End the sequences whose last token was made."""
        while self.decoding and self.decoding[0][0] == self.n_decodes:
            request = heappop(self.decoding)[1]
            self.end[request] = self.now
            self.context -= self.n_in[request] + self.n_out[request] - 1
            self.kv_left += self.n_in[request] + self.n_out[request]

    def gaps(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Tell times between tokens, with how often each occurred."""
        odd = np.array(self.odd_gaps, dtype=np.int64).reshape(-1, 2)
        times, counts = [odd[:, 0]], [odd[:, 1]]
        for batch, edges in self.edges.items():
            often = np.cumsum(edges[:-1]) * batch
            steps_ns = np.diff(np.asarray(self.table.decode(batch)[0]), prepend=0)
            times.append(steps_ns[often > 0])
            counts.append(often[often > 0])
        return np.concatenate(times), np.concatenate(counts)


def _check(blocks: Blocks, table: StepTable) -> tuple[float, float, float]:
    """Hold the table against the law at steps spread evenly over all of them."""
    ends = np.cumsum(blocks.n_steps)
    n_checked = min(N_CHECKED_STEPS, int(ends[-1]))
    numbers = (np.arange(n_checked) + 0.5) / n_checked * ends[-1]
    of = np.searchsorted(ends, numbers, side="right")
    batch, prompt = blocks.batch[of], blocks.prompt_tokens[of]
    nth = numbers.astype(np.int64) - (ends - blocks.n_steps)[of]
    context = blocks.context_tokens[of] + nth * batch
    looked_up = np.array(
        [
            _look_up(table, *step)
            for step in zip(batch.tolist(), context.tolist(), prompt.tolist(), strict=True)
        ]
    )
    points = np.array([batch, context, prompt, np.full(n_checked, table.clock_mhz)])
    true_ns = np.maximum(table.law.step_s(*points) * NS_PER_S, 1)
    true_j = np.maximum(table.law.step_j(*points), 0)
    return (
        float(table.law.outside(*points).mean()),
        float((np.abs(looked_up[:, 0] - true_ns) / true_ns).mean()),
        float(np.abs(looked_up[:, 1] - true_j).sum() / max(true_j.sum(), np.finfo(float).tiny)),
    )


def _look_up(table: StepTable, batch: int, context: int, prompt_tokens: int) -> tuple[int, float]:
    if prompt_tokens:
        return table.prefill(batch, context, prompt_tokens)
    time_ns, energy_j = table.decode(batch)
    mean = context // batch
    return time_ns[mean] - time_ns[mean - 1], energy_j[mean] - energy_j[mean - 1]
