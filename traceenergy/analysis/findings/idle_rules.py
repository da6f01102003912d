"""Rules about time in which GPUs wait for the host."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from traceenergy.analysis.finding import Finding, NotEvaluated
from traceenergy.analysis.findings.device_idle import shared
from traceenergy.analysis.findings.facts import at_stake, quantity
from traceenergy.intervals import union
from traceenergy.units import NS_PER_US, S_PER_NS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.analysis.findings.facts import Facts, Verdict

    Int = NDArray[np.int64]
    Float = NDArray[np.float64]
    Bool = NDArray[np.bool_]

# Of the time of GPUs. From NVIDIA's limits for the host's part of TensorRT-LLM runs
# (docs/findings.md): launches over 10 %; other work of the host that GPUs wait for, over 5 %.
LAUNCH_SHARE = 0.10
SYNC_SHARE = 0.05
# There, the idle part from which generation with CUDA graphs is suspect.
IDLE_SHARE = 0.15
GC_SHARE = 0.01  # a pause of the interpreter is rare; one that costs less is no reason to act
SHORT_US = 10.0  # there, below this a kernel counts as small
SHORT_COUNT_SHARE = 0.5  # of kernels: fewer are not what the run is made of
SHORT_GAP_SHARE = 0.05  # of the GPUs' time, between them; as SYNC_SHARE
_NO_CALLS = "CUDA API calls in the trace (nsys -t cuda)"
PAUSES = r"(?i)\bgc\b|garbage.?collect|wait\w*.{0,12}\bgil\b|\bgil\b.{0,8}wait"


def launch_bound(facts: Facts) -> Verdict:
    """Ask whether GPUs wait for launches that no wait for the GPU held back."""
    if facts.trace.launches.is_empty():
        return NotEvaluated("launch-bound", _NO_CALLS)
    pairs = zip(facts.idle_at_host_ns, facts.idle_behind_waits, strict=True)
    idle = facts.idle.part([at_host_ns * ~waited for at_host_ns, waited in pairs])
    if idle.time_s < LAUNCH_SHARE * facts.device_s:
        return None
    host_s = float((facts.host_ns[1] - facts.host_ns[0]).sum() * S_PER_NS)
    return Finding(
        "launch-bound",
        f"GPUs wait for launches for {idle.time_s / facts.device_s:.0%} of their time",
        f"{idle.n_gaps:,} gaps, {quantity(idle.time_s, 's')} summed over "
        f"{len(facts.ledger.devices)} GPUs{at_stake(idle.energy_j)}, while the critical path is "
        f"with the host ({host_s / facts.elapsed_s:.0%} of the run) and no call returns that "
        "waited for the GPU.",
        "Launch steps as CUDA graphs, fuse kernels, or give each step more work (larger batch).",
        idle.energy_j,
        idle.time_s / len(facts.ledger.devices),
        "high",
    )


def sync_gaps(facts: Facts) -> Verdict:
    """Ask whether GPUs stand still where a thread has waited for them."""
    if facts.trace.launches.is_empty():
        return NotEvaluated("sync-gaps", _NO_CALLS)
    pairs = zip(facts.idle_at_host_ns, facts.idle_behind_waits, strict=True)
    idle = facts.idle.part([at_host_ns * waited for at_host_ns, waited in pairs])
    if idle.time_s < SYNC_SHARE * facts.device_s:
        return None
    return Finding(
        "sync-gaps",
        f"GPUs stand still behind synchronization for {idle.time_s / facts.device_s:.0%} of their "
        "time",
        f"{idle.n_gaps:,} gaps in which a call returns that waited for a GPU, and only then the "
        f"next work is launched: {quantity(idle.time_s, 's')} summed over "
        f"{len(facts.ledger.devices)} GPUs{at_stake(idle.energy_j)}.",
        "Keep results on the GPU, copy asynchronously, and launch the next step before the result "
        "of this one is read (overlapped scheduling).",
        idle.energy_j,
        idle.time_s / len(facts.ledger.devices),
        "medium",
    )


def idle_gaps(facts: Facts) -> Verdict:
    """Ask whether GPUs have no work while the path does not wait for the host."""
    host, whole = facts.idle.part(facts.idle_at_host_ns), facts.idle.whole()
    time_s = whole.time_s - host.time_s
    if time_s < IDLE_SHARE * facts.device_s:
        return None
    energy_j = None
    if whole.energy_j is not None and host.energy_j is not None:
        energy_j = whole.energy_j - host.energy_j
    path_s = facts.result.max_vs_sum["parts"]["idle_s"]
    return Finding(
        "idle-gaps",
        f"GPUs have no work for {time_s / facts.device_s:.0%} of their time",
        f"{quantity(time_s, 's')} summed over {len(facts.ledger.devices)} GPUs{at_stake(energy_j)},"
        " besides waits for the host; the critical path itself waits for "
        f"{quantity(path_s, 's')} for nothing that was recorded.",
        "Look at what the program does then (input, scheduling, work of another GPU); batch "
        "requests, or let fewer GPUs do the work.",
        energy_j,
        path_s,
        "high",
    )


def gc_stalls(facts: Facts) -> Verdict:
    """Ask whether pauses of Python lie where GPUs wait for the host."""
    is_pause = facts.trace.names.str.contains(PAUSES).fill_null(value=False).to_numpy()
    named = facts.trace.nvtx_ranges
    found = np.flatnonzero(is_pause[named["name_id"].to_numpy()])
    ranges = named.select("start_ns", "end_ns")[found]
    if ranges.is_empty():
        return NotEvaluated(
            "gc-stalls",
            "NVTX ranges of garbage collection or of waits for the GIL "
            "(TLLM_PROFILE_RECORD_GC=1, nsys -t python-gil)",
        )
    pauses = union(ranges["start_ns"].to_numpy(), ranges["end_ns"].to_numpy())
    idle = facts.idle.part(facts.idle.inside(shared(facts.host_ns, pauses)))
    if idle.time_s < GC_SHARE * facts.device_s:
        return None
    return Finding(
        "gc-stalls",
        f"Python's pauses hold back launches for {idle.time_s / facts.device_s:.1%} of the GPUs' "
        "time",
        f"In {idle.n_gaps:,} gaps the critical path is with the host within ranges of garbage "
        f"collection or of waits for the GIL ({len(ranges):,} in the trace): "
        f"{quantity(idle.time_s, 's')} summed over {len(facts.ledger.devices)} "
        f"GPUs{at_stake(idle.energy_j)}.",
        "Call gc.freeze() after start-up, collect between steps, move other threads out of the "
        "process that launches.",
        idle.energy_j,
        idle.time_s / len(facts.ledger.devices),
        "medium",
    )


def short_kernels(facts: Facts) -> Verdict:
    """Ask whether most kernels are short, with gaps that add up."""
    is_kernel = (facts.ledger.work["table"] == "KERNEL").to_numpy()
    length_ns = facts.ledger.end_ns - facts.ledger.start_ns
    is_short = is_kernel & (length_ns < SHORT_US * NS_PER_US)
    n_kernels, n_short = int(is_kernel.sum()), int(is_short.sum())
    if not n_kernels or n_short < SHORT_COUNT_SHARE * n_kernels:
        return None
    gaps_ns = [_short_gaps_ns(facts, work.row, is_short) for work in facts.ledger.devices]
    idle = facts.idle.part(gaps_ns)
    if idle.time_s < SHORT_GAP_SHARE * facts.device_s:
        return None
    return Finding(
        "short-kernels",
        f"{n_short / n_kernels:.0%} of kernels last less than {SHORT_US:.0f} us",
        f"{n_short:,} of {n_kernels:,} kernels; gaps of less than {SHORT_US:.0f} us behind them "
        f"add up to {idle.time_s / facts.device_s:.1%} of the GPUs' time{at_stake(idle.energy_j)}.",
        "Fuse them (compiler, fused norms and epilogues), or raise the batch so that each does "
        "more; CUDA graphs shorten the gaps.",
        idle.energy_j,
        idle.time_s / len(facts.ledger.devices),
        "high",
    )


def _short_gaps_ns(facts: Facts, row: Int, is_short: Bool) -> Float:
    """Measure the gaps of a device behind short kernels that are no longer than such."""
    start_ns, end_ns = facts.ledger.start_ns[row], facts.ledger.end_ns[row]
    order = np.argsort(start_ns, kind="stable")
    start_ns, end_ns, short = start_ns[order], end_ns[order], is_short[row][order]
    reach_ns = np.maximum.accumulate(end_ns)[:-1]
    gap_ns = start_ns[1:] - reach_ns
    # The kernel that ended last stands before the gap; others had ended.
    kept = (gap_ns > 0) & (gap_ns < SHORT_US * NS_PER_US) & short[:-1] & (end_ns[:-1] == reach_ns)
    return np.asarray(gap_ns[kept], dtype=np.float64)
