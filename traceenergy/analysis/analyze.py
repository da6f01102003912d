"""From a Trace to an Analysis: the rooms called in order."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl

from traceenergy.analysis.blocks import average_blocks, fold_blocks
from traceenergy.analysis.calibration import read_calibration
from traceenergy.analysis.clock_tables import clock_tables
from traceenergy.analysis.collectives import collective_tables
from traceenergy.analysis.components import component_tables
from traceenergy.analysis.critical import find_critical, segments, with_path
from traceenergy.analysis.expected_error import expect_error
from traceenergy.analysis.findings.facts import Facts
from traceenergy.analysis.findings.find import with_findings
from traceenergy.analysis.flame import flame_rows
from traceenergy.analysis.folding import marks_of
from traceenergy.analysis.footprint import find_footprint
from traceenergy.analysis.inseparable import doubt_split
from traceenergy.analysis.label_cells import label_cells
from traceenergy.analysis.levels import max_vs_sum, whole_rows
from traceenergy.analysis.model import Analysis
from traceenergy.analysis.modelled_power import open_or_model, parts_origin
from traceenergy.analysis.opportunities import choose_exponent, opportunity_rows
from traceenergy.analysis.options import AnalysisOptions
from traceenergy.analysis.overlap import overlap_rows
from traceenergy.analysis.phase_activity import activity_rows
from traceenergy.analysis.placed_run import place_run
from traceenergy.analysis.power_tables import power_tables
from traceenergy.analysis.range_table import (
    RangeTree,
    capture_rows,
    range_rows,
    without_numbers,
)
from traceenergy.analysis.redaction import redact
from traceenergy.analysis.serving import log_origins, read_request_logs, serving_tables
from traceenergy.analysis.step_costs import step_cost_rows
from traceenergy.analysis.step_tables import step_tables
from traceenergy.analysis.tables import (
    Labels,
    device_rows,
    kernel_rows,
    layer_rows,
    phase_rows,
    step_kind_rows,
    subphase_rows,
)
from traceenergy.analysis.timeline import bin_activity, clock_curve, power_curve
from traceenergy.analysis.totals import assumptions, doubt_classes, method_of, sum_devices
from traceenergy.analysis.work_table import no_work_rows, work_rows
from traceenergy.critical_path.collectives import match_collectives
from traceenergy.critical_path.rank_clocks import on_one_clock
from traceenergy.energy.attribute import WINDOW_SHARE, AttributionOptions
from traceenergy.records import dataclass

if TYPE_CHECKING:
    from traceenergy.analysis.blocks import FoldedBlocks
    from traceenergy.analysis.components import Components
    from traceenergy.analysis.critical import Critical
    from traceenergy.analysis.label_cells import LabelCells
    from traceenergy.analysis.ledger import Ledger
    from traceenergy.analysis.model import Window
    from traceenergy.analysis.placed_run import PlacedRun
    from traceenergy.analysis.placing import Placed
    from traceenergy.analysis.step_tables import StepTables
    from traceenergy.analysis.steps import Steps
    from traceenergy.caveats import Caveat
    from traceenergy.components.model import PartsModel
    from traceenergy.critical_path.collectives import Collectives
    from traceenergy.phases.rules import RuleSet
    from traceenergy.serving.request_log import RequestLog
    from traceenergy.trace.model import Trace

MOST_SEGMENTS = 20_000  # of the critical path, in tables for drawing


def analyze(
    trace: Trace,
    options: AnalysisOptions | None = None,
    *,
    calibration: Trace | None = None,
    layers_from: Trace | None = None,
    pieces: bool = True,
) -> Analysis:
    """Say where the energy and the time of a run went.

    Parameters
    ----------
    trace : Trace
        As `read_trace` returns it.
    options : AnalysisOptions or None
        None: defaults.
    calibration : Trace or None
        Another run, with power, that tells the power of kernels on this kind of GPU.
    layers_from : Trace or None
        A run of the same model whose ranges mark layers: its layers and phases are carried over to
        steps of this one that are not marked, such as CUDA graphs.
    pieces : bool
        False leaves the table `work` empty, which takes more memory than all others together.

    Returns
    -------
    Analysis

    Raises
    ------
    NoGpuWorkError
        If the trace, or the window asked for, holds no GPU work.
    NoPowerError, TooFewSamplesError
        If there is no power, or too little, and `time_only` is not set.
    BadRulesError, UsageError
        If a rule file or an option means nothing.
    LayersFromMismatchError
        If `layers_from` marks no layers, or runs other kernels.
    BadRequestLogError
        If a log of requests cannot be understood.
    """
    options = options or AnalysisOptions()
    logs = read_request_logs(options.requests)
    moved = [on_one_clock(trace)]
    del trace  # nothing here keeps the ranges that placing drops
    placed = place_run(moved.pop(), options, layers_from)
    trace = placed.trace
    with ThreadPoolExecutor(1) as beside:
        collectives = match_collectives(trace.gpu_work, trace.names)
        words = (trace, placed.launch_row, placed.window, collectives)
        critical = beside.submit(find_critical, *words)
        found = attribute_run(placed, options, calibration)
        met = _OnPath(critical.result(), collectives)
    del placed
    result = _assemble(trace, options, found, met, pieces=pieces)
    result = _with_serving(result, logs)
    others = {"calibration_inputs": calibration, "layers_from_inputs": layers_from}
    result = replace(result, options={**result.options, **_other_runs(others)})
    return redact(result) if options.redact else result


def _other_runs(others: dict[str, Trace | None]) -> dict[str, list[dict[str, Any]] | None]:
    """Name the files of other runs that the result rests on."""
    return {
        key: None if trace is None else [asdict(origin) for origin in trace.origins]
        for key, trace in others.items()
    }


@dataclass(frozen=True)
class AttributedRun:
    """Energy of each piece of work of a run, with what it belongs to.

    Attributes
    ----------
    window : Window
    ledger : Ledger
    labels : Labels
    tree, numberless : RangeTree
        Ranges; the same without numbers of steps in their names.
    steps : Steps
    placed : Placed
        What told steps and layers.
    rules : RuleSet
        That phases were told by.
    step_patterns : tuple of str
        That steps were found by.
    attribution : AttributionOptions
        That energy was attributed with.
    caveats : tuple of Caveat
        Of work from CUDA graphs, and of the attribution.
    parts : PartsModel or None
        What parts of the computers draw, where a file tells it.
    """

    window: Window
    ledger: Ledger
    labels: Labels
    tree: RangeTree
    numberless: RangeTree
    steps: Steps
    placed: Placed
    rules: RuleSet
    step_patterns: tuple[str, ...]
    attribution: AttributionOptions
    caveats: tuple[Caveat, ...]
    parts: PartsModel | None = None


def attribute_run(
    run: PlacedRun, options: AnalysisOptions, calibration: Trace | None
) -> AttributedRun:
    """Attribute energy to all work of a run, before anything is summed.

    Parameters
    ----------
    run : PlacedRun
    options : AnalysisOptions
    calibration : Trace or None
        As for `analyze`.

    Returns
    -------
    AttributedRun

    Raises
    ------
    TraceEnergyError
        As `analyze` does.
    """
    classes = run.placed.classes
    attribution = AttributionOptions(
        options.idle_power_w, options.sensor_window_ms, options.method, options.confidence_level
    )
    if calibration is not None and options.method != WINDOW_SHARE and not options.time_only:
        known = read_calibration(calibration, attribution)
        attribution = replace(attribution, calibration=known)
    ledger, parts, power_doubts = open_or_model(
        run.trace, run.window, attribution, options, classes.work
    )
    kept = ledger.trace_index
    labels = Labels(
        phase=classes.work["phase"][kept],
        subphase=classes.work["subphase"][kept],
        layer=classes.work["layer"][kept],
        step=run.steps.number_of_work[kept],
        phase_names=classes.labels,
    )
    tree = run.tree.of_work(kept)
    numberless = without_numbers(tree, run.trace.names, run.step_patterns)
    return AttributedRun(
        run.window, ledger, labels, tree, numberless, run.steps, run.placed,
        run.rules, run.step_patterns, attribution, (*run.caveats, *power_doubts), parts,
    )  # fmt: skip


class _OnPath(NamedTuple):
    critical: Critical
    collectives: Collectives


def _assemble(
    trace: Trace, options: AnalysisOptions, found: AttributedRun, met: _OnPath, *, pieces: bool
) -> Analysis:
    found = replace(found, ledger=with_path(found.ledger, met.critical, found.window))
    told = step_tables(trace, options, found, met.critical)
    # Power over time and sums of work need nothing of each other.
    with ThreadPoolExecutor(1) as beside:
        over_time = beside.submit(_over_time, trace, options, found, told.steps, met.collectives)
        result = _summed(trace, options, found, met, told, pieces=pieces)
        power, parts = over_time.result()
    result = replace(
        result,
        **power,
        components=parts.rows,
        component_curve=parts.curve,
        footprint=find_footprint(options, result.energy, parts.rows),
        caveats=(*result.caveats, *parts.caveats),
    )
    return with_findings(Facts(trace, found.ledger, found.labels, met.critical, result))


def _summed(  # noqa: PLR0913 - all that is known of a run
    trace: Trace,
    options: AnalysisOptions,
    found: AttributedRun,
    met: _OnPath,
    told: StepTables,
    *,
    pieces: bool,
) -> Analysis:
    """Sum time and energy by kernel, phase, layer, step, range, device."""
    window, labels, ledger = found.window, found.labels, found.ledger
    critical, collectives = met
    folded, work = _cells(trace, found, told.steps)
    phases = phase_rows(work, told.tokens)
    devices = device_rows(ledger, window, trace)
    expected = expect_error(work, options.confidence_level)
    energy = sum_devices(devices, told.tokens, method_of(ledger), expected)
    kernels = kernel_rows(work, trace.names)
    subphases = subphase_rows(work, told.tokens)
    undecided = doubt_split(ledger, kernels=kernels, subphases=subphases, phases=phases)
    names = dict(pl.concat([phases, subphases]).select("name", "label").iter_rows())
    blocks = average_blocks(folded, work.cells, work.part, names)
    caveats = (
        *trace.caveats, *found.caveats, *undecided, *doubt_classes(phases), *told.caveats,
        *blocks.caveats, *critical.caveats, *collectives.caveats,
    )  # fmt: skip
    stated = {**options.record(), **trace.read_options}
    exponent = choose_exponent(ledger, options)
    layers = layer_rows(work)
    levels = {"kernel": kernels, "phase": phases, "layer": layers, "step": told.steps}
    return Analysis(
        origins=(*trace.origins, *parts_origin(found.parts)),
        options={**stated, **assumptions(energy.method, found.placed), **exponent.record()},
        window=window,
        confidence_level=options.confidence_level,
        energy=energy,
        devices=devices,
        phases=phases,
        subphases=subphases,
        layers=layers,
        kernels=kernels,
        ranges=range_rows(work, found.numberless),
        steps=told.steps,
        work=(work_rows if pieces else no_work_rows)(ledger, labels, found.tree, trace.names),
        timeline=bin_activity(ledger, window, labels.phase),
        power_curve=power_curve(ledger, window),
        max_vs_sum=max_vs_sum(window, critical, ledger, levels | whole_rows(work.cells)),
        findings=(),
        caveats=caveats,
        capture_ranges=capture_rows(ledger, found.numberless),
        step_kinds=step_kind_rows(work, told.steps),
        blocks=blocks.rows,
        block_waveform=blocks.waveform,
        path_segments=segments(critical.path, ledger, labels.phase, MOST_SEGMENTS),
        overlap=overlap_rows(ledger, labels.subphase, critical),
        opportunities=opportunity_rows(ledger, labels.phase, critical, exponent.value),
        **collective_tables(trace, ledger, labels, collectives)._asdict(),
        step_costs=step_cost_rows(work, told.steps, trace.names),
        flame=flame_rows(work, trace.names),
        clock_curve=clock_curve(trace, ledger, window),
    )


def _cells(
    trace: Trace, found: AttributedRun, steps: pl.DataFrame
) -> tuple[FoldedBlocks, LabelCells]:
    """Lay passes through blocks onto each other, then sum work over all that tables tell apart."""
    marks = marks_of(found.placed.classes.work, found.steps, steps)
    folded = fold_blocks(trace.gpu_work, marks, found.ledger, found.window)
    path = found.numberless.path_of_work
    return folded, label_cells(found.ledger, found.labels, steps, path, folded.part)


def _over_time(
    trace: Trace,
    options: AnalysisOptions,
    found: AttributedRun,
    steps: pl.DataFrame,
    collectives: Collectives,
) -> tuple[dict[str, Any], Components]:
    """Lay power over time beside limits and clocks; tell what parts beside GPUs cost."""
    power = power_tables(found, trace.names, steps, options)
    parts = component_tables(trace, found.ledger, found.window, found.parts, collectives)
    told = {
        **clock_tables(trace, found, steps)._asdict(),
        "power_limits": power.limits,
        "power_transients": power.transients,
        "power_transitions": power.transitions,
        "power_swing": power.swing,
        "power_buffer": power.buffer,
        "power_flattening": power.flattening,
        "power_flattened": power.flattened,
        "power_map": power.heat,
        "activity": activity_rows(trace, found.ledger, found.labels, found.window),
    }
    return told, parts


def _with_serving(result: Analysis, logs: tuple[RequestLog, ...]) -> Analysis:
    """Add what serving its tokens and requests costs."""
    tables = {name: getattr(result, name) for name in ("devices", "steps", "step_kinds")}
    level = result.confidence_level
    served = serving_tables(logs, result.window, result.energy, tables, level)
    return replace(
        result,
        origins=(*result.origins, *log_origins(logs)),
        serving=served.serving,
        serving_stages=served.stages,
        serving_latencies=served.latencies,
        requests=served.requests,
        caveats=(*result.caveats, *served.caveats),
    )
