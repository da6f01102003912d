"""How much each moment of the past weighs in a reading of a power sensor."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from traceenergy.records import dataclass
from traceenergy.units import MS_PER_NS, S_PER_NS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Float = NDArray[np.float64]

S_PER_MS = S_PER_NS / MS_PER_NS
LEAST_SMOOTHING_MS = 1e-3  # quicker smoothing is none
LEAST_WIDTH_MS = 1e-9  # where two steps fall together
# Where the steps that stand for an exponential begin and end, in time constants. The rest of it,
# 0.1 %, is shared out over them; middle and width of what they stand for are off by so much.
RESPONSE_ERROR = 0.01
STEPS = np.array([0.0, 0.2, 0.4, 0.6, 0.85, 1.1, 1.4, 1.8, 2.3, 3.0, 4.0, 5.2, 7.2])


@dataclass(frozen=True)
class Response:
    """Weights that turn cumulative energy into what a sensor shows.

    A reading whose window ends at t is ``sum of weight * E(t - delay)``, E the energy up to a
    time.

    Attributes
    ----------
    delay_s : ndarray of float64 (n_steps,) [s]
        Ascending from 0.
    weight_hz : ndarray of float64 (n_steps,) [1/s]
        They sum to zero.
    """

    delay_s: Float
    weight_hz: Float


@lru_cache(maxsize=64)
def respond(window_ms: float, smoothing_ms: float) -> Response:
    """Weigh the past as a mean over a window of smoothed power does.

    Parameters
    ----------
    window_ms : float [ms]
        Above 0.
    smoothing_ms : float [ms]
        Time constant of the first-order smoothing before it, 0 for none.

    Returns
    -------
    Response

    Notes
    -----
    A box of length W after an exponential of time constant tau has seen, of what happened up to
    u ago, the share ``(g(u) - g(u - W)) / W`` with ``g(x) = x - tau (1 - exp(-x / tau))`` for
    x > 0, else 0. Between the steps the response is taken as level, each step with the share
    that it truly has; where there is no smoothing, or far inside a window, it is level.
    """
    if smoothing_ms < LEAST_SMOOTHING_MS:
        window_s = window_ms * S_PER_MS
        return Response(np.array([0.0, window_s]), np.array([1.0, -1.0]) / window_s)
    course_ms = smoothing_ms * STEPS
    edge_ms = np.sort(np.concatenate((course_ms, window_ms + course_ms)))

    def filled(since_ms: Float) -> Float:
        past_ms = np.maximum(since_ms, 0.0)
        return past_ms + smoothing_ms * np.expm1(-past_ms / smoothing_ms)

    share = np.diff(filled(edge_ms) - filled(edge_ms - window_ms))
    width_s = np.maximum(np.diff(edge_ms), LEAST_WIDTH_MS) * S_PER_MS
    level_hz = np.concatenate(([0.0], share / (share.sum() * width_s), [0.0]))
    return Response(edge_ms * S_PER_MS, level_hz[1:] - level_hz[:-1])
