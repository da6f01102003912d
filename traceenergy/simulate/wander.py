"""Smooth random variation of unit size, such as of clocks or of slow drift."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.signal import lfilter

if TYPE_CHECKING:
    from numpy.typing import NDArray

# After so many time constants nothing is left of how it began.
_SETTLED = 20


def smooth_walk(n: int, steps_per_tau: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Walk smoothly around zero.

    Parameters
    ----------
    n : int
        Steps.
    steps_per_tau : float
        Time constant in steps: over two of them the correlation falls to 0.4.
    rng : numpy.random.Generator
        For the walk.

    Returns
    -------
    ndarray of float64 (n,)
        Normal at every step, with mean 0 and standard deviation 1.

    Notes
    -----
    White noise through two equal first-order filters with `keep = exp(-1 / steps_per_tau)`; the
    correlation over k steps is close to `(1 + k / tau) exp(-k / tau)`. The variance behind the
    filters is `(1 - keep)^4 (1 + keep^2) / (1 - keep^2)^3`.
    """
    keep = np.exp(-1.0 / steps_per_tau)
    before = int(np.ceil(_SETTLED * steps_per_tau))
    noise = rng.normal(0.0, 1.0, before + n)
    polynomial = [1.0, -2.0 * keep, keep**2]
    smooth = lfilter([(1.0 - keep) ** 2], polynomial, noise)[before:]
    variance = (1.0 - keep) ** 4 * (1.0 + keep**2) / (1.0 - keep**2) ** 3
    return np.asarray(smooth / np.sqrt(variance), dtype=np.float64)
