"""Groups of work whose energies the readings tell in sum, but not one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from traceenergy.energy.power_model import z_of
from traceenergy.records import dataclass

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from traceenergy.energy.work_sums import WorkSums

    Int = NDArray[np.int64]
    Float = NDArray[np.float64]
    Bool = NDArray[np.bool_]

MOST_GROUPS = 100  # the largest are looked at
NOTICEABLE_SHARE = 0.005  # less of the dynamic energy is not worth a word
UNCERTAIN = 0.15  # half width of a 90 % interval over the energy, from which on it is worth a word
# Part of the variance of a split that is left by the readings; above it they do not decide.
UNDECIDED = 0.5
# Variance of a sum over that of as many independent energies; below it errors cancel.
CANCELS = 0.5
# What one more member must leave at most of the relative width of the sum.
CLEARLY_NARROWER = 0.8
MOST_MEMBERS = 8
TWINS = 0.8  # correlation of errors from which on two groups rise and fall as one
ROUNDING = 1e-9  # of variances over those that they are differences of


@dataclass(frozen=True)
class EnergySpread:
    """Energies of groups of work with what is known of their errors together.

    Attributes
    ----------
    energy_j : ndarray of float64 (n_groups,) [J]
        Dynamic energy.
    covariance_j2 : ndarray of float64 (n_groups, n_groups) [J^2]
        After the readings; with what the model itself may miss on the diagonal.
    prior_covariance_j2 : ndarray of float64 (n_groups, n_groups) [J^2]
        Before them, likewise.
    """

    energy_j: Float
    covariance_j2: Float
    prior_covariance_j2: Float

    def of_groups(self, group: Int) -> EnergySpread:
        """Choose some of the groups, in the order given."""
        both = np.ix_(group, group)
        return EnergySpread(
            self.energy_j[group], self.covariance_j2[both], self.prior_covariance_j2[both]
        )


def noticeable(dynamic_j: Float) -> Int:
    """Choose the groups that are worth a word.

    Parameters
    ----------
    dynamic_j : ndarray of float64 (n_groups,) [J]
        NaN where not known.

    Returns
    -------
    ndarray of int64
        At most `MOST_GROUPS`, most energy first.
    """
    known_j = np.nan_to_num(dynamic_j)
    order = np.argsort(-known_j, kind="stable")[:MOST_GROUPS]
    return np.asarray(order[known_j[order] > NOTICEABLE_SHARE * known_j.sum()], dtype=np.int64)


def spread_of(devices: Sequence[tuple[WorkSums, Int]], n_groups: int) -> EnergySpread | None:
    """Propagate what is known of power to groups of work on some devices.

    Parameters
    ----------
    devices : sequence of (WorkSums, ndarray of int64 (n_cells,))
        With the group of each cell of the device's work; negative for none.
    n_groups : int

    Returns
    -------
    EnergySpread or None
        Of the devices with a model; None if there is no such. What is expected of kernels errs
        alike on all, so standard errors add; correlations are those of the summed covariances.
    """
    parts = [part for sums, group in devices if (part := _of_device(sums, group, n_groups))]
    if not parts:
        return None
    return EnergySpread(
        np.sum([part.energy_j for part in parts], axis=0),
        _err_alike([part.covariance_j2 for part in parts]),
        _err_alike([part.prior_covariance_j2 for part in parts]),
    )


def _err_alike(covariances: list[Float]) -> Float:
    total = np.sum(covariances, axis=0)
    se = np.sum([np.sqrt(np.maximum(np.diag(one), 0.0)) for one in covariances], axis=0)
    independent = np.sqrt(np.maximum(np.diag(total), 0.0))
    factor = np.divide(se, independent, out=np.ones_like(se), where=independent > 0)
    return np.asarray(total * np.outer(factor, factor), dtype=np.float64)


def _of_device(sums: WorkSums, group: Int, n_groups: int) -> EnergySpread | None:
    model = sums.energy.model
    if model is None:
        return None
    gain = sums.gain(group, n_groups)
    missed = np.diag(model.model_variance_j2(gain))
    keep = group >= 0
    return EnergySpread(
        np.bincount(group[keep], sums.dynamic_j[keep], n_groups).astype(np.float64),
        gain @ model.fit.covariance @ gain.T + missed,
        gain @ model.fit.prior_covariance @ gain.T + missed,
    )


def find_inseparable(spread: EnergySpread) -> list[Int]:
    """Find groups of work whose split the readings cannot decide.

    Parameters
    ----------
    spread : EnergySpread
        Of groups that are worth a word; what has no energy is in no set.

    Returns
    -------
    list of ndarray of int64
        Sets of two to `MOST_MEMBERS` groups, most energy first; no group is in two of them.

    Notes
    -----
    Groups with the same kernels, such as one part of each layer, rise and fall together: where
    errors correlate by `TWINS`, they count as one member of what follows. Members of a set share
    four properties.

    1. Each alone is uncertain: its 90 % interval reaches further than `UNCERTAIN` of its energy.
    2. The readings do not decide the split of any two i, j: were their sum known, the variance
       of what is i's, ``(v_i v_j - c^2) / (v_i + v_j + 2 c)``, would be more than `UNDECIDED` of
       the same before the readings. The variance of i alone does not tell this: what all powers
       have in common makes prior variances wide, and the sum of the run alone removes it.
    3. Their errors cancel: the variance of the sum is less than `CANCELS` times that of as many
       independent errors. So a group whose errors are independent of all others is in no set and
       changes none. It takes the whole set to see it: where the readings tell the sum of n equal
       energies only, any two errors correlate by just ``-1 / (n - 1)``.
    4. It is small: sets grow from the largest energy by the member that makes errors cancel most,
       to the first size where 3 holds, then on while each more makes the sum clearly narrower
       in proportion. Merging what correlates at all ends in one set of everything.

    Nothing depends on the unit of energy. Cost: O(n^2) for n groups.
    """
    twins = _find_twins(spread)
    covariance = twins @ spread.covariance_j2 @ twins.T
    undecided = _split_undecided(covariance, twins @ spread.prior_covariance_j2 @ twins.T)
    members = _Members(twins @ spread.energy_j, covariance, undecided, twins.sum(axis=1))
    half_j = z_of(0.9) * np.sqrt(np.maximum(np.diag(covariance), 0.0))
    free = (half_j > UNCERTAIN * members.energy_j) & (members.energy_j > 0)
    found = []
    order = np.argsort(-members.energy_j, kind="stable")
    for seed in order[free[order]]:
        together = _grow(int(seed), free, members)
        if len(together):
            free[together] = False
            every = np.flatnonzero(twins[together].any(axis=0))
            found.append(every[np.argsort(-spread.energy_j[every], kind="stable")])
    return found


@dataclass(frozen=True)
class _Members:
    # Groups that may be in a set, twins as one; `n_groups` of each, `undecided` of each two.
    energy_j: Float
    covariance_j2: Float
    undecided: Bool
    n_groups: Float


def _find_twins(spread: EnergySpread) -> Float:
    # Rows of 0 and 1: which groups rise and fall with the largest of them.
    variance = np.maximum(np.diag(spread.covariance_j2), 0.0)
    alike = spread.covariance_j2 > TWINS * np.sqrt(np.outer(variance, variance))
    free = np.ones(len(variance), dtype=bool)
    rows = []
    for leader in np.argsort(-spread.energy_j, kind="stable"):
        if free[leader]:
            row = (free & alike[leader]) | (np.arange(len(variance)) == leader)
            free &= ~row
            rows.append(row)
    return np.array(rows, dtype=np.float64).reshape(len(rows), len(variance))


def _split_undecided(covariance: Float, prior: Float) -> Bool:
    # For each two: variance of one's part of their sum, against what it was before.
    return np.asarray(_split_variance(covariance) > UNDECIDED * _split_variance(prior))


def _split_variance(covariance: Float) -> Float:
    variance = np.diag(covariance)
    total = variance[:, None] + variance + 2 * covariance
    rest = variance[:, None] * variance - covariance**2
    return np.where(total > 0, rest / np.where(total > 0, total, 1.0), 0.0)


def _grow(seed: int, free: Bool, members: _Members) -> Int:
    # Add, one by one, the member that makes errors cancel most; choose the size afterwards.
    energy_j, covariance = members.energy_j, members.covariance_j2
    variance, places = np.diag(covariance), np.arange(len(energy_j))
    chosen, cancelled, relative = [seed], [1.0], [np.sqrt(variance[seed]) / energy_j[seed]]
    may_join = free & free[seed] & members.undecided[seed] & (places != seed)
    while True:
        room = MOST_MEMBERS - members.n_groups[chosen].sum()
        may_join = may_join & (members.n_groups <= room)
        now = covariance[np.ix_(chosen, chosen)].sum()
        together = np.maximum(now + 2 * covariance[chosen].sum(axis=0) + variance, 0.0)
        rest = together / (variance[chosen].sum() + variance)
        new = int(np.argmin(np.where(may_join, rest, np.inf)))
        if not may_join[new] or rest[new] > (1 - ROUNDING) * cancelled[-1]:
            return np.array(chosen[: _size(cancelled, relative)], dtype=np.int64)
        chosen.append(new)
        cancelled.append(rest[new])
        relative.append(np.sqrt(together[new]) / energy_j[chosen].sum())
        may_join = may_join & members.undecided[new] & (places != new)


def _size(cancelled: list[float], relative: list[float]) -> int:
    size = next((n + 1 for n, rest in enumerate(cancelled) if rest < CANCELS), 0)
    while 0 < size < len(relative) and relative[size] < CLEARLY_NARROWER * relative[size - 1]:
        size += 1
    return size
