"""Steps scheduled from stated dependencies, so that their critical path is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from traceenergy.records import dataclass

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.simulate.template import Template

    Float = NDArray[np.float64]
    Int = NDArray[np.int64]
    Fork = tuple[int, Int, Int, int]

BOUND_BY = ("stream", "launch", "event")
_LAUNCH, _EVENT = 1, 2
_NONE = -1


@dataclass(frozen=True)
class Dependencies:
    """What each slot of a step waits for; ``(n_slots,)`` each, -1 for nothing.

    Attributes
    ----------
    before : ndarray of int64
        The slot before it on its stream.
    event : ndarray of int64
        The slot on the other stream behind which the event lies that it waits for.
    collective : ndarray of bool
        Ends when the last rank has arrived.
    """

    before: Int
    event: Int
    collective: NDArray[np.bool_]


@dataclass(frozen=True)
class ExactTimes:
    """When the work of all steps of one kind runs; ``(n_gpus, n_steps, n_slots)`` each.

    Attributes
    ----------
    start_us, end_us : ndarray of float64 [us]
    bound_by : ndarray of int64
        Row of `BOUND_BY`: what let it begin.
    """

    start_us: Float
    end_us: Float
    bound_by: Int


def dependencies_of(template: Template, forks: list[Fork]) -> Dependencies:
    """Tell what the slots of a step wait for.

    Parameters
    ----------
    template : Template
    forks : list of tuple
        Last main slot before a side stream, side slots, main slots beside them, joining slot.

    Returns
    -------
    Dependencies
    """
    before = np.full(len(template.slots), _NONE, dtype=np.int64)
    for stream in (template.side, ~template.side):
        slots = np.flatnonzero(stream)
        before[slots[1:]] = slots[:-1]
    event = np.full(len(template.slots), _NONE, dtype=np.int64)
    for fork, side, _, join in forks:
        event[side[0]], event[join] = fork, side[-1]
    return Dependencies(before, event, template.collective)


def run_exactly(  # noqa: PLR0913 - all of it decides when work runs
    needs: Dependencies,
    duration_us: Float,
    ready_us: Float,
    *,
    gap_us: tuple[float, float],
    unseen_wait_us: float,
    rng: np.random.Generator,
) -> ExactTimes:
    """Run all steps of one kind, each slot as soon as all that it waits for is done.

    Parameters
    ----------
    needs : Dependencies
    duration_us, ready_us : ndarray of float64 (n_gpus, n_steps, n_slots) [us]
        How long each piece takes by itself; when its launch lets it begin.
    gap_us : tuple of float [us]
        From the end of a piece to the next one on its stream; on the other one, by an event.
    unseen_wait_us : float [us]
        Mean delay of collectives by ranks that are not recorded; 0 for none.
    rng : numpy.random.Generator
        For these.

    Returns
    -------
    ExactTimes
    """
    start_us, end_us = np.empty_like(duration_us), np.empty_like(duration_us)
    bound_by = np.empty(duration_us.shape, dtype=np.int64)
    never_us = np.full(duration_us.shape[:2], -np.inf)
    for slot in range(duration_us.shape[2]):
        before, event = needs.before[slot], needs.event[slot]
        limits_us = np.stack(
            (
                end_us[..., before] + gap_us[0] if before >= 0 else never_us,
                ready_us[..., slot],
                end_us[..., event] + gap_us[1] if event >= 0 else never_us,
            )
        )
        start_us[..., slot] = limits_us.max(axis=0)
        bound_by[..., slot] = limits_us.argmax(axis=0)
        end_us[..., slot] = start_us[..., slot] + duration_us[..., slot]
        if needs.collective[slot]:
            done_us = end_us[..., slot].max(axis=0)
            if unseen_wait_us:
                done_us = done_us + rng.exponential(unseen_wait_us, done_us.shape)
            end_us[..., slot] = done_us
    return ExactTimes(start_us, end_us, bound_by)


def path_us(needs: Dependencies, times: ExactTimes) -> Float:
    """Find how long each piece holds the critical path of its step.

    Parameters
    ----------
    needs : Dependencies
    times : ExactTimes

    Returns
    -------
    ndarray of float64 (n_gpus, n_steps, n_slots) [us]
        Zero off the path.

    Notes
    -----
    From the last end backward: to the last rank that arrived at a collective, then to what let
    the piece begin. Behind a launch the host holds the path, to the start of the step.
    """
    n_gpus, n_steps, _ = times.end_us.shape
    held_us = np.zeros(times.end_us.shape)
    step = np.arange(n_steps)
    last = times.end_us.transpose(1, 0, 2).reshape(n_steps, -1).argmax(axis=1)
    gpu, slot = np.divmod(last, times.end_us.shape[2])
    arrives_last = times.start_us.argmax(axis=0)
    while len(step):
        if n_gpus > 1:
            gpu = np.where(needs.collective[slot], arrives_last[step, slot], gpu)
        at = (gpu, step, slot)
        held_us[at] = times.end_us[at] - times.start_us[at]
        bound_by = times.bound_by[at]
        follow = np.where(bound_by == _EVENT, needs.event[slot], needs.before[slot])
        goes_on = bound_by != _LAUNCH
        gpu, step, slot = gpu[goes_on], step[goes_on], follow[goes_on]
    return held_us
