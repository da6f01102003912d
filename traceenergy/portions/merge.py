"""Results of portions summed to one: of reports, of slices of time."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import polars as pl

from traceenergy.analysis import model
from traceenergy.analysis.levels import level_entries
from traceenergy.analysis.model import Analysis, EnergyTotals, ExpectedError, Window
from traceenergy.analysis.path_columns import STEP_KIND_PATH
from traceenergy.caveats import Caveat
from traceenergy.units import S_PER_NS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


# Table -> what tells its rows apart, its columns.
_TABLES = {
    "phases": (("name",), model.PHASE_ROW),
    "subphases": (("name",), model.PHASE_ROW),
    "layers": (("layer", "name"), model.LAYER_ROW),
    "kernels": (("name", "phase", "subphase"), model.KERNEL_ROW),
    "ranges": (("name",), model.RANGE_ROW),
    "capture_ranges": (("name",), model.RANGE_ROW),
    "step_kinds": (("name", "kind"), model.STEP_KIND_ROW),
}
_ENERGIES = (
    "energy_j",
    "energy_lo_j",
    "energy_hi_j",
    "static_j",
    "dynamic_j",
    "inclusive_energy_j",
)
_SUMS = ("busy_s", "inclusive_busy_s", "n_kernels", "n_instances")
# Of reports, that of the one that has most; of slices, the sum.
_TIMES = ("critical_path_s", "n_steps", "elapsed_s")
# Of one GPU in several slices: summed; the most; means over time.
_DEVICE_SUMS = (
    "total_j", "kernel_j", "idle_gap_j", "unattributed_j", "static_j", "dynamic_j",
    "energy_counter_j", "power_field_j",
)  # fmt: skip
_DEVICE_MEANS = ("busy_share", "coverage_share", "sm_clock_mhz", "temperature_c", "mean_power_w")
# Of a run as a whole; what portions have is not of the same work.
_NOT_KNOWN = ("j_per_token", "tokens", "tokens_per_j", *(one.name for one in STEP_KIND_PATH))
_MOST_NAMED = 8
_PARTS = ("total_j", "kernel_j", "idle_gap_j", "unattributed_j", "static_j", "dynamic_j")


def merge_results(results: Sequence[Analysis], ranks: Sequence[int]) -> Analysis:
    """Sum the results of the reports of a run.

    Parameters
    ----------
    results : sequence of Analysis
        One per report, at least one, each on its own clock.
    ranks : sequence of int
        Rank of each.

    Returns
    -------
    Analysis
        Energies are sums. So are their limits, which is more than needed where errors of reports
        are independent, and holds where they are not. Times on the critical path are those of the
        report that has most. Tables that portions cannot tell are empty.
    """
    first = results[0]
    window = _window(results)
    energy = _totals(results)
    tables = _tables(results, window, energy, pl.Expr.max)
    devices = [
        result.devices.with_columns(rank=pl.lit(rank, pl.Int32))
        for result, rank in zip(results, ranks, strict=True)
    ]
    origins = tuple(
        replace(origin, rank=rank if origin.rank is not None else None)
        for result, rank in zip(results, ranks, strict=True)
        for origin in result.origins
    )
    return replace(
        first,
        origins=tuple(dict.fromkeys(origins)),
        options={**first.options, "by_report": len(results)},
        window=window,
        energy=energy,
        devices=pl.concat(devices).sort("rank", "device_id"),
        caveats=(_what_is_missing(len(results)), *_caveats(results)),
        **tables,
    )


def merge_slices(results: Sequence[Analysis]) -> Analysis:
    """Sum the results of slices of time of one report.

    Parameters
    ----------
    results : sequence of Analysis
        One per slice, in order, at least one.

    Returns
    -------
    Analysis
        As `merge_results`, with times on the critical path summed. Work that runs where two
        slices meet counts as a piece in both, with its energy in each.
    """
    if len(results) == 1:
        return results[0]
    first, last = results[0].window, results[-1].window
    window = Window(first.start_ns, last.end_ns, first.utc_start_ns)
    energy = _totals(results)
    return replace(
        results[0],
        options={**results[0].options, "filter_time_ns": None, "slices": len(results)},
        window=window,
        energy=energy,
        devices=_devices_over_time(results),
        caveats=(_what_slices_miss(len(results)), *_caveats(results)),
        **_tables(results, window, energy, pl.Expr.sum),
    )


def _tables(
    results: Sequence[Analysis],
    window: Window,
    energy: EnergyTotals,
    over: Callable[[pl.Expr], pl.Expr],
) -> dict[str, Any]:
    tables: dict[str, Any] = {
        name: _summed(
            [getattr(result, name) for result in results], name, window, energy.kernel_j, over
        )
        for name in _TABLES
    }
    return {**tables, "max_vs_sum": _max_vs_sum(window, tables)}


def _devices_over_time(results: Sequence[Analysis]) -> pl.DataFrame:
    """Bring the slices of each GPU together; what a sensor is told to be, is as in the first."""
    rows = pl.concat(
        result.devices.with_columns(elapsed_s=pl.lit(result.window.elapsed_ns * S_PER_NS))
        for result in results
    )
    columns = results[0].devices.columns
    whole_s = sum(result.window.elapsed_ns for result in results) * S_PER_NS
    done = {"rank", "device_id", *_DEVICE_SUMS, *_DEVICE_MEANS, "peak_power_w"}
    found = rows.group_by("rank", "device_id", maintain_order=True).agg(
        *(_sum_of_known(name) for name in _DEVICE_SUMS),
        *(_mean_over_time(name) for name in _DEVICE_MEANS),
        pl.col("peak_power_w").max(),
        *(pl.col(name).drop_nulls().first() for name in columns if name not in done),
    )
    # A slice in which a GPU ran nothing has no row of it.
    seen_s = rows.group_by("rank", "device_id", maintain_order=True).agg(pl.col("elapsed_s").sum())
    share = pl.Series(seen_s["elapsed_s"] / whole_s)
    ratio = pl.col("energy_counter_j") / pl.col("power_field_j")
    return found.with_columns(
        pl.col("busy_share") * share,
        energy_counter_ratio=ratio,
    ).select(columns)


def _mean_over_time(name: str) -> pl.Expr:
    weight = pl.col("elapsed_s").filter(pl.col(name).is_not_null())
    return ((pl.col(name) * pl.col("elapsed_s")).sum() / weight.sum()).fill_nan(None).alias(name)


def _window(results: Sequence[Analysis]) -> Window:
    """Span all windows by UTC; without it, the longest."""
    starts_ns = [result.window.utc_start_ns for result in results]
    known_ns = [start_ns for start_ns in starts_ns if start_ns is not None]
    if len(known_ns) < len(results):
        longest_ns = max(result.window.elapsed_ns for result in results)
        return Window(0, longest_ns, None)
    low_ns = min(known_ns)
    high_ns = max(
        start_ns + result.window.elapsed_ns
        for start_ns, result in zip(known_ns, results, strict=True)
    )
    return Window(0, high_ns - low_ns, low_ns)


def _totals(results: Sequence[Analysis]) -> EnergyTotals:
    energies = [result.energy for result in results]
    measured = [energy for energy in energies if energy.total_j is not None]
    sums: dict[str, float | None] = dict.fromkeys(_PARTS)
    if measured:
        sums = {name: sum(getattr(energy, name) for energy in measured) for name in _PARTS}
    costliest = max(energies, key=lambda energy: energy.total_j or 0.0)
    return EnergyTotals(
        **sums, tokens=None, method=costliest.method, expected_error=_expected_error(measured)
    )


def _expected_error(energies: Sequence[EnergyTotals]) -> ExpectedError | None:
    """Mean over reports, weighted by energy, as if their errors pointed the same way."""
    told = [
        (energy.expected_error, energy.kernel_j)
        for energy in energies
        if energy.expected_error is not None and energy.kernel_j
    ]
    if len(told) < len(energies) or not told:
        return None
    whole_j = sum(energy_j for _, energy_j in told)
    return ExpectedError(
        *(
            sum(getattr(error, name) * energy_j for error, energy_j in told) / whole_j
            for name in ExpectedError.__dataclass_fields__
        )
    )


def _summed(
    tables: Sequence[pl.DataFrame],
    name: str,
    window: Window,
    kernel_j: float | None,
    over: Callable[[pl.Expr], pl.Expr],
) -> pl.DataFrame:
    keys, columns = _TABLES[name]
    rows = pl.concat(tables)
    there = [column.name for column in columns if column.name not in keys]
    energy = [_sum_of_known(one) for one in there if one in _ENERGIES]
    sums = [pl.col(one).sum() for one in there if one in _SUMS]
    times = [over(pl.col(one)) for one in there if one in _TIMES]
    done = {*_ENERGIES, *_SUMS, *_TIMES, *_NOT_KNOWN, "slack_s", "inseparable_with"}
    rest = [pl.col(one).first() for one in there if one not in done]
    found = rows.group_by(keys, maintain_order=True).agg(
        *energy,
        *sums,
        *times,
        *rest,
        pl.col("slack_s").min(),
        pl.col("inseparable_with").explode().drop_nulls().unique(maintain_order=True),
    )
    found = found.with_columns(
        *_derived(there, window, kernel_j),
        *(pl.lit(None).alias(one) for one in there if one in _NOT_KNOWN),
    )
    found = found.select(pl.col(column.name).cast(column.dtype) for column in columns)
    return _in_order(found, keys)


def _sum_of_known(name: str) -> pl.Expr:
    return pl.when(pl.col(name).count() > 0).then(pl.col(name).sum()).alias(name)


def _derived(there: Sequence[str], window: Window, kernel_j: float | None) -> list[pl.Expr]:
    elapsed_s = window.elapsed_ns * S_PER_NS
    derived = [
        pl.when(pl.col("busy_s") > 0)
        .then(pl.col("energy_j") / pl.col("busy_s"))
        .alias("mean_power_w"),
        (pl.col("energy_j") / (kernel_j or None)).alias("energy_share"),
        (pl.col("critical_path_s") / elapsed_s).alias("path_share"),
    ]
    if "n_steps" in there:
        derived += [
            (pl.col("elapsed_s") / pl.col("n_steps")).alias("mean_step_s"),
            (pl.col("energy_j") / pl.col("n_steps")).alias("mean_step_j"),
        ]
    return derived


def _in_order(rows: pl.DataFrame, keys: Sequence[str]) -> pl.DataFrame:
    if "layer" in keys:
        return rows.sort("layer", nulls_last=True)
    order = ["energy_j", "busy_s", "name"]
    return rows.sort(order, descending=[True, True, False], nulls_last=True)


def _max_vs_sum(window: Window, tables: dict[str, pl.DataFrame]) -> dict[str, Any]:
    levels = {"kernel": "kernels", "phase": "phases", "layer": "layers"}
    return {
        "elapsed_s": window.elapsed_ns * S_PER_NS,
        "critical_path_s": None,
        "parts": None,
        "holders": [],
        "n_handovers": None,
        "unmatched_s": None,
        "levels": [
            entry for level, name in levels.items() for entry in level_entries(level, tables[name])
        ],
    }


def _what_is_missing(n_reports: int) -> Caveat:
    return Caveat(
        "by-report",
        f"{n_reports} reports were analyzed each for itself, then summed: times on the critical "
        "path are those of the report that has most of it, where waiting for other GPUs counts as "
        "work; clocks of reports were not compared, tokens not counted, and steps, power over "
        "time, clocks, overlap and findings are not in the sum. Limits of energies are sums too, "
        "as if all reports erred the same way.",
        n=n_reports,
    )


def _what_slices_miss(n_slices: int) -> Caveat:
    return Caveat(
        "by-slice",
        f"The report was analyzed in {n_slices} slices of time, each for itself, then summed: work "
        "that runs where two slices meet, and steps there, count in both, powers were fitted "
        "in each slice alone, and steps, tokens, power over time, clocks, overlap and findings are "
        "not in the sum. Limits of energies are sums too, as if all slices erred the same way.",
        n=n_slices,
    )


def _caveats(results: Sequence[Analysis]) -> list[Caveat]:
    """Say once what several reports have in common, and of how many it is true."""
    found: dict[tuple[str, str], list[Caveat]] = {}
    for result in results:
        for caveat in result.caveats:
            found.setdefault((caveat.slug, caveat.text), []).append(caveat)
    return [_joined(caveats) for caveats in found.values()]


def _joined(caveats: Sequence[Caveat]) -> Caveat:
    places = list(dict.fromkeys(caveat.where for caveat in caveats if caveat.where))
    named = ", ".join(places[:_MOST_NAMED])
    more = f" and {len(places) - _MOST_NAMED} more" if len(places) > _MOST_NAMED else ""
    counts = [caveat.n for caveat in caveats if caveat.n is not None]
    return replace(caveats[0], where=named + more, n=sum(counts) if counts else None)
