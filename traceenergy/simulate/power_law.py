"""How much power each kernel class adds, by laws that differ on purpose."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from traceenergy.records import dataclass
from traceenergy.simulate.catalog import CATALOG, FEATURES
from traceenergy.simulate.chance import CATEGORY_POWER, stream

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.simulate.target import Board

    Float = NDArray[np.float64]

POWER_LAWS = ("activity", "saturating", "category")
CLASS_SPREAD = 0.10
# Exponents on the activity of SM, matrix units, memory, NVLink: the last watts come slower.
EXPONENTS = (0.70, 0.60, 0.65, 0.65)
# Matrix units and memory at once take less than the sum; as a share of the geometric mean of
# their watts. Below 2 no power can be negative.
CROSS_SHARE = 0.8
# Of the board's limit, without static power.
CATEGORY_SHARES = {
    "matmul": 0.42, "attention": 0.50, "elementwise": 0.24, "communication": 0.14, "copy": 0.10,
}  # fmt: skip
TYPICAL_TOKENS = 256.0
SLOPE, SLOPE_SPREAD = 0.08, 0.04
_PHASE_SPREAD = 0.15


@dataclass(frozen=True)
class PowerLaw:
    """What decides the dynamic power of a kernel class.

    Attributes
    ----------
    name
        One of `POWER_LAWS`.
    class_spread
        Standard deviation of the logarithm of each class's own factor.
    seed
        Of what the law `category` draws.
    """

    name: str = POWER_LAWS[0]
    class_spread: float = CLASS_SPREAD
    seed: int = 0


def class_power(law: PowerLaw, activity: Float, features: Float, own: Float, board: Board) -> Float:
    """Compute what each class adds to static power while it runs alone.

    Parameters
    ----------
    law : PowerLaw
        Which law.
    activity : ndarray of float64 (n_steps, n_classes, n_units)
        Share of the peak of each of `cost.UNITS`, 0 to 1.
    features : ndarray of float64 (n_steps, n_features)
        Load of the steps.
    own : ndarray of float64 (n_classes,)
        Each class's own factor.
    board : Board
        Its watts.

    Returns
    -------
    ndarray of float64 (n_steps, n_classes) [W]

    Notes
    -----
    `activity`: linear in the activity of each unit, so that GPU metrics tell power.
    `saturating`: each activity is raised to a power below 1 and the product of matrix units and
    memory is taken off, so that no linear map from metrics to watts is right. `category`: a share
    of the board's limit by category of the kernel, whatever its activity; times a factor of
    category and phase (decode, or with prefill), times the step's tokens to a small power of each
    class's own. The last two are cut where one kernel would go beyond the board's limit.
    """
    if law.name == "activity":
        return np.asarray(activity @ np.array(board.unit_w) * own, dtype=np.float64)
    if law.name == "saturating":
        power_w = _saturating(activity, board)
    else:
        power_w = board.limit_w * _by_category(features, stream(law.seed, CATEGORY_POWER))
    most_w = board.limit_w - board.busy_w - board.idle_w[1]
    return np.minimum(power_w * own, most_w)


def _saturating(activity: Float, board: Board) -> Float:
    unit_w = np.array(board.unit_w)
    cross_w = CROSS_SHARE * np.sqrt(unit_w[1] * unit_w[2])
    both = activity[..., 1] * activity[..., 2]
    return np.asarray(activity ** np.array(EXPONENTS) @ unit_w - cross_w * both, dtype=np.float64)


def _by_category(features: Float, rng: np.random.Generator) -> Float:
    names = list(CATEGORY_SHARES)
    category = np.array([names.index(kernel.category) for kernel in CATALOG.values()])
    of_phase = np.exp(rng.normal(0.0, _PHASE_SPREAD, (2, len(names))))
    slope = rng.normal(SLOPE, SLOPE_SPREAD, len(category))
    has_prefill = (features[:, FEATURES.index("ctx_tokens")] > 0).astype(np.int64)
    tokens = features[:, FEATURES.index("tokens")]
    share = np.array(list(CATEGORY_SHARES.values())) * of_phase
    size = (tokens[:, None] / TYPICAL_TOKENS) ** slope
    return np.asarray(share[has_prefill][:, category] * size, dtype=np.float64)
