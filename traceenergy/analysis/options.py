"""What a user may ask of an analysis."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from traceenergy.energy.attribute import AUTO, METHODS
from traceenergy.errors import UsageError
from traceenergy.power.buffer import parse_buffer
from traceenergy.power.flatten_spec import parse_flatten
from traceenergy.power.limits import parse_excursions
from traceenergy.records import dataclass
from traceenergy.units import NS_PER_MS

LEAST_EXPONENT, MOST_EXPONENT = 1.0, 4.0
MOST_TOKENS = 10**12  # of a step; sums stay within 64 bits
_MOST_DIGITS = 20


@dataclass(frozen=True)
class AnalysisOptions:
    """Options of `analyze`, all with a default.

    Attributes
    ----------
    filter_time_ns
        Start and end on the trace clock [ns], either may be None; None: all GPU work.
    filter_nvtx
        `NAME[@DOMAIN][/IDX]`: analyze the time of this range.
    steps
        Regular expression of step ranges; None: as the rules find them.
    skip_steps
        Leave out the first steps.
    tokens_per_step
        Output tokens of one step over all GPUs, or a CSV file with columns `step,tokens`; None:
        as the texts of steps tell.
    rules
        Rule files that come before the shipped ones.
    sensor_window_ms
        Averaging window of the power sensor [ms], 0 for instant; None: find out.
    idle_power_w
        Idle power of one GPU [W]; None: measure it.
    power_exponent
        Dynamic power goes with the clock to this power; bounds what slower clocks could save. None:
        as the clocks of the run tell it, else 2.2.
    power_limit_w
        Limit of the power of one GPU [W]; None: as the trace or a data sheet tells it.
    edp
        Limits over times, `100us:1.3,10ms:805W`: factors of the power limit, or powers.
    buffer
        Energy buffer to simulate between the grid and all GPUs: `200J,500W[,10W/ms]`.
    flatten
        Changes to try against swings of power: `interleave:PHASE,PHASE[@PARTS|@TIME]`,
        `overlap:PHASE,PHASE`, `stagger:step|TIME`.
    confidence_level
        Of the intervals that a regression gives, between 0 and 1.
    time_only
        Go on without power.
    method
        `window-share`, `regression`, or `auto`: regression where the readings allow it.
    power_model
        File of what parts of the computers draw (`docs/power_model.md`): for what no sensor
        measured; the only source of energy where nothing was measured.
    carbon_g_per_kwh, price_per_kwh, pue
        Rates for CO2 [g/kWh], for cost in any currency; energy of the building over that of the
        computers (None: 1). All None: not counted.
    requests
        Logs of requests that the run served (`docs/serving.md`): latencies, energy per response.
    redact
        Replace names of files, NVTX ranges, steps and uuids of GPUs in the result.
    """

    filter_time_ns: tuple[int | None, int | None] | None = None
    filter_nvtx: str | None = None
    steps: str | None = None
    skip_steps: int = 0
    tokens_per_step: int | Path | None = None
    rules: tuple[Path, ...] = ()
    sensor_window_ms: float | None = None
    idle_power_w: float | None = None
    power_exponent: float | None = None
    power_limit_w: float | None = None
    edp: str | None = None
    buffer: str | None = None
    flatten: tuple[str, ...] = ()
    confidence_level: float = 0.9
    time_only: bool = False
    method: str = AUTO
    power_model: Path | None = None
    carbon_g_per_kwh: float | None = None
    price_per_kwh: float | None = None
    pue: float | None = None
    requests: tuple[Path, ...] = ()
    redact: bool = False

    def __post_init__(self) -> None:
        """Refuse values that mean nothing."""
        problems = self._power_problems()
        if not 0 < self.confidence_level < 1:
            problems.append(f"confidence must lie between 0 and 1, got {self.confidence_level}")
        if self.skip_steps < 0:
            problems.append(f"steps to skip must not be negative, got {self.skip_steps}")
        tokens = self.tokens_per_step
        if isinstance(tokens, int) and not 1 <= tokens <= MOST_TOKENS:
            problems.append(f"tokens per step must lie between 1 and {MOST_TOKENS}, got {tokens}")
        if self.idle_power_w is not None and not 0 <= self.idle_power_w < float("inf"):
            problems.append(f"idle power must be finite and not negative, got {self.idle_power_w}")
        exponent = self.power_exponent
        if exponent is not None and not LEAST_EXPONENT < exponent <= MOST_EXPONENT:
            problems.append(
                f"power exponent must be more than {LEAST_EXPONENT:g}, at most "
                f"{MOST_EXPONENT:g}, got {exponent}"
            )
        if self.method not in METHODS:
            problems.append(f"method must be one of {', '.join(METHODS)}, got {self.method!r}")
        problems += self._rate_problems()
        if self.time_only and self.power_model is not None:
            problems.append("a power model gives energy, which time-only leaves out")
        if problems:
            raise UsageError(
                "1 option has a value that means nothing"
                if len(problems) == 1
                else f"{len(problems)} options have values that mean nothing",
                details="\n".join(problems),
                next_step="see `traceenergy analyze --help`",
            )

    def _power_problems(self) -> list[str]:
        # These say themselves what is wrong with them.
        if self.edp is not None:
            parse_excursions(self.edp)
        if self.buffer is not None:
            parse_buffer(self.buffer)
        for one in self.flatten:
            parse_flatten(one)
        limit_w = self.power_limit_w
        if limit_w is not None and not 0 < limit_w < float("inf"):
            return [f"power limit must be finite and above zero, got {limit_w}"]
        return []

    def _rate_problems(self) -> list[str]:
        rates = {"carbon": self.carbon_g_per_kwh, "price": self.price_per_kwh}
        problems = [
            f"{name} per kWh must be finite and not negative, got {rate}"
            for name, rate in rates.items()
            if rate is not None and not 0 <= rate < float("inf")
        ]
        if self.pue is not None and not 1 <= self.pue < float("inf"):
            problems.append(f"PUE must be finite and at least 1, got {self.pue}")
        return problems

    def record(self) -> dict[str, Any]:
        """List the options for the result; files by name, without folders."""
        record = asdict(self)
        for files in ("rules", "requests"):
            record[files] = [path.name for path in record[files]]
        record["flatten"] = list(self.flatten)
        if isinstance(self.tokens_per_step, Path):
            record["tokens_per_step"] = self.tokens_per_step.name
        if self.power_model is not None:
            record["power_model"] = self.power_model.name
        return record


def tokens_per_step(text: str) -> int | Path:
    """Read a `--tokens-per-step` value.

    Parameters
    ----------
    text : str
        A number, or the name of a file that ends in `.csv`.

    Returns
    -------
    int or Path

    Raises
    ------
    UsageError
        If it is neither.
    """
    if text.lower().endswith(".csv"):
        return Path(text)
    if text.isascii() and text.removeprefix("-").isdigit() and len(text) <= _MOST_DIGITS:
        return int(text)
    raise UsageError(
        f"--tokens-per-step {text!r} is neither a whole number nor a .csv file",
        next_step="for example --tokens-per-step 64, or a CSV file with the columns step,tokens",
    )


def sensor_window_ms(sensor: str, parse_time_ns: int | None = None) -> float | None:
    """Read a `--sensor` value.

    Parameters
    ----------
    sensor : str
        `auto`, `instant`, or `average` with its time parsed.
    parse_time_ns : int or None [ns]
        The time after `average:`.

    Returns
    -------
    float or None [ms]
        None for `auto`.

    Raises
    ------
    UsageError
        If it is none of these.
    """
    if sensor == "auto":
        return None
    if sensor == "instant":
        return 0.0
    if sensor == "average" and parse_time_ns is not None and parse_time_ns > 0:
        return parse_time_ns / NS_PER_MS
    raise UsageError(
        f"--sensor {sensor!r} is not known, or has no time above zero",
        details="expected auto, instant or average:<time>",
        next_step="for example --sensor average:1s",
    )
