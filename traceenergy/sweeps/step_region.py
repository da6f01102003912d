"""Where steps were measured: beyond it, or in its gaps, a model of them is a guess."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from traceenergy.records import dataclass
from traceenergy.sweeps.step_physics import CLOCK

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy.spatial import KDTree

    Float = NDArray[np.float64]

MAX_GAP = 0.2
"""Within this share of each feature's range, of all at once, a measured step must lie."""

_SLACK = 1e-9


@dataclass(frozen=True)
class Region:
    """The measured steps, with each feature as a share of its range.

    Attributes
    ----------
    low, high : ndarray of shape (4,)
        Smallest and largest measured feature.
    is_known : ndarray of shape (4,)
        Features that steps tell; the others are not judged.
    points : ndarray of shape (n, 4)
        Measured steps, on the scale of `_shares`.
    """

    low: Float
    high: Float
    is_known: NDArray[np.bool_]
    points: Float

    def outside(self, features: Float) -> NDArray[np.bool_]:
        """Say of each step whether it is out of a range, or far from all measured ones.

        Parameters
        ----------
        features : ndarray of shape (n, 4)
        """
        slack = _SLACK * np.maximum(np.abs(self.low), np.abs(self.high))
        beyond = (features < self.low - slack) | (features > self.high + slack)
        # A feature that is no number is outside, where features are known at all.
        beyond |= np.isnan(features)
        is_beyond = np.asarray((beyond & self.is_known).any(axis=1))
        inside = np.flatnonzero(~is_beyond)
        distance, _ = self._tree.query(self._shares(features[inside]), p=np.inf)
        is_beyond[inside] = distance > MAX_GAP
        return is_beyond

    @cached_property
    def _tree(self) -> KDTree:
        from scipy.spatial import KDTree  # noqa: PLC0415 - only models need it, and it is slow

        return KDTree(np.unique(self.points, axis=0))

    def _shares(self, features: Float) -> Float:
        return shares(features, self.low, self.high, self.is_known)


def region_of(features: Float, is_known: NDArray[np.bool_]) -> Region:
    """Find the region of measured steps with features of shape (n, 4)."""
    low, high = features.min(axis=0), features.max(axis=0)
    return Region(low, high, is_known, shares(features, low, high, is_known))


def shares(features: Float, low: Float, high: Float, is_known: NDArray[np.bool_]) -> Float:
    """Place features within their ranges, 0 to 1: clocks evenly, work by ratios of amounts."""
    placed, bottom, top = _bent(features), _bent(low), _bent(high)
    span = np.where(top > bottom, top - bottom, 1.0)
    return np.where(is_known, (placed - bottom) / span, 0.0)


def _bent(features: Float) -> Float:
    """Give logarithms of (1 + amount) of work, so that doubles are steps alike; clocks as is."""
    placed: Float = np.log1p(np.maximum(features, 0))
    placed[..., CLOCK] = features[..., CLOCK]
    return placed
