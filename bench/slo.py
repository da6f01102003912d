"""Lowest clock that keeps an objective: by a model fitted to noisy steps, against the true law.

Ends with exit code 1 if a told clock is further from the true one than a clock step, where the
fleet has as many steps as its noise needs.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from dataclasses import dataclass
from math import exp
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import norm

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.sweep import fleet
from tests.sweep.lowest_clock_trials import trials
from traceenergy.sweeps.measured_engine import law_of_mean_steps
from traceenergy.sweeps.slo import clocks_between
from traceenergy.sweeps.step_model import StepModel, fit_step_model

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tests.sweep.lowest_clock_trials import Trial

    Axis = NDArray[np.float64]

STEP_MHZ = 15.0
N_RUNS = len(fleet.CLOCKS_MHZ) * len(fleet.BATCHES)
RUN_NOISE = 0.01
CONFIDENCE = 0.9
N_QUANTILES = 2000  # of the true scatter


@dataclass(frozen=True)
class Case:
    """A fleet.

    Attributes
    ----------
    law : fleet.Law
    noise
        Of each step (standard deviation of logarithms).
    n_steps
        Of each run.
    is_enough
        Whether these steps are told to be enough for a clock step.
    """

    law: fleet.Law
    noise: float
    n_steps: int
    is_enough: bool


ROOFLINES, PADDED = fleet.Law(), fleet.PaddedLaw()
CASES = (
    Case(ROOFLINES, 0.0, 200, is_enough=True),
    Case(ROOFLINES, 0.15, 200, is_enough=True),
    Case(ROOFLINES, 0.30, 200, is_enough=False),
    Case(ROOFLINES, 0.30, 800, is_enough=False),
    Case(ROOFLINES, 0.30, 2700, is_enough=True),
    Case(PADDED, 0.0, 200, is_enough=True),
    Case(PADDED, 0.30, 2700, is_enough=False),
)


@dataclass(frozen=True)
class TrueLaw:
    """The law of a fleet, which knows all."""

    law: fleet.Law
    noise: float

    @property
    def scatter(self) -> Axis | None:
        """What single steps take over the mean: normal in logarithms."""
        at = (np.arange(N_QUANTILES) + 0.5) / N_QUANTILES
        return np.exp(self.noise * norm.ppf(at) - self.noise**2 / 2) if self.noise else None

    def step_s(
        self, batch: Axis, context_tokens: Axis, prefill_tokens: Axis, clock_mhz: Axis
    ) -> Axis:
        """Mean time of such steps [s]."""
        step_s = self.law.step_s(batch, context_tokens, prefill_tokens, clock_mhz)
        return step_s * exp(self.noise**2 / 2)

    def step_j(
        self, batch: Axis, context_tokens: Axis, prefill_tokens: Axis, clock_mhz: Axis
    ) -> Axis:
        """Mean energy of such steps [J]."""
        step_j = self.law.step_j(batch, context_tokens, prefill_tokens, clock_mhz)
        return step_j * exp(self.noise**2 / 2)

    def outside(
        self, batch: Axis, context_tokens: Axis, prefill_tokens: Axis, clock_mhz: Axis
    ) -> NDArray[np.bool_]:
        """Nothing is."""
        del context_tokens, prefill_tokens, clock_mhz
        return np.zeros(len(batch), dtype=np.bool_)


def trials_of(seed: int, case: Case) -> tuple[list[Trial], StepModel, float]:
    """Fit to the steps of a fleet, ask for one clock of each kind of objective.

    The last number is the CPU time of the fit [s].
    """
    noisy = fleet.Noise(step=case.noise, run=RUN_NOISE if case.noise else 0.0)
    runs = fleet.fleet(seed, case.n_steps, case.law, noisy)
    began_s = time.process_time()
    model = fit_step_model(runs)
    took_s = time.process_time() - began_s
    clocks_mhz = clocks_between(min(fleet.CLOCKS_MHZ), max(fleet.CLOCKS_MHZ), STEP_MHZ)
    truth = TrueLaw(case.law, case.noise)
    return trials(truth, law_of_mean_steps(model), seed, clocks_mhz), model, took_s


def is_held(trial: Trial, margin: float | None) -> bool:
    """Whether the interval of a saving holds the true one."""
    if margin is None:
        return False
    ratio = (1 - trial.true_saving) / (1 - trial.told_saving)
    return bool(abs(np.log(ratio)) <= np.sqrt(2) * margin)


def main() -> None:
    """Print one line for each fleet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=6)
    parser.add_argument("--rows", type=int, nargs="+", choices=range(1, len(CASES) + 1),
                        help="of the table; without it, all")  # fmt: skip
    asked = parser.parse_args()
    n_seeds = asked.seeds
    cases = [CASES[row - 1] for row in asked.rows] if asked.rows else CASES
    print(f"{n_seeds} seeds, clocks of {STEP_MHZ:g} MHz, load {os.getloadavg()[0]:.1f}")
    print("| law | noise | steps | trials | exact | off by 1 step | most | over the limit"
          " | saving off | held | CPU s of a fit |")  # fmt: skip
    print("|---" * 11 + "|")
    is_missed = False
    for case in cases:
        made = [trials_of(seed, case) for seed in range(n_seeds)]
        off_mhz = print_row(case, made)
        is_missed |= case.is_enough and off_mhz > STEP_MHZ
    sys.exit(is_missed)


def margin_of(model: StepModel) -> float | None:
    """Margin of the energy of a run."""
    margins = model.energy_margins
    return None if margins is None else margins.run(CONFIDENCE)


def print_row(case: Case, made: list[tuple[list[Trial], StepModel, float]]) -> float:
    """Print a line; give by how much a clock is off at most [MHz]."""
    found = [one for told, _, _ in made for one in told]
    held = [is_held(one, margin_of(model)) for told, model, _ in made for one in told]
    off_mhz = np.abs([one.told_mhz - one.true_mhz for one in found])
    off_share = np.abs([one.told_saving - one.true_saving for one in found])
    over = max(one.over_limit for one in found) - 1
    law = "padded tiles" if case.law is PADDED else "rooflines"
    print(
        f"| {law} | {case.noise:.0%} | {case.n_steps * N_RUNS:,} | {len(found)}"
        f" | {np.mean(off_mhz == 0):.0%} | {np.mean(off_mhz <= STEP_MHZ):.0%}"
        f" | {off_mhz.max():.0f} MHz | {over:.1%}"
        f" | {np.median(off_share):.3f}, at most {off_share.max():.3f} | {np.mean(held):.0%}"
        f" | {np.median([took_s for _, _, took_s in made]):.0f} |",
        flush=True,
    )
    return float(off_mhz.max())


if __name__ == "__main__":
    main()
