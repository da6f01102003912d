"""What to doubt of clocks that were found for objectives."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from traceenergy.caveats import Caveat
from traceenergy.sweeps.step_physics import N_PARAMETERS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.sweeps.slo import Aim
    from traceenergy.sweeps.step_table import Engine

# Less than what such a table is wrong by where a step is measured well.
_LARGE_TABLE_ERROR = 0.02
_LARGE_OUTSIDE = 0.01
# Latencies that hold the time before a request is let in.
_WITH_WAITING = ("ttft", "e2e")
# Of times: a step of clocks of 15 MHz changes them by 0.5 to 1 %.
_LARGE_LAW_ERROR = 0.005
_MIDDLE = (0.16, 0.84)  # a standard deviation to both sides, where scatter is normal


def doubts_of_plan(tables: dict[str, pl.DataFrame], engine: Engine, aim: Aim) -> list[Caveat]:
    """Say where objectives are missed, and where the answer is less sure than it looks.

    Parameters
    ----------
    tables : dict of str to polars.DataFrame
        As `slo_plan.TABLES` declares them.
    engine : Engine
    aim : Aim
    """
    loads = tables["slo"]
    found = []
    for row in loads.filter(~pl.col("is_kept")).iter_rows(named=True):
        text = (
            f"No clock of {aim.clocks_mhz[0]:.0f} to {aim.clocks_mhz[-1]:.0f} MHz keeps all"
            f" objectives under {row['load']}. {row['nearest_clock_mhz']:.0f} MHz comes nearest:"
            f" {row['nearest_slo']} is missed by a factor of {row['nearest_over_limit']:.3g}."
        )
        found.append(Caveat("slo-not-kept", text))
    if aim.slos and not any(slo.latency in _WITH_WAITING for slo in aim.slos):
        text = (
            "No objective is on ttft or e2e, so that requests may wait for as long as they like:"
            " a load that an engine cannot keep up with may pass. Add one."
        )
        found.append(Caveat("slo-without-waiting", text))
    odd = loads.filter(pl.col("is_kept") & ~pl.col("is_monotone"))["load"].to_list()
    if odd:
        text = (
            f"Clocks that keep all objectives lie below others that miss one ({', '.join(odd)}), so"
            " that all clocks were tried. Near its limit an objective hangs on which requests meet"
            " by chance, or the model of steps is rough there; take a clock with some room."
        )
        found.append(Caveat("slo-not-monotone", text, n=len(odd)))
    far = loads.filter(pl.col("outside_share") > _LARGE_OUTSIDE)
    if len(far):
        most = max(far["outside_share"].to_list())
        text = (
            f"Up to {most:.0%} of the steps of a replay lie outside of what"
            f" was measured ({', '.join(far['load'])}): times and energies there are guesses."
        )
        found.append(Caveat("slo-outside", text, n=len(far)))
    worst = loads.select(pl.max_horizontal("time_error_share", "energy_error_share").max()).item()
    if worst is not None and worst > _LARGE_TABLE_ERROR:
        text = (
            f"Replays look steps up in a table, which is off by {worst:.1%} of the model on"
            " average: the model changes faster than the table shows."
        )
        found.append(Caveat("slo-table", text))
    if engine.idle_w is None:
        text = (
            "The power of GPUs between steps is not known, and left out: rest costs nothing here,"
            " which flatters high clocks and many instances."
        )
        found.append(Caveat("slo-idle-unknown", text))
    return found


def doubts_of_steps(n_steps: int, scatter: NDArray[np.float64]) -> list[Caveat]:
    """Say where steps are too few, as much as they scatter, to tell neighboring clocks apart.

    Parameters
    ----------
    n_steps
        That a law of times is learned from.
    scatter : ndarray of shape (n_quantiles,)
        Factors by which steps differ that no feature tells apart, each as likely.
    """
    low, high = np.quantile(np.log(scatter), _MIDDLE)
    spread = float(high - low) / 2
    error = (N_PARAMETERS / n_steps) ** 0.5 * spread
    if error <= _LARGE_LAW_ERROR:
        return []
    needed = N_PARAMETERS * (spread / _LARGE_LAW_ERROR) ** 2
    text = (
        f"Steps that are alike scatter by {spread:.0%}: {n_steps:,} of them settle times to about"
        f" {error:.1%}, so that clocks may be off by some steps. {needed:,.0f} steps would tell"
        f" times to {_LARGE_LAW_ERROR:.1%}."
    )
    return [Caveat("slo-few-steps", text, n=n_steps)]
