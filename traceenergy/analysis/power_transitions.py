"""Which work follows which where power changes most."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from traceenergy.analysis.power_columns import POWER_TRANSITION, RECONSTRUCTED
from traceenergy.codes import codes_of, number_codes
from traceenergy.power.changes import changes_of
from traceenergy.trace.tables import empty_table

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.analysis.power_content import Contents
    from traceenergy.analysis.power_curves import DevicePower
    from traceenergy.power.changes import Changes

    Int = NDArray[np.int64]
    Float = NDArray[np.float64]

MOST_ROWS = 50
STEEP_SHARE = 0.01
_KEY = ("from_name", "from_phase_id", "to_name", "to_phase_id", "crosses_layers")


def transition_rows(powers: tuple[DevicePower, ...], contents: Contents) -> pl.DataFrame:
    """Rank the transitions from kernel to kernel by what they add to the changes of power.

    Parameters
    ----------
    powers : tuple of DevicePower
    contents : Contents

    Returns
    -------
    polars.DataFrame
        `POWER_TRANSITION`, most first, 50 rows at most, over all devices. Empty where the
        reconstruction does not tell kernels apart.
    """
    told = [one for one in powers if one.reconstructed_from_ns == 0]
    kind, keys = contents.kinds
    layer = contents.labels.layer.fill_null(-1).to_numpy()
    changes, codes = [], []
    for power in told:
        work = power.energy.work
        found = changes_of(power.reconstructed, work.start_ns, work.end_ns)
        changes.append(found)
        codes.append(_codes(found, kind[work.row], layer[work.row], len(keys)))
    if not sum(map(len, codes)):
        return empty_table(POWER_TRANSITION)
    there, number = number_codes(np.concatenate(codes), 2 * (len(keys) + 1) ** 2)
    change_w = np.concatenate([one.change_w for one in changes])
    phase_id, phases = codes_of(keys, ["phase"])
    sums = _summed(number, change_w, len(there))
    keyed = sums.with_columns(_sides(pl.Series(there), keys["name"], pl.Series(phase_id)))
    rows = keyed.sort(["total_w", *_KEY], descending=[True, *(False for _ in _KEY)]).head(MOST_ROWS)
    rows = rows.with_columns(_of_each(rows["number"].to_numpy(), number, change_w))
    rows = rows.with_columns(_of_largest(rows["largest"].to_list(), changes, told, contents))
    names = {side: contents.names.gather(rows[f"{side}_name"]) for side in ("from", "to")}
    phase_names = phases["phase"].cast(pl.String)
    return rows.with_columns(
        pl.lit(RECONSTRUCTED).alias("source"),
        pl.when(pl.col("typical_w") < 0)
        .then(pl.lit("fall"))
        .otherwise(pl.lit("rise"))
        .alias("direction"),
        *(names[side].alias(f"{side}_kernel") for side in names),
        *(phase_names.gather(rows[f"{side}_phase_id"]).alias(f"{side}_phase") for side in names),
    ).select(pl.col(one.name).cast(one.dtype) for one in POWER_TRANSITION)


def _codes(found: Changes, kind: Int, layer: Int, n_kinds: int) -> Int:
    """Give each change of a device one number for what it goes from and to."""
    # A gap, piece -1, finds the last place: neither name nor phase nor layer.
    kind, layer = np.append(kind, n_kinds), np.append(layer, -1)
    code = kind[found.before]
    code *= n_kinds + 1
    code += kind[found.after]
    code *= 2
    code += layer[found.before] != layer[found.after]
    return code


def _summed(number: Int, change_w: Float, n: int) -> pl.DataFrame:
    size_w = np.abs(change_w)
    n_steep = max(1, int(len(size_w) * STEEP_SHARE))
    least_w = np.partition(size_w, -n_steep)[-n_steep]
    total_w = np.bincount(number, size_w, n)
    return pl.DataFrame(
        {
            "number": np.arange(n),
            "n": np.bincount(number, minlength=n),
            "total_w": total_w,
            "total_share": total_w / (float(size_w.sum()) or 1.0),
            "n_steep": np.bincount(number[size_w >= least_w], minlength=n),
        }
    )


def _of_each(chosen: Int, number: Int, change_w: Float) -> list[pl.Series]:
    """Tell the median of some transitions, and the largest change with its place."""
    place = np.full(int(number.max()) + 1, len(chosen), dtype=np.uint8)
    place[chosen] = np.arange(len(chosen))
    place_of = place[number]
    # Numbers of 8 bits are sorted without comparing.
    order = np.argsort(place_of, kind="stable")
    ends = np.cumsum(np.bincount(place_of, minlength=len(chosen)))[: len(chosen)]
    groups = np.split(order[: ends[-1]], ends[:-1])
    largest = [int(group[np.argmax(np.abs(change_w[group]))]) for group in groups]
    return [
        pl.Series("typical_w", [float(np.median(change_w[group])) for group in groups]),
        pl.Series("largest_w", change_w[largest]),
        pl.Series("largest", largest),
    ]


def _sides(transition: pl.Series, names: pl.Series, phase_id: pl.Series) -> list[pl.Series]:
    """Tell what transitions go from and to (`_KEY`); null for a gap."""
    n_kinds = len(names)
    pair = transition // 2
    columns = [(transition % 2 == 1).alias("crosses_layers")]
    for side, kind in (("from", pair // (n_kinds + 1)), ("to", pair % (n_kinds + 1))):
        known = kind.set(kind == n_kinds, None)
        columns.append(names.gather(known).alias(f"{side}_name"))
        columns.append(phase_id.gather(known).alias(f"{side}_phase_id"))
    return columns


def _of_largest(
    largest: list[int], changes: list[Changes], told: list[DevicePower], contents: Contents
) -> list[pl.Series]:
    """Tell time, device and layers of some changes, which are numbered over all devices."""
    ends = np.cumsum([len(one.at_ns) for one in changes])
    rows: dict[str, list[int | None]] = {name: [] for name in _OF_LARGEST}
    for number in largest:
        index = int(np.searchsorted(ends, number, side="right"))
        found, work = changes[index], told[index].energy.work
        place = number - int(ends[index])  # from the end of those of the device
        rows["at_ns"].append(int(found.at_ns[place]))
        rows["rank"].append(work.rank)
        rows["device_id"].append(work.device_id)
        for side, pieces in (("from_layer", found.before), ("to_layer", found.after)):
            piece = int(pieces[place])
            rows[side].append(None if piece < 0 else contents.labels.layer[int(work.row[piece])])
    return [pl.Series(name, rows[name], dtype=dtype) for name, dtype in _OF_LARGEST.items()]


_OF_LARGEST = {
    "at_ns": pl.Int64,
    "rank": pl.Int32,
    "device_id": pl.Int32,
    "from_layer": pl.Int32,
    "to_layer": pl.Int32,
}
