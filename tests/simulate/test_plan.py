"""Steps get the load that the scenario asks for."""

from __future__ import annotations

import numpy as np
import pytest

from traceenergy.simulate.catalog import FEATURES
from traceenergy.simulate.options import Options
from traceenergy.simulate.plan import Plan, plan_steps, steps_for_kernels, steps_for_seconds
from traceenergy.simulate.template import ALL_KINDS, STEP_KINDS


def plan(options: Options, n_steps: int = 200) -> Plan:
    return plan_steps(options, n_steps, np.random.default_rng(2))


def feature(of: Plan, name: str) -> np.ndarray:
    return of.features[:, FEATURES.index(name)]


def test_decode_keeps_its_batch_while_contexts_grow() -> None:
    steps = plan(Options(batch=4, context=100), 3)

    assert feature(steps, "tokens").tolist() == [4, 4, 4]
    assert feature(steps, "gen_kv").tolist() == [400, 404, 408]
    assert steps.ctx_requests.tolist() == [0, 0, 0]


def test_prefill_takes_as_many_prompts_as_fit() -> None:
    steps = plan(Options(scenario="prefill", context=2048), 1)

    # 4096 tokens a step; a prompt of n tokens attends n (n + 1) / 2 pairs.
    assert steps.ctx_requests.tolist() == [2]
    assert feature(steps, "ctx_pairs").tolist() == [2 * 2048 * 2049 / 2]


def test_mixed_runs_change_their_batch_with_some_prefill_among_it() -> None:
    steps = plan(Options(scenario="mixed", batch=32))

    share = (steps.ctx_requests > 0).mean()
    assert share == pytest.approx(1 / 8, abs=0.1)
    assert len(np.unique(steps.gen_requests)) > 5
    assert ((steps.gen_requests >= 32 / np.e - 1) & (steps.gen_requests <= 32 * np.e + 1)).all()


def test_varying_runs_change_their_batch_without_prefill() -> None:
    steps = plan(Options(scenario="varying", batch=32))

    assert set(steps.kind) == {STEP_KINDS.index("decode")}
    assert (steps.ctx_requests == 0).all()
    assert len(np.unique(steps.gen_requests)) > 5
    context = feature(steps, "gen_kv") / feature(steps, "gen_tokens")
    assert np.std(np.log(context)) > 0.05


def test_experts_that_are_hit_never_exceed_all() -> None:
    hit = (
        feature(plan(Options(batch=1), 1), "experts"),
        feature(plan(Options(batch=10_000), 1), "experts"),
    )

    # One token hits its 8 experts; very many hit all 256.
    assert hit[0] == pytest.approx([8.0])
    assert hit[1] == pytest.approx([256.0])


def test_lengths_are_counted() -> None:
    assert steps_for_kernels(np.array([10, 10, 10]), 20) == 2
    assert steps_for_kernels(np.array([10, 10, 10]), 21) == 3
    assert steps_for_seconds(np.array([1.0, 1.0, 1.0]), 1.5) == 2
    assert steps_for_seconds(np.array([1.0, 1.0, 1.0]), 9.5) == 10


def test_chunks_come_between_steps_of_decode_and_hold_their_prompts() -> None:
    whole = plan(Options(scenario="mixed", batch=16), 400)
    chunks = plan(Options(scenario="mixed", batch=16, prefill_chunk=512), 400)

    kinds = [ALL_KINDS[kind] for kind in chunks.kind]
    assert set(kinds) == {"prefill", "decode"}
    is_chunk = chunks.ctx_requests > 0
    assert (feature(chunks, "tokens")[is_chunk] <= 512).all()
    assert (chunks.gen_requests[is_chunk] == 0).all()
    # The first steps with prompts: as many tokens, as many pairs that attend.
    takes = int(whole.ctx_requests[0] > 0)
    n_chunks = int(np.argmin(is_chunk))
    assert takes
    assert n_chunks > 1
    for name in ("ctx_tokens", "ctx_pairs"):
        expected = feature(whole, name)[0]
        assert feature(chunks, name)[:n_chunks].sum() == pytest.approx(expected)
    assert feature(chunks, "gen_kv")[n_chunks] == pytest.approx(feature(whole, "gen_kv")[0])


def test_every_fourth_iteration_of_a_convolution_net_only_goes_forward() -> None:
    kinds = [ALL_KINDS[kind] for kind in plan(Options(scenario="convnet"), 9).kind]

    assert kinds == ["train", "train", "train", "forward"] * 2 + ["train"]
