"""Which kernel of one run is which of the other."""

from __future__ import annotations

from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Any

import polars as pl

from traceenergy.comparison.model import KERNEL_MATCH_ROW
from traceenergy.errors import UsageError
from traceenergy.records import dataclass

if TYPE_CHECKING:
    from collections.abc import Sequence

    from traceenergy.analysis.model import Analysis

Key = tuple[str, str]  # name, subphase
LIKE_NAMES = 0.6  # of the letters, in order, before names alone tell a kernel by a new one
NEAR_COUNT = 0.02  # how far the launches of a renamed kernel may differ
MOST_LETTERS, MOST_NAMES = 120, 200  # of names that are held against each other
LIKE_TIMES = 1.5  # factor between mean times of a kernel and its only possible successor


@dataclass(frozen=True)
class KernelMatch:
    """Kernels of a base by those of a head.

    Attributes
    ----------
    renamed : dict
        Key (name, subphase) in the base to that in the head, where they differ.
    table : polars.DataFrame
        `KERNEL_MATCH_ROW`, most energy first.
    """

    renamed: dict[Key, Key]
    table: pl.DataFrame


def match_kernels(
    base: Analysis, head: Analysis, n_base: float, n_head: float, pairs: Sequence[tuple[str, str]]
) -> KernelMatch:
    """Match the kernels of two runs by name within their part of a phase.

    Parameters
    ----------
    base, head : Analysis
    n_base, n_head : float
        Steps of each run; 1 where they are compared whole.
    pairs : sequence of tuple of str
        Names in base, head that are one kernel whatever they look like.

    Returns
    -------
    KernelMatch

    Raises
    ------
    UsageError
        If a pair names a kernel that is not there.

    Notes
    -----
    Of names in one run only, a kernel counts as renamed where one of the same part of a phase, as
    often launched, has a similar name, or is the only one and takes a similar time.
    """
    left, right = _launches(base.kernels, n_base), _launches(head.kernels, n_head)
    renamed = _asked(left, right, pairs)
    taken = set(renamed.values())
    gone = [key for key in left if key not in right and key not in renamed]
    new = [key for key in right if key not in left and key not in taken]
    renamed |= _renamed(left, right, gone, new)
    back = {head_key: base_key for base_key, head_key in renamed.items()}
    rows = [_row(left.get(key), right.get(renamed.get(key, key))) for key in left]
    rows += [_row(None, right[key]) for key in right if key not in left and key not in back]
    table = pl.DataFrame(rows, schema={column.name: column.dtype for column in KERNEL_MATCH_ROW})
    most = pl.max_horizontal("base_energy_j", "head_energy_j")
    return KernelMatch(renamed, table.sort(most, descending=True, nulls_last=True))


def _launches(kernels: pl.DataFrame, n_steps: float) -> dict[Key, dict[str, Any]]:
    per_step = kernels.select(
        "name",
        "phase",
        "subphase",
        energy_j=pl.col("energy_j") / n_steps,
        per_step=pl.col("n_kernels") / n_steps,
        mean_us=pl.col("busy_s") / pl.col("n_kernels") * 1e6,
        mean_power_w=pl.col("mean_power_w"),
    )
    return {(row["name"], row["subphase"]): row for row in per_step.iter_rows(named=True)}


def _asked(
    left: dict[Key, dict[str, Any]],
    right: dict[Key, dict[str, Any]],
    pairs: Sequence[tuple[str, str]],
) -> dict[Key, Key]:
    found = {}
    for names in pairs:
        keys = []
        for name, run, known in zip(names, ("base", "head"), (left, right), strict=True):
            of_name = [key for key in known if key[0] == name]
            if not of_name:
                raise UsageError(
                    f"the {run} has no kernel {name!r}",
                    details="it has, of most energy first:\n"
                    + "\n".join(key[0] for key in list(known)[:8]),
                    next_step="name kernels as the table of kernels does",
                )
            keys.append(of_name[0])
        if keys[0] != keys[1]:
            found[keys[0]] = keys[1]
    return found


def _renamed(
    left: dict[Key, dict[str, Any]],
    right: dict[Key, dict[str, Any]],
    gone: list[Key],
    new: list[Key],
) -> dict[Key, Key]:
    likely = []
    for old in gone[:MOST_NAMES]:
        there = [
            key for key in new[:MOST_NAMES] if key[1] == old[1] and _as_often(left[old], right[key])
        ]
        for key in there:
            likeness = _likeness(old[0], key[0])
            alone = len(there) == 1 and _as_long(left[old], right[key])
            if likeness >= LIKE_NAMES or alone:
                likely.append((likeness, old, key))
    found: dict[Key, Key] = {}
    for _, old, key in sorted(likely, key=lambda entry: (-entry[0], entry[1], entry[2])):
        if old not in found and key not in found.values():
            found[old] = key
    return found


def _likeness(old: str, new: str) -> float:
    names = SequenceMatcher(None, old[:MOST_LETTERS], new[:MOST_LETTERS], autojunk=False)
    # Upper bounds that cost little spare the long way for names that have little in common.
    if min(names.real_quick_ratio(), names.quick_ratio()) < LIKE_NAMES:
        return 0.0
    return names.ratio()


def _as_often(old: dict[str, Any], new: dict[str, Any]) -> bool:
    a, b = old["per_step"], new["per_step"]
    return bool(abs(a - b) <= NEAR_COUNT * max(a, b))


def _as_long(old: dict[str, Any], new: dict[str, Any]) -> bool:
    a, b = old["mean_us"], new["mean_us"]
    return bool(max(a, b) <= LIKE_TIMES * min(a, b))


def _row(old: dict[str, Any] | None, new: dict[str, Any] | None) -> dict[str, Any]:
    one = new or old or {}
    status = "appeared" if old is None else "vanished" if new is None else "matched"
    if old is not None and new is not None and old["name"] != new["name"]:
        status = "renamed"
    row: dict[str, Any] = {
        "status": status, "phase": one["phase"], "subphase": one["subphase"]
    }  # fmt: skip
    for run, values in (("base", old), ("head", new)):
        known = values or {}
        row |= {
            f"{run}_{name}": known.get(name)
            for name in ("name", "energy_j", "per_step", "mean_us", "mean_power_w")
        }
    return row
