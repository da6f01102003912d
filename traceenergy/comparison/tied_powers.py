"""Energies of two runs attributed together: the same work draws about the same power in both."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from traceenergy.records import dataclass

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Float = NDArray[np.float64]

# Of the power of all work from run to run, beside what clocks tell, as a standard deviation.
COMMON_SHARE = 0.003
LEAST_ERROR = 1e-4  # no attribution is better; keeps the equations well posed
BALANCE_ERROR = 1e-6  # of the energy of a run: its rows sum to what was measured
MOST_ROWS = 1000  # those of most energy are taken together; the others keep their own energies


@dataclass(frozen=True)
class Together:
    """What two runs taken together say of the energies of their rows, ``(n,)`` each.

    Attributes
    ----------
    base, head : ndarray of float64
        Factor on the energy that each run alone gives a row.
    base_var, head_var, covariance : ndarray of float64
        Of the two factors.
    """

    base: Float
    head: Float
    base_var: Float
    head_var: Float
    covariance: Float


def tie_powers(  # noqa: PLR0913, PLR0917 - what two runs say of a row
    base_j: Float,
    head_j: Float,
    base_error: Float,
    head_error: Float,
    expected: Float,
    looseness: Float,
) -> Together:
    """Take the attributions of two runs together.

    Parameters
    ----------
    base_j, head_j : ndarray of float64 (n,) [J]
        Energy of each row as each run alone gives it; 0 where it does not occur.
    base_error, head_error : ndarray of float64 (n,)
        Standard deviation of the attribution of each, over the energy.
    expected : ndarray of float64 (n,)
        Energy of the head over that of the base if the work of the row draws the same power in
        both: the ratio of its times, and of powers where clocks differ.
    looseness : ndarray of float64 (n,)
        Standard deviation of the logarithm of what is truly found over that; inf where nothing
        is expected.

    Returns
    -------
    Together

    Notes
    -----
    Rows of each run sum to what was measured, before and after. The rest is a Gaussian model of
    the logarithms, linear in the factors: each run alone gives a row with its error, and the ratio
    is the expected one, times a factor that all rows have in common (`COMMON_SHARE`), times the
    row's own. Attributions of two recordings err apart from each other: a kernel's share of the
    power is read from how readings change, which differs by chance. What both runs say together
    of a kernel that did not change is worth more than the difference of two attributions. Where all
    rows together moved by more than their looseness makes likely, all are looser by as much.
    """
    n = len(base_j)
    together = _apart(base_error, head_error)
    used = np.flatnonzero((base_j > 0) | (head_j > 0))
    used = used[np.argsort(-np.maximum(base_j, head_j)[used], kind="stable")][:MOST_ROWS]
    m = len(used)
    if m < 2:  # noqa: PLR2004 - one row has all the energy, whatever it is
        return together if n == 0 else _apart(np.zeros(n), np.zeros(n))
    rows = _Rows(
        base_j[used],
        head_j[used],
        np.maximum(base_error[used], LEAST_ERROR),
        np.maximum(head_error[used], LEAST_ERROR),
        expected[used],
        np.maximum(looseness[used], LEAST_ERROR),
    )
    shift, covariance = rows.solve()
    together.base[used], together.head[used] = 1 + shift[:m], 1 + shift[m : 2 * m]
    together.base_var[used] = np.diag(covariance)[:m]
    together.head_var[used] = np.diag(covariance)[m : 2 * m]
    together.covariance[used] = covariance[np.arange(m), m + np.arange(m)]
    return together


@dataclass(frozen=True)
class _Rows:
    """Rows as for `tie_powers`, ``(m,)`` each; unknown are both errors of each, and the drift."""

    base_j: Float
    head_j: Float
    base_error: Float
    head_error: Float
    expected: Float
    looseness: Float

    def solve(self) -> tuple[Float, Float]:
        """Solve for all unknown ``(2 m + 1,)``, with their covariance."""
        m = len(self.base_j)
        precision = np.diag(
            np.concatenate((1 / self.base_error**2, 1 / self.head_error**2, [1 / COMMON_SHARE**2]))
        )
        place = np.flatnonzero(self.tied)
        weight = 1 / (self.looseness[place] * self._surprise()) ** 2
        found = np.log(self.head_j[place] / self.base_j[place] / self.expected[place])
        tie = np.zeros((len(place), 2 * m + 1))
        at = np.arange(len(place))
        tie[at, place], tie[at, m + place], tie[:, -1] = -1.0, 1.0, -1.0
        precision += tie.T @ (weight[:, None] * tie)
        for sums, first in ((self.base_j, 0), (self.head_j, m)):
            balance = np.zeros(2 * m + 1)
            balance[first : first + m] = sums / max(sums.sum(), 1e-300)
            precision += np.outer(balance, balance) / BALANCE_ERROR**2
        factor = cho_factor(precision)
        shift = cho_solve(factor, -tie.T @ (weight * found))
        return shift, np.asarray(cho_solve(factor, np.eye(2 * m + 1)), dtype=np.float64)

    @property
    def tied(self) -> NDArray[np.bool_]:
        """Whether a row of one run tells something of that of the other."""
        both = (self.base_j > 0) & (self.head_j > 0) & (self.expected > 0)
        return np.asarray(both & np.isfinite(self.looseness))

    def _surprise(self) -> float:
        """By how much more than expected the sum of all rows moved, at least 1.

        Measured energy leaves no doubt that something draws other power then: rows are as loose
        as makes that likely, so that no large one takes it all for being large.
        """
        tied = self.tied
        expected_j = (self.base_j * self.expected)[tied]
        head_j = self.head_j[tied]
        if not len(head_j):
            return 1.0
        both_j = np.sqrt(expected_j * head_j)  # so that no run is first
        error_j = np.hypot(self.base_j * self.base_error, self.head_j * self.head_error)[~tied]
        likely_j = np.sqrt(
            np.sum((both_j * self.looseness[tied]) ** 2)
            + (COMMON_SHARE * both_j.sum()) ** 2
            + np.sum(error_j**2)
        )
        moved = abs(np.log(head_j.sum() / expected_j.sum()))
        return float(max(moved * both_j.sum() / likely_j, 1.0))


def _apart(base_error: Float, head_error: Float) -> Together:
    n = len(base_error)
    return Together(np.ones(n), np.ones(n), base_error**2, head_error**2, np.zeros(n))
