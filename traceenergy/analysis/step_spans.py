"""When each step, each layer in a step, ran on each GPU."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from traceenergy.records import dataclass

if TYPE_CHECKING:
    import polars as pl
    from numpy.typing import NDArray

    from traceenergy.analysis.ledger import Ledger
    from traceenergy.analysis.tables import Labels

    Int = NDArray[np.int64]


@dataclass(frozen=True)
class StepSpans:
    """Steps, or layers in steps, of each GPU: from their first to their last work.

    Attributes
    ----------
    of_work : ndarray of int64 (n_work,)
        Span of each piece; -1 for none.
    device : ndarray of int64 (n_spans,)
        In the ledger.
    kind : ndarray of int64 (n_spans,)
        Row in `names`: kind of the step, or layer.
    start_ns, end_ns : ndarray of int64 (n_spans,) [ns]
    names : list of str
    """

    of_work: Int
    device: Int
    kind: Int
    start_ns: Int
    end_ns: Int
    names: list[str]


def step_spans(ledger: Ledger, labels: Labels, steps: pl.DataFrame) -> StepSpans:
    """Find when steps ran on each GPU, by kind of step.

    Parameters
    ----------
    ledger : Ledger
    labels : Labels
    steps : polars.DataFrame
        `STEP_ROW`.

    Returns
    -------
    StepSpans
    """
    known = steps.drop_nulls("step").sort("step")
    number = known["step"].to_numpy()
    names = known["kind"].unique(maintain_order=True).to_list()
    kind = np.array([names.index(name) for name in known["kind"]], dtype=np.int64)
    place = np.searchsorted(number, labels.step)
    place = np.where(labels.step >= 0, place, -1)
    return _spans(ledger, place, len(number), kind, names)


def layer_spans(ledger: Ledger, labels: Labels, steps: pl.DataFrame) -> StepSpans:
    """Find when layers ran in each step on each GPU; none without steps."""
    number = steps["step"].drop_nulls().sort().to_numpy()
    layer = labels.layer.fill_null(-1).to_numpy().astype(np.int64)
    n_layers = int(layer.max(initial=-1)) + 1
    place = np.searchsorted(number, labels.step) * n_layers + layer
    place = np.where((labels.step >= 0) & (layer >= 0), place, -1)
    kind = np.tile(np.arange(n_layers), len(number))
    names = [f"layer {index}" for index in range(n_layers)]
    return _spans(ledger, place, len(kind), kind, names)


def extents(group: Int, n_groups: int, start_ns: Int, end_ns: Int) -> tuple[Int, Int]:
    """Find the first start and the last end of groups of work.

    Parameters
    ----------
    group : ndarray of int64 (n,)
        Negative for none. Work of one group often stands together.
    n_groups : int
    start_ns, end_ns : ndarray of int64 (n,) [ns]

    Returns
    -------
    first_ns, last_ns : ndarray of int64 (n_groups,) [ns]
        The largest and the least integer for groups without work.
    """
    limits = np.iinfo(np.int64)
    first_ns, last_ns = np.full(n_groups, limits.max), np.full(n_groups, limits.min)
    if len(group):
        runs = np.flatnonzero(np.append(True, group[1:] != group[:-1]))
        lows_ns, highs_ns = np.minimum.reduceat(start_ns, runs), np.maximum.reduceat(end_ns, runs)
        mine = np.flatnonzero(group[runs] >= 0)
        of_run = group[runs[mine]]
        np.minimum.at(first_ns, of_run, lows_ns[mine])
        np.maximum.at(last_ns, of_run, highs_ns[mine])
    return first_ns, last_ns


def _spans(ledger: Ledger, place: Int, n: int, kind: Int, names: list[str]) -> StepSpans:
    n_devices = max(len(ledger.devices), 1)
    code = place * n_devices
    code += ledger.device
    code[place < 0] = -1
    start_ns, end_ns = np.zeros((2, n, n_devices), dtype=np.int64)
    # Work of one device stands together in its steps; of several it takes turns.
    for index, work in enumerate(ledger.devices):
        mine = place if n_devices == 1 else place[work.row]
        start_ns[:, index], end_ns[:, index] = extents(mine, n, work.start_ns, work.end_ns)
    start_ns, end_ns = start_ns.ravel(), end_ns.ravel()
    there = np.flatnonzero(end_ns > start_ns)
    number = np.full(n * n_devices + 1, -1)
    number[there] = np.arange(len(there))
    return StepSpans(
        number[code], there % n_devices, kind[there // n_devices], start_ns[there], end_ns[there],
        names,
    )  # fmt: skip
