"""Times of steps at one clock, evaluated once, looked up often."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

import numpy as np

from traceenergy.errors import InternalError, UsageError
from traceenergy.records import dataclass
from traceenergy.units import NS_PER_S

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.sweeps.loads import Requests
    from traceenergy.sweeps.step_laws import StepLaw

# Between these points of a range a law is taken as straight; `Replay` measures what that costs.
N_DECODE_KNOTS = 129
N_PREFILL_KNOTS = 33
N_CONTEXT_KNOTS = 17
# A law of trees takes about as long for one point as for a thousand.
BATCHES_AT_ONCE = 16


@dataclass(frozen=True)
class Engine:
    """What one instance of a server can hold.

    Attributes
    ----------
    max_batch
        Largest number of sequences in flight.
    kv_tokens
        Tokens that its KV cache holds; None: more than ever asked for.
    chunk_tokens
        Tokens that a step works on at most, prompts and decode together, so that prompts are worked
        on beside decode, in pieces; None: the prompts of all sequences that are let in together are
        a step of their own, before decode goes on.
    idle_w
        Power of all its GPUs between steps [W]; None where not known: that energy is left out.

    Raises
    ------
    UsageError
        If a number is below 1, or a step may work on fewer tokens than there are sequences.
    """

    max_batch: int
    kv_tokens: int | None = None
    chunk_tokens: int | None = None
    idle_w: float | None = None

    def __post_init__(self) -> None:
        """Refuse what no engine can be."""
        given = [self.max_batch, self.kv_tokens, self.chunk_tokens]
        if any(number is not None and number < 1 for number in given):
            raise UsageError("an engine needs room for one sequence and one token at least")
        if self.chunk_tokens is not None and self.chunk_tokens <= self.max_batch:
            raise UsageError(
                f"a step of {self.chunk_tokens} tokens has no room for prompts beside the decode of"
                f" {self.max_batch} sequences",
                next_step="give more chunk tokens, or a smaller batch",
            )


class StepTable:
    """A law at one clock, on the steps that requests can lead to.

    Decode of a batch is looked up by the mean context of its sequences, rounded down to whole
    tokens, and times are whole nanoseconds: so that steps add up exactly, and many of them at once
    by a difference of two sums. A step with prompts is looked up by batch, mean context, and prompt
    tokens, straight lines between knots.

    Parameters
    ----------
    law : StepLaw
    clock_mhz
        SM clock [MHz].
    engine : Engine
    requests : Requests
        Whose lengths bound the table.

    Notes
    -----
    A law that tells no energy of any step (nan) leaves it unknown.

    Rows of a batch size are made when it first occurs. Memory: 16 bytes a token of context and
    batch size; with a limit on the KV cache about 16 bytes times its tokens times ln(max_batch).
    """

    def __init__(self, law: StepLaw, clock_mhz: float, engine: Engine, requests: Requests) -> None:
        self.law = law
        self.clock_mhz = clock_mhz
        self.engine = engine
        self._longest = int((requests.input_tokens + requests.output_tokens).max())
        self._shortest_in = int(requests.input_tokens.min())
        self._longest_in = int(requests.input_tokens.max())
        self._decode: dict[int, tuple[array[int], array[float]]] = {}
        self._prefill: dict[int, NDArray[np.float64]] = {}
        self._prefill_rows: dict[int, list[list[tuple[float, float]]]] = {}

    def decode(self, batch: int) -> tuple[array[int], array[float]]:
        """Sum time [ns] and energy [J] of decode steps over mean contexts of 0 to each."""
        if batch not in self._decode:
            self._make_decode(self._block_of(batch))
        return self._decode[batch]

    def prefill(self, batch: int, context: int, prompt_tokens: int) -> tuple[int, float]:
        """Time [ns] and energy [J] of a step that works on prompt tokens."""
        if batch not in self._prefill_rows:
            if batch not in self._prefill:
                self._make_prefill(self._block_of(batch))
            self._prefill_rows[batch] = self._prefill[batch].tolist()
        grid = self._prefill_rows[batch]
        low, high = self._prompt_span(batch)
        column, right = _place(prompt_tokens, low, high, N_PREFILL_KNOTS)
        row, up = _place(context / batch, 0, self._longest, N_CONTEXT_KNOTS)
        below, above = grid[row], grid[row + 1] if up else grid[row]
        corners = (below[column], below[column + 1], above[column], above[column + 1])
        weights = ((1 - up) * (1 - right), (1 - up) * right, up * (1 - right), up * right)
        time_ns = sum(w * c[0] for w, c in zip(weights, corners, strict=True))
        energy_j = sum(w * c[1] for w, c in zip(weights, corners, strict=True))
        return max(1, round(time_ns)), energy_j

    def _block_of(self, batch: int) -> NDArray[np.float64]:
        first = batch - (batch - 1) % BATCHES_AT_ONCE
        last = min(first + BATCHES_AT_ONCE - 1, self.engine.max_batch)
        return np.arange(first, last + 1, dtype=np.float64)

    def _longest_mean(self, batch: int) -> int:
        kv_tokens = self.engine.kv_tokens
        return self._longest if kv_tokens is None else min(self._longest, kv_tokens // batch + 1)

    def _prompt_span(self, batch: int) -> tuple[int, int]:
        chunk_tokens = self.engine.chunk_tokens
        low, high = (
            (batch * self._shortest_in, batch * self._longest_in)
            if chunk_tokens is None
            else (1, chunk_tokens)
        )
        return low, max(high, low + 1)

    def _make_decode(self, batches: NDArray[np.float64]) -> None:
        longest = [self._longest_mean(int(batch)) for batch in batches]
        knots = np.linspace(1, longest, N_DECODE_KNOTS)
        time_ns, energy_j = self._evaluate(
            np.broadcast_to(batches, knots.shape), knots * batches, np.zeros(knots.shape)
        )
        for i, batch in enumerate(batches):
            contexts = np.arange(longest[i] + 1)
            steps_ns = np.maximum(np.rint(np.interp(contexts, knots[:, i], time_ns[:, i])), 1)
            steps_j = np.interp(contexts, knots[:, i], energy_j[:, i])
            self._decode[int(batch)] = (
                array("q", np.cumsum(steps_ns.astype(np.int64), dtype=np.int64).tobytes()),
                array("d", np.cumsum(steps_j).tobytes()),
            )

    def _make_prefill(self, batches: NDArray[np.float64]) -> None:
        n_contexts = 1 if self.engine.chunk_tokens is None else N_CONTEXT_KNOTS
        means = np.linspace(0, self._longest, N_CONTEXT_KNOTS)[:n_contexts]
        spans = np.array([self._prompt_span(int(batch)) for batch in batches], dtype=np.float64)
        prompts = np.linspace(spans[:, 0], spans[:, 1], N_PREFILL_KNOTS)
        shape = (len(batches), n_contexts, N_PREFILL_KNOTS)
        time_ns, energy_j = self._evaluate(
            np.broadcast_to(batches[:, None, None], shape),
            np.broadcast_to(batches[:, None, None] * means[:, None], shape),
            np.broadcast_to(prompts.T[:, None, :], shape),
        )
        for i, batch in enumerate(batches):
            self._prefill[int(batch)] = np.stack([time_ns[i], energy_j[i]], axis=-1)

    def _evaluate(
        self,
        batch: NDArray[np.float64],
        context: NDArray[np.float64],
        prompt: NDArray[np.float64],
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        flat = np.ravel(batch), np.ravel(context), np.ravel(prompt)
        clock_mhz = np.full(batch.size, self.clock_mhz)
        time_ns = self.law.step_s(flat[0], flat[1], flat[2], clock_mhz) * NS_PER_S
        energy_j = self.law.step_j(flat[0], flat[1], flat[2], clock_mhz)
        knows_energy = np.isfinite(energy_j)
        if not np.isfinite(time_ns).all() or (knows_energy.any() and not knows_energy.all()):
            raise InternalError("a model of steps tells no number for some of them")
        # Where a fitted law crosses zero it is outside of what it knows, and marked so.
        return (
            np.maximum(time_ns, 1).reshape(batch.shape),
            np.maximum(energy_j, 0).reshape(batch.shape),
        )


def _place(value: float, low: float, high: float, n_knots: int) -> tuple[int, float]:
    """Find the knot below a value, and the share of the way to the next one."""
    at = (value - low) / (high - low) * (n_knots - 1)
    knot = min(max(int(at), 0), n_knots - 2)
    return knot, at - knot
