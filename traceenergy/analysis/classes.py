"""Kernel classes: GPU work that should draw the same power."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from traceenergy.analysis.codes import codes_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from traceenergy.trace.tables import GpuWork


@dataclass(frozen=True)
class KernelClasses:
    """Classes of all GPU work of a run.

    Attributes
    ----------
    of_work : ndarray of int64 (n_work,)
        Class of each piece.
    names : list of str (n_classes,)
        Full kernel name of each class.
    """

    of_work: NDArray[np.int64]
    names: list[str]


def class_work(work: GpuWork, subphase: pl.Series, names: pl.Series) -> KernelClasses:
    """Put work into classes by full name, part of the model, power of two of its grid.

    Parameters
    ----------
    work : GpuWork
    subphase : polars.Series (n_work,)
    names : polars.Series of String
        Text by id.

    Returns
    -------
    KernelClasses
    """
    keys = pl.DataFrame(
        {
            "full_name_id": work["full_name_id"],
            "subphase": subphase,
            "size": work["grid_blocks"].fill_null(1).clip(1).log(2).round().cast(pl.Int16),
        }
    )
    of_work, distinct = codes_of(keys, keys.columns)
    return KernelClasses(of_work, names.gather(distinct["full_name_id"]).to_list())
