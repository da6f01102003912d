"""What a user can ask of a simulated run."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from traceenergy.errors import UsageError
from traceenergy.simulate.power import CONCURRENCY_FACTOR
from traceenergy.simulate.power_law import CLASS_SPREAD, POWER_LAWS
from traceenergy.simulate.sensor import QUANTUM_W, SENSORS
from traceenergy.simulate.target import BOARD_OF_SENSOR
from traceenergy.units import NS_PER_MS

SCENARIOS = ("decode", "prefill", "mixed", "varying", "convnet", "stencil")
WITHOUT_LAYERS = ("convnet", "stencil")
MODELS = ("deepseek-v3", "llama")
PARALLEL_FORMS = ("tensor", "expert")
MARK_FORMS = ("full", "steps", "none")
FUSED_FORMS = ("none", "allreduce", "all")
REPORT_FORMS = ("one", "per-gpu")
GRAPH_FORMS = ("node", "node-bare", "graph")
GRAPH_SCHEMAS = ("3.11.1", "3.25.0")
USUAL_LAYERS = {"deepseek-v3": 61, "llama": 32}
SCHEMAS = ("3.0.0", "3.7.2", "3.11.1", "3.25.0")
POWER_FORMS = ("smi", "nvml", "marks", "none")
COUNTER_FORMS = ("smi", "marks")
MAX_GPUS = 8
MAX_UTC_OFFSET_H = 14.0
INSTANCE_SPREAD = 0.03
MAX_DRIFT_W = 10.0
MAX_QUANTUM_W = 10.0
MAX_CALIBRATION_S = 60.0
MAX_CLOCK_SPREAD = 0.1
MAX_CLOCK_DRIFT_PPM = 10_000.0
MAX_RANK_CLOCK_SPREAD_NS = 100 * NS_PER_MS
# Named in the truth only where they are set: a run without them is the run it always was.
_NAMED_WHERE_SET = (
    "power_law", "class_spread", "instance_spread", "step_power_spread", "concurrency_factor",
    "drift_w", "clock_spread", "clock_drift_ppm", "quantum_w", "calibration_s",
    "calibration_spread", "calibration_only", "energy_counter", "model", "mtp", "parallel",
    "marks", "graph_trace", "prefill_chunk", "fused", "waits", "reports", "rank_clock_spread_ns",
)  # fmt: skip


@dataclass(frozen=True)
class Options:
    """A simulated run in full; two runs with equal options are equal.

    Attributes
    ----------
    scenario
        `decode`, `prefill`, `mixed` (prefill among decode, batch changing) or `varying` (decode,
        batch changing). Without transformer blocks: `convnet` (ResNet-50-like training, every
        fourth iteration forward only; `batch` pictures) or `stencil` (Jacobi sweeps, a hundred a
        step).
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
        Of every random number.
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
        `smi`: a CSV file beside the trace. `nvml`: generic events in the trace. `marks`: NVTX
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

    @property
    def n_layers(self) -> int:
        """Count the transformer blocks, without those that predict further tokens."""
        return USUAL_LAYERS[self.model] if self.layers is None else self.layers

    def as_dict(self) -> dict[str, Any]:
        """Return the options by name, without those of the power model that are not set."""
        usual = Options()
        return {
            name: value
            for name, value in (asdict(self) | {"layers": self.n_layers}).items()
            if name not in _NAMED_WHERE_SET or value != getattr(usual, name)
        }


def check_options(options: Options) -> Options:
    """Return options that mean something.

    Parameters
    ----------
    options : Options

    Returns
    -------
    Options

    Raises
    ------
    UsageError
        With all problems at once.
    """
    problems = [
        f"{name} must be one of {', '.join(filter(None, known))}, got {getattr(options, name)!r}"
        for name, known in (
            ("scenario", SCENARIOS),
            ("schema", SCHEMAS),
            ("power", POWER_FORMS),
            ("sensor", tuple(SENSORS)),
            ("power_law", POWER_LAWS),
            ("model", MODELS),
            ("parallel", PARALLEL_FORMS),
            ("marks", MARK_FORMS),
            ("graph_trace", (None, *GRAPH_FORMS)),
            ("fused", FUSED_FORMS),
            ("reports", REPORT_FORMS),
        )
        if getattr(options, name) not in known
    ]
    problems += [f"{name} must be {words}" for name, words, fine in _bounds(options) if not fine]
    problems += [f"{name} must be {words}" for name, words, fine in _models(options) if not fine]
    problems += [f"{name} must be {words}" for name, words, fine in _recorded(options) if not fine]
    if problems:
        raise UsageError(
            "these options cannot be simulated",
            details="\n".join(problems),
            next_step="traceenergy simulate --help lists them",
        )
    return options


