"""Kernels of one step after another, as sequences that can be compared."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from traceenergy.records import dataclass
from traceenergy.structure.align import Sequence

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from traceenergy.trace.tables import GpuWork

    Int = NDArray[np.int64]
    Bool = NDArray[np.bool_]

# Matrix products, whose names tell their tiles and not their purpose.
PRODUCT = r"(?i)gemm|gemv|nvjet|cutlass|xmma|cublas|matmul|wgmma|_mm_|splitk"


@dataclass(frozen=True)
class Vocabulary:
    """Codes of kernel names, shared by the traces that are compared.

    Attributes
    ----------
    names, families : dict of str to int
    """

    names: dict[str, int]
    families: dict[str, int]

    def codes(self, texts: pl.Series) -> Sequence:
        """Give each name its codes; new ones are added.

        Parameters
        ----------
        texts : polars.Series of String (n,)
            Distinct names.

        Returns
        -------
        Sequence
            Of length n.
        """
        families = texts.str.replace_all(r"[0-9]+", "#")
        name = [self.names.setdefault(text, len(self.names)) for text in texts]
        family = [self.families.setdefault(text, len(self.families)) for text in families]
        is_product = texts.str.contains(PRODUCT).to_numpy()
        return Sequence(
            np.array(name, dtype=np.int64), np.array(family, dtype=np.int64), is_product
        )


@dataclass(frozen=True)
class Passages:
    """Kernels step by step.

    Attributes
    ----------
    row : ndarray of int64 (n,)
        Rows of the GPU work, step by step in the order they began; the stream of each lane that
        worked longest apart from the others.
    kernels : Sequence
        Likewise.
    start : ndarray of int64 (n_passages + 1,)
        First kernel of each passage; n at the end.
    is_main : ndarray of bool (n_passages,)
        Whether it is of the stream that worked longest.
    """

    row: Int
    kernels: Sequence
    start: Int
    is_main: Bool

    def __len__(self) -> int:
        """Count the passages."""
        return len(self.is_main)

    def rows_of(self, passage: int) -> Int:
        """Rows of the GPU work of one passage."""
        return self.row[self.start[passage] : self.start[passage + 1]]

    def kernels_of(self, passage: int) -> Sequence:
        """Kernels of one passage."""
        return self.kernels.at(np.arange(self.start[passage], self.start[passage + 1]))

    def order_of(self, passage: int) -> tuple[bool, bytes]:
        """Names of one passage in order, as a key; main streams apart from others."""
        name = self.kernels.name[self.start[passage] : self.start[passage + 1]]
        return bool(self.is_main[passage]), name.tobytes()

    def alike(self) -> Iterator[list[int]]:
        """Group passages with the same names in the same order, the commonest first."""
        groups: dict[tuple[bool, bytes], list[int]] = {}
        for passage in range(len(self)):
            groups.setdefault(self.order_of(passage), []).append(passage)
        yield from sorted(groups.values(), key=len, reverse=True)


def passages_of(  # noqa: PLR0913 - kernels, their steps, and how to read them
    work: GpuWork,
    names: pl.Series,
    step: Int,
    asked: Bool,
    vocabulary: Vocabulary,
    *,
    apart: bool = True,
) -> Passages:
    """Cut the kernels of a run into steps.

    Parameters
    ----------
    work : GpuWork
    names : polars.Series of String
        Text by id.
    step : ndarray of int64 (n_work,)
        -1 for none; all work outside of steps is one passage.
    asked : ndarray of bool (n_work,)
        Which pieces to take; of them kernels count alone.
    vocabulary : Vocabulary
        Takes the names.
    apart : bool
        Keep the stream that worked longest apart; else all streams are one, in the order in
        which their kernels began.

    Returns
    -------
    Passages
    """
    rows = np.flatnonzero(asked & (work["table"] == "KERNEL").to_numpy())
    keys = ["rank", "process_id", "device_id"]
    frame = work.select(*keys, "stream_id", "start_ns", "end_ns", "name_id")[rows].with_columns(
        row=rows, step=step[rows]
    )
    length = (pl.col("end_ns") - pl.col("start_ns")).sum()
    stream = frame.group_by(*keys, "stream_id").agg(busy=length)
    main = pl.lit(value=True)
    if apart:
        main = pl.col("busy") == pl.col("busy").max().over(keys)
    frame = frame.join(stream.with_columns(is_main=main), on=[*keys, "stream_id"], how="left")
    frame = frame.sort(*keys, "step", "is_main", "start_ns", "row")
    changed = pl.any_horizontal(
        pl.col(name) != pl.col(name).shift() for name in (*keys, "step", "is_main")
    ).fill_null(value=True)
    first = np.flatnonzero(frame.select(changed).to_series().to_numpy())
    used, of_kernel = np.unique(frame["name_id"].to_numpy(), return_inverse=True)
    return Passages(
        row=frame["row"].to_numpy(),
        kernels=vocabulary.codes(names.gather(used)).at(of_kernel),
        start=np.append(first, len(frame)),
        is_main=frame["is_main"].to_numpy()[first],
    )
