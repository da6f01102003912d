"""What is known of a kernel class's power before any sample is seen."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Float = NDArray[np.float64]

# Dynamic power of a category as part of the board's limit, of a board that is well used.
# From published utilization-to-power models and the study in the method's documentation.
CATEGORY_SHARE = {"gemm": 0.42, "attention": 0.50, "elementwise": 0.24, "communication": 0.14}
_PATTERNS = (
    ("communication", r"nccl|all_?reduce|all_?gather|reduce_?scatter|all_?to_?all|nvshmem|deep_ep"),
    ("communication", r"cross_device_reduce"),
    ("communication", r"memcpy|memset"),
    (
        "attention",
        (
            r"fmha|flash_?(attn|fwd|bwd|mla|attention)|(paged|unified)_?attention|mla_kernel"
            r"|_attn_(fwd|bwd)|Batch(Decode|Prefill)With"
        ),
    ),
    (
        "gemm",
        (
            r"gemm|nvjet|cutlass|cublas|xmma|matmul|marlin|fused_moe_kernel|_mm_|wgrad|dgrad"
            r"|conv(?!ert)"
        ),
    ),
)
# A category's members that do other work than it: combining partial results of attention,
# or element by element in a namespace of products (CUTLASS says `NoPermute` of plain products).
_LIGHT = re.compile(
    r"combine|reduce_kernel|prepare|finalize|(?<!no)permute|quant|triton_(poi|red|per)_"
    r"|scale_1x128|expandInputRows|doActivation",
    re.IGNORECASE,
)

# Relative widths (standard deviation of the log of power) of the parts of the prior.
COMMON_SD = 0.30
CATEGORY_SD = 0.18
CLASS_SD = 0.22
METRIC_CLASS_SD = 0.18
METRIC_WATT_SD = 0.5
# Watts at full activity of SMs, tensor cores, DRAM, NVLink on a board of 700 W.
METRIC_WATTS = np.array([120.0, 300.0, 200.0, 80.0])
METRIC_BOARD_W = 700.0
LEAST_SHARE = 0.02  # no kernel runs for less than this part of the limit
STATIC_SHARE, STATIC_SHARE_SD = 0.13, 0.10
BUSY_SHARE, BUSY_SHARE_SD = 0.04, 0.03


@dataclass(frozen=True)
class Prior:
    """Gaussian prior of static power, busy power, dynamic power of each class.

    Attributes
    ----------
    mean_w : ndarray of float64 (n_classes + 2,) [W]
        Static, busy, then one per class.
    covariance_w2 : ndarray of float64 (n_classes + 2, n_classes + 2) [W^2]
    source : str
        `names` or `GPU metrics`.
    """

    mean_w: Float
    covariance_w2: Float
    source: str


def category_of(name: str) -> str:
    """Tell the category of a kernel by its name, one of `CATEGORY_SHARE`."""
    for category, pattern in _PATTERNS:
        if re.search(pattern, name, re.IGNORECASE):
            light = category != "communication" and _LIGHT.search(name)
            return "elementwise" if light else category
    return "elementwise"


def prior_by_name(categories: Sequence[str], limit_w: float) -> Prior:
    """Guess class powers from their categories.

    Parameters
    ----------
    categories : sequence of str (n_classes,)
        As `category_of` tells them.
    limit_w : float [W]
        Power limit of the board.

    Returns
    -------
    Prior
        Errors of classes share a common part, and one by category.
    """
    mean_w = np.array([CATEGORY_SHARE[name] for name in categories]) * limit_w
    codes = np.unique(list(categories), return_inverse=True)[1]
    same = codes[:, None] == codes[None, :]
    covariance = np.outer(mean_w, mean_w) * (COMMON_SD**2 + CATEGORY_SD**2 * same)
    covariance += np.diag((CLASS_SD * mean_w) ** 2)
    return _with_background(mean_w, covariance, limit_w, "names")


def prior_by_activity(activity: Float, activity_sd: Float, limit_w: float) -> Prior:
    """Guess class powers from the activity of the GPU's parts while they run.

    Parameters
    ----------
    activity, activity_sd : ndarray of float64 (n_classes, 4)
        Of SMs, tensor cores, DRAM, NVLink, 0 to 1, with standard errors.
    limit_w : float [W]
        Power limit of the board.

    Returns
    -------
    Prior
        Errors of classes share those of the watts at full activity.
    """
    watts = METRIC_WATTS * limit_w / METRIC_BOARD_W
    mean_w = np.maximum(activity @ watts, LEAST_SHARE * limit_w)
    shared = activity * (METRIC_WATT_SD * watts)
    covariance = shared @ shared.T + np.diag(
        (METRIC_CLASS_SD * mean_w) ** 2 + (activity_sd**2) @ watts**2
    )
    return _with_background(mean_w, covariance, limit_w, "GPU metrics")


def _with_background(mean_w: Float, covariance: Float, limit_w: float, source: str) -> Prior:
    n_all = len(mean_w) + 2
    full = np.zeros((n_all, n_all))
    full[0, 0] = (STATIC_SHARE_SD * limit_w) ** 2
    full[1, 1] = (BUSY_SHARE_SD * limit_w) ** 2
    full[2:, 2:] = covariance
    background_w = np.array([STATIC_SHARE, BUSY_SHARE]) * limit_w
    return Prior(np.concatenate((background_w, mean_w)), full, source)
