"""What one run tells of the power of kernels, as the prior of another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from traceenergy.energy.class_power import inverse_of
from traceenergy.energy.prior import Prior
from traceenergy.records import dataclass

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from traceenergy.energy.power_model import PowerModel
    from traceenergy.energy.prior import ClassTraits

    Int = NDArray[np.int64]
    Float = NDArray[np.float64]

# A kernel alone in a loop and the same kernel in its place differ by about this much, and by more
# for each unit of the log of duration.
IN_PLACE_SD, BY_SIZE_SD = 0.07, 0.15
LIKE_SIZE = 0.5  # of the logarithm of duration: beyond, kernels of one name do other work


@dataclass(frozen=True)
class Calibration:
    """Power of kernel classes as another run's readings tell it.

    Attributes
    ----------
    names : sequence of str (n_calibrated,)
        Full kernel name of each class.
    duration_us : ndarray of float64 (n_calibrated,) [us]
        Of a typical piece.
    precision : ndarray of float64 (n_calibrated, n_calibrated) [1/W^2]
        Of what the readings alone say.
    pull : ndarray of float64 (n_calibrated,) [1/W]
        Precision times power.
    gpu_name : str or None
        Board it was measured on.
    power_w : ndarray of float64 (n_calibrated,) [W]
        Mean dynamic power of the pieces of each class, as it was attributed in that run.
    """

    names: Sequence[str]
    duration_us: Float
    precision: Float
    pull: Float
    gpu_name: str | None
    power_w: Float

    def usual_power_w(self, names: Sequence[str], duration_us: Float) -> Float:
        """Look up what kernels of these classes drew in that run.

        Parameters
        ----------
        names : sequence of str (n_classes,)
            Full kernel name of each class.
        duration_us : ndarray of float64 (n_classes,) [us]
            Of a typical piece.

        Returns
        -------
        ndarray of float64 (n_classes,) [W]
            Of the same kernel, nearest in duration; NaN where none of about that duration ran.
        """
        told = np.array(list(self.names), dtype=object)
        found = np.full(len(names), np.nan)
        for index, name in enumerate(names):
            same = np.flatnonzero(told == name)
            apart = np.abs(np.log(self.duration_us[same] / duration_us[index]))
            if len(same) and apart.min() <= LIKE_SIZE:
                found[index] = self.power_w[same[np.argmin(apart)]]
        return found

    def inform(self, prior: Prior, names: Sequence[str], traits: ClassTraits) -> Prior:
        """Add what is known from the other run to a prior.

        Parameters
        ----------
        prior : Prior
        names : sequence of str (n_classes,)
            Full kernel name of each class.
        traits : ClassTraits

        Returns
        -------
        Prior
            The same where no kernel is in both runs.
        """
        seen, of_class, apart = self._match(names, traits.duration_us)
        if len(seen) == 0:
            return prior
        # The other classes of that run are integrated out: information of what remains.
        spread = inverse_of(self.precision + self._floor())[np.ix_(seen, seen)]
        mean_w = (inverse_of(self.precision + self._floor()) @ self.pull)[seen]
        sd = (IN_PLACE_SD + BY_SIZE_SD * apart) * prior.mean_w[of_class]
        told = inverse_of(spread + np.diag(sd**2))
        pick = np.zeros((len(seen), len(names)))
        pick[np.arange(len(seen)), of_class] = 1.0
        before = inverse_of(prior.covariance_w2)
        covariance = inverse_of(before + pick.T @ told @ pick)
        mean = covariance @ (before @ prior.mean_w + pick.T @ told @ mean_w)
        return Prior(mean, covariance, f"{prior.source}, calibration")

    def _floor(self) -> Float:
        # Classes that the readings say nothing about get a power known to ten kilowatts.
        return np.diag(np.full(len(self.names), 1e-8))

    def _match(self, names: Sequence[str], duration_us: Float) -> tuple[Int, Int, Float]:
        # Each calibrated class with the class of the same kernel nearest in duration.
        pairs = []
        mine = np.array(list(names), dtype=object)
        for index, name in enumerate(self.names):
            same = np.flatnonzero(mine == name)
            if len(same):
                apart = np.abs(np.log(duration_us[same] / self.duration_us[index]))
                nearest = int(np.argmin(apart))
                pairs.append((index, int(same[nearest]), float(apart[nearest])))
        seen, of_class, apart_all = zip(*pairs, strict=True) if pairs else ((), (), ())
        return (
            np.array(seen, dtype=np.int64),
            np.array(of_class, dtype=np.int64),
            np.array(apart_all, dtype=np.float64),
        )


def calibrate(model: PowerModel, names: Sequence[str], gpu_name: str | None) -> Calibration:
    """Take from a fit what its readings say of class powers, without its prior.

    Parameters
    ----------
    model : PowerModel
    names : sequence of str (n_classes,)
        Full kernel name of each class.
    gpu_name : str or None

    Returns
    -------
    Calibration

    Notes
    -----
    Posterior information less prior information, of the class powers with all other parameters
    integrated out. Classes of which the readings say next to nothing keep next to none.
    """
    fit, first = model.fit, model.design.first_class
    posterior = inverse_of(fit.covariance[first:, first:])
    prior = inverse_of(fit.prior_covariance[first:, first:])
    precision = fit.told(np.arange(first, len(fit.mean)))
    pull = posterior @ fit.mean[first:] - prior @ fit.prior_mean[first:]
    classes = model.design.classes
    lasts = (classes.end_ns - classes.start_ns).astype(np.float64)
    sums = [
        np.bincount(classes.of_class, part, len(names)) for part in (lasts, lasts * model.power_w)
    ]
    power_w = np.divide(sums[1], sums[0], out=np.full(len(names), np.nan), where=sums[0] > 0)
    return Calibration(names, model.design.traits.duration_us, precision, pull, gpu_name, power_w)
