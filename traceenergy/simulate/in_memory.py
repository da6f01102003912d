"""Simulated run before anything of it is written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from traceenergy.records import dataclass
from traceenergy.simulate.activity import Activity, sample_activity
from traceenergy.simulate.chance import COUNTER, HOST, IDLE_POWER, LOG, TIMELINE, stream
from traceenergy.simulate.clock_truth import clock_truth
from traceenergy.simulate.host import UTC_EPOCH_NS, Host, make_host
from traceenergy.simulate.option_checks import check_options
from traceenergy.simulate.options import Options, board_of
from traceenergy.simulate.sensor import SENSORS, poll_times, read_counter, read_field
from traceenergy.simulate.smi import GPU_IDLE, SW_POWER_CAP, Readings, Throttling, stamps_ns
from traceenergy.simulate.target import BOARDS, Board
from traceenergy.simulate.throttling import under_limit
from traceenergy.simulate.timeline import Timeline, lay_out
from traceenergy.simulate.truth import Truth, board_laws, summarize, true_energy
from traceenergy.units import NS_PER_H, NS_PER_MS, NS_PER_S

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.simulate.clock import ClockPath
    from traceenergy.simulate.power import PowerCurve

# The log begins before the run, ends after it, so that idle power can be seen.
LOG_BEFORE_NS, LOG_AFTER_NS = 2 * NS_PER_S, 1500 * NS_PER_MS
# Between one GPU's line of the log and the next one's.
INDEX_DELAY_NS = 300_000


@dataclass(frozen=True)
class Run:
    """A simulated run, whole.

    Attributes
    ----------
    options
        What was asked for.
    board, host
        The GPUs, all alike; the computer.
    timeline
        Work, launches, steps; on the trace clock.
    truth
        True energy of each piece of work, in the order of `timeline.work`; true power by device.
    readings : tuple of Readings
        What the logger got, by device; on the trace clock.
    activity : tuple of Activity
        GPU metrics by device; empty unless asked for.
    window_ns : tuple of int [ns]
        Analysis window: from the first GPU work, or its launch if earlier, to the last.
    """

    options: Options
    board: Board
    host: Host
    timeline: Timeline
    truth: Truth
    readings: tuple[Readings, ...]
    activity: tuple[Activity, ...]
    window_ns: tuple[int, int]

    @property
    def log_epoch_ns(self) -> int:
        """Local time of trace time 0 as the clock of the power log shows it [ns since 1970]."""
        zone_ns = round(self.options.timezone_offset_h * NS_PER_H)
        return UTC_EPOCH_NS + zone_ns + self.options.clock_offset_ns

    def logged_ns(self, device: int) -> NDArray[np.int64]:
        """Say which trace time the power log states for each reading of a GPU [ns]."""
        stated_ns = stamps_ns(
            self.readings[device].poll_ns, self.log_epoch_ns, self.options.clock_drift_ppm
        )
        return stated_ns - (self.log_epoch_ns - self.options.clock_offset_ns)

    def sums(self) -> dict[str, Any]:
        """Sum the truth over the window, as `truth.summarize` does; clocks that were held, too."""
        sums = summarize(self.truth, self.window_ns)
        if self.options.power_limit_w is not None:
            (clock,) = self.timeline.clocks
            sums["clock"] = clock_truth(self.truth.work, clock, self.window_ns, self.options)
        return sums


def run_in_memory(options: Options | None = None) -> Run:
    """Simulate a run without writing anything.

    Parameters
    ----------
    options : Options, optional
        What to run; `Options()` by default.

    Returns
    -------
    Run
        Equal for equal options; `run.simulate_run` writes the same run.

    Raises
    ------
    UsageError
        If the options cannot be simulated.
    """
    options = check_options(options or Options())
    board = BOARDS[board_of(options)]
    host = make_host(options.gpus, stream(options.seed, HOST))
    timeline = lay_out(options, board, stream(options.seed, TIMELINE))
    laws = board_laws(board, options, stream(options.seed, IDLE_POWER))
    if options.power_limit_w is not None:
        timeline = under_limit(timeline, laws[0], options.power_limit_w, options.power_window_ns)
    truth = true_energy(timeline, laws, options)
    window_ns = _window_ns(timeline)
    activity = tuple(
        sample_activity(timeline.work.filter(device=device), timeline.cost, timeline.clocks[device])
        for device in range(options.gpus if options.gpu_metrics else 0)
    )
    return Run(
        options=options,
        board=board,
        host=host,
        timeline=timeline,
        truth=truth,
        readings=_read_power(options, board, timeline.clocks, truth, window_ns),
        activity=activity,
        window_ns=window_ns,
    )


def _window_ns(timeline: Timeline) -> tuple[int, int]:
    calls, work = timeline.calls.drop_nulls("slot"), timeline.work
    first_ns = min(int(calls["start_ns"][0]), int(work["start_ns"][0]))
    return first_ns, int(work.select(pl.col("end_ns").max()).item())


def _log_stream(options: Options) -> np.random.Generator:
    # A stretch on its own is another recording, with another log.
    return stream(options.recording_seed, LOG, *([1] if options.calibration_only else []))


def _read_power(
    options: Options,
    board: Board,
    clocks: tuple[ClockPath, ...],
    truth: Truth,
    window_ns: tuple[int, int],
) -> tuple[Readings, ...]:
    sensor, rng = SENSORS[options.sensor], _log_stream(options)
    asked_ns = poll_times(
        window_ns[0] - LOG_BEFORE_NS,
        window_ns[1] + LOG_AFTER_NS,
        options.poll_ns,
        jitter_ns=options.poll_jitter_ns,
        missing_share=options.missing_share,
        rng=rng,
    )
    readings = []
    for device, curve in enumerate(truth.curves):
        poll_ns = asked_ns + device * INDEX_DELAY_NS
        draw_w, instant_w = (
            None
            if f is None
            else read_field(curve, f, sensor, poll_ns, options.gain, rng, options.quantum_w)
            for f in (sensor.draw, sensor.instant)
        )
        at_work = (poll_ns >= window_ns[0]) & (poll_ns < window_ns[1])
        readings.append(
            Readings(
                poll_ns=poll_ns,
                draw_w=draw_w if draw_w is not None else np.zeros(0),
                instant_w=instant_w,
                clock_mhz=np.where(at_work, clocks[device].at(poll_ns), board.idle_clock_mhz),
                temperature_c=curve.temperature_at(poll_ns),
                counter_j=_counter_j(options, curve, poll_ns, device),
                throttling=_throttling(options, board, clocks[device], poll_ns, at_work),
            )
        )
    return tuple(readings)


def _throttling(
    options: Options,
    board: Board,
    clock: ClockPath,
    poll_ns: NDArray[np.int64],
    at_work: NDArray[np.bool_],
) -> Throttling | None:
    if options.power_limit_w is None:
        return None
    held = np.where(clock.at(poll_ns) < clock.most_mhz, SW_POWER_CAP, 0)
    reasons = np.where(at_work, held, GPU_IDLE)
    return Throttling(board.memory_clock_mhz, options.power_limit_w, reasons)


def _counter_j(
    options: Options, curve: PowerCurve, poll_ns: NDArray[np.int64], device: int
) -> NDArray[np.float64] | None:
    if not options.energy_counter:
        return None
    # A stream of its own: power is read alike with and without the counter.
    rng = stream(options.recording_seed, COUNTER, device)
    return read_counter(curve, SENSORS[options.sensor], poll_ns, options.gain, rng)
