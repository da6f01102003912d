"""What is known of a kernel class's power before any sample is seen."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from traceenergy.records import dataclass

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from traceenergy.energy.device_work import WorkClasses

    Int = NDArray[np.int64]
    Float = NDArray[np.float64]

# Dynamic power of a category as part of the board's limit, of a board that is well used.
# From published utilization-to-power models and the study in the method's documentation.
CATEGORY_SHARE = {"gemm": 0.42, "attention": 0.50, "elementwise": 0.24, "communication": 0.14}
_PATTERNS = (
    ("communication", r"nccl|all_?reduce|all_?gather|reduce_?scatter|all_?to_?all|nvshmem|deep_ep"),
    ("communication", r"cross_device_reduce"),
    # Within the device they keep its memory as busy as kernels that stream through it.
    ("elementwise", r"memcpy (DtoD|device-to-device)|memset"),
    ("communication", r"memcpy"),
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


# Relative widths (standard deviation of the log of power) of the parts of the prior. Errors of
# classes are shared by all, by a category, by classes that last about as long, by the classes of
# one kernel, and by classes as far from their kernel's usual duration.
@dataclass(frozen=True)
class _Widths:
    common: float
    category: float
    duration: float
    kernel: float
    size: float
    own: float


_BY_NAME = _Widths(common=0.30, category=0.25, duration=0.30, kernel=0.20, size=0.10, own=0.15)
# What the watts of the parts leave; the common error is that of the watts.
_BY_METRICS = _Widths(common=0.0, category=0.09, duration=0.09, kernel=0.17, size=0.09, own=0.13)
DURATION_SCALE, SIZE_SCALE = 1.0, 0.7  # how far apart in the log of duration errors are alike

METRIC_WATT_SD = 0.5
# Watts at full activity of SMs, tensor cores, DRAM, NVLink on a board of 700 W.
METRIC_WATTS = np.array([120.0, 300.0, 200.0, 80.0])
METRIC_BOARD_W = 700.0
LEAST_SHARE = 0.02  # no kernel runs for less than this part of the limit
# Part of kernels whose power has little to do with their metrics: only their names tell it.
TOLD_BY_NAME = 0.25


@dataclass(frozen=True)
class ClassTraits:
    """What is known of each kernel class beside its samples.

    Attributes
    ----------
    category : sequence of str (n_classes,)
        As `category_of` tells them.
    kernel : ndarray of int64 (n_classes,)
        Which kernel it is a class of; classes of one kernel differ in size.
    duration_us : ndarray of float64 (n_classes,) [us]
        Of a typical piece.
    """

    category: Sequence[str]
    kernel: NDArray[np.int64]
    duration_us: Float

    @property
    def category_code(self) -> NDArray[np.int64]:
        """Categories as numbers from 0 on, ``(n_classes,)``."""
        codes = np.unique(list(self.category), return_inverse=True)[1]
        return np.asarray(codes, dtype=np.int64)

    @property
    def category_share(self) -> Float:
        """Share of the board's limit that the category usually draws, ``(n_classes,)``."""
        return np.array([CATEGORY_SHARE[name] for name in self.category])


def class_traits(classes: WorkClasses, start_ns: Int, end_ns: Int) -> ClassTraits:
    """Gather what is known of each class before any reading is seen.

    Parameters
    ----------
    classes : WorkClasses
    start_ns, end_ns : ndarray of int64 (n_all,) [ns]
        All work of the device.

    Returns
    -------
    ClassTraits
    """
    length_ns = np.maximum((end_ns - start_ns).astype(np.float64), 1.0)
    n_classes = len(classes.names)
    total = np.bincount(classes.of_all, length_ns, n_classes)
    # Mean length of what runs at a random moment: long pieces are what power is spent in.
    typical_ns = np.bincount(classes.of_all, length_ns**2, n_classes) / total
    category = [category_of(name) for name in classes.names]
    return ClassTraits(category, classes.kernel, typical_ns / 1000)


@dataclass(frozen=True)
class Prior:
    """Gaussian prior of the dynamic power of kernel classes.

    Attributes
    ----------
    mean_w : ndarray of float64 (n_classes,) [W]
    covariance_w2 : ndarray of float64 (n_classes, n_classes) [W^2]
    source : str
        `names`, `GPU metrics`; with `, calibration` where one was used.
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


def prior_by_name(traits: ClassTraits, limit_w: float) -> Prior:
    """Guess class powers from their categories.

    Parameters
    ----------
    traits : ClassTraits
    limit_w : float [W]
        Power limit of the board.

    Returns
    -------
    Prior
    """
    mean_w = traits.category_share * limit_w
    return Prior(mean_w, _covariance(traits, mean_w, limit_w, _BY_NAME), "names")


def prior_by_activity(
    traits: ClassTraits, activity: Float, activity_sd: Float, limit_w: float
) -> Prior:
    """Guess class powers from the activity of the GPU's parts while they run.

    Parameters
    ----------
    traits : ClassTraits
    activity, activity_sd : ndarray of float64 (n_classes, 4)
        Of SMs, tensor cores, DRAM, NVLink, 0 to 1, with standard errors.
    limit_w : float [W]
        Power limit of the board.

    Returns
    -------
    Prior
        Errors of classes share those of the watts at full activity.

    Notes
    -----
    Metrics miss part of what draws power, and readings of a run do not show whether they do. So
    each kernel is taken to be told by its metrics, or with chance p (`TOLD_BY_NAME`) by its
    category. Where the two are ``d`` apart, this mixture has ``p d`` more power than metrics say,
    and variance ``p (1 - p) d^2`` that the classes of a kernel share.
    """
    watts = METRIC_WATTS * limit_w / METRIC_BOARD_W
    told_w = np.maximum(activity @ watts, LEAST_SHARE * limit_w)
    shared = activity * (METRIC_WATT_SD * watts)
    covariance = shared @ shared.T + _covariance(traits, told_w, limit_w, _BY_METRICS)
    covariance += np.diag(activity_sd**2 @ watts**2)
    apart_w = traits.category_share * limit_w - told_w
    chance = TOLD_BY_NAME * (1 - TOLD_BY_NAME)
    covariance += chance * np.outer(apart_w, apart_w) * _same(traits.kernel)
    return Prior(told_w + TOLD_BY_NAME * apart_w, covariance, "GPU metrics")


def _covariance(traits: ClassTraits, mean_w: Float, limit_w: float, sd: _Widths) -> Float:
    length = np.log(traits.duration_us)
    n_of_kernel = np.bincount(traits.kernel)
    usual = np.bincount(traits.kernel, weights=length) / np.maximum(n_of_kernel, 1)
    size = length - usual[traits.kernel]
    relative = (
        sd.common**2
        + sd.category**2 * _same(traits.category_code)
        + sd.duration**2 * _near(length, DURATION_SCALE)
        + sd.kernel**2 * _same(traits.kernel)
        + np.diag(np.full(len(mean_w), sd.own**2))
    )
    # One curve of power against size for all kernels, in watts of their categories: a change of
    # batch moves the mix of kernels and their powers together, and must not pass for the mix.
    usual_w = traits.category_share * limit_w
    curve = sd.size**2 * np.outer(usual_w, usual_w) * _near(size, SIZE_SCALE)
    return np.asarray(np.outer(mean_w, mean_w) * relative + curve, dtype=np.float64)


def _same(code: NDArray[np.int64]) -> NDArray[np.bool_]:
    return np.equal(code[:, None], code[None, :])


def _near(value: Float, scale: float) -> Float:
    apart = (value[:, None] - value[None, :]) / scale
    return np.asarray(np.exp(-(apart**2) / 2))
