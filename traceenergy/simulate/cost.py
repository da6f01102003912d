"""Time, activity, power of each kernel class under a given load."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from traceenergy.records import dataclass
from traceenergy.simulate.catalog import CATALOG, FEATURES
from traceenergy.simulate.power_law import PowerLaw, class_power

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.simulate.target import Board

    Float = NDArray[np.float64]

UNITS = ("sm", "tensor", "dram", "link")
US_PER_S = 1e6

# Share of each peak that good kernels reach.
_TENSOR_REACH, _DRAM_REACH, _LINK_REACH = 0.62, 0.82, 0.55
_SM_FLOOR, _SM_COLLECTIVE = 0.25, 0.30
_LEAST_CLOCK_SHARE = 0.05
_LINEAR = PowerLaw()


@dataclass(frozen=True)
class Cost:
    """Cost of every class in every step, arrays of shape (n_steps, n_classes).

    Attributes
    ----------
    duration_us : ndarray of float64 [us]
        Alone on the board, without noise.
    activity : ndarray of float64 (n_steps, n_classes, n_units)
        Share of the peak of each of `UNITS`, 0 to 1.
    dynamic_w : ndarray of float64 [W]
        Added to static power by one such kernel.
    blocks : ndarray of int64
        Thread blocks of its grid.
    moved_bytes : ndarray of float64 [bytes]
        Read, written.
    """

    duration_us: Float
    activity: Float
    dynamic_w: Float
    blocks: NDArray[np.int64]
    moved_bytes: Float


def cost_of(
    features: Float,
    board: Board,
    stretch: float,
    rng: np.random.Generator,
    law: PowerLaw = _LINEAR,
) -> Cost:
    """Compute the cost of every class.

    Parameters
    ----------
    features : ndarray of float64 (n_steps, n_features)
        Load of the steps.
    board : Board
        Its peaks.
    stretch : float
        Factor on durations.
    rng : numpy.random.Generator
        For what sets a class apart from its activity: its data and instruction mix.
    law : PowerLaw, optional
        How power comes about; linear in activity by default.

    Returns
    -------
    Cost

    Notes
    -----
    A roofline: the slowest of matrix units, memory and NVLink sets the time, to which a fixed
    part is added.
    """
    flops, moved, linked = (features @ _table(name) for name in _COSTS)
    operand = np.array([kernel.operand_bytes for kernel in CATALOG.values()])
    peak = np.array([board.flops_per_s.get(size, np.inf) for size in operand])
    collective = np.array([kernel.collective for kernel in CATALOG.values()])
    fixed_us = np.array([kernel.fixed_us for kernel in CATALOG.values()])
    bound_s = np.maximum.reduce(
        [
            flops / (peak * _TENSOR_REACH),
            moved / (board.dram_bytes_per_s * _DRAM_REACH),
            linked / (board.link_bytes_per_s * _LINK_REACH),
        ]
    )
    alone_us = fixed_us + bound_s * US_PER_S
    alone_s = alone_us / US_PER_S
    tensor, dram = flops / (alone_s * peak), moved / (alone_s * board.dram_bytes_per_s)
    link = linked / (alone_s * board.link_bytes_per_s)
    reached = np.maximum(tensor / _TENSOR_REACH, dram / _DRAM_REACH)
    sm = np.where(collective, _SM_COLLECTIVE, _SM_FLOOR + (1.0 - _SM_FLOOR) * reached)
    activity = np.stack([sm, tensor, dram, link], axis=-1)
    own = np.exp(rng.normal(0.0, law.class_spread, len(CATALOG)))
    switching = np.array([kernel.switching for kernel in CATALOG.values()])
    return Cost(
        duration_us=alone_us * stretch,
        activity=activity,
        dynamic_w=class_power(law, activity, features, own, board) * switching,
        blocks=np.clip(np.ceil(moved / 65_536), 1, 16 * board.sm_count).astype(np.int64),
        moved_bytes=moved,
    )


def clock_share(cost: Cost) -> Float:
    """Say which part of the time of each class goes with one over the SM clock.

    Parameters
    ----------
    cost : Cost
        At the full clock.

    Returns
    -------
    ndarray of float64 (n_steps, n_classes)
        What matrix units bound: the time without the fixed part. All else waits for memory, for
        links or for launches, which keep clocks of their own: 0.05.
    """
    bound = cost.activity[..., 1:] / np.array([_TENSOR_REACH, _DRAM_REACH, _LINK_REACH])
    by_matrix_units = (bound[..., 0] > 0) & (bound[..., 0] >= bound.max(axis=-1))
    share = np.where(by_matrix_units, bound[..., 0], _LEAST_CLOCK_SHARE)
    return np.asarray(share, dtype=np.float64)


_COSTS = ("flops", "bytes_moved", "link_bytes")


def _table(name: str) -> Float:
    rows = [
        [getattr(kernel, name).get(feature, 0.0) for kernel in CATALOG.values()]
        for feature in FEATURES
    ]
    return np.array(rows, dtype=np.float64)
