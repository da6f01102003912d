"""The Analysis: what a run cost, where, how sure that is."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Any

import polars as pl

from traceenergy.analysis.activity_columns import ACTIVITY_ROW
from traceenergy.analysis.block_columns import BLOCK_ROW, BLOCK_WAVEFORM
from traceenergy.analysis.clock_columns import (
    CLOCK_BIN,
    CLOCK_CONTRAST,
    CLOCK_POINT,
    CLOCK_ROW,
    DUTY_CYCLE,
    TEMPERATURE_DRIFT,
    THROTTLING,
)
from traceenergy.analysis.collective_columns import (
    COLLECTIVE_ROW,
    EXPERT_BALANCE_ROW,
    STRAGGLER_ROW,
)
from traceenergy.analysis.component_columns import COMPONENT_CURVE, COMPONENT_ROW
from traceenergy.analysis.cost_columns import STEP_COST
from traceenergy.analysis.flame_columns import FLAME
from traceenergy.analysis.path_columns import (
    OPPORTUNITY,
    OVERLAP,
    PATH_SEGMENT,
    STEP_KIND_PATH,
    STEP_PATH,
)
from traceenergy.analysis.power_columns import (
    POWER_BUFFER,
    POWER_FLATTENED,
    POWER_FLATTENING,
    POWER_LIMIT,
    POWER_MAP,
    POWER_SWING,
    POWER_TRANSIENT,
    POWER_TRANSITION,
)
from traceenergy.notebook import ShownInNotebooks
from traceenergy.records import dataclass
from traceenergy.serving.columns import LATENCY_ROW, REQUEST_ROW, SERVING_ROW, SERVING_STAGE_ROW
from traceenergy.trace.tables import Column, empty_table

if TYPE_CHECKING:
    from traceenergy.analysis.finding import Finding, NotEvaluated
    from traceenergy.analysis.footprint import Footprint
    from traceenergy.caveats import Caveat
    from traceenergy.trace.model import Origin

ROW = (
    Column("name", pl.String, "", "what the row stands for"),
    Column("energy_j", pl.Float64, "J", "static and dynamic energy", "no power sample covers it"),
    Column("energy_lo_j", pl.Float64, "J", "lower bound of the energy", "as energy_j, or modelled"),
    Column("energy_hi_j", pl.Float64, "J", "upper bound of the energy", "as energy_lo_j"),
    Column("static_j", pl.Float64, "J", "idle power times share of device time", "as energy_j"),
    Column("dynamic_j", pl.Float64, "J", "what activity added above idle power", "as energy_j"),
    Column("busy_s", pl.Float64, "s", "union of its GPU work, summed over devices"),
    Column("critical_path_s", pl.Float64, "s", "time it holds the critical path", "not computed"),
    Column("slack_s", pl.Float64, "s", "least slack of its work", "not computed"),
    Column(
        "mean_power_w", pl.Float64, "W", "energy over busy time", "as energy_j, or no busy time"
    ),
    Column("n_kernels", pl.Int64, "", "pieces of GPU work"),
    Column(
        "energy_share", pl.Float64, "", "part of all kernel energy, 0 to 1", "as energy_j; 0 of 0"
    ),
    Column("path_share", pl.Float64, "", "part of the critical path, 0 to 1", "not computed"),
    Column(
        "inseparable_with",
        pl.List(pl.String),
        "",
        "rows whose split the data cannot decide; empty where decided",
    ),
)

PHASE_ROW = (
    *ROW,
    Column("label", pl.String, "", "name for people: MLA, MoE, AllReduce, ..."),
    Column("j_per_token", pl.Float64, "J", "energy over the tokens of the run", "not known"),
)
LAYER_ROW = (*ROW, Column("layer", pl.Int32, "", "index of the transformer block", "in no layer"))
KERNEL_ROW = (
    *ROW,
    Column("phase", pl.String, "", "first-level phase"),
    Column("subphase", pl.String, "", "second-level phase; the first level where there is no part"),
    Column("full_name", pl.String, "", "demangled name of one of its launches"),
)
RANGE_ROW = (
    *ROW,
    Column("n_instances", pl.Int64, "", "how often the range was entered with GPU work in it"),
    Column("inclusive_energy_j", pl.Float64, "J", "with all ranges inside", "as energy_j"),
    Column("inclusive_busy_s", pl.Float64, "s", "with all ranges inside"),
)
STEP_ROW = (
    *ROW,
    Column("step", pl.Int64, "", "number in the step's text, else in time order", "in no step"),
    Column("tokens", pl.Int64, "", "tokens produced", "not known"),
    Column("start_ns", pl.Int64, "ns", "first GPU work"),
    Column("end_ns", pl.Int64, "ns", "last GPU work"),
    Column("batch", pl.Int64, "", "sequences in the step", "not known"),
    Column("kind", pl.String, "", "prefill, decode, mixed, train or unknown"),
    Column("prefill_tokens", pl.Int64, "", "prompt tokens worked on", "not told by its text"),
    Column("context_tokens", pl.Int64, "", "tokens in the KV cache", "not told by its text"),
    *STEP_PATH,
)
STEP_KIND_ROW = (
    *ROW,
    Column("kind", pl.String, "", "prefill, decode, mixed, train or unknown"),
    Column("n_steps", pl.Int64, "", "steps of this kind"),
    Column("tokens", pl.Int64, "", "tokens produced by steps whose tokens are known", "not known"),
    Column("elapsed_s", pl.Float64, "s", "first to last GPU work of each step, summed"),
    Column("j_per_token", pl.Float64, "J", "energy over tokens, of steps with tokens", "not known"),
    Column("tokens_per_j", pl.Float64, "", "tokens over energy, of those", "not known"),
    Column("mean_step_s", pl.Float64, "s", "elapsed time of a step"),
    Column("mean_step_j", pl.Float64, "J", "energy of the GPU work of a step", "as energy_j"),
    *STEP_KIND_PATH,
)

WORK_ROW = (
    Column("rank", pl.Int32, "", "rank of the run"),
    Column("device_id", pl.Int32, "", "physical GPU within its report"),
    Column("stream_id", pl.Int64, "", "CUDA stream"),
    Column("table", pl.String, "", "KERNEL, MEMCPY, MEMSET or GRAPH"),
    Column("trace_row", pl.Int64, "", "rowid in the source table"),
    Column("start_ns", pl.Int64, "ns", "start on the trace clock"),
    Column("end_ns", pl.Int64, "ns", "end on the trace clock"),
    Column("kernel", pl.String, "", "short name"),
    Column("phase", pl.String, "", "first-level phase"),
    Column("subphase", pl.String, "", "second-level phase"),
    Column("layer", pl.Int32, "", "transformer block", "in no layer"),
    Column("step", pl.Int64, "", "step of the model loop", "in no step"),
    Column("range", pl.String, "", "NVTX path at launch, a/b/c", "launched outside every range"),
    Column(
        "capture_range", pl.String, "", "NVTX path at graph capture", "not captured, or not known"
    ),
    Column("energy_j", pl.Float64, "J", "static and dynamic energy", "no power sample covers it"),
    Column("static_j", pl.Float64, "J", "idle power times share of device time", "as energy_j"),
    Column("dynamic_j", pl.Float64, "J", "what its activity added", "as energy_j"),
    Column("on_critical_path", pl.Boolean, "", "holds the end of the window", "not computed"),
    Column("slack_ns", pl.Int64, "ns", "how much later it could end", "not computed"),
)

TIMELINE = (
    Column("rank", pl.Int32, "", "rank of the run"),
    Column("device_id", pl.Int32, "", "physical GPU within its report"),
    Column("bin", pl.Int32, "", "index of the time bin"),
    Column("start_ns", pl.Int64, "ns", "start of the bin on the trace clock"),
    Column("end_ns", pl.Int64, "ns", "end of the bin"),
    Column("phase", pl.String, "", "first-level phase; `idle` for time without GPU work"),
    Column("busy_share", pl.Float64, "", "part of the bin, concurrent work sharing; bins sum to 1"),
)

POWER_CURVE = (
    Column("rank", pl.Int32, "", "rank of the run"),
    Column("device_id", pl.Int32, "", "physical GPU within its report"),
    Column("sample_ns", pl.Int64, "ns", "time of the sample, corrected for the sensor's lag"),
    Column("power_w", pl.Float64, "W", "as the sensor gave it"),
    Column("follows_gap", pl.Boolean, "", "samples are missing before this one"),
)

CLOCK_CURVE = (
    Column("rank", pl.Int32, "", "rank of the run"),
    Column("device_id", pl.Int32, "", "physical GPU within its report"),
    Column("sample_ns", pl.Int64, "ns", "when the clock was read"),
    Column("sm_clock_mhz", pl.Float64, "MHz", "clock of the SMs"),
)


@dataclass(frozen=True)
class Window:
    """The interval that an analysis is about.

    Attributes
    ----------
    start_ns, end_ns
        On the trace clock, half-open.
    utc_start_ns
        UTC of the start, ns since 1970; None if the trace has no wall clock.
    """

    start_ns: int
    end_ns: int
    utc_start_ns: int | None

    @property
    def elapsed_ns(self) -> int:
        """Length of the window [ns]."""
        return self.end_ns - self.start_ns


@dataclass(frozen=True)
class ExpectedError:
    """How far off the rows of two tables are likely to be, should the model of power hold.

    Attributes
    ----------
    kernel_share, phase_share
        Expected sizes of the errors of all rows, summed, over the energy of the GPU work.
    kernel_held_share, phase_held_share
        Part of the energy in rows whose interval would hold what is true, were the run recorded
        again with powers as this recording tells them; 0 to 1.
    """

    kernel_share: float
    phase_share: float
    kernel_held_share: float
    phase_held_share: float


@dataclass(frozen=True)
class EnergyTotals:
    """Energy of the whole run; the parts sum to the total.

    Attributes
    ----------
    total_j, kernel_j, idle_gap_j, unattributed_j
        The balance [J]; None if no power was measured.
    static_j, dynamic_j
        Parts of `kernel_j` [J].
    tokens
        Output tokens of the window; None if not known.
    method
        How energy was attributed: `regression`, `window-share`; `modelled` by a power model alone,
        `time-only` without power.
    expected_error
        Of the split over kernels and phases; None where energy was not shared by a regression.
    """

    total_j: float | None
    kernel_j: float | None
    idle_gap_j: float | None
    unattributed_j: float | None
    static_j: float | None
    dynamic_j: float | None
    tokens: int | None
    method: str
    expected_error: ExpectedError | None = None

    @property
    def tokens_per_j(self) -> float | None:
        """Output tokens per joule; None if either is not known."""
        if self.tokens is None or not self.total_j:
            return None
        return self.tokens / self.total_j

    @property
    def j_per_token(self) -> float | None:
        """Joules per output token; None if either is not known."""
        if not self.tokens or self.total_j is None:
            return None
        return self.total_j / self.tokens


@dataclass(frozen=True)
class Analysis(ShownInNotebooks):
    """All results of one run, in full precision; renderers round.

    Attributes
    ----------
    origins
        Input files.
    options
        Every option and assumption in effect, by name.
    window
        What was analyzed.
    confidence_level
        Of the intervals that a regression gives; those of window-share are limits.
    energy
        Totals.
    devices, phases, subphases, layers, kernels, ranges, steps
        Tables as declared in this module (`DEVICE_ROW`, `PHASE_ROW`, ...), sorted by energy
        (layers and steps by number).
    work
        One row per piece of GPU work (`WORK_ROW`).
    timeline
        Activity by device, time bin and phase (`TIMELINE`).
    power_curve
        Measured samples in and around the window (`POWER_CURVE`).
    max_vs_sum
        Time view beside energy view; `None` values where the critical path was not computed.
    findings, caveats
        What to do; what to doubt.
    capture_ranges
        Work of CUDA graphs by the ranges in which it was captured (`RANGE_ROW`), by energy;
        empty without such work.
    step_kinds
        Steps summed by kind (`STEP_KIND_ROW`); empty without steps.
    blocks, block_waveform
        The average transformer block of each kind, part by part (`BLOCK_ROW`), and its power over
        time (`BLOCK_WAVEFORM`); empty without layers, the second also without power.
    path_segments
        The critical path, merged into few segments (`PATH_SEGMENT`).
    overlap, opportunities
        Communication and memory work that is hidden (`OVERLAP`); work that nobody waits for
        (`OPPORTUNITY`).
    step_costs
        What steps of each kind cost, with each phase, layer and kernel in them, over blocks of
        steps (`STEP_COST`): what a comparison needs of a run; empty without steps.
    flame
        Energy and time of GPUs by kind of step, layer, phase and kernel, each within the one before
        (`FLAME`).
    components, component_curve
        What each part of the computers costs (`COMPONENT_ROW`), their power over time
        (`COMPONENT_CURVE`); empty without a power model.
    footprint
        CO2, cost; None unless asked for.
    serving, serving_stages, serving_latencies, requests
        Energy per token, per response, per user (`SERVING_ROW`, one row); the same by prefill and
        decode (`SERVING_STAGE_ROW`); latencies (`LATENCY_ROW`) of requests (`REQUEST_ROW`), empty
        without a log of them.
    clock_curve
        Readings of the clock of the SMs in and around the window (`CLOCK_CURVE`); empty where none
        were recorded.
    clocks, clock_bins, clock_points, clock_contrast
        Sustained clock of phases, kernels, layers, steps, GPUs (`CLOCK_ROW`); what was read over
        time, in few bins (`CLOCK_BIN`); power by clock (`CLOCK_POINT`); clock of matrix products
        beside other work (`CLOCK_CONTRAST`). Empty where no clock was read.
    throttling, temperature_drift
        Time by reason of lower clocks (`THROTTLING`), temperature over the run
        (`TEMPERATURE_DRIFT`); empty where not read.
    duty_cycle
        Part of steps and layers in which matrix products run (`DUTY_CYCLE`).
    activity
        How busy units are in the run, in phases (`ACTIVITY_ROW`); empty without GPU metrics.
    power_limits, power_transients, power_transitions, power_swing, power_buffer, power_map
        Moving averages against limits, steepest ramps, changes from kernel to kernel, swings, an
        energy buffer's work, power of several GPUs in few bins (`POWER_LIMIT`, ...); empty without
        power.
    power_flattening, power_flattened
        What other orders of work would make of peaks and swings, as estimates; a typical step
        before and after (`POWER_FLATTENING`, `POWER_FLATTENED`); empty where not asked for.
    not_evaluated
        Findings that could not be looked for.
    """

    origins: tuple[Origin, ...]
    options: dict[str, Any]
    window: Window
    confidence_level: float
    energy: EnergyTotals
    devices: pl.DataFrame
    phases: pl.DataFrame
    subphases: pl.DataFrame
    layers: pl.DataFrame
    kernels: pl.DataFrame
    ranges: pl.DataFrame
    steps: pl.DataFrame
    work: pl.DataFrame
    timeline: pl.DataFrame
    power_curve: pl.DataFrame
    max_vs_sum: dict[str, Any]
    findings: tuple[Finding, ...]
    caveats: tuple[Caveat, ...]
    capture_ranges: pl.DataFrame = field(default_factory=lambda: empty_table(RANGE_ROW))
    step_kinds: pl.DataFrame = field(default_factory=lambda: empty_table(STEP_KIND_ROW))
    blocks: pl.DataFrame = field(default_factory=lambda: empty_table(BLOCK_ROW))
    block_waveform: pl.DataFrame = field(default_factory=lambda: empty_table(BLOCK_WAVEFORM))
    path_segments: pl.DataFrame = field(default_factory=lambda: empty_table(PATH_SEGMENT))
    overlap: pl.DataFrame = field(default_factory=lambda: empty_table(OVERLAP))
    opportunities: pl.DataFrame = field(default_factory=lambda: empty_table(OPPORTUNITY))
    collectives: pl.DataFrame = field(default_factory=lambda: empty_table(COLLECTIVE_ROW))
    stragglers: pl.DataFrame = field(default_factory=lambda: empty_table(STRAGGLER_ROW))
    expert_balance: pl.DataFrame = field(default_factory=lambda: empty_table(EXPERT_BALANCE_ROW))
    step_costs: pl.DataFrame = field(default_factory=lambda: empty_table(STEP_COST))
    flame: pl.DataFrame = field(default_factory=lambda: empty_table(FLAME))
    components: pl.DataFrame = field(default_factory=lambda: empty_table(COMPONENT_ROW))
    component_curve: pl.DataFrame = field(default_factory=lambda: empty_table(COMPONENT_CURVE))
    footprint: Footprint | None = None
    serving: pl.DataFrame = field(default_factory=lambda: empty_table(SERVING_ROW))
    serving_stages: pl.DataFrame = field(default_factory=lambda: empty_table(SERVING_STAGE_ROW))
    serving_latencies: pl.DataFrame = field(default_factory=lambda: empty_table(LATENCY_ROW))
    requests: pl.DataFrame = field(default_factory=lambda: empty_table(REQUEST_ROW))
    clock_curve: pl.DataFrame = field(default_factory=lambda: empty_table(CLOCK_CURVE))
    power_limits: pl.DataFrame = field(default_factory=lambda: empty_table(POWER_LIMIT))
    power_transients: pl.DataFrame = field(default_factory=lambda: empty_table(POWER_TRANSIENT))
    power_transitions: pl.DataFrame = field(default_factory=lambda: empty_table(POWER_TRANSITION))
    power_swing: pl.DataFrame = field(default_factory=lambda: empty_table(POWER_SWING))
    power_buffer: pl.DataFrame = field(default_factory=lambda: empty_table(POWER_BUFFER))
    power_flattening: pl.DataFrame = field(default_factory=lambda: empty_table(POWER_FLATTENING))
    power_flattened: pl.DataFrame = field(default_factory=lambda: empty_table(POWER_FLATTENED))
    power_map: pl.DataFrame = field(default_factory=lambda: empty_table(POWER_MAP))
    clocks: pl.DataFrame = field(default_factory=lambda: empty_table(CLOCK_ROW))
    clock_bins: pl.DataFrame = field(default_factory=lambda: empty_table(CLOCK_BIN))
    clock_points: pl.DataFrame = field(default_factory=lambda: empty_table(CLOCK_POINT))
    clock_contrast: pl.DataFrame = field(default_factory=lambda: empty_table(CLOCK_CONTRAST))
    throttling: pl.DataFrame = field(default_factory=lambda: empty_table(THROTTLING))
    temperature_drift: pl.DataFrame = field(default_factory=lambda: empty_table(TEMPERATURE_DRIFT))
    duty_cycle: pl.DataFrame = field(default_factory=lambda: empty_table(DUTY_CYCLE))
    activity: pl.DataFrame = field(default_factory=lambda: empty_table(ACTIVITY_ROW))
    not_evaluated: tuple[NotEvaluated, ...] = ()
