"""GPU work of a run cut to a window, split by device."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from traceenergy.energy.device_work import DeviceWork

if TYPE_CHECKING:
    from traceenergy.analysis.model import Window
    from traceenergy.intervals import Int
    from traceenergy.trace.model import Trace
    from traceenergy.trace.tables import GpuWork


def cut_work(work: GpuWork, window: Window) -> tuple[Int, Int, Int]:
    """Find the work that touches a window.

    Parameters
    ----------
    work : GpuWork
        Of a trace.
    window : Window

    Returns
    -------
    row : ndarray of int64 (n,)
        Rows of the trace, rising.
    start_ns, end_ns : ndarray of int64 (n,) [ns]
        Cut to the window; those of the table itself where the window holds all of it.
    """
    row = _rows_in(work, window)
    start_ns, end_ns = (_chosen(work[name].to_numpy(), row) for name in ("start_ns", "end_ns"))
    if len(row) and start_ns.min() < window.start_ns:
        start_ns = np.maximum(start_ns, window.start_ns)
    if len(row) and (end_ns.max() > window.end_ns or (end_ns < start_ns).any()):
        end_ns = np.clip(end_ns, start_ns, window.end_ns)
    return row, start_ns, end_ns


def rows_of(work: pl.DataFrame, row: Int) -> pl.DataFrame:
    """Choose rows of work, in their order; all of them are not copied."""
    return work if len(row) == len(work) else work[row]


def split_by_device(
    trace: Trace, row: Int, start_ns: Int, end_ns: Int
) -> tuple[Int, tuple[DeviceWork, ...]]:
    """Split work by the device that ran it.

    Parameters
    ----------
    trace : Trace
    row, start_ns, end_ns
        As `cut_work` gives them for its work.

    Returns
    -------
    device : ndarray of int64 (n,)
        Row of each piece's device in `devices`.
    devices : tuple of DeviceWork
        That ran any of it, in the order of their key. Arrays that are equal are the same.
    """
    names = {(r["rank"], r["device_id"]): r["name"] for r in trace.devices.iter_rows(named=True)}
    work = trace.gpu_work
    keys, of_all = _devices_of(work)
    is_all = len(row) == len(work)
    counting, of_kept = (row, of_all) if is_all else (np.arange(len(work)), of_all[row])
    all_rows = _rows_by_code(of_all, len(keys), counting)
    kept_rows = all_rows if is_all else _rows_by_code(of_kept, len(keys), counting[: len(row)])
    all_ns = [work[name].to_numpy() for name in ("start_ns", "end_ns")]
    is_uncut = is_all and all(map(np.array_equal, all_ns, (start_ns, end_ns)))
    devices = []
    for (rank, device_id), mine, every in zip(keys.iter_rows(), kept_rows, all_rows, strict=True):
        if not len(mine):
            continue
        all_start_ns, all_end_ns = (_chosen(time_ns, every) for time_ns in all_ns)
        mine_start_ns, mine_end_ns = all_start_ns, all_end_ns
        if not is_uncut:
            mine_start_ns, mine_end_ns = _chosen(start_ns, mine), _chosen(end_ns, mine)
        has_all = len(mine) == len(every)
        devices.append(
            DeviceWork(
                rank=rank,
                device_id=device_id,
                name=names.get((rank, device_id)),
                row=mine,
                start_ns=mine_start_ns,
                end_ns=mine_end_ns,
                all_start_ns=all_start_ns,
                all_end_ns=all_end_ns,
                all_row=counting[: len(every)] if has_all else np.searchsorted(every, row[mine]),
                all_trace_row=every,
            )
        )
    number = np.cumsum([len(mine) > 0 for mine in kept_rows]) - 1  # idle devices have no row
    return of_kept if len(keys) == 1 else number[of_kept], tuple(devices)


def _rows_in(work: pl.DataFrame, window: Window) -> Int:
    start_ns, end_ns = pl.col("start_ns"), pl.col("end_ns")
    overlaps = (start_ns < window.end_ns) & (end_ns > window.start_ns)
    # Work of no length belongs to the window it stands in, ends included.
    stands = (start_ns == end_ns) & start_ns.is_between(window.start_ns, window.end_ns)
    return np.flatnonzero(work.select(inside=overlaps | stands)["inside"].to_numpy())


def _chosen(value: Int, row: Int) -> Int:
    """Choose values in their order; all of them are not copied."""
    return value if len(row) == len(value) else value[row]


def _devices_of(work: pl.DataFrame) -> tuple[pl.DataFrame, Int]:
    """Find the devices in the order of their keys, and the place of each piece's in them."""
    keys = work.select("rank", "device_id").unique().sort("rank", "device_id")
    if len(keys) == 1:
        return keys, np.broadcast_to(np.int64(0), len(work))  # which takes no memory
    of_all = np.searchsorted(_device_key(keys), _device_key(work))
    return keys, of_all


def _device_key(frame: pl.DataFrame) -> Int:
    wide = frame["rank"].cast(pl.Int64) * 2**32 + frame["device_id"].cast(pl.Int64)
    return np.asarray(wide.to_numpy())


def _rows_by_code(code: Int, n_codes: int, counting: Int) -> list[Int]:
    if n_codes == 1:
        return [counting]
    # Numbers of 16 bits are sorted without comparing.
    small = code.astype(np.uint16) if n_codes <= np.iinfo(np.uint16).max else code
    order = np.argsort(small, kind="stable")
    return np.split(order, np.cumsum(np.bincount(code, minlength=n_codes))[:-1])
