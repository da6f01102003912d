"""Bytes that GPU work moves through memory of the host, over links."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from traceenergy.records import dataclass

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from traceenergy.analysis.ledger import Ledger

    Float = NDArray[np.float64]

# Ends of a copy: H host, D device, A array on it, P another device.
_COPY = re.compile(r"\[CUDA memcpy (?:unified )?([A-Z])to([A-Z])\]")


@dataclass(frozen=True)
class Traffic:
    """Bytes that each piece of GPU work moves, ``(n_work,)`` each; 0 for none.

    Attributes
    ----------
    host_bytes
        Copies: read from, written to memory of the host.
    link_bytes
        Copies: between host and device, between devices.
    """

    host_bytes: Float
    link_bytes: Float


def copy_traffic(ledger: Ledger, names: pl.Series) -> Traffic:
    """Find the bytes of copies; those of a copy cut by the window in proportion.

    Parameters
    ----------
    ledger : Ledger
    names : polars.Series of String
        Text by id.

    Returns
    -------
    Traffic
    """
    ids = ledger.work.filter(pl.col("table") == "MEMCPY")["name_id"].unique().to_list()
    per_end = np.zeros(len(names) + 1), np.zeros(len(names) + 1)
    for one in ids:
        ends = "".join(match.groups()) if (match := _COPY.fullmatch(names[one])) else ""
        per_end[0][one] = ends.count("H")
        per_end[1][one] = ends.count("H") == 1 or ends == "PP"
    is_copy = (ledger.work["table"] == "MEMCPY").to_numpy()
    n_bytes = ledger.work["bytes"].fill_null(0).to_numpy() * inside_share(ledger) * is_copy
    name_id = ledger.work["name_id"].to_numpy()
    return Traffic(n_bytes * per_end[0][name_id], n_bytes * per_end[1][name_id])


def collective_bytes(
    ledger: Ledger,
    names: pl.Series,
    is_collective: NDArray[np.bool_],
    told: Sequence[tuple[str, float]],
) -> tuple[Float, int]:
    """Look up the bytes of collectives, which traces do not hold.

    Parameters
    ----------
    ledger : Ledger
    names : polars.Series of String
    is_collective : ndarray of bool (n_trace_work,)
        Of all GPU work of the trace.
    told : sequence of (str, float)
        Regular expressions on names of kernels, each with the bytes of one launch.

    Returns
    -------
    link_bytes : ndarray of float64 (n_work,)
        NaN for collectives that nothing is told of, 0 for other work.
    n_collectives : int
        Launches of collectives in the window.
    """
    mine = is_collective[ledger.trace_index]
    full_id, short_id = (
        ledger.work[column].to_numpy()[mine] for column in ("full_name_id", "name_id")
    )
    ids, first, id_of = np.unique(full_id, return_index=True, return_inverse=True)
    of_id = np.full(len(ids), np.nan)
    for place, (full, short) in enumerate(zip(ids.tolist(), short_id[first].tolist(), strict=True)):
        texts = (names[full], names[short])
        of_id[place] = next(
            (n for pattern, n in told if any(re.search(pattern, text) for text in texts)), np.nan
        )
    link_bytes = np.zeros(len(mine))
    link_bytes[mine] = of_id[id_of]
    return link_bytes * inside_share(ledger), int(mine.sum())


def inside_share(ledger: Ledger) -> Float:
    """Tell which part of each piece of work lies in the window, 0 to 1; 1 for work of no length."""
    whole_ns = (ledger.work["end_ns"] - ledger.work["start_ns"]).to_numpy()
    cut_ns = ledger.end_ns - ledger.start_ns
    share = np.divide(cut_ns, whole_ns, out=np.ones(len(whole_ns)), where=whole_ns > 0)
    return np.asarray(share, dtype=np.float64)
