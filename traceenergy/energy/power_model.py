"""Expected power of each piece of work, as a regression found it."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.energy.alignment import Alignment
    from traceenergy.energy.class_power import ClassPower
    from traceenergy.energy.power_series import PowerSeries

    Int = NDArray[np.int64]
    Float = NDArray[np.float64]

MODEL_SD = 0.04  # what the model may miss of a class's energy


@dataclass(frozen=True)
class PowerModel:
    """Expected dynamic power of each piece of work, with how sure it is.

    Attributes
    ----------
    series : PowerSeries
        Readings at the sensor's updates, with the lag that was found.
    alignment : Alignment
    prior_source : str
        `names` or `GPU metrics`.
    power_w : ndarray of float64 (n_all,) [W]
        Of each piece of all work.
    fit : ClassPower
    of_all, weight, share_rate : ndarray (n_all,)
        Class, concurrency weight, share time over time of each piece.
    """

    series: PowerSeries
    alignment: Alignment
    prior_source: str
    power_w: Float
    fit: ClassPower
    of_all: Int
    weight: Float
    share_rate: Float

    def standard_error_j(self, row: Int, length_s: Float, group: Int, n_groups: int) -> Float:
        """Propagate the covariance of class powers to sums of energy.

        Parameters
        ----------
        row : ndarray of int64 (n_work,)
            Row of each piece among all work.
        length_s : ndarray of float64 (n_work,) [s]
            Its time in the window.
        group : ndarray of int64 (n_work,)
            Negative for none.
        n_groups : int

        Returns
        -------
        ndarray of float64 (n_groups,) [J]
        """
        n_classes = len(self.fit.mean_w) - 2
        keep = group >= 0
        rows, member = row[keep], group[keep]
        seconds = self.weight[rows] * length_s[keep]
        pair, index = np.unique(member * n_classes + self.of_all[rows], return_inverse=True)
        class_s = np.bincount(index, weights=seconds, minlength=len(pair))
        pair_group, pair_class = pair // n_classes, pair % n_classes
        busy_s = np.bincount(
            member, weights=self.share_rate[rows] * length_s[keep], minlength=n_groups
        )
        covariance = self.fit.covariance_w2[1:, 1:]
        model_j2 = (MODEL_SD * class_s * self.fit.mean_w[2:][pair_class]) ** 2
        # Row by row of a sparse matrix times covariance: pairs of one group follow each other.
        gain = np.zeros((n_groups, n_classes + 1))
        gain[:, 0] = busy_s
        gain[pair_group, pair_class + 1] = class_s
        variance = np.einsum("ij,ij->i", gain @ covariance, gain)
        variance += np.bincount(pair_group, weights=model_j2, minlength=n_groups)
        return np.asarray(np.sqrt(np.maximum(variance, 0.0)))


def z_of(confidence_level: float) -> float:
    """Give the half width of a central normal interval in standard errors."""
    return NormalDist().inv_cdf(0.5 + confidence_level / 2)
