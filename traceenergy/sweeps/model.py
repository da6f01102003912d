"""Runs of a sweep: how each was set, what it measured, its steps."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING

import polars as pl

from traceenergy.records import dataclass
from traceenergy.trace.tables import Column, empty_table
from traceenergy.units import S_PER_NS

if TYPE_CHECKING:
    from traceenergy.caveats import Caveat
    from traceenergy.trace.model import Origin

SWEEP_STEP = (
    Column("run", pl.Int32, "", "position of its run in the sweep, 0-based"),
    Column("step", pl.Int64, "", "number of the step within its run"),
    Column("kind", pl.String, "", "prefill, decode, mixed, train or unknown"),
    Column("start_ns", pl.Int64, "ns", "first GPU work"),
    Column("step_s", pl.Float64, "s", "first to last GPU work"),
    Column("energy_j", pl.Float64, "J", "of its GPU work, all GPUs", "not measured"),
    Column("tokens", pl.Int64, "", "tokens made", "not known"),
    Column("batch", pl.Int64, "", "sequences in the step", "not known"),
    Column("context_tokens", pl.Int64, "", "tokens in the KV cache", "not known"),
    Column("prefill_tokens", pl.Int64, "", "prompt tokens worked on", "not known"),
    Column("clock_mhz", pl.Float64, "MHz", "SM clock of the run or of the step", "not known"),
)


PHASE_OF_RUN = (
    Column("name", pl.String, "", "first-level phase"),
    Column("energy_j", pl.Float64, "J", "static and dynamic energy", "not measured"),
    Column("busy_s", pl.Float64, "s", "union of its GPU work, summed over devices"),
)


@dataclass(frozen=True)
class Setting:
    """How a run was set; None where neither its description nor its trace tells.

    Attributes
    ----------
    label
        Name for people, unique in a sweep.
    gpu_name
        As the driver tells it; of all GPUs, ` + ` between different ones.
    n_gpus
        GPUs of one instance of the server.
    n_instances
        Instances that ran beside each other.
    clock_mhz
        SM clock that was locked [MHz].
    power_cap_w
        Power limit that was set on each GPU [W].
    batch
        Largest number of sequences in a step.
    concurrency
        Users, or requests in flight.
    tensor_parallel, expert_parallel, pipeline_parallel
        Shards of each kind.
    perfect_router
        Whether tokens were spread evenly over the experts on purpose.
    group
        Runs of one name are repeats of one setting; None: those of equal settings are.
    workload
        What ran, such as model and requests: runs of different ones are not compared.
    """

    label: str
    gpu_name: str | None = None
    n_gpus: int | None = None
    n_instances: int | None = None
    clock_mhz: float | None = None
    power_cap_w: float | None = None
    batch: int | None = None
    concurrency: int | None = None
    tensor_parallel: int | None = None
    expert_parallel: int | None = None
    pipeline_parallel: int | None = None
    perfect_router: bool | None = None
    group: str | None = None
    workload: str | None = None


@dataclass(frozen=True)
class SweepRun:
    """One run, reduced to what a sweep needs.

    Attributes
    ----------
    setting : Setting
    elapsed_s
        Length of its window.
    total_j, total_lo_j, total_hi_j
        Measured energy of all its GPUs, with its interval; None without power.
    output_tokens
        Tokens made in the window; None if not known.
    memory_gib
        Memory in use on the fullest GPU; None if not known.
    latency_ms
        `ttft`, `tpot`, `e2e` with `mean`, `p50`, `p90`, `p99` each, as `ttft_p99`; those known.
    response_j
        Energy per response; None without requests or power.
    steps : polars.DataFrame
        `SWEEP_STEP` without `run`.
    caveats : tuple of Caveat
        What its analysis doubts.
    is_modelled
        Whether its energy is from a model rather than from a sensor.
    n_steps
        Steps that it has, of which `steps` may hold fewer.
    users
        Sequences in a step, weighted by time; None if not known.
    mean_clock_mhz
        Mean reading of the SM clock, locked or not.
    interval_shares
        Half of the interval over the value, as the steps of the run vary, for `energy_j`,
        `j_per_token`, `tokens_per_s`, `step_s`; those known.
    phases : polars.DataFrame
        `PHASE_OF_RUN`.
    origins : tuple of Origin
        Files that it is from.
    """

    setting: Setting
    elapsed_s: float
    total_j: float | None
    total_lo_j: float | None
    total_hi_j: float | None
    output_tokens: int | None
    steps: pl.DataFrame
    memory_gib: float | None = None
    latency_ms: dict[str, float] = field(default_factory=dict)
    response_j: float | None = None
    caveats: tuple[Caveat, ...] = ()
    is_modelled: bool = False
    n_steps: int = 0
    users: float | None = None
    mean_clock_mhz: float | None = None
    interval_shares: dict[str, float] = field(default_factory=dict)
    phases: pl.DataFrame = field(default_factory=lambda: empty_table(PHASE_OF_RUN))
    origins: tuple[Origin, ...] = ()
    rest_s: float | None = None

    @property
    def rest_between_steps_s(self) -> float | None:
        """Median time between two steps that follow each other; None if none do."""
        return median_rest_s(self.steps) if self.rest_s is None else self.rest_s


def median_rest_s(steps: pl.DataFrame) -> float | None:
    """Tell the median time from a step's end to the start of the next one [s]; None without any."""
    is_next = pl.col("step").shift(-1) == pl.col("step") + 1
    between_s = (pl.col("start_ns").shift(-1) - pl.col("start_ns")) * S_PER_NS - pl.col("step_s")
    found = steps.sort("start_ns", "step").select(between_s.filter(is_next).median()).item()
    return None if found is None else float(found)
