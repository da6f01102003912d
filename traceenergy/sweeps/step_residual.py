"""What laws of steps miss, learned by scikit-learn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from traceenergy.errors import MissingToolError
from traceenergy.records import dataclass

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Float = NDArray[np.float64]

METHODS = ("law", "gaussian-process", "trees")
"""What corrects a law, simplest first: nothing, a smooth surface, steps."""

MAX_POINTS = 300
"""A Gaussian process costs the cube of its points; a smooth surface needs few."""

_MAX_POINTS_OF_KERNEL = 250
_SEED = 0
_MAX_AT_ONCE = 4096
_TREES = {
    "max_iter": 50,
    "learning_rate": 0.15,
    "max_leaf_nodes": 15,
    "min_samples_leaf": 40,
    "early_stopping": False,
    "random_state": _SEED,
}
# Of logarithms: corrections of 10 % over about the whole range, noise of 3 %.
_VARIANCE, _NOISE = 0.01, 1e-3
_LENGTH_BOUNDS = (0.1, 30.0)
_NOISE_BOUNDS = (1e-6, 1.0)


class Regressor(Protocol):
    """What scikit-learn gives."""

    def predict(self, X: Float) -> Float:  # noqa: N803 - their word
        """Predict from features of shape (n, k)."""
        ...


@dataclass(frozen=True)
class Residual:
    """Correction of a law: the logarithm of what was measured over what the law says.

    Attributes
    ----------
    method
        One of `METHODS`.
    regressor : Regressor or None
        None for the law alone.
    """

    method: str
    regressor: Regressor | None = None

    def factor(self, places: Float) -> Float:
        """By what to multiply the law, at places of shape (n, k)."""
        if self.regressor is None or not len(places):
            return np.ones(len(places))
        pieces = np.array_split(places, range(_MAX_AT_ONCE, len(places), _MAX_AT_ONCE))
        found: Float = np.exp(np.concatenate([self.regressor.predict(p) for p in pieces]))
        return found


def fit_residual(
    method: str, places: Float, log_error: Float, kernel: object | None = None
) -> Residual:
    """Learn where a law is off.

    Parameters
    ----------
    method
        One of `METHODS`.
    places : ndarray of shape (n, k)
        Features, each over about 0 to 1.
    log_error : ndarray of shape (n,)
        Logarithm of measured over what the law says.
    kernel : object, optional
        Of a Gaussian process, as `find_kernel` gives it.
    """
    if method == "law":
        return Residual(method)
    if method == "trees":
        from sklearn.ensemble import (  # noqa: PLC0415 - an extra
            HistGradientBoostingRegressor,
        )

        return Residual(method, HistGradientBoostingRegressor(**_TREES).fit(places, log_error))
    from sklearn.gaussian_process import GaussianProcessRegressor  # noqa: PLC0415 - an extra

    chosen = _few(len(log_error))
    process = GaussianProcessRegressor(kernel, optimizer=None)
    return Residual(method, process.fit(places[chosen], log_error[chosen]))


def find_kernel(places: Float, log_error: Float) -> object:
    """Find over which distances a law's error changes, and how much is noise."""
    import warnings  # noqa: PLC0415 - silenced here only

    from sklearn.exceptions import ConvergenceWarning  # noqa: PLC0415 - an extra
    from sklearn.gaussian_process import GaussianProcessRegressor  # noqa: PLC0415 - an extra
    from sklearn.gaussian_process.kernels import (  # noqa: PLC0415 - an extra
        RBF,
        ConstantKernel,
        WhiteKernel,
    )

    chosen = _few(len(log_error), _MAX_POINTS_OF_KERNEL)
    smooth = RBF(np.ones(places.shape[1]), _LENGTH_BOUNDS)
    kernel = ConstantKernel(_VARIANCE, (1e-6, 1.0)) * smooth + WhiteKernel(_NOISE, _NOISE_BOUNDS)
    process = GaussianProcessRegressor(kernel, random_state=_SEED)
    with warnings.catch_warnings():
        # A length at its bound says that a feature does not matter: a finding, no failure.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return process.fit(places[chosen], log_error[chosen]).kernel_


def require_sklearn() -> None:
    """Refuse to go on without scikit-learn.

    Raises
    ------
    MissingToolError
        If it is not installed, or cannot be loaded.
    """
    try:
        import sklearn  # noqa: F401, PLC0415 - an extra
    except ImportError as error:
        raise MissingToolError(
            "a model of steps needs scikit-learn",
            details=str(error),
            next_step="pip install 'traceenergy[model]'",
        ) from error


def _few(n: int, most: int = MAX_POINTS) -> NDArray[np.int64]:
    return np.sort(np.random.default_rng(_SEED).permutation(n)[:most])
