"""The command `compare`: one call of the library from the words of the shell."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated

import typer

from traceenergy.cli import options as opt
from traceenergy.errors import UsageError

EXAMPLES = (
    "Examples: traceenergy compare base.json head.json --fail-on 'energy > 2%'; "
    "traceenergy compare a.sqlite b.sqlite --base-power a.csv --head-power b.csv -o change.html; "
    "traceenergy compare base.json head.json --fail-on 'phase.moe.energy > 5%' -o change.md -o -"
)
PASS, FAIL = "pass", "fail"


def parse_margin(text: str, option: str = "--margin") -> float:
    """Read a share, such as a `--margin`.

    Parameters
    ----------
    text : str
        A share such as `1%` or `0.01`.
    option : str
        That has it.

    Returns
    -------
    float

    Raises
    ------
    UsageError
        If it is none.
    """
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)\s*(%?)", text.strip())
    if found is None:
        raise UsageError(f"{option} {text!r} is no share", next_step="pass one such as 1% or 0.01")
    return float(found[1]) / (100 if found[2] else 1)


def parse_pair(text: str) -> tuple[str, str]:
    """Read a `--kernel-pair` value.

    Parameters
    ----------
    text : str
        `BASE=HEAD`.

    Returns
    -------
    base, head : str

    Raises
    ------
    UsageError
        If it has not two names around one `=`.
    """
    base, _, head = text.partition("=")
    if not base or not head or "=" in head:
        raise UsageError(
            f"--kernel-pair {text!r} is not two names around one `=`",
            next_step="pass BASE=HEAD, with names as in the table of kernels; names that hold `=` "
            "can be paired from Python (CompareOptions.kernel_pairs)",
        )
    return base, head


def _run_argument(metavar: str, which: str) -> typer.models.ArgumentInfo:
    run: typer.models.ArgumentInfo = typer.Argument(
        metavar=metavar,
        show_default=False,
        help=f"{which}: a trace, a folder of the reports of all ranks, or a result of an earlier "
        "run (`analyze -o x.json`). Opened read-only, never changed.",
    )
    return run


Base = Annotated[Path, _run_argument("BASE", "Run before the change")]
Head = Annotated[Path, _run_argument("HEAD", "Run after the change")]
BasePower = Annotated[
    list[Path] | None,
    typer.Option(
        "--base-power",
        metavar="FILE",
        show_default="power recorded in the trace",
        help="Power log of the base, where that is a trace; may be given several times.",
    ),
]
HeadPower = Annotated[
    list[Path] | None,
    typer.Option(
        "--head-power",
        metavar="FILE",
        show_default="power recorded in the trace",
        help="Power log of the head, likewise.",
    ),
]
Outputs = Annotated[
    list[str] | None,
    typer.Option(
        "--out",
        "-o",
        metavar="OUT",
        show_default="traceenergy-compare-<base>-<head>.html in the current folder",
        help="Where the result goes; may be given several times. The ending decides: .html page, "
        ".json, .md, - (JSON on stdout).",
    ),
]
FailOn = Annotated[
    list[str] | None,
    typer.Option(
        "--fail-on",
        metavar="EXPR",
        help="Gate: exit code 1 when a change is beyond this limit, such as 'energy > 2%' or "
        "'phase.moe.energy > 5%', or when the data cannot tell; docs/gate.md has the language. "
        "May be given several times.",
    ),
]
Undecided = Annotated[
    str,
    typer.Option(
        "--undecided",
        metavar="fail|pass",
        help="What becomes of a gate that the data cannot decide.",
    ),
]
Margin = Annotated[
    str,
    typer.Option(
        "--margin",
        metavar="SHARE",
        help="Differences within this share of the base are called the same.",
    ),
]
KernelPairs = Annotated[
    list[str] | None,
    typer.Option(
        "--kernel-pair",
        metavar="BASE=HEAD",
        help="Names of kernels in base and head that are one, whatever they look like; may be "
        "given several times.",
    ),
]
Despite = Annotated[
    bool,
    typer.Option(
        "--despite", help="Compare runs that should not be: of another model, or other steps."
    ),
]
TimeOnly = Annotated[
    bool, typer.Option("--time-only", help="Compare times where a run has no power data.")
]


def compare(
    base: Base,
    head: Head,
    *,
    base_power: BasePower = None,
    head_power: HeadPower = None,
    out: Outputs = None,
    fail_on: FailOn = None,
    undecided: Undecided = FAIL,
    margin: Margin = "1%",
    kernel_pair: KernelPairs = None,
    despite: Despite = False,
    confidence: opt.Confidence = 0.9,
    filter_nvtx: opt.FilterNvtx = None,
    steps: opt.Steps = None,
    skip_steps: opt.SkipSteps = 0,
    tokens_per_step: opt.TokensPerStep = None,
    rules: opt.Rules = None,
    layers_from: opt.LayersFrom = None,
    sensor: opt.Sensor = "auto",
    power_clock_offset: opt.PowerClockOffset = None,
    power_unit: opt.PowerUnit = None,
    power_gpu: opt.PowerGpus = None,
    idle_power: opt.IdlePower = None,
    method: opt.Method = "auto",
    calibration: opt.Calibration = None,
    calibration_power: opt.CalibrationPower = None,
    time_only: TimeOnly = False,
    jobs: opt.Jobs = None,
    nsys: opt.Nsys = None,
    redact: opt.Redact = False,
    force: opt.Force = False,
    quiet: opt.Quiet = False,
    verbose: opt.Verbose = False,
) -> None:
    """Say what changed from one run to another, in energy and time, and whether it is noise.

    Options of the analysis hold for both runs; results of earlier runs were made with their own.
    """
    del verbose  # read by main()
    from traceenergy.analysis import AnalysisOptions
    from traceenergy.cli.run_analysis import Inputs
    from traceenergy.cli.run_comparison import Sides, run_comparison
    from traceenergy.comparison import CompareOptions
    from traceenergy.read.options import ReadOptions, Workers

    if undecided not in {PASS, FAIL}:
        raise UsageError(f"--undecided {undecided!r} is not known", next_step="pass fail or pass")
    read_options = ReadOptions(power_clock_offset, power_unit, tuple(power_gpu or ()))
    options = AnalysisOptions(
        filter_nvtx=filter_nvtx,
        steps=steps,
        skip_steps=skip_steps,
        tokens_per_step=opt.parse_tokens(tokens_per_step),
        rules=tuple(rules or ()),
        sensor_window_ms=opt.parse_sensor(sensor),
        idle_power_w=idle_power,
        confidence_level=confidence,
        time_only=time_only,
        method=method,
    )
    base_inputs, head_inputs = (
        Inputs(
            [run],
            power or [],
            read_options,
            calibration,
            calibration_power or [],
            layers_from,
            Workers(jobs, nsys=nsys),
        )
        for run, power in ((base, base_power), (head, head_power))
    )
    stems = (Path(os.path.realpath(run)).stem for run in (base, head))
    names = "redacted" if redact else "-".join(stems)
    run_comparison(
        Sides(base_inputs, head_inputs, options),
        outs=out or [f"traceenergy-compare-{names}.html"],
        options=CompareOptions(
            confidence,
            parse_margin(margin),
            force=despite,
            kernel_pairs=tuple(map(parse_pair, kernel_pair or ())),
            fail_on=tuple(fail_on or ()),
        ),
        undecided_passes=undecided == PASS,
        hides_names=redact,
        force=force,
        quiet=quiet,
    )
