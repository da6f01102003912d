"""Rules about what GPUs exchange, with each other or with the host."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from traceenergy.analysis.finding import Finding, NotEvaluated
from traceenergy.analysis.findings.facts import at_stake, quantity
from traceenergy.analysis.overlap import MOVES
from traceenergy.units import S_PER_NS

if TYPE_CHECKING:
    from traceenergy.analysis.findings.facts import Facts, Verdict

# Of the time with work. NVIDIA calls a TensorRT-LLM run bound by communication from here on, and
# the router at fault when experts balanced by force are more than a tenth faster
# (docs/findings.md).
EXPOSED_SHARE = 0.20
IMBALANCE = 0.10
WAIT_SHARE = 0.05  # of the time with work: spinning that costs less is within what clocks leave
COPY_SHARE = 0.02  # of the elapsed time: copies should not be on the path at all


def communication_exposed(facts: Facts) -> Verdict:
    """Ask whether communication runs alone for long."""
    rows = facts.result.overlap.filter(pl.col("name") != "memory")
    exposed_s = float(rows["exposed_s"].sum())
    if exposed_s <= 0 or exposed_s < EXPOSED_SHARE * facts.active_s:
        return None
    parts = facts.result.subphases.filter(
        pl.col("name").str.contains(MOVES) & ~pl.col("name").str.contains(r"^memory")
    )
    energy_j = _known_sum(rows["exposed_j"])
    return Finding(
        "communication-exposed",
        f"Communication runs alone for {exposed_s / facts.active_s:.0%} of the time with work",
        f"{quantity(exposed_s, 's')} summed over {len(facts.ledger.devices)} GPUs with no "
        f"computation beside it{at_stake(energy_j)}; most of it in `{rows['name'][0]}`. Part of it "
        "may be waiting for other GPUs.",
        "Overlap it with computation of another batch, fuse it with the norm behind it, send fewer "
        "bytes, or spread the model over fewer GPUs.",
        energy_j,
        float(parts["critical_path_s"].fill_null(0.0).sum()),
        "high",
    )


def collective_waiting(facts: Facts) -> Verdict:
    """Ask whether GPUs spin in collectives until the last one begins."""
    rows = facts.result.collectives
    if rows.is_empty():
        return NotEvaluated("collective-waiting", "collectives in the trace")
    if not rows["n_groups"].sum():
        return NotEvaluated("collective-waiting", "the other GPUs of the collectives, recorded too")
    wait_s = float(rows["wait_s"].sum())
    if wait_s < WAIT_SHARE * facts.active_s:
        return None
    energy_j = _known_sum(rows["wait_energy_j"])
    last = facts.result.stragglers.sort("caused_wait_s", descending=True).row(0, named=True)
    return Finding(
        "collective-waiting",
        f"GPUs spin in collectives for {wait_s / facts.active_s:.0%} of their time with work",
        f"{quantity(wait_s, 's')} summed over GPUs before the last of each collective "
        f"began{at_stake(energy_j)}. Rank {last['rank']}, GPU {last['device_id']} was last in "
        f"{last['n_last']:,} of {last['n_groups']:,}, which made others wait "
        f"{quantity(last['caused_wait_s'], 's')}.",
        "Balance the work of the GPUs (batches, experts, layers); see why that GPU is late: its "
        "clock, its host, its share of the batch.",
        energy_j,
        wait_s / len(facts.ledger.devices),
        "high",
    )


def expert_imbalance(facts: Facts) -> Verdict:
    """Ask whether the busiest GPU has much more work of experts than the mean."""
    rows = facts.result.expert_balance
    mean_s, max_s = (float(rows[name].sum()) for name in ("mean_busy_s", "max_busy_s"))
    if mean_s <= 0:
        return NotEvaluated("expert-imbalance", "routed experts on several recorded GPUs")
    if max_s <= (1 + IMBALANCE) * mean_s:
        return None
    by_excess = rows.sort(pl.col("max_busy_s") - pl.col("mean_busy_s"), descending=True)
    worst = by_excess.row(0, named=True)
    where = "work in no layer" if worst["layer"] is None else f"layer {worst['layer']}"
    energy_j = _known_sum(rows["wait_energy_j"])
    return Finding(
        "expert-imbalance",
        f"The busiest GPU has {max_s / mean_s - 1:.0%} more work of experts than the mean",
        f"Pass by pass, routed experts take {quantity(mean_s, 's')} on the mean GPU and "
        f"{quantity(max_s, 's')} on the busiest; most of the excess is in {where} "
        f"({quantity(worst['max_busy_s'] - worst['mean_busy_s'], 's')}){at_stake(energy_j)} spent "
        "on waiting for it.",
        "Record once more with ENABLE_PERFECT_ROUTER=1 (TensorRT-LLM) and `traceenergy compare`: "
        "more than 10 % faster means that the router is the cause; then place experts anew or "
        "repeat hot ones.",
        energy_j,
        max_s - mean_s,
        "medium",
    )


def copies_on_path(facts: Facts) -> Verdict:
    """Ask whether copies set the time of the run."""
    is_copy = (facts.ledger.work["table"] == "MEMCPY").to_numpy()
    on_path = np.flatnonzero(is_copy & (facts.critical.path_ns > 0))
    path_ns = facts.critical.path_ns[on_path]
    time_s = float(path_ns.sum() * S_PER_NS)
    if time_s < COPY_SHARE * facts.elapsed_s:
        return None
    ledger = facts.ledger
    length_ns = ledger.end_ns[on_path] - ledger.start_ns[on_path]
    spent_j = (ledger.static_j[on_path] + ledger.dynamic_j[on_path]) * path_ns / length_ns
    energy_j = None if np.isnan(spent_j).all() else float(np.nansum(spent_j))
    moved = int(ledger.work["bytes"].gather(on_path).sum())
    return Finding(
        "copies-on-path",
        f"Copies hold the critical path for {time_s / facts.elapsed_s:.1%} of the run",
        f"{len(on_path):,} copies of {quantity(moved / 1e6, 'MB')}, "
        f"{quantity(time_s, 's')}{at_stake(energy_j)}.",
        "Pin host memory, copy asynchronously on a stream of its own before the data is needed, "
        "or keep it on the GPU.",
        energy_j,
        time_s,
        "high",
    )


def _known_sum(energy_j: pl.Series) -> float | None:
    return None if energy_j.null_count() == len(energy_j) else float(energy_j.sum())
