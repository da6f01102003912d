"""Steps that no range marks: their kinds, their tokens, which of them are skipped."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from traceenergy import Analysis, AnalysisOptions, analyze, read_trace
from traceenergy.errors import UsageError
from traceenergy.simulate.options import Options
from traceenergy.simulate.run import simulate_run

if TYPE_CHECKING:
    from pathlib import Path

    from traceenergy.trace.model import Trace


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Trace:
    """Two GPUs that take in a prompt in 4 steps of 512 tokens, then decode in 2, without marks."""
    folder: Path = tmp_path_factory.mktemp("served") / "run"
    options = Options(
        scenario="mixed", model="llama", marks="none", prefill_chunk=512, gpus=2, steps=6, layers=6,
        schema="3.25.0",
    )  # fmt: skip
    simulate_run(folder, options)
    return read_trace(folder / "trace.sqlite")


def run(trace: Trace, skip_steps: int = 0) -> Analysis:
    options = AnalysisOptions(time_only=True, tokens_per_step=8, skip_steps=skip_steps)
    return analyze(trace, options)


def test_what_ran_tells_their_kind(served: Trace) -> None:
    result = run(served)

    assert result.steps["kind"].to_list() == ["prefill"] * 4 + ["decode"] * 2
    assert result.step_kinds.select("kind", "n_steps", "tokens").rows() == [
        ("prefill", 4, 32),
        ("decode", 2, 16),
    ]


def test_skipped_ones_are_left_out_with_their_tokens(served: Trace) -> None:
    whole, skipped = run(served), run(served, skip_steps=2)

    assert skipped.steps["step"].to_list() == [2, 3, 4, 5]
    assert skipped.energy.tokens == 32
    assert skipped.window.end_ns == whole.window.end_ns
    assert skipped.steps["n_kernels"].to_list() == whole.steps["n_kernels"].to_list()[2:]


def test_more_than_there_are_cannot_be_skipped(served: Trace) -> None:
    with pytest.raises(UsageError, match="cannot skip 6 steps: the trace has 6") as caught:
        run(served, skip_steps=6)
    assert "order of kernels" in caught.value.details
