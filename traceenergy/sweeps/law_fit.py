"""The amounts of laws of steps, by the least errors over measured ones."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from traceenergy.records import dataclass
from traceenergy.sweeps.step_physics import (
    ATTENTION,
    HOST,
    MAX_ORDER,
    N_HOST,
    N_TERMS,
    PRODUCTS,
    EnergyLaw,
    TimeLaw,
    energy_terms,
    scale_of,
    soft_max_slopes,
    time_of,
    time_terms,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Float = NDArray[np.float64]

# From so few the way to the least errors is found; what they leave open, all others settle.
_FEW_STEPS = 4000
_MAX_ITERATIONS = 40
# Steps at a time, so that memory stays small.
_AT_ONCE = 16_384
# Orders to begin from: near the sum, near the maximum; each finds what the other misses.
_FIRST_BENDS = (-1.5, 0.7)
_MOST_BEND = 2.5
# Share of what a single step adds to the sum of errors: less gain than that tells nothing.
_ENOUGH = 0.1
# Of the damping: shares of the squares of slopes; its first value, the smallest, the largest.
_DAMPING, _LEAST_DAMPING, _MOST_DAMPING = 1e-2, 1e-6, 1e4
# Change of an order's bend that errors of a step as large as usual pay for.
_FREE_BEND = 100.0
# Of relative errors: a stall of the host, a first step. Steps that scatter more have larger ones:
# so many times their scatter, a median error over that of a normal one being 0.6745.
_LARGE = 0.1
_LARGE_SCATTERS, _MEDIAN_OF_NORMAL = 1.345, 0.6745
_TINY, _TINY_ERROR = np.finfo(float).tiny, 1e-6
# Squared error that an amount as large as the median time adds.
_SHRINK = 1e-4
_HOST_SHARE, _LEAST_SHARE = 0.3, 1e-3
# Of errors in logarithms, from those over what was measured.
_ROUNDS = 5


def fit_time_law(features: Float, step_s: Float) -> TimeLaw:
    """Fit a law to measured steps, by relative errors, of which large ones count less.

    Parameters
    ----------
    features : ndarray of shape (n, 4)
        In the order of this module, clock > 0.
    step_s : ndarray of shape (n,)
        Measured times [s], > 0; at least 14.
    """
    scale = scale_of(features)
    every = _Measured(time_terms(features, scale), np.log(step_s), _LARGE)
    rows = _spread(len(step_s))
    few = _Measured(every.terms[rows], every.log_s[rows], _LARGE)
    guess = _first_guess(few.terms, step_s[rows])
    tried = [_settled(_Guess(guess, np.array([bend, bend])), few) for bend in _FIRST_BENDS]
    best = min(tried, key=few.cost)
    off = np.abs(np.log(time_of(best.amounts, best.orders, every.terms)) - every.log_s)
    found = _settled(best, replace(every, large=_large_error(off)))
    return TimeLaw(found.amounts, found.orders, scale)


def fit_energy_law(features: Float, step_s: Float, step_j: Float) -> EnergyLaw:
    """Fit a law to measured energies, by relative errors, for times that a model predicts.

    Parameters
    ----------
    features : ndarray of shape (n, 4)
        In the order of this module.
    step_s : ndarray of shape (n,)
        Predicted times [s].
    step_j : ndarray of shape (n,)
        Measured energies [J], > 0.
    """
    scale = scale_of(features)
    terms = energy_terms(features, step_s, scale)
    amounts = _positive_fit(terms, step_j, 1 / step_j)
    # Over what is measured, steps that happen to draw little count most: the law would be low by
    # 13 % where steps scatter by 30 %. So errors are of logarithms, large ones count less.
    for _ in range(_ROUNDS):
        predicted = np.maximum(terms @ amounts, _TINY_ERROR * step_j)
        error = np.log(step_j / predicted)
        large = _large_error(np.abs(error))
        weight = (1 + (error / large) ** 2) ** -0.25
        amounts = _positive_fit(terms, predicted * (1 + error), weight / predicted)
    return EnergyLaw(amounts, scale)


def _large_error(off: Float) -> float:
    """Say from which error on it counts less, by how far steps are off."""
    return max(_LARGE, _LARGE_SCATTERS * float(np.median(off)) / _MEDIAN_OF_NORMAL)


def _positive_fit(terms: Float, wanted: Float, weight: Float) -> Float:
    """Find amounts >= 0 with the least weighted squares; 18 rows tell as much as all do."""
    from scipy.optimize import nnls  # noqa: PLC0415 - only models need it, and it is slow

    whole = np.column_stack([terms, wanted]) * weight[:, np.newaxis]
    rows: Float = np.asarray(np.linalg.qr(whole, mode="r"))
    size = np.maximum(np.linalg.norm(rows[:, :-1], axis=0), _TINY)
    amounts: Float = nnls(rows[:, :-1] / size, rows[:, -1])[0] / size
    return amounts


def _spread(n: int) -> NDArray[np.int64]:
    """Rows spread over all of them, without a period that steps could share."""
    return np.sort(np.random.default_rng(0).permutation(n)[:_FEW_STEPS])


@dataclass(frozen=True)
class _Guess:
    """Amounts >= 0 of a law of time; orders as numbers that are free."""

    amounts: Float
    bends: Float

    @property
    def orders(self) -> Float:
        return 1 + (MAX_ORDER - 1) * (1 + np.tanh(self.bends)) / 2

    @property
    def order_slopes(self) -> Float:
        return (MAX_ORDER - 1) / 2 / np.cosh(self.bends) ** 2


@dataclass(frozen=True)
class _Measured:
    """Steps that a law of time is held against.

    Attributes
    ----------
    terms : ndarray of shape (n, 12)
        What amounts multiply.
    log_s : ndarray of shape (n,)
        Logarithms of times.
    large
        Errors grow as squares up to it, then only like themselves.
    """

    terms: Float
    log_s: Float
    large: float

    def pieces(self) -> Iterator[tuple[Float, Float]]:
        """Cut them, so that what is made of each stays small."""
        for start in range(0, len(self.log_s), _AT_ONCE):
            piece = slice(start, start + _AT_ONCE)
            yield self.terms[piece], self.log_s[piece]

    @cached_property
    def shrink(self) -> float:
        """What no step shows, such as arithmetic always behind traffic, is held small."""
        return _SHRINK / float(np.exp(np.median(self.log_s)))

    def cost(self, guess: _Guess) -> float:
        """Sum softened squares of errors, with the amounts."""
        cost = self.shrink * float(guess.amounts.sum())
        for terms, log_s in self.pieces():
            time_s = time_of(guess.amounts, guess.orders, terms)
            error = np.log(np.maximum(time_s, _TINY)) - log_s
            rooted = np.sqrt(1 + (error / self.large) ** 2) - 1
            cost += 2 * self.large**2 * float(rooted.sum())
        return cost

    def rows(self, guess: _Guess) -> Float:
        """Give slopes of errors by all parameters, and errors, as 15 rows with the same squares."""
        rows = np.zeros((0, N_TERMS + 3))
        for terms, log_s in self.pieces():
            time_s, slopes = _time_slopes(guess, terms)
            error = log_s - np.log(time_s)
            weight = (1 + (error / self.large) ** 2) ** -0.25
            piece = np.column_stack([slopes / time_s[:, np.newaxis], error])
            piece *= weight[:, np.newaxis]
            rows = np.asarray(np.linalg.qr(np.vstack([rows, piece]), mode="r"))
        return rows


def _settled(guess: _Guess, measured: _Measured) -> _Guess:
    """Lower the cost as long as that tells anything: Levenberg and Marquardt, amounts >= 0."""
    cost, damping = measured.cost(guess), _DAMPING
    for _ in range(_MAX_ITERATIONS):
        rows = measured.rows(guess)
        while True:
            other = _moved(guess, rows, measured, damping)
            gain = cost - measured.cost(other)
            if gain > 0 or damping > _MOST_DAMPING:
                break
            damping *= 10
        if gain <= 0:
            return guess
        guess, cost, damping = other, cost - gain, max(damping / 10, _LEAST_DAMPING)
        if gain < _ENOUGH * cost / len(measured.log_s):
            break
    return guess


def _moved(guess: _Guess, rows: Float, measured: _Measured, damping: float) -> _Guess:
    """Take the amounts, orders that straight slopes say are best, not far from those before."""
    from scipy.optimize import nnls  # noqa: PLC0415 - only models need it, and it is slow

    slopes, n = rows[:, :-1], len(measured.log_s)
    size = np.linalg.norm(slopes, axis=0)
    size[size == 0] = 1.0
    held = np.sqrt(damping) * size
    held[N_TERMS:] = np.maximum(held[N_TERMS:], measured.large * np.sqrt(n) / _FREE_BEND)
    now = np.append(guess.amounts, [0.0, 0.0])
    # k x the sum of amounts is added by one row w x amounts = -k / (2 w), up to w^2 x its square.
    least = np.append(np.full(N_TERMS, 1.0), [0.0, 0.0])
    light = np.sqrt(1e-3 * measured.shrink / max(float(guess.amounts.sum()), _TINY))
    whole = np.vstack([slopes, np.diag(held), light * least])
    wanted = np.concatenate(
        [rows[:, -1] + slopes @ now, held * now, [-measured.shrink / (2 * light)]]
    )
    # Changes of bends have a sign: one column for each.
    whole[:, :N_TERMS] /= size[:N_TERMS]
    found = nnls(np.hstack([whole, -whole[:, N_TERMS:]]), wanted, maxiter=1000)[0]
    bends = guess.bends + found[N_TERMS:-2] - found[-2:]
    return _Guess(found[:N_TERMS] / size[:N_TERMS], np.clip(bends, -_MOST_BEND, _MOST_BEND))


def _time_slopes(guess: _Guess, terms: Float) -> tuple[Float, Float]:
    """Give times (n,), their derivatives by amounts, then by bends (n, 14)."""
    amounts = guess.amounts
    slopes = np.empty((len(terms), N_TERMS + 2))
    slopes[:, HOST] = terms[:, HOST]
    time_s = terms[:, HOST] @ amounts[HOST]
    for at, (math, traffic) in enumerate((PRODUCTS, ATTENTION)):
        both, by_math, by_traffic, by_order = soft_max_slopes(
            terms[:, math] @ amounts[math], terms[:, traffic] @ amounts[traffic], guess.orders[at]
        )
        time_s = time_s + both
        slopes[:, math] = terms[:, math] * by_math[:, np.newaxis]
        slopes[:, traffic] = terms[:, traffic] * by_traffic[:, np.newaxis]
        slopes[:, N_TERMS + at] = by_order * guess.order_slopes[at]
    return np.maximum(time_s, _TINY), slopes


def _first_guess(terms: Float, step_s: Float) -> Float:
    """Take sums in place of maxima, which is a linear problem, and lift its zeros a little."""
    from scipy.optimize import nnls  # noqa: PLC0415 - only models need it, and it is slow

    summed, _ = nnls(terms[:, N_HOST:] / step_s[:, np.newaxis], np.ones(len(step_s)))
    # A step's fixed time, its time for each sequence, as if memory alone took them.
    host = _HOST_SHARE * summed[3:5]
    guess: Float = np.maximum(np.append(host, summed), _LEAST_SHARE * step_s.min())
    return guess
