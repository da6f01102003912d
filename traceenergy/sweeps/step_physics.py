"""Laws of time, of energy of a step, with few parameters: they hold where data are few.

A step multiplies matrices, attends to what is cached, and waits for the host. Each of the first
two takes the longer of its arithmetic, which the clock speeds up, and its traffic, which it does
not [1].

    t = h . [1, b] + soft_max(a . [1, b, p] / f, m . [1, b, p])
                   + soft_max(a' . [c, p^2] / f, m' . [c, p])

with batch b, cached tokens c, prompt tokens p, clock f, and all parameters >= 0, so that time never
rises with the clock, nor falls with the work. The soft maximum is a norm of order 1 (the sum) to 21
(nearly the maximum): real steps have many kernels, which do not all turn from one to the other at
once.

Energy is what rests, for as long as the step takes, and what work costs at a voltage that rises
with the clock somewhere between f^0 and f^1:

    e = sum over i = 0, 1, 2 of f^i (s_i t + d_i . [1, b, c, p, p^2]),  all s_i, d_i >= 0

References
----------
[1] S. Williams, A. Waterman, D. Patterson, "Roofline: an insightful visual performance model for
multicore architectures," Communications of the ACM 52(4), 2009, doi:10.1145/1498765.1498785.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from traceenergy.records import dataclass

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Float = NDArray[np.float64]

BATCH, CONTEXT, PREFILL, CLOCK = range(4)
"""Columns of features."""

HOST = slice(0, 2)
PRODUCTS = (slice(2, 5), slice(5, 8))
ATTENTION = (slice(8, 10), slice(10, 12))
"""Columns of terms of time: of the host, then arithmetic, traffic of products, of attention."""

N_TERMS, N_HOST = 12, 2
MAX_ORDER = 21.0
N_PARAMETERS = N_TERMS + 2
"""Of a law of times: amounts, orders."""

_TINY = np.finfo(float).tiny
_CLOCK_POWERS = (0, 1, 2)


@dataclass(frozen=True)
class TimeLaw:
    """Time of a step by its work, by the clock.

    Attributes
    ----------
    amounts : ndarray of shape (12,)
        h, a, m, a', m' of the module's equation, in seconds at the largest work and clock.
    orders : ndarray of shape (2,)
        Of the soft maximum of matrix products, of attention.
    scale : ndarray of shape (4,)
        Largest of each feature; work and clock are counted in it.
    """

    amounts: Float
    orders: Float
    scale: Float

    def step_s(self, features: Float) -> Float:
        """Time of steps [s] with features of shape (n, 4), in the order of this module."""
        return time_of(self.amounts, self.orders, time_terms(features, self.scale))


@dataclass(frozen=True)
class EnergyLaw:
    """Energy of a step by its time, its work, by the clock.

    Attributes
    ----------
    amounts : ndarray of shape (18,)
        s_i, d_i of the module's equation for each i.
    scale : ndarray of shape (4,)
        Largest of each feature.
    """

    amounts: Float
    scale: Float

    def step_j(self, features: Float, step_s: Float) -> Float:
        """Energy of steps [J] with features of shape (n, 4), which take `step_s`."""
        return energy_terms(features, step_s, self.scale) @ self.amounts


def scale_of(features: Float) -> Float:
    """Give the largest of each feature, 1 where it is 0."""
    largest: Float = features.max(axis=0)
    return np.where(largest > 0, largest, 1.0)


def time_terms(features: Float, scale: Float) -> Float:
    """Give what amounts multiply (n, 12), in the order of the module's equation."""
    work, clock = _work(features, scale)
    math, attention, cache = work[:, :3], work[:, [3, 4]], work[:, [3, 2]]
    each = clock[:, np.newaxis]
    return np.hstack([work[:, :2], math / each, math, attention / each, cache])


def time_of(amounts: Float, orders: Float, terms: Float) -> Float:
    """Give times (n,) [s] of steps with these terms."""
    time_s: Float = terms[:, HOST] @ amounts[HOST]
    for (math, traffic), order in zip((PRODUCTS, ATTENTION), orders, strict=True):
        one, other = terms[:, math] @ amounts[math], terms[:, traffic] @ amounts[traffic]
        time_s = time_s + _soft_max(one, other, order)
    return time_s


def soft_max_slopes(one: Float, other: Float, order: float) -> tuple[Float, Float, Float, Float]:
    """Give the soft maximum, its derivatives by both, and by the order."""
    larger = np.maximum(np.maximum(one, other), _TINY)
    log_ratio = np.log(np.maximum(np.minimum(one, other) / larger, _TINY))
    power = np.exp(order * log_ratio)
    log_sum = np.log1p(power)
    both = larger * np.exp(log_sum / order)
    by_larger = np.exp((1 / order - 1) * log_sum)
    by_smaller = by_larger * np.exp((order - 1) * log_ratio)
    is_first = one >= other
    by_order = both / order * (power * log_ratio / (1 + power) - log_sum / order)
    return (
        both,
        np.where(is_first, by_larger, by_smaller),
        np.where(is_first, by_smaller, by_larger),
        by_order,
    )


def energy_terms(features: Float, step_s: Float, scale: Float) -> Float:
    """Give what amounts of energy multiply (n, 18)."""
    work, clock = _work(features, scale)
    both = np.column_stack([step_s, work])
    return np.hstack([both * clock[:, np.newaxis] ** power for power in _CLOCK_POWERS])


def _work(features: Float, scale: Float) -> tuple[Float, Float]:
    """Give terms of work, 1, b, p, c, p^2 (n, 5), then the clock (n,), as shares of the largest."""
    share = features / scale
    batch, context, prefill = share[:, BATCH], share[:, CONTEXT], share[:, PREFILL]
    work = np.column_stack([np.ones_like(batch), batch, prefill, context, prefill**2])
    return work, share[:, CLOCK]


def _soft_max(one: Float, other: Float, order: float) -> Float:
    larger = np.maximum(np.maximum(one, other), _TINY)
    return larger * (1 + (np.minimum(one, other) / larger) ** order) ** (1 / order)
