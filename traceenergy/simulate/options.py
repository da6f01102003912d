"""What a user can ask of a simulated run."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from traceenergy.records import dataclass
from traceenergy.simulate.power import CONCURRENCY_FACTOR
from traceenergy.simulate.power_law import CLASS_SPREAD, POWER_LAWS
from traceenergy.simulate.sensor import QUANTUM_W
from traceenergy.simulate.target import BOARD_OF_SENSOR
from traceenergy.units import NS_PER_MS

SCENARIOS = ("decode", "prefill", "mixed", "varying", "convnet", "stencil", "matmul_memread")
WITHOUT_LAYERS = ("convnet", "stencil", "matmul_memread")
MODELS = ("deepseek-v3", "llama")
PARALLEL_FORMS = ("tensor", "expert")
MARK_FORMS = ("full", "steps", "none")
FUSED_FORMS = ("none", "allreduce", "all")
REPORT_FORMS = ("one", "per-gpu")
TRACE_FORMATS = ("nsys", "pytorch", "both")
GRAPH_FORMS = ("node", "node-bare", "graph")
GRAPH_SCHEMAS = ("3.11.1", "3.25.0")
USUAL_LAYERS = {"deepseek-v3": 61, "llama": 32}
SCHEMAS = ("3.0.0", "3.7.2", "3.11.1", "3.25.0")
POWER_FORMS = ("smi", "sample", "nvml", "marks", "none")
LOG_FORMS = ("smi", "sample")
COUNTER_FORMS = (*LOG_FORMS, "marks")
MAX_GPUS = 8
MAX_UTC_OFFSET_H = 14.0
CLOCKS = (0.5, 1.5)
MAX_CHANGE = 10.0
CHANGES = ("phase_time", "phase_power")
INSTANCE_SPREAD = 0.03
MAX_DRIFT_W = 10.0
MAX_QUANTUM_W = 10.0
MAX_CALIBRATION_S = 60.0
MAX_CLOCK_SPREAD = 0.1
MAX_CLOCK_DRIFT_PPM = 10_000.0
MAX_RANK_CLOCK_SPREAD_NS = 100 * NS_PER_MS
POWER_WINDOWS_NS = (10 * NS_PER_MS, 100 * NS_PER_MS)
# Named in the truth only where they are set: a run without them is the run it always was.
_NAMED_WHERE_SET = (
    "power_law", "class_spread", "instance_spread", "step_power_spread", "concurrency_factor",
    "drift_w", "clock_spread", "clock_drift_ppm", "quantum_w", "calibration_s",
    "calibration_spread", "calibration_only", "energy_counter", "model", "mtp", "parallel",
    "marks", "graph_trace", "prefill_chunk", "fused", "waits", "reports", "rank_clock_spread_ns",
    "noise_seed", "phase_time", "phase_power", "clock",
    "power_limit_w", "power_window_ns", "duty_cycle", "trace_format",
)  # fmt: skip


@dataclass(frozen=True)
class Options:
    """A simulated run in full; two runs with equal options are equal.

    Attributes
    ----------
    scenario
        `decode`, `prefill`, `mixed` (prefill among decode, batch changing) or `varying` (decode,
        batch changing). Without transformer blocks: `convnet` (ResNet-50-like training, every
        fourth iteration forward only; `batch` pictures), `stencil` (Jacobi sweeps, a hundred a
        step) or `matmul_memread` (matrix products and memory reads in turn, ten cycles a step).
    gpus
        Recorded ranks of a tensor-parallel group of eight, 1 to 8.
    steps, seconds, kernels
        Length of the run; at most one is given. `kernels` counts rows of the kernel table over
        all GPUs, exactly (rounded down to a multiple of `gpus`). None of them: 20 steps.
    layers
        Transformer blocks; up to three first ones of DeepSeek are dense, the others are mixtures of
        experts. None: 61, or 32 for `llama`.
    batch, context
        Sequences decoded at once; tokens each one has seen at the start.
    schema
        Version of the export.
    seed
        Of every random number; of those of program and board alone where `noise_seed` is set.
    sensor
        Name in `sensor.SENSORS`.
    poll_ns, poll_jitter_ns
        Time between readings [ns]; standard deviation of their delay [ns].
    missing_share
        Part of the readings that never reach the log, 0 to 1.
    gain
        What the sensor shows over what is true.
    clock_offset_ns
        Clock of the power log minus UTC of the trace [ns].
    timezone_offset_h
        Local time minus UTC on the recorded computer [h].
    cuda_graphs
        Decode steps are one graph launch each.
    power
        `smi`: a CSV file beside the trace as of nvidia-smi. `sample`: as of `traceenergy sample`,
        with times to the nanosecond, in UTC. `nvml`: generic events in the trace. `marks`: NVTX
        marks in the trace. `none`.
    gpu_metrics
        Sample the activity of the GPU at 10 kHz into the trace.
    stretch
        Factor on the duration of all GPU work, so that few kernels can fill seconds.
    pause_every, pause_ns
        Every so many steps the GPU waits so long for requests [ns]; 0 for never.
    ranges_per_kernel
        Operator ranges nested around every launch, beside those of steps and layers.
    power_law
        How the power of a kernel class comes about, see `power_law.class_power`: `activity`,
        `saturating` or `category`.
    class_spread, instance_spread, step_power_spread
        Standard deviation of the logarithm of a factor on dynamic power: of each class, of each
        piece of work, of all work of a step.
    concurrency_factor
        On the dynamic power of each piece of work while others run.
    drift_w
        Standard deviation of a slow drift of static power, over 10 s or so [W].
    clock_spread
        Standard deviation of the SM clock over its full value; 0 for a clock that never moves.
        Dynamic power follows it, durations do not.
    clock_drift_ppm
        By how much the clock of the power log runs fast, in millionths, from trace time 0 on.
    quantum_w
        Power is shown in steps of so much [W].
    calibration_s
        How long each kernel class is repeated alone after the run [s]; 0 for no such stretch.
    calibration_spread
        Standard deviation of the logarithm of a factor of each class between its dynamic power
        alone and within the run.
    calibration_only
        Leave the run out: the stretch that would follow it is a recording of its own, of the same
        GPUs and classes.
    energy_counter
        The CSV file or the marks hold the board's cumulative energy counter as well.
    model
        `deepseek-v3`, or `llama`: dense, all blocks alike, opaque names of matrix products that
        change with the number of tokens.
    mtp
        Layers behind the head that predict one more token each; of DeepSeek.
    parallel
        `tensor`; or `expert`: tokens travel to experts, attention is data-parallel; of DeepSeek.
    marks
        NVTX ranges that are written: `full`, `steps` only, or `none`, not even power marks.
    graph_trace
        How CUDA graphs were recorded: `node` (kernels with their node, and its creation),
        `node-bare` (kernels with their node alone, as where the capture came before the recording)
        or `graph` (one row a launch, without its kernels). A graph is captured for each power of
        two of the batch. None: as `node`; for DeepSeek with one graph for all batches.
    prefill_chunk
        With `mixed`: prompts are taken in by steps of so many tokens with nothing else in them; 0
        takes them in whole, beside decode.
    fused
        Kernels that are put into one, of `llama`: `none`; `allreduce` with the norm behind it, in
        decode; `all`: that, and what a compiler makes of norms, rotations, activations.
    waits
        Streams wait for events where they fork and join, which the export holds beside the waits
        at the ends of steps; the truth has the critical path of each step.
    reports
        `one` for all GPUs; `per-gpu`: one each, as of ranks on computers of their own.
    rank_clock_spread_ns
        By how much at most the clock of a rank is off from that of rank 0 [ns].
    noise_seed
        Of all that differs between two recordings of one program on one board: durations and
        power of single pieces and steps, gaps, clocks, the room's temperature, drift, sensor and
        log. None: that of `seed`, in a room of 31 C.
    phase_time, phase_power
        Factors on the time that work takes, on its dynamic power, by name of its phase or subphase
        as in the truth; GPU metrics do not show them.
    clock
        Factor on the SM clock. What the matrix units bound is faster by it, dynamic power of all
        work goes with its power of 2.2.
    power_limit_w
        What the board may draw over `power_window_ns` [W]: its controller lowers the SM clock,
        step by step, until it does, see `controller.control_clock`. None: nothing holds it.
    power_window_ns
        Over which the controller takes the mean of power [ns].
    duty_cycle
        Of `matmul_memread`: share of the kernels that multiply matrices, in steps of 0.05. That
        is the share of time on an H100 at its full clock.
    trace_format
        `nsys`, `pytorch` (as the profiler of PyTorch writes it: without uuids of GPUs, time zone,
        domains and creation of graph nodes), or `both`.
    """

    scenario: str = "decode"
    gpus: int = 1
    steps: int | None = None
    seconds: float | None = None
    kernels: int | None = None
    layers: int | None = None
    batch: int = 32
    context: int = 2048
    schema: str = "3.25.0"
    seed: int = 0
    sensor: str = "h100-instant"
    poll_ns: int = 100 * NS_PER_MS
    poll_jitter_ns: int = NS_PER_MS
    missing_share: float = 0.0
    gain: float = 1.0
    clock_offset_ns: int = 0
    timezone_offset_h: float = -7.0
    cuda_graphs: bool = False
    power: str = "smi"
    gpu_metrics: bool = False
    stretch: float = 1.0
    pause_every: int = 0
    pause_ns: int = 0
    ranges_per_kernel: int = 0
    power_law: str = POWER_LAWS[0]
    class_spread: float = CLASS_SPREAD
    instance_spread: float = INSTANCE_SPREAD
    step_power_spread: float = 0.0
    concurrency_factor: float = CONCURRENCY_FACTOR
    drift_w: float = 0.0
    clock_spread: float = 0.0
    clock_drift_ppm: float = 0.0
    quantum_w: float = QUANTUM_W
    calibration_s: float = 0.0
    calibration_spread: float = 0.0
    calibration_only: bool = False
    energy_counter: bool = False
    model: str = MODELS[0]
    mtp: int = 0
    parallel: str = PARALLEL_FORMS[0]
    marks: str = MARK_FORMS[0]
    graph_trace: str | None = None
    prefill_chunk: int = 0
    fused: str = FUSED_FORMS[0]
    waits: bool = False
    reports: str = REPORT_FORMS[0]
    rank_clock_spread_ns: int = 0
    noise_seed: int | None = None
    phase_time: tuple[tuple[str, float], ...] = ()
    phase_power: tuple[tuple[str, float], ...] = ()
    clock: float = 1.0
    power_limit_w: float | None = None
    power_window_ns: int = 20 * NS_PER_MS
    duty_cycle: float = 1.0
    trace_format: str = TRACE_FORMATS[0]

    @property
    def n_layers(self) -> int:
        """Count the transformer blocks, without those that predict further tokens."""
        return USUAL_LAYERS[self.model] if self.layers is None else self.layers

    @property
    def recording_seed(self) -> int:
        """Seed of all that another recording of the same program would have otherwise."""
        return self.seed if self.noise_seed is None else self.noise_seed

    def as_dict(self) -> dict[str, Any]:
        """Return the options by name, without those of the power model that are not set."""
        usual = Options()
        return {
            name: dict(value) if name in CHANGES else value
            for name, value in (asdict(self) | {"layers": self.n_layers}).items()
            if name not in _NAMED_WHERE_SET or value != getattr(usual, name)
        }


def board_of(options: Options) -> str:
    """Name the board that carries the sensor asked for."""
    return BOARD_OF_SENSOR[options.sensor]
