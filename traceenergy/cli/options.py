"""Each option that commands share, declared once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from traceenergy.durations import TimeRange, parse_duration, parse_time_range


def parse_tokens(text: str | None) -> int | Path | None:
    """Read a `--tokens-per-step` value.

    Parameters
    ----------
    text : str or None

    Returns
    -------
    int or Path or None
        A number, a CSV file, or as given.

    Raises
    ------
    UsageError
        If it is none of these.
    """
    from traceenergy.analysis.options import tokens_per_step

    return None if text is None else tokens_per_step(text)


def parse_sensor(text: str) -> float | None:
    """Read a `--sensor` value.

    Parameters
    ----------
    text : str
        `auto`, `instant` or `average:TIME`.

    Returns
    -------
    float or None [ms]
        Averaging window; None for `auto`.

    Raises
    ------
    UsageError
        If it is none of these.
    """
    from traceenergy.analysis.options import sensor_window_ms

    kind, _, time = text.partition(":")
    return sensor_window_ms(kind, parse_duration(time) if time else None)


Traces = Annotated[
    list[Path],
    typer.Argument(
        metavar="TRACE",
        show_default=False,
        help="Exports of Nsight Systems (.sqlite), its reports (.nsys-rep, .qdrep, which need "
        "nsys on PATH), or traces of the PyTorch profiler (.json, .json.gz); several files, or a "
        "folder of them, are the ranks of one run. Opened read-only, never changed.",
    ),
]
Jobs = Annotated[
    int | None,
    typer.Option(
        "--jobs",
        metavar="N",
        min=1,
        show_default="as many as save time",
        help="Read the reports of a run in N processes at once; 1 reads them one by one, which "
        "takes the least memory. The result is the same.",
    ),
]
Scheduler = Annotated[
    str | None,
    typer.Option(
        "--scheduler",
        metavar="ADDRESS",
        show_default="this computer alone",
        help="Have the workers of a running Dask cluster read the reports, one task a report, such "
        "as tcp://10.0.0.1:8786; needs traceenergy[dask] here, and the same packages and paths "
        "there.",
    ),
]
OnError = Annotated[
    str,
    typer.Option(
        "--on-error",
        metavar="raise|skip",
        help="A report of a run that cannot be read ends with its error, or is left out and named.",
    ),
]
ByReport = Annotated[
    bool,
    typer.Option(
        "--by-report",
        help="Analyze each report for itself, by the workers, and sum the results: for runs of "
        "more reports than one analysis can hold. What joins reports is not found.",
    ),
]
Slices = Annotated[
    int,
    typer.Option(
        "--slices",
        metavar="N",
        min=1,
        help="Analyze N slices of time of each report (.sqlite), each for itself, and sum the "
        "results: for traces of more kernels than memory can hold. Implies --by-report.",
    ),
]
Nsys = Annotated[
    Path | None,
    typer.Option(
        "--nsys",
        metavar="PATH",
        show_default="the nsys on PATH",
        help="Program nsys that exports reports (.nsys-rep, .qdrep); as new as the one that "
        "recorded them, or newer.",
    ),
]
OneTrace = Annotated[
    Path,
    typer.Argument(
        metavar="TRACE",
        show_default=False,
        help="Export of Nsight Systems (.sqlite), its report (.nsys-rep, .qdrep, which need "
        "nsys on PATH), or trace of the PyTorch profiler (.json, .json.gz). Opened read-only, "
        "never changed.",
    ),
]
Outputs = Annotated[
    list[str] | None,
    typer.Option(
        "--out",
        "-o",
        metavar="OUT",
        show_default="traceenergy-<input>.html in the current folder",
        help="Where the result goes; may be given several times. The ending decides: .html page, "
        ".json, .md, .csv (phases), .parquet (one row per kernel), .sqlite (all tables), "
        ".perfetto.json (for ui.perfetto.dev), a path ending in / (one parquet file per table), "
        "- (JSON on stdout).",
    ),
]
Force = Annotated[
    bool,
    typer.Option("--force", help="Overwrite outputs that exist."),
]
Redact = Annotated[
    bool,
    typer.Option(
        "--redact",
        help="Replace names of files, NVTX ranges and steps, and uuids of GPUs, by neutral ones in "
        "every output; names of kernels and hashes of files stay.",
    ),
]
Quiet = Annotated[
    bool,
    typer.Option("--quiet", "-q", help="Print no summary and no progress; errors still show."),
]
Verbose = Annotated[
    bool,
    typer.Option("--verbose", "-v", help="Show the Python traceback of an error."),
]

PowerLogs = Annotated[
    list[Path] | None,
    typer.Option(
        "--power",
        metavar="FILE",
        show_default="power recorded in the trace",
        help="Power log of traceenergy sample or nvidia-smi --format=csv; may be given several "
        "times.",
    ),
]
PowerClockOffset = Annotated[
    int | None,
    typer.Option(
        "--power-clock-offset",
        metavar="TIME",
        parser=parse_duration,
        show_default="0s",
        help="Time added to the clock of the power log, after the trace's time zone was taken off, "
        "such as -2h; for a trace without wall clock, the trace time of the log's first line.",
    ),
]
PowerUnit = Annotated[
    str | None,
    typer.Option(
        "--power-unit",
        metavar="mW|W",
        show_default="by name, else by size",
        help="Unit of power values recorded by an nsys plugin.",
    ),
]
PowerGpus = Annotated[
    list[str] | None,
    typer.Option(
        "--power-gpu",
        metavar="[SOURCE=][RANK:]GPU",
        show_default="only where there is no choice",
        help="GPU that power samples belong to when they do not say so: its index in the trace or "
        "its uuid. SOURCE is needed where there are several: the name of a log, the GPU that a "
        "log names, the typeId of an nsys plugin. May be given several times.",
    ),
]
IdlePower = Annotated[
    float | None,
    typer.Option(
        "--idle-power",
        metavar="W",
        min=0.0,
        show_default="measured where no GPU work runs",
        help="Power of one GPU without GPU work, in watts.",
    ),
]
PowerExponent = Annotated[
    float | None,
    typer.Option(
        "--power-exponent",
        metavar="N",
        help="Dynamic power goes with the clock to this power: bounds what slower clocks could "
        "save where nobody waits. As the clocks of the run tell it, else 2.2.",
    ),
]
Sensor = Annotated[
    str,
    typer.Option(
        "--sensor",
        metavar="auto|instant|average:TIME",
        help="How the power sensor works: auto (by GPU and field), instant, or the time it "
        "averages over, such as average:1s.",
    ),
]
PowerModel = Annotated[
    Path | None,
    typer.Option(
        "--power-model",
        metavar="FILE",
        show_default="only what sensors measured",
        help="Watts of parts (TOML, or JSON of LLMServingSim with power blocks): CPU, memory and "
        "links beside measured GPUs; GPUs too where no power was measured, and then every "
        "energy is labelled modelled.",
    ),
]
Carbon = Annotated[
    float | None,
    typer.Option(
        "--carbon",
        metavar="G/KWH",
        min=0.0,
        show_default="not counted",
        help="CO2 of a kilowatt-hour, in grams: adds the CO2 of the run.",
    ),
]
Price = Annotated[
    float | None,
    typer.Option(
        "--price",
        metavar="PER_KWH",
        min=0.0,
        show_default="not counted",
        help="Price of a kilowatt-hour, in any currency: adds the cost of the run.",
    ),
]
Pue = Annotated[
    float | None,
    typer.Option(
        "--pue",
        metavar="N",
        min=1.0,
        show_default="1, where CO2 or cost is counted",
        help="Energy of the building over that of the computers in it, for CO2 and cost.",
    ),
]
Method = Annotated[
    str,
    typer.Option(
        "--method",
        metavar="auto|regression|window-share",
        help="How energy is attributed: by the power of each kernel class as a regression on all "
        "sensor windows finds it, or by time within each window. auto and regression fall back to "
        "window-share where there are too few readings, and say so.",
    ),
]
Calibration = Annotated[
    Path | None,
    typer.Option(
        "--calibration",
        metavar="TRACE",
        help="Another trace of the same kind of GPU, with power, that tells the power of kernels: "
        "best each kernel alone in a loop for half a second.",
    ),
]
LayersFrom = Annotated[
    Path | None,
    typer.Option(
        "--layers-from",
        metavar="EAGER_TRACE",
        help="A run of the same model without CUDA graphs, with NVTX marks on its layers: its "
        "layers and phases are carried over by the order of kernels.",
    ),
]
CalibrationPower = Annotated[
    list[Path] | None,
    typer.Option(
        "--calibration-power",
        metavar="FILE",
        help="Power log of the calibration trace; may be given several times.",
    ),
]
TimeOnly = Annotated[
    bool,
    typer.Option(
        "--time-only", help="Report times without energy when there is no power data (exit code 0)."
    ),
]
Confidence = Annotated[
    float,
    typer.Option(
        "--confidence",
        metavar="LEVEL",
        help="Confidence level of intervals, between 0 and 1. The intervals of the method "
        "window-share are limits of what is possible: they do not depend on it.",
    ),
]

FilterTime = Annotated[
    TimeRange | None,
    typer.Option(
        "--filter-time",
        metavar="START/END",
        parser=parse_time_range,
        show_default="all GPU work",
        help="Analyze this stretch of the trace's clock, such as 1s500ms/2s; either side may be "
        "left out.",
    ),
]
FilterNvtx = Annotated[
    str | None,
    typer.Option(
        "--filter-nvtx",
        metavar="NAME[@DOMAIN][/IDX]",
        show_default="all GPU work",
        help="Analyze the time of this NVTX range; IDX picks one instance, counted from 0.",
    ),
]
Steps = Annotated[
    str | None,
    typer.Option(
        "--steps",
        metavar="REGEX",
        show_default="as the rules find them",
        help="Regular expression of the NVTX ranges that are the steps of the model loop. Groups "
        "(?P<step>), (?P<tokens>), (?P<batch>), (?P<ctx>), (?P<gen>) read numbers from their text.",
    ),
]
SkipSteps = Annotated[
    int,
    typer.Option(
        "--skip-steps", metavar="N", min=0, help="Leave out the first N steps, such as warm-up."
    ),
]
TokensPerStep = Annotated[
    str | None,
    typer.Option(
        "--tokens-per-step",
        metavar="N|FILE.csv",
        show_default="as the texts of steps tell",
        help="Output tokens of one step, over all sequences and GPUs, or a CSV file with columns "
        "step,tokens; gives joules per token.",
    ),
]
Rules = Annotated[
    list[Path] | None,
    typer.Option(
        "--rules",
        metavar="FILE",
        show_default="the shipped rules",
        help="Rule file (TOML) that comes before the shipped rules; may be given several times.",
    ),
]
