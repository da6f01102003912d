"""One call that makes a run with its trace, its power log, its truth."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import polars as pl

from traceenergy.errors import OutputError, OutputExistsError
from traceenergy.records import dataclass
from traceenergy.simulate.about import about_tables
from traceenergy.simulate.activity import metric_names
from traceenergy.simulate.events import metric_tables, nvtx_rows, plugin_tables
from traceenergy.simulate.export import Rows, Strings, write_export
from traceenergy.simulate.graphs import capture_graphs
from traceenergy.simulate.host import UTC_EPOCH_NS
from traceenergy.simulate.in_memory import run_in_memory
from traceenergy.simulate.layout import RUNTIME, layout_of
from traceenergy.simulate.option_checks import check_options
from traceenergy.simulate.options import LOG_FORMS, Options
from traceenergy.simulate.pytorch_trace import write_pytorch_trace
from traceenergy.simulate.ranges import nvtx_ranges
from traceenergy.simulate.rank_reports import rank_clocks, rank_truth, report_of
from traceenergy.simulate.rows import graph_tables, runtime_rows, work_tables
from traceenergy.simulate.sampled import render_sample_log
from traceenergy.simulate.sensor import SENSORS
from traceenergy.simulate.smi import render_log
from traceenergy.simulate.waits import event_calls, wait_tables
from traceenergy.simulate.whole_graphs import fold_truth
from traceenergy.units import NS_PER_MS, NS_PER_S
from traceenergy.whole_files import put_folder

if TYPE_CHECKING:
    from pathlib import Path

    from traceenergy.simulate.in_memory import Run
    from traceenergy.simulate.target import Board

_ENDINGS = {"nsys": (".sqlite",), "pytorch": (".json",), "both": (".sqlite", ".json")}
TRACE, LOG, TRUTH_TABLE, TRUTH_SUMS = "trace.sqlite", "power.csv", "truth.parquet", "truth.json"
TRACE_TAIL_NS = 2 * NS_PER_S
RANK_TRACE = "trace_rank{}.sqlite"
FORMAT_VERSION = 1


@dataclass(frozen=True)
class Simulated:
    """What was written.

    Attributes
    ----------
    folder
        Where.
    files
        Names of the files in it.
    n_kernels, n_ranges
        Rows of the trace.
    total_j
        True energy of all GPUs over the analysis window [J].
    """

    folder: Path
    files: tuple[str, ...]
    n_kernels: int
    n_ranges: int
    total_j: float


def simulate_run(out: Path, options: Options | None = None, *, force: bool = False) -> Simulated:
    """Simulate a run of a model on one to eight GPUs.

    Parameters
    ----------
    out : Path
        Folder for the files; made if need be.
    options : Options, optional
        What to run; `Options()` by default.
    force : bool
        Overwrite files that exist.

    Returns
    -------
    Simulated

    Raises
    ------
    UsageError
        If the options cannot be simulated.
    OutputExistsError
        If a file is there already.

    Notes
    -----
    Writes `trace.sqlite` (an nsys-like export; or one `trace_rank<N>.sqlite` per GPU; the same as
    `.json` in the form of the PyTorch profiler, beside it or alone), `power.csv`
    (as nvidia-smi prints it with `power="smi"`, as `traceenergy sample` writes it with `"sample"`,
    else none), `truth.parquet` (energy of each piece of
    GPU work that the trace has a row for) and `truth.json` (sums of all work, all options). Equal
    options give equal contents.
    """
    options = check_options(options or Options())
    names = (
        *_report_names(options),
        *([LOG] if options.power in LOG_FORMS else []),
        TRUTH_TABLE,
        TRUTH_SUMS,
    )
    _make_room(out, names, force=force)
    run = run_in_memory(options)
    tables, n_ranges = _tables(run)
    truth = run.truth.work
    if options.graph_trace == "graph" and run.timeline.graphs is not None:
        truth = fold_truth(truth, run.timeline)
    if options.reports == "per-gpu":
        truth = rank_truth(truth)
    sums = run.sums()

    def write(folder: Path) -> None:
        if options.power in LOG_FORMS:
            (folder / LOG).write_text(_render_log(run), encoding="utf-8")
        _write_reports(folder, run, tables)
        truth.write_parquet(folder / TRUTH_TABLE)
        _write_sums(folder / TRUTH_SUMS, options, run.board, sums)

    put_folder(out, write)
    return Simulated(
        folder=out,
        files=names,
        n_kernels=int((truth["table"] == "KERNEL").sum()),
        n_ranges=n_ranges,
        total_j=sum(row["total_j"] for row in sums["devices"]),
    )


def _render_log(run: Run) -> str:
    options, uuids = run.options, run.host.uuids
    if options.power == "smi":
        return render_log(run.readings, uuids, run.log_epoch_ns, options.clock_drift_ppm)
    epoch_ns = UTC_EPOCH_NS + options.clock_offset_ns
    return render_sample_log(run.readings, uuids, epoch_ns, options.clock_drift_ppm)


def _report_names(options: Options) -> list[str]:
    one = [TRACE]
    names = one if options.reports == "one" else map(RANK_TRACE.format, range(options.gpus))
    stems = [name.removesuffix(".sqlite") for name in names]
    return [stem + ending for stem in stems for ending in _ENDINGS[options.trace_format]]


def _write_reports(out: Path, run: Run, tables: dict[str, Rows]) -> None:
    layout = layout_of(run.options.schema)
    n_ranks = run.options.gpus if run.options.reports == "per-gpu" else 1
    clocks = rank_clocks(run.options)
    for name in _report_names(run.options):
        found = re.search(r"_rank(\d+)", name)
        rank = int(found[1]) if found else None
        rows = tables if rank is None else report_of(tables, rank, clocks[rank], run.host)
        if name.endswith(".json"):
            write_pytorch_trace(out / name, rows, rank=rank, n_ranks=n_ranks)
        else:
            write_export(out / name, layout, rows)


def _make_room(out: Path, names: tuple[str, ...], *, force: bool) -> None:
    taken = [name for name in names if (out / name).exists()]
    if taken and not force:
        raise OutputExistsError(
            f"files of a simulated run are there already: {', '.join(taken)}",
            next_step="choose another folder, or pass --force to overwrite them",
        )
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise OutputError(
            f"cannot make the folder {out.parent}", details=str(problem.strerror)
        ) from problem


def _tables(run: Run) -> tuple[dict[str, Rows], int]:
    options, host, timeline = run.options, run.host, run.timeline
    strings, layout = Strings(), layout_of(options.schema)
    tables = about_tables(
        options.schema,
        run.board,
        host,
        strings,
        duration_ns=run.window_ns[1] + TRACE_TAIL_NS,
        timezone_offset_h=options.timezone_offset_h,
    )
    graphs = timeline.graphs
    whole_graphs = graphs is not None and options.graph_trace == "graph"
    capture = (
        capture_graphs(timeline.templates, options.gpus, graphs.batches)
        if graphs is not None and options.graph_trace != "node-bare"
        else None
    )
    tables |= work_tables(timeline, host, strings, whole_graphs=whole_graphs)
    events = event_calls(timeline) if options.waits else None
    tables[RUNTIME] = runtime_rows(timeline, capture, host, strings, events)
    if events is not None:
        tables |= wait_tables(timeline, events, host)
    ranges = nvtx_ranges(timeline, options.ranges_per_kernel, options.marks)
    if capture is not None:
        separate = layout.has("CUDA_GRAPH_NODE_EVENTS")
        tables |= graph_tables(capture, host, strings, separate=separate, whole_graphs=whole_graphs)
        if options.marks == "full":
            ranges = pl.concat([capture.ranges, ranges]).sort("start_ns", "device", "level")
    marks = run.readings if options.power == "marks" else ()
    tables["NVTX_EVENTS"] = nvtx_rows(ranges, marks, host, strings)
    if options.power == "nvml":
        normalized = layout.has("GENERIC_EVENT_DATA")
        tables |= plugin_tables(run.readings, host, strings, normalized=normalized)
    if options.gpu_metrics:
        as_json = not layout.has("GPU_METRICS")
        tables = _with(
            tables, metric_tables(run.activity, metric_names(options.schema), as_json=as_json)
        )
    return {"StringIds": strings.rows, **tables}, len(ranges)


def _with(tables: dict[str, Rows], more: dict[str, Rows]) -> dict[str, Rows]:
    # Two kinds of generic events may meet in one table.
    joined = dict(tables)
    for name, rows in more.items():
        joined[name] = _stacked(tables[name], rows) if name in tables else rows
    return joined


def _stacked(above: Rows, below: Rows) -> Rows:
    frames = [pl.DataFrame(rows) for rows in (above, below)]
    both = pl.concat(frames, how="diagonal")
    return {name: both[name] for name in both.columns}


def _ranks(options: Options) -> list[dict[str, int]]:
    return [{"rank": rank, **asdict(clock)} for rank, clock in enumerate(rank_clocks(options))]


def _write_sums(path: Path, options: Options, board: Board, sums: dict[str, Any]) -> None:
    sensor = SENSORS[options.sensor]
    content = {
        "format": "traceenergy.truth",
        "format_version": FORMAT_VERSION,
        "options": options.as_dict(),
        "board": board.name,
        "sensor": {
            "name": options.sensor,
            "draw": {
                "period_ms": sensor.draw.update_ns / NS_PER_MS,
                "window_ms": sensor.draw.window_ns / NS_PER_MS,
            },
            "instant": None
            if sensor.instant is None
            else {
                "period_ms": sensor.instant.update_ns / NS_PER_MS,
                "window_ms": sensor.instant.window_ns / NS_PER_MS,
            },
            "lag_ms": sensor.lag_ns / NS_PER_MS,
            "noise_w": sensor.noise_w,
            "smoothing_ms": sensor.smoothing_ns / NS_PER_MS,
        },
        **({"ranks": _ranks(options)} if options.reports == "per-gpu" else {}),
        **sums,
    }
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
