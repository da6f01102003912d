"""How evenly the routed experts of each layer load the GPUs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from traceenergy.analysis.collective_columns import EXPERT_BALANCE_ROW
from traceenergy.codes import codes_of
from traceenergy.critical_path.common_ends import NONE
from traceenergy.intervals import busy_by_group
from traceenergy.trace.tables import empty_table
from traceenergy.units import S_PER_NS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.analysis.ledger import Ledger
    from traceenergy.analysis.tables import Labels

    Int = NDArray[np.int64]
    Float = NDArray[np.float64]

_EXPERTS = r"^moe\.routed"
_DISPATCH, _TRAVEL = r"^moe\.dispatch", r"^moe\.(?:dispatch|combine)"


def expert_rows(
    ledger: Ledger, labels: Labels, group: Int, wait_ns: Int, wait_j: Float
) -> pl.DataFrame:
    """Compare what routed experts take on each GPU (`EXPERT_BALANCE_ROW`), layers in order.

    Parameters
    ----------
    ledger : Ledger
    labels : Labels
    group : ndarray of int64 (n_work,)
        Collective of each piece; -1 for none.
    wait_ns : ndarray of int64 (n_work,) [ns]
        That it waits in it.
    wait_j : ndarray of float64 (n_work,) [J]
        Energy in that time.

    Returns
    -------
    polars.DataFrame
        Empty where no pass of experts is on several GPUs.

    Notes
    -----
    A pass is one step, layer and, where it was matched, one dispatch that brought the tokens: the
    last one on the GPU before the experts. GPUs are compared pass by pass, so that an excess of one
    pass and of another do not cancel.
    """
    kind, kinds = codes_of(labels.subphase.to_frame("kind"), ["kind"])

    def rows_of(pattern: str) -> Int:
        is_one = kinds["kind"].cast(pl.String).str.contains(pattern).to_numpy()
        return np.flatnonzero(is_one[kind])

    experts = rows_of(_EXPERTS)
    if not len(experts) or len(np.unique(ledger.device[experts])) < 2:  # noqa: PLR2004 - alone
        return empty_table(EXPERT_BALANCE_ROW)
    layer, layers = codes_of(pl.DataFrame({"layer": labels.layer}), ["layer"])
    dispatched = rows_of(_DISPATCH)
    dispatched = dispatched[group[dispatched] >= 0]
    frame = pl.DataFrame(
        {
            "layer": layer[experts],
            "step": labels.step[experts],
            "dispatch": _last_dispatch(ledger, group, dispatched, experts),
            "device": ledger.device[experts],
        }
    )
    of_pass, keys = codes_of(frame, frame.columns)
    busy_ns = busy_by_group(of_pass, ledger.start_ns[experts], ledger.end_ns[experts], len(keys))
    compared = _compare(keys.with_columns(busy_s=pl.Series(busy_ns * S_PER_NS)))
    if not len(compared):
        return empty_table(EXPERT_BALANCE_ROW)
    of_layer = np.full(len(layer), NONE, dtype=np.int64)
    of_layer[experts] = layer[experts]
    travels = rows_of(_TRAVEL)
    travels = travels[group[travels] >= 0]
    waiting = np.full(len(layer), NONE, dtype=np.int64)
    waiting[travels] = layer[travels]
    rows = compared.join(
        _energies(ledger, len(layers), of_layer, waiting, wait_ns=wait_ns, wait_j=wait_j),
        on="layer",
        how="left",
    )
    return _described(rows, ledger, layers, of_layer)


def known_sum(energy_j: Float, code: Int, n_codes: int) -> Float:
    """Sum by code what is known.

    Parameters
    ----------
    energy_j : ndarray of float64 (n,) [J]
        NaN where not known.
    code : ndarray of int64 (n,)
        Negative for none.
    n_codes : int

    Returns
    -------
    ndarray of float64 (n_codes,) [J]
        NaN for codes of which nothing is known.
    """
    known = (code >= 0) & ~np.isnan(energy_j)
    total_j = np.bincount(code[known], energy_j[known], n_codes)
    return np.where(np.bincount(code[known], minlength=n_codes) > 0, total_j, np.nan)


def _last_dispatch(ledger: Ledger, group: Int, dispatched: Int, experts: Int) -> Int:
    def placed(rows: Int) -> pl.DataFrame:
        start_ns = ledger.work["start_ns"].gather(rows)
        frame = pl.DataFrame({"start_ns": start_ns, "device": ledger.device[rows]})
        return frame.with_columns(row=pl.Series(rows)).sort("start_ns", maintain_order=True)

    before = placed(dispatched)
    before = before.with_columns(group=pl.Series(group).gather(before["row"]))
    found = placed(experts).join_asof(
        before.drop("row"), on="start_ns", by="device", strategy="backward", check_sortedness=False
    )
    return found.sort("row")["group"].fill_null(NONE).to_numpy()


def _compare(passes: pl.DataFrame) -> pl.DataFrame:
    """Compare devices within each pass; one row a layer."""
    of_pass = ["layer", "step", "dispatch"]
    passes = passes.filter(pl.len().over(of_pass) > 1)
    each = passes.group_by(of_pass, maintain_order=True).agg(
        pl.col("busy_s").mean().alias("mean_busy_s"), pl.col("busy_s").max().alias("max_busy_s")
    )
    of_layer = each.group_by("layer", maintain_order=True).agg(
        pl.len().alias("n_passes"), pl.col("mean_busy_s", "max_busy_s").sum()
    )
    of_device = passes.group_by("layer", "device", maintain_order=True).agg(pl.col("busy_s").sum())
    busiest = of_device.sort("busy_s", "device", descending=[True, False])
    most = busiest.group_by("layer", maintain_order=True).agg(
        pl.len().alias("n_devices"),
        pl.col("device").first(),
        pl.col("busy_s").first().alias("device_busy_s"),
    )
    return of_layer.join(most, on="layer")


def _energies(  # noqa: PLR0913 - what is summed, by what
    ledger: Ledger,
    n_layers: int,
    of_layer: Int,
    waiting: Int,
    *,
    wait_ns: Int,
    wait_j: Float,
) -> pl.DataFrame:
    energy_j = known_sum(ledger.energy_j, of_layer, n_layers)
    low_j, high_j = ledger.bounds(of_layer, n_layers)
    travels = waiting >= 0
    return pl.DataFrame(
        {
            "layer": np.arange(n_layers),
            "energy_j": energy_j,
            "energy_lo_j": np.minimum(low_j, energy_j),
            "energy_hi_j": np.maximum(high_j, energy_j),
            "wait_s": np.bincount(waiting[travels], wait_ns[travels], n_layers) * S_PER_NS,
            "wait_energy_j": known_sum(wait_j, waiting, n_layers),
        }
    )


def _described(
    rows: pl.DataFrame, ledger: Ledger, layers: pl.DataFrame, of_layer: Int
) -> pl.DataFrame:
    n_devices = len(ledger.devices)
    both = np.where(of_layer >= 0, of_layer * n_devices + ledger.device, NONE)
    device_j = known_sum(ledger.energy_j, both, len(layers) * n_devices)
    place = rows["layer"].to_numpy() * n_devices + rows["device"].to_numpy()
    devices = [ledger.devices[device] for device in rows["device"].to_list()]
    busy = pl.col("mean_busy_s") > 0
    described = rows.with_columns(
        layers["layer"].gather(rows["layer"]).alias("layer"),
        pl.when(busy).then(pl.col("max_busy_s") / pl.col("mean_busy_s")).alias("imbalance"),
        pl.Series("rank", [work.rank for work in devices]),
        pl.Series("device_id", [work.device_id for work in devices]),
        pl.Series("device_energy_j", device_j[place]),
    )
    described = described.with_columns(pl.col(pl.Float64).fill_nan(None))
    ordered = described.sort("layer", nulls_last=True)
    return ordered.select(pl.col(column.name).cast(column.dtype) for column in EXPERT_BALANCE_ROW)
