"""When launches, kernels of one kind of step happen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from traceenergy.records import dataclass
from traceenergy.simulate.dependencies import (
    dependencies_of,
    path_us,
    run_exactly,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.simulate.template import Template

    Float = NDArray[np.float64]
    Int = NDArray[np.int64]

PREPARE_US = 60.0
HOST_US, API_US, GRAPH_API_US = 2.6, 2.9, 70.0
EAGER_GAP_US, GRAPH_GAP_US = 1.1, 0.8
EAGER_START_US, GRAPH_START_US = 1.3, 6.0
STREAM_GAP_US = 1.5
UNSEEN_RANK_WAIT_US = 1.5
RANK_JITTER_US = 8.0
SYNC_US = 9.0
SYNC_API = "cudaStreamSynchronize_v3020"


@dataclass(frozen=True)
class Schedule:
    """Times of all steps of one kind, from the start of each step.

    Attributes
    ----------
    call_start_us, call_end_us : ndarray of float64 (n_gpus, n_steps, n_calls) [us]
        Launches, in order.
    start_us, end_us : ndarray of float64 (n_gpus, n_steps, n_slots) [us]
        GPU work.
    sync_start_us, sync_end_us : ndarray of float64 (n_gpus, n_steps) [us]
        The wait that ends the step.
    call_of_slot : ndarray of int64 (n_slots,)
        The launch behind each piece of work.
    is_graph_call : ndarray of bool (n_calls,)
        The launch is that of a graph.
    path_us : ndarray of float64 (n_gpus, n_steps, n_slots) or None [us]
        How long each piece holds the critical path of its step; only of steps that wait for
        events.
    bound_by : ndarray of int64 (n_gpus, n_steps, n_slots) or None
        What let it begin, a row of `dependencies.BOUND_BY`; likewise.
    """

    call_start_us: Float
    call_end_us: Float
    start_us: Float
    end_us: Float
    sync_start_us: Float
    sync_end_us: Float
    call_of_slot: Int
    is_graph_call: NDArray[np.bool_]
    path_us: Float | None = None
    bound_by: Int | None = None


def schedule_steps(  # noqa: PLR0913 - all of it decides when work runs
    template: Template,
    duration_us: Float,
    *,
    graphs: bool,
    unseen_ranks: bool,
    rng: np.random.Generator,
    waits: bool = False,
) -> Schedule:
    """Run all steps of one kind, side by side.

    Parameters
    ----------
    template : Template
        Of the kind.
    duration_us : ndarray of float64 (n_gpus, n_steps, n_slots) [us]
        How long each piece takes by itself.
    graphs : bool
        One launch for all that the template marks as part of the graph.
    unseen_ranks : bool
        Collectives also wait for ranks that are not recorded.
    rng : numpy.random.Generator
        For the host and the unseen ranks.
    waits : bool
        Streams wait for events where they fork and join, whatever the host does; without, joins
        come after the time that the second stream takes by itself.

    Returns
    -------
    Schedule

    Notes
    -----
    A stream runs its work in order: `end[i] = max(end[i-1] + gap, ready[i]) + duration[i]`, solved
    by a cumulative sum and a running maximum. A collective ends on all ranks when the last one
    has arrived and the transfer is done. Work on the second stream starts once the piece before
    it on the main stream has ended.
    """
    call_of_slot, is_graph_call = _calls(template, graphs=graphs)
    shape = (*duration_us.shape[:2], len(is_graph_call))
    mean_us = np.where(is_graph_call, GRAPH_API_US, API_US)
    api_us = mean_us * np.exp(rng.normal(0.0, 0.25, shape))
    host_us = HOST_US * np.exp(rng.normal(0.0, 0.25, shape))
    host_us[..., 0] += PREPARE_US + np.abs(rng.normal(0.0, RANK_JITTER_US, shape[:2]))
    call_end_us = np.cumsum(host_us + api_us, axis=-1)
    after_us = np.where(is_graph_call, GRAPH_START_US, EAGER_START_US)
    ready_us = (call_end_us + after_us)[..., call_of_slot]
    run = _run_with_waits if waits else _run
    start_us, end_us, held_us, bound_by = run(
        template, duration_us, ready_us, graphs=graphs, unseen_ranks=unseen_ranks, rng=rng
    )
    sync_start_us = call_end_us[..., -1] + HOST_US
    return Schedule(
        call_start_us=call_end_us - api_us,
        call_end_us=call_end_us,
        start_us=start_us,
        end_us=end_us,
        sync_start_us=sync_start_us,
        sync_end_us=np.maximum(sync_start_us, end_us.max(axis=-1)) + SYNC_US,
        call_of_slot=call_of_slot,
        is_graph_call=is_graph_call,
        path_us=held_us,
        bound_by=bound_by,
    )


def _calls(template: Template, *, graphs: bool) -> tuple[Int, NDArray[np.bool_]]:
    inside = template.in_graph & graphs
    # All slots of the graph share the call of the first one.
    opens = ~inside | (inside & (np.cumsum(inside) == 1))
    call_of_slot = np.cumsum(opens) - 1
    return call_of_slot, inside[opens]


def _run(  # noqa: PLR0913 - all of it decides when work runs
    template: Template,
    duration_us: Float,
    ready_us: Float,
    *,
    graphs: bool,
    unseen_ranks: bool,
    rng: np.random.Generator,
) -> tuple[Float, Float, None, None]:
    gap_us = np.full(duration_us.shape, GRAPH_GAP_US if graphs else EAGER_GAP_US)
    main, forks = np.flatnonzero(~template.side), forks_of(template)
    for _, side, between, join in forks:
        longer_us = _length(duration_us, side) - _length(duration_us, between)
        # The main stream waits where it meets a side stream that takes longer.
        gap_us[..., join] += np.maximum(0.0, longer_us + 2 * STREAM_GAP_US)
        gap_us[..., side[0]] = STREAM_GAP_US
    start_us, end_us = np.empty_like(duration_us), np.empty_like(duration_us)
    reached_us = np.zeros(duration_us.shape[:2])
    for piece in np.split(main, np.flatnonzero(template.collective[main]) + 1):
        if len(piece) == 0:
            continue
        ends_us = _in_order(
            reached_us, ready_us[..., piece], duration_us[..., piece], gap_us[..., piece]
        )
        starts_us = ends_us - duration_us[..., piece]
        if template.collective[piece[-1]]:
            done_us = ends_us[..., -1].max(axis=0)
            if unseen_ranks:
                done_us = done_us + rng.exponential(UNSEEN_RANK_WAIT_US, done_us.shape)
            ends_us[..., -1] = done_us
        start_us[..., piece], end_us[..., piece] = starts_us, ends_us
        reached_us = ends_us[..., -1]
    free_us = np.zeros(duration_us.shape[:2])
    for fork, side, _, _ in forks:
        begin_us = np.maximum(ready_us[..., side], end_us[..., [fork]])
        free_us = np.maximum(free_us, end_us[..., fork])
        ends_us = _in_order(free_us, begin_us, duration_us[..., side], gap_us[..., side])
        start_us[..., side], end_us[..., side] = ends_us - duration_us[..., side], ends_us
        free_us = ends_us[..., -1]
    return start_us, end_us, None, None


def _run_with_waits(  # noqa: PLR0913 - as `_run`
    template: Template,
    duration_us: Float,
    ready_us: Float,
    *,
    graphs: bool,
    unseen_ranks: bool,
    rng: np.random.Generator,
) -> tuple[Float, Float, Float, Int]:
    needs = dependencies_of(template, forks_of(template))
    times = run_exactly(
        needs,
        duration_us,
        ready_us,
        gap_us=(GRAPH_GAP_US if graphs else EAGER_GAP_US, STREAM_GAP_US),
        unseen_wait_us=UNSEEN_RANK_WAIT_US if unseen_ranks else 0.0,
        rng=rng,
    )
    return times.start_us, times.end_us, path_us(needs, times), times.bound_by


def _in_order(reached_us: Float, ready_us: Float, duration_us: Float, gap_us: Float) -> Float:
    run_us = np.cumsum(gap_us + duration_us, axis=-1)
    late_us = np.maximum.accumulate(ready_us + duration_us - run_us, axis=-1)
    return np.asarray(run_us + np.maximum(reached_us[..., None], late_us), dtype=np.float64)


def _length(duration_us: Float, columns: Int) -> Float:
    total_us = duration_us[..., columns].sum(axis=-1) + EAGER_GAP_US * len(columns)
    return np.asarray(total_us, dtype=np.float64)


def forks_of(template: Template) -> list[tuple[int, Int, Int, int]]:
    """List the stretches in which a step runs on two streams.

    Parameters
    ----------
    template : Template

    Returns
    -------
    list of tuple
        Last main slot before the side stream, side slots, main slots beside them, joining slot.
    """
    forks, opened = [], 0
    for join in np.flatnonzero(template.joins):
        window = np.arange(opened, join)
        side = window[template.side[window]]
        between = window[~template.side[window] & (window > side[0])]
        forks.append((int(side[0]) - 1, side, between, int(join)))
        opened = int(join)
    return forks
