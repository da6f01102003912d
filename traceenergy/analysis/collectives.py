"""Time in which GPUs wait for each other, what it costs, who lets them wait."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars as pl

from traceenergy.analysis.collective_columns import COLLECTIVE_ROW, STRAGGLER_ROW
from traceenergy.analysis.expert_balance import expert_rows, known_sum
from traceenergy.codes import codes_of
from traceenergy.critical_path.arrivals import last_begins
from traceenergy.critical_path.common_ends import NONE, median_by
from traceenergy.records import dataclass
from traceenergy.trace.tables import empty_table
from traceenergy.units import NS_PER_US, S_PER_NS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from traceenergy.analysis.ledger import Ledger
    from traceenergy.analysis.tables import Labels
    from traceenergy.critical_path.collectives import Collectives
    from traceenergy.trace.model import Trace

    Int = NDArray[np.int64]
    Float = NDArray[np.float64]


@dataclass(frozen=True)
class Waits:
    """What each piece of work of a ledger waits for the others of its collective.

    Attributes
    ----------
    group : ndarray of int64 (n_work,)
        Collective; -1 for none, or where no other member was found.
    is_collective : ndarray of bool (n_work,)
        By name.
    wait_ns : ndarray of int64 (n_work,) [ns]
        From its start until the last member began, within the window; 0 without a collective.
    wait_j : ndarray of float64 (n_work,) [J]
        Its energy in that time, which is taken to draw as much power as the rest; NaN where no
        power sample covers it.
    last : ndarray of int64 (n_work,)
        Device, as a row of the ledger's devices, that began last; -1 for none, or for a device
        without work in the window.
    late_ns : ndarray of float64 (n_groups,) [ns]
        Of the last member after the median one.
    last_of_group : ndarray of int64 (n_groups,)
        As `last`.
    """

    group: Int
    is_collective: NDArray[np.bool_]
    wait_ns: Int
    wait_j: Float
    last: Int
    late_ns: Float
    last_of_group: Int


class CollectiveTables(NamedTuple):
    """Result tables of collectives: `COLLECTIVE_ROW`, `STRAGGLER_ROW`, `EXPERT_BALANCE_ROW`."""

    collectives: pl.DataFrame
    stragglers: pl.DataFrame
    expert_balance: pl.DataFrame


def collective_tables(
    trace: Trace, ledger: Ledger, labels: Labels, collectives: Collectives
) -> CollectiveTables:
    """Tell who waits for whom, how long, at what cost.

    Parameters
    ----------
    trace : Trace
    ledger : Ledger
    labels : Labels
    collectives : Collectives
        Of all work of the trace.

    Returns
    -------
    CollectiveTables
        Rows by energy of waiting, else by time; devices in the order of the ledger; layers in
        order. Empty without kernels of collectives; experts, also with one GPU.
    """
    waits = split_waits(trace, ledger, collectives)
    return CollectiveTables(
        collectives=collective_rows(ledger, labels, waits, trace.names),
        stragglers=straggler_rows(ledger, waits),
        expert_balance=expert_rows(ledger, labels, waits.group, waits.wait_ns, waits.wait_j),
    )


def split_waits(trace: Trace, ledger: Ledger, collectives: Collectives) -> Waits:
    """Split each member of a collective into waiting for the last one to begin, and moving data.

    Parameters
    ----------
    trace : Trace
    ledger : Ledger
    collectives : Collectives
        Of all work of the trace.

    Returns
    -------
    Waits
    """
    rows = np.flatnonzero(collectives.group >= 0)
    code, n_groups = collectives.group[rows], collectives.n_groups
    start_ns = trace.gpu_work["start_ns"].to_numpy()[rows]
    last_ns = last_begins(start_ns, code, n_groups)
    last_of_group = _last_devices(trace, ledger, rows[start_ns == last_ns[code]], collectives)
    early_ns = (last_ns[code] - start_ns).astype(np.float64)
    group = collectives.group[ledger.trace_index]
    mine = np.flatnonzero(group >= 0)
    begin_ns, end_ns = ledger.start_ns[mine], ledger.end_ns[mine]
    wait_ns, wait_share = np.zeros(len(group), dtype=np.int64), np.zeros(len(group))
    wait_ns[mine] = np.clip(last_ns[group[mine]], begin_ns, end_ns) - begin_ns
    wait_share[mine] = wait_ns[mine] / np.maximum(end_ns - begin_ns, 1)
    last = np.full(len(group), NONE, dtype=np.int64)
    last[mine] = last_of_group[group[mine]]
    return Waits(
        group=group,
        is_collective=collectives.is_collective[ledger.trace_index],
        wait_ns=wait_ns,
        wait_j=ledger.energy_j * wait_share,
        last=last,
        late_ns=median_by(code, early_ns, n_groups),
        last_of_group=last_of_group,
    )


def _last_devices(
    trace: Trace, ledger: Ledger, candidates: Int, collectives: Collectives
) -> NDArray[np.int64]:
    """Find the device that began last; of several at once the first by rank, number."""
    keys = pl.DataFrame(
        {
            "rank": [work.rank for work in ledger.devices],
            "device_id": [work.device_id for work in ledger.devices],
            "device": list(range(len(ledger.devices))),
        },
        schema={"rank": pl.Int32, "device_id": pl.Int32, "device": pl.Int64},
    )
    begun = trace.gpu_work[candidates].select("rank", "device_id")
    device = begun.join(keys, on=["rank", "device_id"], how="left", maintain_order="left")["device"]
    order = begun.select(pl.arg_sort_by("rank", "device_id", descending=True)).to_series()
    last = np.full(collectives.n_groups, NONE, dtype=np.int64)
    ordered = candidates[order.to_numpy()]
    last[collectives.group[ordered]] = device.fill_null(NONE).gather(order).to_numpy()
    return last


def collective_rows(ledger: Ledger, labels: Labels, waits: Waits, names: pl.Series) -> pl.DataFrame:
    """Sum collectives by kernel name within its phase (`COLLECTIVE_ROW`), costly waits first."""
    kept = np.flatnonzero(waits.is_collective)
    if not len(kept):
        return empty_table(COLLECTIVE_ROW)
    frame = pl.DataFrame(
        {
            "name_id": ledger.work["name_id"].gather(kept),
            "phase": labels.phase.gather(kept),
            "subphase": labels.subphase.gather(kept),
        }
    )
    kind, keys = codes_of(frame, frame.columns)
    matched = waits.group[kept] >= 0
    of_matched = np.full(len(waits.group), NONE, dtype=np.int64)
    of_matched[kept[matched]] = kind[matched]
    length_ns = (ledger.end_ns - ledger.start_ns)[kept]
    pairs = np.unique(kind[matched] * (int(waits.group.max()) + 1) + waits.group[kept][matched])
    n_of = len(keys)
    n_members = np.bincount(kind[matched], minlength=n_of)
    wait_s = np.bincount(kind, waits.wait_ns[kept], n_of) * S_PER_NS
    matched_s = np.bincount(kind, length_ns * matched, n_of) * S_PER_NS
    with np.errstate(divide="ignore", invalid="ignore"):
        numbers = {
            "n_groups": np.bincount(pairs // (int(waits.group.max()) + 1), minlength=n_of),
            "n_members": n_members,
            "n_unmatched": np.bincount(kind, minlength=n_of) - n_members,
            "unmatched_s": np.bincount(kind, length_ns * ~matched, n_of) * S_PER_NS,
            "wait_s": wait_s,
            "moving_s": matched_s - wait_s,
            "mean_wait_us": wait_s / (n_members * NS_PER_US * S_PER_NS),
            "mean_moving_us": (matched_s - wait_s) / (n_members * NS_PER_US * S_PER_NS),
            "wait_share": wait_s / matched_s,
            "energy_j": known_sum(ledger.energy_j, of_matched, n_of),
            **_wait_energy(ledger, waits.wait_j, of_matched, n_of, "wait_energy"),
        }
    rows = _table(numbers).with_columns(
        names.gather(keys["name_id"]).alias("name"), keys["phase"], keys["subphase"]
    )
    order = ["wait_energy_j", "wait_s", "name"]
    rows = rows.with_columns(pl.col("phase", "subphase").cast(pl.String))
    rows = rows.sort(order, descending=[True, True, False], nulls_last=True)
    return rows.select(pl.col(column.name).cast(column.dtype) for column in COLLECTIVE_ROW)


def straggler_rows(ledger: Ledger, waits: Waits) -> pl.DataFrame:
    """Tell for each device whom it lets wait (`STRAGGLER_ROW`); empty without matched ones."""
    mine = np.flatnonzero(waits.group >= 0)
    if not len(mine):
        return empty_table(STRAGGLER_ROW)
    n_devices = len(ledger.devices)
    device = np.full(len(waits.group), NONE, dtype=np.int64)
    device[mine] = ledger.device[mine]
    # A group that is cut by the window may have its last member outside.
    inside = np.zeros(len(waits.late_ns), dtype=bool)
    inside[waits.group[mine]] = True
    last = waits.last_of_group[inside & (waits.last_of_group >= 0)]
    late_ns = waits.late_ns[inside & (waits.last_of_group >= 0)]
    n_groups = np.bincount(device[mine], minlength=n_devices)
    n_last = np.bincount(last, minlength=n_devices)
    blamed = waits.last[mine] >= 0
    with np.errstate(divide="ignore", invalid="ignore"):
        numbers = {
            "n_groups": n_groups,
            "n_last": n_last,
            "last_share": n_last / n_groups,
            "mean_lateness_us": np.bincount(last, late_ns, n_devices) / n_last / NS_PER_US,
            "caused_wait_s": S_PER_NS
            * np.bincount(waits.last[mine][blamed], waits.wait_ns[mine][blamed], n_devices),
            **_wait_energy(ledger, waits.wait_j, waits.last, n_devices, "caused_wait"),
            "own_wait_s": np.bincount(device[mine], waits.wait_ns[mine], n_devices) * S_PER_NS,
            **_wait_energy(ledger, waits.wait_j, device, n_devices, "own_wait"),
        }
    rows = _table(numbers).with_columns(
        pl.Series("rank", [work.rank for work in ledger.devices]),
        pl.Series("device_id", [work.device_id for work in ledger.devices]),
    )
    taking_part = rows.filter(pl.col("n_groups") > 0)
    return taking_part.select(pl.col(column.name).cast(column.dtype) for column in STRAGGLER_ROW)


def _wait_energy(
    ledger: Ledger, wait_j: Float, code: Int, n_codes: int, name: str
) -> dict[str, Float]:
    """Sum energy of waiting by code, with the bounds of all energy of its pieces in proportion."""
    if (code < 0).all():
        return {f"{name}{bound}_j": np.full(n_codes, np.nan) for bound in ("", "_lo", "_hi")}
    waited_j = known_sum(wait_j, code, n_codes)
    energy_j = known_sum(ledger.energy_j, code, n_codes)
    low_j, high_j = ledger.bounds(code, n_codes)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(energy_j > 0, waited_j / energy_j, 0.0)
    return {
        f"{name}_j": waited_j,
        f"{name}_lo_j": np.minimum(low_j * share, waited_j),
        f"{name}_hi_j": np.maximum(high_j * share, waited_j),
    }


def _table(columns: Mapping[str, NDArray[np.generic]]) -> pl.DataFrame:
    return pl.DataFrame(columns).with_columns(pl.col(pl.Float64).fill_nan(None))
