"""Which of the clocks that may be set is the lowest that keeps objectives, which the cheapest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from traceenergy.records import dataclass
from traceenergy.sweeps.served import serve

if TYPE_CHECKING:
    from collections.abc import Callable

    from traceenergy.sweeps.loads import Requests
    from traceenergy.sweeps.served import Served
    from traceenergy.sweeps.slo import Aim
    from traceenergy.sweeps.step_laws import StepLaw
    from traceenergy.sweeps.step_table import Engine

# Energy over clocks has one valley; between this many points around it none is overlooked.
N_COARSE = 9


@dataclass(frozen=True)
class Lowest:
    """The lowest of numbered choices that is good enough, as are all above it.

    Attributes
    ----------
    index
        None if none is good enough.
    is_monotone
        Whether, of all that were tried, none below it is good enough, and each above it is.
    """

    index: int | None
    is_monotone: bool


def lowest_that(keeps: Callable[[int], bool], n: int) -> Lowest:
    """Find the lowest of `n` choices that is good enough, by halving.

    Halving is right if all above a good one are good. That is checked at the answer's neighbors, at
    both ends, and between; where it does not hold, all choices are tried. One that is good
    although a higher one is not was lucky, and does not count, unless the highest is not good.

    Parameters
    ----------
    keeps
        Whether a choice is good enough; asked more than once for some.
    n
        How many there are, at least one.
    """
    low, high = 0, n  # the answer lies in low .. high; n stands for none
    while low < high:
        middle = (low + high) // 2
        if keeps(middle):
            high = middle
        else:
            low = middle + 1
    probes = {0, n - 1, low - 2, low - 1, low, low + 1, low + 2}
    probes |= {low * i // 4 for i in (1, 2, 3)} | {low + (n - low) * i // 4 for i in (1, 2, 3)}
    if all(keeps(i) == (i >= low) for i in sorted(probes) if 0 <= i < n):
        return Lowest(low if low < n else None, is_monotone=True)
    kept = [i for i in range(n) if keeps(i)]
    if not kept:
        return Lowest(None, is_monotone=True)
    missed = [i for i in range(n) if not keeps(i)]
    steady = max(missed, default=-1) + 1
    return Lowest(steady if steady < n else kept[0], is_monotone=kept[0] == steady)


def cheapest(cost: Callable[[int], float], first: int, n: int) -> int:
    """Find the cheapest of the choices `first` to `n - 1`, closing in from a coarse grid.

    Right if cost has one valley, or valleys that a ninth of the range shows.
    """
    low, high = first, n - 1
    while True:
        grid = np.unique(np.linspace(low, high, N_COARSE).round().astype(int)).tolist()
        at = int(np.argmin([cost(i) for i in grid]))
        if len(grid) == high - low + 1:
            return int(grid[at])
        low, high = grid[max(at - 1, 0)], grid[min(at + 1, len(grid) - 1)]


@dataclass(frozen=True)
class ClockChoice:
    """What a load needs.

    Attributes
    ----------
    lowest : Served or None
        At the lowest clock that keeps all objectives; None if none does.
    cheapest : Served or None
        At the clock that needs the least energy among those that keep them.
    nearest : Served
        At the clock that comes nearest to the objectives, or keeps them best, of those tried.
    fastest : Served
        At the highest clock.
    is_monotone
        Whether all clocks tried above the lowest one keep them, and none below it does.
    tried : tuple of Served
        At all clocks that the load was replayed at, rising.
    """

    lowest: Served | None
    cheapest: Served | None
    nearest: Served
    fastest: Served
    is_monotone: bool
    tried: tuple[Served, ...]


def choose_clock(
    requests: Requests,
    engine: Engine,
    law: StepLaw,
    aim: Aim,
    n_instances: int = 1,
) -> ClockChoice:
    """Find the lowest clock that keeps all objectives, with the one that needs the least energy.

    The lowest is not always the cheapest: at a low clock GPUs draw their static power for longer.
    Energies of clocks are set side by side for the same time: whoever is done sooner rests.

    Parameters
    ----------
    requests : Requests
    engine : Engine
    law : StepLaw
    aim : Aim
    n_instances
        That share the load.
    """
    tried: dict[int, Served] = {}
    idle_w, slos = engine.idle_w or 0.0, aim.slos

    def at(index: int) -> Served:
        if index not in tried:
            tried[index] = serve(requests, engine, law, float(aim.clocks_mhz[index]), n_instances)[
                0
            ]
        return tried[index]

    def cost(index: int) -> float:
        return at(index).above_idle_j(idle_w) if at(index).keeps(slos) else np.inf

    n_clocks = len(aim.clocks_mhz)
    found = lowest_that(lambda i: at(i).keeps(slos), n_clocks)
    best = None if found.index is None else at(cheapest(cost, found.index, n_clocks))
    fastest = at(n_clocks - 1)
    return ClockChoice(
        lowest=None if found.index is None else at(found.index),
        cheapest=best,
        nearest=min(tried.values(), key=lambda served: served.over_limit(slos)[0]),
        fastest=fastest,
        is_monotone=found.is_monotone,
        tried=tuple(tried[i] for i in sorted(tried)),
    )