def _bounds(options: Options) -> list[tuple[str, str, bool]]:
    positive = ("batch", "context", "poll_ns", "gain", "stretch")
    not_negative = (
        "seed", "poll_jitter_ns", "pause_every", "pause_ns", "ranges_per_kernel", "mtp",
        "prefill_chunk",
    )  # fmt: skip
    spreads = ("class_spread", "instance_spread", "step_power_spread", "calibration_spread")
    can_count = options.power in COUNTER_FORMS or not options.energy_counter
    return [
        ("layers", "more than 0", options.layers is None or options.layers > 0),
        *((name, "more than 0", getattr(options, name) > 0) for name in positive),
        *((name, "0 or more", getattr(options, name) >= 0) for name in not_negative),
        ("gpus", f"1 to {MAX_GPUS}", 1 <= options.gpus <= MAX_GPUS),
        *((name, "0 to 1", 0 <= getattr(options, name) <= 1) for name in spreads),
        ("concurrency_factor", "more than 0, at most 1", 0 < options.concurrency_factor <= 1),
        ("drift_w", f"0 to {MAX_DRIFT_W:g}", 0 <= options.drift_w <= MAX_DRIFT_W),
        (
            "clock_spread",
            f"0 to {MAX_CLOCK_SPREAD:g}",
            0 <= options.clock_spread <= MAX_CLOCK_SPREAD,
        ),
        (
            "clock_drift_ppm",
            f"within {MAX_CLOCK_DRIFT_PPM:g} of 0",
            abs(options.clock_drift_ppm) <= MAX_CLOCK_DRIFT_PPM,
        ),
        (
            "quantum_w",
            f"{QUANTUM_W:g} to {MAX_QUANTUM_W:g}",
            QUANTUM_W <= options.quantum_w <= MAX_QUANTUM_W,
        ),
        (
            "calibration_s",
            f"0 to {MAX_CALIBRATION_S:g}",
            0 <= options.calibration_s <= MAX_CALIBRATION_S,
        ),
        (
            "calibration_only",
            "given with calibration_s",
            options.calibration_s > 0 or not options.calibration_only,
        ),
        ("energy_counter", f"given with power {' or '.join(COUNTER_FORMS)}", can_count),
        ("missing_share", "0 to less than 1", 0 <= options.missing_share < 1),
        (
            "timezone_offset_h",
            f"within {MAX_UTC_OFFSET_H:g} h of UTC",
            abs(options.timezone_offset_h) <= MAX_UTC_OFFSET_H,
        ),
        *_lengths(options),
    ]


def _lengths(options: Options) -> list[tuple[str, str, bool]]:
    lengths = [options.steps, options.seconds, options.kernels]
    return [
        (
            "steps, seconds, kernels",
            "given one at a time",
            sum(length is not None for length in lengths) <= 1,
        ),
        (
            "steps, seconds, kernels",
            "more than 0 (and at least one kernel per GPU)",
            all(length is None or length > 0 for length in lengths)
            and (options.kernels is None or options.kernels >= options.gpus),
        ),
    ]


def _models(options: Options) -> list[tuple[str, str, bool]]:
    # What fits to which model, scenario, schema.
    has_layers = options.scenario not in WITHOUT_LAYERS
    is_deepseek = has_layers and options.model == "deepseek-v3"
    has_graphs = options.graph_trace is not None
    return [
        ("model", "left out for convnet, stencil", has_layers or options.model == MODELS[0]),
        ("mtp", "given for deepseek-v3 only", is_deepseek or not options.mtp),
        ("parallel", "tensor but for deepseek-v3", is_deepseek or options.parallel == "tensor"),
        ("fused", "none but for llama", options.model == "llama" or options.fused == "none"),
        ("cuda_graphs", "given with transformers only", has_layers or not options.cuda_graphs),
        ("calibration_s", "given with transformers only", has_layers or not options.calibration_s),
        ("graph_trace", "given with cuda_graphs", options.cuda_graphs or not has_graphs),
        (
            "graph_trace graph",
            "given with schema 3.11.1 or later: older exports have no table for whole graphs",
            options.graph_trace != "graph" or options.schema in GRAPH_SCHEMAS,
        ),
        (
            "marks none",
            "given without power marks",
            options.marks != "none" or options.power != "marks",
        ),
        (
            "prefill_chunk",
            "given with scenario mixed",
            options.scenario == "mixed" or not options.prefill_chunk,
        ),
    ]


def _recorded(options: Options) -> list[tuple[str, str, bool]]:
    # What fits to recorded waits, to several reports.
    per_gpu = options.reports == "per-gpu"
    spread_ns = options.rank_clock_spread_ns
    return [
        ("waits", "left out with kernels", not (options.waits and options.kernels)),
        ("waits", "left out with calibration_s", not (options.waits and options.calibration_s)),
        (
            "waits",
            "left out with graph_trace graph",
            not (options.waits and options.graph_trace == "graph"),
        ),
        ("rank_clock_spread_ns", "given with reports per-gpu", per_gpu or not spread_ns),
        (
            "rank_clock_spread_ns",
            f"0 to {MAX_RANK_CLOCK_SPREAD_NS}",
            0 <= spread_ns <= MAX_RANK_CLOCK_SPREAD_NS,
        ),
        (
            "reports per-gpu",
            "given with power smi or none, without gpu_metrics",
            not per_gpu or (options.power in {"smi", "none"} and not options.gpu_metrics),
        ),
    ]


def board_of(options: Options) -> str:
    """Name the board that carries the sensor asked for."""
    return BOARD_OF_SENSOR[options.sensor]
