"""Latencies, energy of a load that one or more instances serve at one clock."""

from __future__ import annotations

from dataclasses import replace
from math import ceil
from typing import TYPE_CHECKING

import numpy as np

from traceenergy.records import dataclass
from traceenergy.sweeps.replay import replay
from traceenergy.sweeps.step_table import StepTable
from traceenergy.units import S_PER_NS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from traceenergy.sweeps.loads import Requests
    from traceenergy.sweeps.replay import Replay
    from traceenergy.sweeps.slo import Slo
    from traceenergy.sweeps.step_laws import StepLaw
    from traceenergy.sweeps.step_table import Engine

_ROUNDING = 1e-12
_PERCENT = {"p50": 50, "p90": 90, "p95": 95, "p99": 99, "max": 100}


@dataclass(frozen=True)
class Latency:
    """Lengths of one latency, with how often each occurred.

    Attributes
    ----------
    length_ns : ndarray of shape (n_lengths,)
        Rising.
    reached : ndarray of shape (n_lengths,)
        How many are that long at most.
    scatter : ndarray or None
        Factors, each as likely, that each of them takes; None: they are as long as told.
    """

    length_ns: NDArray[np.int64]
    reached: NDArray[np.int64]
    scatter: NDArray[np.float64] | None = None

    @property
    def n(self) -> int:
        """How many there are."""
        return int(self.reached[-1]) if len(self.reached) else 0

    def statistic(self, name: str) -> float | None:
        """Mean or percentile [ns]; None if there are none.

        A percentile is the smallest length that so many per cent do not exceed, one that occurred.
        """
        if not self.n:
            return None
        if name == "mean":
            return float(np.diff(self.reached, prepend=0) @ self.length_ns / self.n)
        if self.scatter is not None:
            return self._scattered(_PERCENT[name] / 100, self.scatter)
        rank = -(-_PERCENT[name] * self.n // 100)
        return float(self.length_ns[np.searchsorted(self.reached, rank)])

    def share_within(self, limit_ns: int) -> float | None:
        """Share that is no longer than a limit; None if there are none."""
        if not self.n:
            return None
        factors = np.ones(1) if self.scatter is None else self.scatter
        limits_ns = limit_ns if self.scatter is None else limit_ns / factors
        at = np.searchsorted(self.length_ns, np.atleast_1d(limits_ns), side="right")
        return float(np.append(0, self.reached)[at].mean() / self.n)

    def _scattered(self, share: float, scatter: NDArray[np.float64]) -> float:
        """Halve to the smallest length that so many do not exceed, to a nanosecond."""
        low = int(self.length_ns[0] * scatter.min()) - 1
        high = ceil(self.length_ns[-1] * scatter.max()) + 1
        while high - low > 1:
            middle = (low + high) // 2
            is_enough = (self.share_within(middle) or 0.0) >= share - _ROUNDING
            low, high = (low, middle) if is_enough else (middle, high)
        return float(high)


@dataclass(frozen=True)
class Served:
    """What a load got at one clock, and what that took.

    Attributes
    ----------
    clock_mhz
        SM clock of all instances [MHz].
    latencies : dict of str to Latency
        `ttft`, `tbt`, `tpot`, `e2e`.
    end_ns
        When the last request ended.
    busy_ns, steps_j
        Time [ns], energy [J] of all steps of all instances.
    n_steps
        Of all instances.
    outside_share
        Share of steps outside of what the law was made from.
    time_error_share, energy_error_share
        As in `Replay`, the largest of its instances.
    """

    clock_mhz: float
    latencies: dict[str, Latency]
    end_ns: int
    busy_ns: int
    steps_j: float
    n_steps: int
    outside_share: float
    time_error_share: float
    energy_error_share: float

    def over_limit(self, slos: Sequence[Slo]) -> tuple[float, Slo | None]:
        """Tell the objective that is missed most, or kept most narrowly, as value over limit."""
        shares = [
            ((self.latencies[slo.latency].statistic(slo.statistic) or 0.0) / slo.limit_ns, slo)
            for slo in slos
        ]
        return max(shares, key=lambda pair: pair[0], default=(0.0, None))

    def keeps(self, slos: Sequence[Slo]) -> bool:
        """Whether no objective is missed."""
        return self.over_limit(slos)[0] <= 1

    def above_idle_j(self, idle_w: float) -> float:
        """Energy of steps beyond that of idle GPUs in the same time, whatever time is looked at."""
        return self.steps_j - idle_w * self.busy_ns * S_PER_NS

    def total_j(self, idle_w: float | None, end_ns: int, n_instances: int = 1) -> float:
        """Energy of all instances from the first arrival to `end_ns` [J]; rest counts if known."""
        idle_w = idle_w or 0.0
        return self.above_idle_j(idle_w) + n_instances * idle_w * end_ns * S_PER_NS


def serve(
    requests: Requests, engine: Engine, law: StepLaw, clock_mhz: float, n_instances: int = 1
) -> tuple[Served, list[Replay]]:
    """Replay a load on instances that take requests in turn.

    Parameters
    ----------
    requests : Requests
    engine : Engine
        Each of them.
    law : StepLaw
    clock_mhz
        SM clock of all of them [MHz].
    n_instances
        At most as many as there are requests.
    """
    return serve_by(StepTable(law, clock_mhz, engine, requests), requests, n_instances)


def serve_by(table: StepTable, requests: Requests, n_instances: int) -> tuple[Served, list[Replay]]:
    """Replay a load as `serve` does, by a table made before, of requests of these lengths."""
    replays = [
        replay(requests.part(i, n_instances), table.engine, table.law, table.clock_mhz, table)
        for i in range(n_instances)
    ]
    n_steps = np.array([int(one.blocks.n_steps.sum()) for one in replays])
    outside = np.array([one.outside_share for one in replays])
    latencies = _latencies(replays)
    # Sums of many steps, such as the others are, even out what a step differs by.
    latencies["tbt"] = replace(latencies["tbt"], scatter=table.law.scatter)
    served = Served(
        clock_mhz=table.clock_mhz,
        latencies=latencies,
        end_ns=max(int(one.end_ns.max()) for one in replays),
        busy_ns=sum(one.busy_ns for one in replays),
        steps_j=sum(float(one.blocks.energy_j.sum()) for one in replays),
        n_steps=int(n_steps.sum()),
        outside_share=float(outside @ n_steps / n_steps.sum()),
        time_error_share=max(one.time_error_share for one in replays),
        energy_error_share=max(one.energy_error_share for one in replays),
    )
    return served, replays


def _latencies(replays: list[Replay]) -> dict[str, Latency]:
    arrival, first, end, n_out = (
        np.concatenate(parts)
        for parts in zip(
            *(
                (
                    one.requests.arrival_ns,
                    one.first_token_ns,
                    one.end_ns,
                    one.requests.output_tokens,
                )
                for one in replays
            ),
            strict=True,
        )
    )
    several = n_out > 1
    return {
        "ttft": _each(first - arrival),
        "tbt": _counted(
            np.concatenate([one.gap_ns for one in replays]),
            np.concatenate([one.n_gaps for one in replays]),
        ),
        "tpot": _each((end - first)[several] // (n_out[several] - 1)),
        "e2e": _each(end - arrival),
    }


def _each(length_ns: NDArray[np.int64]) -> Latency:
    return _counted(length_ns, np.ones(len(length_ns), dtype=np.int64))


def _counted(length_ns: NDArray[np.int64], number: NDArray[np.int64]) -> Latency:
    order = np.argsort(length_ns, kind="stable")
    return Latency(length_ns[order], np.cumsum(number[order]))
