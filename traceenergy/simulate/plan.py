"""Steps of a simulated run with their load."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from traceenergy.records import dataclass
from traceenergy.simulate.catalog import EXPERTS, FEATURES, TOP_K
from traceenergy.simulate.template import ALL_KINDS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.simulate.options import Options

    Int = NDArray[np.int64]
    Float = NDArray[np.float64]

DEFAULT_STEPS = 20
PREFILL_TOKENS = 4096
PREFILL_EVERY = 8
FORWARD_EVERY = 4


_USUAL_KIND = {
    "decode": "decode", "prefill": "prefill", "mixed": "mixed", "varying": "decode",
    "convnet": "train", "stencil": "sweep", "matmul_memread": "cycle",
}  # fmt: skip


@dataclass(frozen=True)
class Plan:
    """Load of every step, arrays of length n_steps.

    Attributes
    ----------
    kind : ndarray of int64
        Row in `ALL_KINDS`.
    ctx_requests, gen_requests : ndarray of int64
        Requests in prefill and in decode.
    features : ndarray of float64 (n_steps, n_features)
        As named by `catalog.FEATURES`.
    """

    kind: Int
    ctx_requests: Int
    gen_requests: Int
    features: Float

    def first(self, n_steps: int) -> Plan:
        """Return the plan's first steps."""
        return Plan(
            self.kind[:n_steps],
            self.ctx_requests[:n_steps],
            self.gen_requests[:n_steps],
            self.features[:n_steps],
        )


def plan_steps(options: Options, n_steps: int, rng: np.random.Generator) -> Plan:
    """Decide what each step has to do.

    Parameters
    ----------
    options : Options
        Scenario, batch and context.
    n_steps : int
        How many.
    rng : numpy.random.Generator
        For loads that wander and the lengths of prompts.

    Returns
    -------
    Plan
        `decode`: one batch, contexts grow by a token a step. `prefill`: prompts of `context`
        tokens, as many as fit a step. `varying`: decode, batch and contexts wander. `mixed`: the
        same, and every eighth step or so takes in new prompts beside it, or in chunks before it.
        All others: all steps alike, but for every fourth one of `convnet`.
    """
    step = np.arange(n_steps)
    kind = np.full(n_steps, ALL_KINDS.index(_USUAL_KIND[options.scenario]), dtype=np.int64)
    gen = np.full(n_steps, options.batch, dtype=np.int64)
    ctx = np.zeros(n_steps, dtype=np.int64)
    prompt = np.full(n_steps, float(options.context))
    seen = options.context + step.astype(np.float64)
    per_step = max(1, PREFILL_TOKENS // options.context)
    if options.scenario == "prefill":
        gen[:], ctx[:] = 0, per_step
    if options.scenario == "varying":
        gen, seen = _batches(options, n_steps, rng), _contexts(options, n_steps, rng)
    if options.scenario == "mixed":
        takes = rng.random(n_steps) < 1.0 / PREFILL_EVERY
        takes[:1] = True
        kind = np.where(takes, ALL_KINDS.index("mixed"), ALL_KINDS.index("decode"))
        ctx = np.where(takes, rng.integers(1, per_step + 1, n_steps), 0)
        gen = _batches(options, n_steps, rng)
        prompt = np.round(options.context * rng.uniform(0.5, 1.0, n_steps))
        seen = _contexts(options, n_steps, rng)
    if options.scenario == "convnet":
        kind[FORWARD_EVERY - 1 :: FORWARD_EVERY] = ALL_KINDS.index("forward")
    plan = Plan(kind, ctx, gen, _features(ctx, prompt, gen, seen))
    if options.prefill_chunk:
        return _in_chunks(plan, prompt, options.prefill_chunk, n_steps)
    return plan


def _in_chunks(plan: Plan, prompt: Float, chunk: int, n_steps: int) -> Plan:
    # Each step with prompts becomes the steps that take them in, then one of decode.
    n_chunks = np.ceil(prompt / chunk).astype(np.int64) * plan.ctx_requests
    of_step = np.repeat(np.arange(n_steps), n_chunks + 1)[:n_steps]
    first = np.cumsum(n_chunks + 1) - (n_chunks + 1)
    since = np.arange(n_steps) - first[of_step]
    is_chunk = since < n_chunks[of_step]
    begun = since % np.ceil(prompt[of_step] / chunk) * chunk
    taken = np.minimum(chunk, prompt[of_step] - begun)
    gen = np.where(is_chunk, 0, plan.gen_requests[of_step])
    cached = plan.features[of_step, FEATURES.index("gen_kv")]
    seen = cached / np.maximum(1, plan.gen_requests[of_step])
    features = _features(is_chunk.astype(np.int64), taken, gen, seen)
    # A chunk attends to the chunks before it as well.
    features[:, FEATURES.index("ctx_pairs")] += np.where(is_chunk, taken * begun, 0.0)
    kind = np.where(is_chunk, ALL_KINDS.index("prefill"), ALL_KINDS.index("decode"))
    return Plan(kind, is_chunk.astype(np.int64), gen, features)


def _batches(options: Options, n_steps: int, rng: np.random.Generator) -> Int:
    walk = np.cumsum(rng.normal(0.0, 0.12, n_steps))
    return np.maximum(1, np.round(options.batch * np.exp(np.tanh(walk)))).astype(np.int64)


def _contexts(options: Options, n_steps: int, rng: np.random.Generator) -> Float:
    walk = np.cumsum(rng.normal(0.0, 0.1, n_steps))
    return np.asarray(options.context * np.exp(0.3 * np.tanh(walk)), dtype=np.float64)


def _features(ctx: Int, prompt: Float, gen: Int, seen: Float) -> Float:
    ctx_tokens = ctx * prompt
    tokens = ctx_tokens + gen
    columns = {
        "one": np.ones(len(ctx)),
        "tokens": tokens,
        "ctx_tokens": ctx_tokens,
        "ctx_pairs": ctx * prompt * (prompt + 1) / 2,
        "gen_tokens": gen.astype(np.float64),
        "gen_kv": gen * seen,
        "experts": EXPERTS * (1.0 - (1.0 - TOP_K / EXPERTS) ** tokens),
        "sequences": (ctx + gen).astype(np.float64),
    }
    return np.column_stack([columns[name] for name in FEATURES])


def steps_for_kernels(kernels_by_step: Int, per_gpu: int) -> int:
    """Count the steps that hold at least so many kernels on one GPU.

    Parameters
    ----------
    kernels_by_step : ndarray of int64 (n,)
        Of a plan that is long enough.
    per_gpu : int
        Wanted.

    Returns
    -------
    int
    """
    return int(np.searchsorted(np.cumsum(kernels_by_step), per_gpu)) + 1


def steps_for_seconds(step_s: Float, seconds: float) -> int:
    """Count the steps that last about so long.

    Parameters
    ----------
    step_s : ndarray of float64 (n,) [s]
        Expected length of a plan's first steps; what follows is taken as their mean.
    seconds : float [s]
        Wanted.

    Returns
    -------
    int
    """
    reached = np.cumsum(step_s)
    if reached[-1] >= seconds:
        return int(np.searchsorted(reached, seconds)) + 1
    return len(step_s) + math.ceil((seconds - float(reached[-1])) / float(step_s.mean()))
