"""Time in which matrix products run, against counting nanoseconds."""

from __future__ import annotations

import numpy as np
import pytest

from tests.build import Range, Work, build_trace
from traceenergy.analysis import AnalysisOptions, analyze

NAMES = ("cutlass_gemm", "rms_norm_kernel")
PAUSE_NS = 1000


@pytest.mark.parametrize("seed", range(4))
def test_products_that_run_together_count_once_in_each_step(seed: int) -> None:
    rng = np.random.default_rng(seed)
    works, ranges, at = [], [], 0
    busy = np.zeros(200_000, dtype=bool)
    for step in range(3):
        begin = at
        for _ in range(12):
            name, length = NAMES[rng.integers(2)], int(rng.integers(20, 400))
            works.append(Work(name, at, at + length, stream=int(rng.integers(3))))
            busy[at : at + length] |= name == NAMES[0]
            at += int(rng.integers(10, 500))  # before or after the end of this one
        at += PAUSE_NS
        ranges.append(Range(f"step {step}", begin, at))
    result = analyze(build_trace(works, ranges=ranges), AnalysisOptions(time_only=True))

    told = result.duty_cycle.filter(result.duty_cycle["level"] != "layer")

    assert set(told["level"]) == {"gpu", "step"}
    assert told["matmul_s"].to_list() == pytest.approx([busy.sum() * 1e-9] * len(told))
