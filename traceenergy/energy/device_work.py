"""GPU work of one device with its kernel classes."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from traceenergy.intervals import find_alone
from traceenergy.records import dataclass

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from traceenergy.trace.tables import GpuMetrics


@dataclass(frozen=True)
class DeviceWork:
    """GPU work of one device.

    Attributes
    ----------
    rank, device_id
        Key of the device.
    name
        As the driver names the GPU; None if not recorded.
    row : ndarray of int64 (n_work,)
        Row of each piece that touches the analysis window, in the caller's table of work.
    start_ns, end_ns : ndarray of int64 (n_work,) [ns]
        Of those pieces, cut to the window.
    all_start_ns, all_end_ns : ndarray of int64 (n_all,) [ns]
        Of all pieces of the device, uncut: a sample may hold energy of work outside the window.
    all_row : ndarray of int64 (n_work,)
        Row of each piece of `row` among all of the device.
    all_trace_row : ndarray of int64 (n_all,)
        Row of all pieces of the device in the trace's GPU work.
    """

    rank: int
    device_id: int
    name: str | None
    row: NDArray[np.int64]
    start_ns: NDArray[np.int64]
    end_ns: NDArray[np.int64]
    all_start_ns: NDArray[np.int64]
    all_end_ns: NDArray[np.int64]
    all_row: NDArray[np.int64]
    all_trace_row: NDArray[np.int64]

    @cached_property
    def all_alone(self) -> NDArray[np.bool_]:
        """Which of all pieces share no time with others, ``(n_all,)``."""
        return find_alone(self.all_start_ns, self.all_end_ns)

    @cached_property
    def _reach_ns(self) -> NDArray[np.int64] | None:
        """Latest end up to each piece; None where pieces do not come in order of their starts."""
        in_order = bool((self.start_ns[1:] >= self.start_ns[:-1]).all())
        return np.maximum.accumulate(self.end_ns) if in_order and len(self.end_ns) else None

    def running(self, start_ns: int, end_ns: int) -> NDArray[np.int64]:
        """Find the pieces that run at some time of a stretch.

        Parameters
        ----------
        start_ns, end_ns : int [ns]

        Returns
        -------
        ndarray of int64
            Their places in `row`; none of no length.
        """
        near = slice(None)
        if self._reach_ns is not None:
            first = np.searchsorted(self._reach_ns, start_ns, side="right")
            near = slice(first, np.searchsorted(self.start_ns, end_ns))
        begin_ns, until_ns = self.start_ns[near], self.end_ns[near]
        runs = (until_ns > begin_ns) & (begin_ns < end_ns) & (until_ns > start_ns)
        return np.flatnonzero(runs) + (near.start or 0)


@dataclass(frozen=True)
class WorkClasses:
    """Which class each piece of a device's work belongs to.

    Attributes
    ----------
    of_all : ndarray of int (n_all,)
        Class of each piece of all work of the device.
    names : sequence of str (n_classes,)
        Full kernel name of each class.
    kernel : ndarray of int64 (n_classes,)
        Equal for classes of one kernel, which differ in size.
    metrics : GpuMetrics
        Sampled metrics of the device; may be empty.
    """

    of_all: NDArray[np.integer[Any]]
    names: Sequence[str]
    kernel: NDArray[np.int64]
    metrics: GpuMetrics
