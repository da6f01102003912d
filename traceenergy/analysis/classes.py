"""Kernel classes: GPU work that should draw the same power."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from traceenergy.codes import codes_of
from traceenergy.energy.prior import category_of
from traceenergy.records import dataclass
from traceenergy.units import S_PER_NS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Int = NDArray[np.int64]
    Float = NDArray[np.float64]

SIZE_COLUMNS = ("full_name_id", "grid_blocks", "start_ns", "end_ns")  # what classes are told by
# Classes with less of the busy time are joined to another one: their power makes no difference.
RARE_SHARE = 5e-4
MOST_CLASSES = 250


@dataclass(frozen=True)
class KernelClasses:
    """Classes of all GPU work of a run.

    Attributes
    ----------
    of_work : ndarray of int16 (n_work,)
        Class of each piece.
    names : list of str (n_classes,)
        Full kernel name of each class; of the longest-running one where rare ones were joined.
    kernel : ndarray of int64 (n_classes,)
        Equal for classes of one kernel, which differ in size.
    """

    of_work: NDArray[np.int16]
    names: list[str]
    kernel: Int


def class_work(work: pl.DataFrame, names: pl.Series) -> KernelClasses:
    """Put work into classes by full name, power of two of its grid, of its duration.

    Parameters
    ----------
    work : polars.DataFrame
        `SIZE_COLUMNS` of GPU work.
    names : polars.Series of String
        Text by id.

    Returns
    -------
    KernelClasses

    Notes
    -----
    Persistent kernels have one grid for all sizes, so duration tells size as well. Rare classes
    are joined to the class of the same kernel nearest in duration, or to the rest of their
    category if the kernel has no other.
    """
    length_ns = (work["end_ns"] - work["start_ns"]).clip(1)
    keys = pl.DataFrame(
        {
            "full_name_id": work["full_name_id"],
            "size": _nearest_power(work["grid_blocks"].fill_null(1).clip(1)),
            "length": _nearest_power(length_ns),
        }
    )
    of_work, distinct = codes_of(keys, keys.columns)
    full_name = names.gather(distinct["full_name_id"])
    length_s = length_ns.cast(pl.Float64).to_numpy() * S_PER_NS
    time_s = np.bincount(of_work, length_s, len(distinct)).astype(np.float64)
    kernel = distinct["full_name_id"].rank("dense").to_numpy().astype(np.int64) - 1
    target = _join_rare(kernel, distinct["length"].to_numpy(), time_s, full_name)
    used, joined = np.unique(target, return_inverse=True)
    names_used = full_name.gather(used).to_list()
    # So few that two bytes each are enough.
    return KernelClasses(joined.astype(np.int16)[of_work], names_used, kernel[used])


def _nearest_power(value: pl.Series) -> NDArray[np.int16]:
    """Round the logarithms to base two of positive numbers."""
    part, power = np.frexp(value.cast(pl.Float64).to_numpy())
    return np.asarray(power - (part < np.sqrt(0.5)), dtype=np.int16)


def _join_rare(kernel: Int, length: Int, time_s: Float, full_name: pl.Series) -> Int:
    # Which class each one is joined to; itself where it is kept.
    table = pl.DataFrame(
        {"index": np.arange(len(time_s)), "kernel": kernel, "length": length, "time_s": time_s}
    ).sort("time_s", descending=True, maintain_order=True)
    # A kernel's longest-running class stands for it, and counts for all of the kernel.
    stands = pl.col("index") == pl.col("index").first().over("kernel")
    counts_s = pl.when(stands).then(pl.col("time_s").sum().over("kernel")).otherwise("time_s")
    table = table.with_columns(
        kept=(counts_s >= RARE_SHARE * time_s.sum())
        & (counts_s.rank("ordinal", descending=True) <= MOST_CLASSES)
    )
    kept, rare = table.filter("kept"), table.filter(~pl.col("kept"))
    nearest = (
        rare.join(kept.select("kernel", "length", to="index"), on="kernel")
        .with_columns(apart=(pl.col("length") - pl.col("length_right")).abs())
        .sort("apart", "to")
        .unique("index", keep="first", maintain_order=True)
    )
    target = np.arange(len(time_s))
    target[nearest["index"].to_numpy()] = nearest["to"].to_numpy()
    alone = rare.join(nearest.select("index"), on="index", how="anti")["index"].to_numpy()
    category = np.array([category_of(name) for name in full_name.gather(alone).to_list()])
    for one in np.unique(category):
        members = alone[category == one]
        target[members] = members[0]
    return target
