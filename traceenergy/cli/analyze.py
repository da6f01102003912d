"""The command `analyze`: one call of the library from the words of the shell."""

from __future__ import annotations

from pathlib import Path

from traceenergy.cli import options as opt
from traceenergy.cli import power_options as power_opt
from traceenergy.cli.request_options import Requests

EXAMPLES = (
    "Examples: traceenergy analyze trace.sqlite --power smi.csv; "
    "traceenergy analyze rank*.sqlite -o run.html -o run.json --tokens-per-step 64; "
    "traceenergy analyze trace.sqlite --time-only -o -"
)


def analyze(
    traces: opt.Traces,
    *,
    power: opt.PowerLogs = None,
    out: opt.Outputs = None,
    filter_time: opt.FilterTime = None,
    filter_nvtx: opt.FilterNvtx = None,
    steps: opt.Steps = None,
    skip_steps: opt.SkipSteps = 0,
    tokens_per_step: opt.TokensPerStep = None,
    requests: Requests = None,
    rules: opt.Rules = None,
    layers_from: opt.LayersFrom = None,
    sensor: opt.Sensor = "auto",
    power_clock_offset: opt.PowerClockOffset = None,
    power_unit: opt.PowerUnit = None,
    power_gpu: opt.PowerGpus = None,
    idle_power: opt.IdlePower = None,
    power_limit: power_opt.PowerLimit = None,
    edp: power_opt.Edp = None,
    buffer: power_opt.Buffer = None,
    flatten: power_opt.Flatten = None,
    power_exponent: opt.PowerExponent = None,
    confidence: opt.Confidence = 0.9,
    method: opt.Method = "auto",
    calibration: opt.Calibration = None,
    calibration_power: opt.CalibrationPower = None,
    power_model: opt.PowerModel = None,
    carbon: opt.Carbon = None,
    price: opt.Price = None,
    pue: opt.Pue = None,
    time_only: opt.TimeOnly = False,
    jobs: opt.Jobs = None,
    scheduler: opt.Scheduler = None,
    on_error: opt.OnError = "raise",
    by_report: opt.ByReport = False,
    slices: opt.Slices = 1,
    nsys: opt.Nsys = None,
    redact: opt.Redact = False,
    force: opt.Force = False,
    quiet: opt.Quiet = False,
    verbose: opt.Verbose = False,
) -> None:
    """Say where the energy of a run went: per phase, layer, kernel, NVTX range and step."""
    del verbose  # read by main()
    from traceenergy.analysis import AnalysisOptions
    from traceenergy.cli.run_analysis import Inputs, run_analysis
    from traceenergy.read.options import ReadOptions, Workers

    read_options = ReadOptions(power_clock_offset, power_unit, tuple(power_gpu or ()))
    run_analysis(
        Inputs(
            traces,
            power or [],
            read_options,
            calibration,
            calibration_power or [],
            layers_from,
            workers=Workers(jobs, scheduler, on_error, nsys=nsys),
        ),
        outs=out or [f"traceenergy-{'redacted' if redact else Path(traces[0]).stem}.html"],
        options=AnalysisOptions(
            filter_time_ns=filter_time,
            filter_nvtx=filter_nvtx,
            steps=steps,
            skip_steps=skip_steps,
            tokens_per_step=opt.parse_tokens(tokens_per_step),
            requests=tuple(requests or ()),
            rules=tuple(rules or ()),
            sensor_window_ms=opt.parse_sensor(sensor),
            idle_power_w=idle_power,
            power_limit_w=power_limit,
            edp=edp,
            buffer=buffer,
            flatten=tuple(flatten or ()),
            power_exponent=power_exponent,
            confidence_level=confidence,
            time_only=time_only,
            method=method,
            power_model=power_model,
            carbon_g_per_kwh=carbon,
            price_per_kwh=price,
            pue=pue,
            redact=redact,
        ),
        by_report=by_report,
        slices=slices,
        force=force,
        quiet=quiet,
    )
