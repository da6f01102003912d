"""How far off energies of groups of work are likely to be, should the model of power hold."""

from __future__ import annotations

from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from traceenergy.energy.power_model import z_of
from traceenergy.records import dataclass
from traceenergy.units import S_PER_NS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.energy.device_energy import DeviceEnergy
    from traceenergy.energy.power_model import PowerModel

    Int = NDArray[np.int64]
    Float = NDArray[np.float64]

MEAN_SIZE = float(np.sqrt(2 / np.pi))  # mean size of an error over its standard deviation
_normal_share = np.vectorize(NormalDist().cdf, otypes=[np.float64])


@dataclass(frozen=True)
class GroupErrors:
    """Errors of the energies of groups of work, normal, ``(n_groups,)`` each.

    Attributes
    ----------
    sd_j : ndarray of float64 [J]
        Standard deviation of the error of these energies, which intervals are made of.
    again_bias_j, again_sd_j : ndarray of float64 [J]
        Mean and standard deviation of the error if the same work were recorded again, with
        powers as this recording tells them.
    """

    sd_j: Float
    again_bias_j: Float
    again_sd_j: Float

    def __add__(self, other: GroupErrors) -> GroupErrors:
        """Sum the energies of two devices, of whose kernels the same was expected."""
        return GroupErrors(
            self.sd_j + other.sd_j,
            self.again_bias_j + other.again_bias_j,
            self.again_sd_j + other.again_sd_j,
        )

    @property
    def expected_j(self) -> Float:
        """Expected size of the error, ``(n_groups,)`` [J]."""
        return MEAN_SIZE * self.sd_j

    def held_share(self, confidence_level: float) -> Float:
        """Say how often intervals of another recording would hold what is true.

        Parameters
        ----------
        confidence_level : float

        Returns
        -------
        ndarray of float64 (n_groups,)
            1 where there is neither error nor interval.
        """
        half_j = z_of(confidence_level) * self.sd_j
        known = self.again_sd_j > 0
        scale_j = np.where(known, self.again_sd_j, 1.0)
        high, low = (half_j - self.again_bias_j) / scale_j, (-half_j - self.again_bias_j) / scale_j
        return np.where(known, _normal_share(high) - _normal_share(low), 1.0)


def gain_of(model: PowerModel, energy: DeviceEnergy, group: Int, n_groups: int) -> Float:
    """Say how energies of groups follow from the parameters of the model.

    Parameters
    ----------
    model : PowerModel
        Of the device.
    energy : DeviceEnergy
    group : ndarray of int64 (n_work,)
        Group of each piece of the device's work; negative for none.
    n_groups : int

    Returns
    -------
    ndarray of float64 (n_groups, n_columns)
        Work that no reading covers counts for nothing.
    """
    work = energy.work
    keep = np.flatnonzero((group >= 0) & ~np.isnan(energy.dynamic_j))
    length_s = (work.end_ns[keep] - work.start_ns[keep]).astype(np.float64) * S_PER_NS
    parts = model.design.parts(work.all_row[keep], length_s)
    gains = [gain for _, gain in model.gains(parts, group[keep], n_groups)]
    return np.concatenate([np.zeros((0, model.design.n_columns)), *gains])


def expect_errors(model: PowerModel, gain: Float) -> GroupErrors:
    """Say how far off energies are likely to be.

    Parameters
    ----------
    model : PowerModel
    gain : ndarray of float64 (n_groups, n_columns)
        As `gain_of` gives it.

    Returns
    -------
    GroupErrors

    Notes
    -----
    With prior mean ``m0`` and precision ``Q``, posterior mean ``m`` and covariance ``C``, and
    information ``J`` of the readings, ``C = (J + Q)^-1``. Another recording of powers theta is
    fitted by ``m0 + C J (theta - m0)`` plus noise of covariance ``C J C``, so that its error is

        - C Q (theta - m0) + noise

    With theta as the posterior has it this has mean ``-C Q (m - m0)`` and, as ``J = C^-1 - Q``,
    covariance ``C Q C Q C + C - C Q C``. It is what any number of drawn parameters, made into
    readings of the same noise and fitted again, come to. What the model misses of each class,
    independent of the readings, is added to all variances.
    """
    fit = model.fit
    missed_j2 = model.model_variance_j2(gain)
    by_covariance = gain @ fit.covariance
    # How much of an error of the prior mean is left in each energy.
    kept = np.linalg.solve(fit.prior_covariance, by_covariance.T).T
    variance_j2 = np.einsum("ij,ij->i", by_covariance, gain)
    kept_by_covariance = kept @ fit.covariance
    again_j2 = (
        variance_j2
        + np.einsum("ij,ij->i", kept_by_covariance, kept)
        - np.einsum("ij,ij->i", kept_by_covariance, gain)
    )
    return GroupErrors(
        sd_j=np.sqrt(np.maximum(variance_j2, 0.0) + missed_j2),
        again_bias_j=kept @ (fit.prior_mean - fit.mean),
        again_sd_j=np.sqrt(np.maximum(again_j2, 0.0) + missed_j2),
    )


def expected_size_j(model: PowerModel, gain: Float, covariance: Float) -> Float:
    """Say how far off energies would be if readings had told other things.

    Parameters
    ----------
    model : PowerModel
    gain : ndarray of float64 (n_groups, n_columns)
    covariance : ndarray of float64 (n_columns, n_columns)
        Of the parameters, after those readings.

    Returns
    -------
    ndarray of float64 (n_groups,) [J]
        Expected size of the error.
    """
    told_j2 = np.einsum("ij,ij->i", gain @ covariance, gain)
    variance_j2 = np.maximum(told_j2, 0.0) + model.model_variance_j2(gain)
    return np.asarray(MEAN_SIZE * np.sqrt(variance_j2), dtype=np.float64)
