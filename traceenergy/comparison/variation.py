"""How much a ratio of sums over steps differs between two runs, beside how it varies over steps."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from traceenergy.records import dataclass

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Float = NDArray[np.float64]

LEAST_BLOCKS = 3  # fewer do not tell how much they vary


@dataclass(frozen=True)
class Sums:
    """Sums over blocks of consecutive steps of one kind, ``(n_blocks,)`` each.

    Attributes
    ----------
    over : ndarray of float64
        What is divided: joules, seconds.
    under : ndarray of float64
        What it is divided by: steps, seconds, joules.
    steps : ndarray of float64
        Steps in each block.
    """

    over: Float
    under: Float
    steps: Float

    def scaled(self, factor: float) -> Sums:
        """Count every step `factor` times."""
        return Sums(self.over * factor, self.under * factor, self.steps)


@dataclass(frozen=True)
class Estimate:
    """A value in two runs.

    Attributes
    ----------
    base, head
        None where not known.
    variance
        Of their difference; None where nothing tells it.
    degrees
        Of freedom of that variance.
    """

    base: float | None
    head: float | None
    variance: float | None = None
    degrees: float = np.inf

    @property
    def delta(self) -> float | None:
        """Head minus base; None where one is not known."""
        return None if self.base is None or self.head is None else self.head - self.base

    def with_variance(self, more: float | None) -> Estimate:
        """Add a variance that is known well; None makes it unknown."""
        if self.variance is None or more is None:
            return replace(self, variance=None)
        total = self.variance + more
        degrees = self.degrees
        if self.variance > 0:  # Welch and Satterthwaite: the part known well has no end of degrees
            degrees *= (total / self.variance) ** 2
        return replace(self, variance=total, degrees=degrees if self.variance > 0 else np.inf)

    def times(self, base: float, head: float) -> Estimate:
        """Multiply both by known factors; the variance goes with the larger."""
        variance = None if self.variance is None else self.variance * max(base, head) ** 2
        return Estimate(
            None if self.base is None else self.base * base,
            None if self.head is None else self.head * head,
            variance,
            self.degrees,
        )


def ratio_change(base: Sequence[Sums], head: Sequence[Sums]) -> Estimate:
    """Compare the ratio of two sums between runs.

    Parameters
    ----------
    base, head : sequence of Sums
        One for each kind of step, the same kinds in both.

    Returns
    -------
    Estimate
        Without variance where a kind has fewer than `LEAST_BLOCKS` blocks.

    Notes
    -----
    The variance is the one that a bootstrap over blocks of consecutive steps tends to, within each
    kind of step, of the ratio's linear part (B. Efron, R. J. Tibshirani, An introduction to the
    bootstrap, 1993, chapter 8). Where both runs cut a kind into the same blocks, blocks are drawn
    in pairs: steps that do the same work in both runs vary alike, which is no noise.
    """
    ratio_b, ratio_h = _ratio(base), _ratio(head)
    if ratio_b is None or ratio_h is None:
        return Estimate(ratio_b, ratio_h)
    under_b, under_h = (sum(float(sums.under.sum()) for sums in run) for run in (base, head))
    parts: list[tuple[float, float]] = []
    for of_base, of_head in zip(base, head, strict=True):
        left = _residuals(of_base, ratio_b) / under_b
        right = _residuals(of_head, ratio_h) / under_h
        if min(len(left), len(right)) < LEAST_BLOCKS:
            return Estimate(ratio_b, ratio_h)
        if np.array_equal(of_base.steps, of_head.steps):
            parts.append(_variance(right - left))
        else:
            parts += [_variance(left), _variance(right)]
    variance = sum(part for part, _ in parts)
    squares = sum(part**2 / degrees for part, degrees in parts)
    return Estimate(ratio_b, ratio_h, variance, variance**2 / squares if squares > 0 else np.inf)


def ratio_error(sums: Sums) -> tuple[float, float] | None:
    """Tell how sure a ratio of sums is within one run, by how it varies over blocks of steps.

    Parameters
    ----------
    sums : Sums

    Returns
    -------
    error_share : float
        Standard error over the ratio.
    degrees : float
        Of freedom.

    Notes
    -----
    As `ratio_change` has it for each of two runs. None with fewer than `LEAST_BLOCKS` blocks, or
    where the ratio is unknown or 0.
    """
    ratio = _ratio([sums])
    if not ratio or len(sums.over) < LEAST_BLOCKS:
        return None
    variance, degrees = _variance(_residuals(sums, ratio) / float(sums.under.sum()))
    return float(np.sqrt(variance)) / ratio, degrees


def _ratio(run: Sequence[Sums]) -> float | None:
    over, under = (
        sum(float(getattr(sums, name).sum()) for sums in run) for name in ("over", "under")
    )
    return None if np.isnan(over) or np.isnan(under) or under <= 0 else over / under


def _residuals(sums: Sums, ratio: float) -> Float:
    left = sums.over - ratio * sums.under
    return np.asarray(left - left.sum() / sums.steps.sum() * sums.steps, dtype=np.float64)


def _variance(residual: Float) -> tuple[float, float]:
    n = len(residual)
    return n / (n - 1) * float(residual @ residual), n - 1.0
