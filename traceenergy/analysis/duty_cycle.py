"""Part of steps, of layers in them, in which matrix products run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import polars as pl

from traceenergy.analysis.clock_columns import DUTY_CYCLE
from traceenergy.analysis.clocks import device_text
from traceenergy.analysis.pieces import Pieces
from traceenergy.energy.prior import category_of
from traceenergy.intervals import busy_by_group
from traceenergy.units import S_PER_NS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from traceenergy.analysis.ledger import Ledger
    from traceenergy.analysis.step_spans import StepSpans

    Int = NDArray[np.int64]
    Float = NDArray[np.float64]
    Bool = NDArray[np.bool_]

_QUANTILES = (0.1, 0.5, 0.9)
_MATMUL = "gemm"


def is_matmul(ledger: Ledger, names: pl.Series) -> Bool:
    """Tell matrix products by their full names, ``(n_work,)``; attention is none."""
    full_id = ledger.work["full_name_id"].to_numpy()
    used = np.flatnonzero(np.bincount(full_id))
    told = np.zeros(len(names), dtype=bool)
    told[used] = [category_of(name) == _MATMUL for name in names.gather(used).to_list()]
    return np.asarray(told[full_id])


def duty_rows(ledger: Ledger, matmul: Bool, spans: Iterable[tuple[str, StepSpans]]) -> pl.DataFrame:
    """Measure how much of each step, each layer, each GPU's time has a matrix product running.

    Parameters
    ----------
    ledger : Ledger
    matmul : ndarray of bool (n_work,)
    spans : iterable of (level, spans)

    Returns
    -------
    polars.DataFrame
        `DUTY_CYCLE`. Products that run together count once; several GPUs are instances each.
    """
    rows = []
    products = _products(ledger, matmul)
    for level, found in spans:
        busy_ns = products.busy_ns(found.of_work, len(found.kind))
        elapsed_ns = found.end_ns - found.start_ns
        for kind in np.unique(found.kind).tolist():
            mine = found.kind == kind
            rows.append(_row(level, found.names[kind], busy_ns[mine], elapsed_ns[mine]))
    n_devices = len(ledger.devices)
    busy_ns = products.busy_ns(ledger.device, n_devices)
    for index, work in enumerate(ledger.devices):
        first_ns, last_ns = ledger.start_ns[work.row].min(), ledger.end_ns[work.row].max()
        name, elapsed_ns = device_text(work.rank, work.device_id), np.array([last_ns - first_ns])
        rows.append(_row("gpu", name, busy_ns[index : index + 1], elapsed_ns))
    kept = [row for row in rows if row["elapsed_s"] > 0]
    return pl.DataFrame(kept, schema={column.name: column.dtype for column in DUTY_CYCLE})


class _Products(NamedTuple):
    """Matrix products: those that run alone on their device with their lengths, and the rest."""

    alone: Int
    length_ns: Float
    rest: Pieces

    def busy_ns(self, group: Int, n: int) -> Int:
        """Measure the union of each group's products; `group` of a piece is negative for none."""
        # Groups are of one device each: only what shares time with other work needs a union.
        summed_ns = np.bincount(group[self.alone] + 1, self.length_ns, n + 1)[1:]
        mine = group[self.rest.row]
        kept = np.flatnonzero(mine >= 0)
        times_ns = self.rest.start_ns[kept], self.rest.end_ns[kept]
        return busy_by_group(mine[kept], *times_ns, n) + summed_ns.astype(np.int64)


def _products(ledger: Ledger, matmul: Bool) -> _Products:
    alone = np.flatnonzero(matmul & ledger.is_alone)
    length_ns = (ledger.end_ns[alone] - ledger.start_ns[alone]).astype(np.float64)
    rest = ledger.not_alone
    mine = np.flatnonzero(matmul[rest.row])
    there = rest.row[mine], rest.device[mine], rest.start_ns[mine], rest.end_ns[mine]
    return _Products(alone, length_ns, Pieces(*there))


def _row(level: str, name: str, busy_ns: Int, elapsed_ns: Int) -> dict[str, Any]:
    elapsed_s, matmul_s = (float(ns.sum()) * S_PER_NS for ns in (elapsed_ns, busy_ns))
    duties = busy_ns / np.maximum(elapsed_ns, 1)
    places = np.multiply(_QUANTILES, len(duties) - 1)
    low, middle, high = np.interp(places, np.arange(len(duties)), np.sort(duties)).tolist()
    return {
        "level": level, "name": name, "n_instances": len(busy_ns), "elapsed_s": elapsed_s,
        "matmul_s": matmul_s, "duty": matmul_s / max(elapsed_s, S_PER_NS), "duty_q10": low,
        "duty_median": middle, "duty_q90": high,
    }  # fmt: skip
