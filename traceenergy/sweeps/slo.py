"""Service level objectives as a user writes them, such as `tbt_p99=50ms`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from traceenergy.durations import parse_duration
from traceenergy.errors import UsageError
from traceenergy.records import dataclass
from traceenergy.units import NS_PER_MS, NS_PER_S, NS_PER_US

if TYPE_CHECKING:
    from numpy.typing import NDArray

LATENCIES = ("ttft", "tbt", "tpot", "e2e")
STATISTICS = ("mean", "p50", "p90", "p95", "p99", "max")
# Without -i, -lgc takes what the driver takes; these are the steps of all data center GPUs known.
DEFAULT_CLOCK_STEP_MHZ = 15.0
MAX_CLOCKS = 10_000

_NS_PER_UNIT = {"us": NS_PER_US, "ms": NS_PER_MS, "s": NS_PER_S}
_SLO = re.compile(
    rf"(?P<latency>{'|'.join(LATENCIES)})_(?P<statistic>{'|'.join(STATISTICS)})"
    r"=(?P<limit>.+)"
)


@dataclass(frozen=True)
class Slo:
    """A statistic of a latency that must not lie above a limit.

    Attributes
    ----------
    latency
        `ttft` (arrival to first token), `tbt` (between two tokens of a request), `tpot` (mean of
        those of a request), `e2e` (arrival to last token).
    statistic
        `mean`, `p50`, `p90`, `p95`, `p99` or `max`: over requests, for `tbt` over tokens.
    limit_ns
        Largest value that keeps it.
    """

    latency: str
    statistic: str
    limit_ns: int

    @property
    def name(self) -> str:
        """Latency with its statistic, such as `tbt_p99`."""
        return f"{self.latency}_{self.statistic}"

    def __str__(self) -> str:
        """Write it as `parse_slo` reads it."""
        for unit, ns in reversed(_NS_PER_UNIT.items()):
            if self.limit_ns >= ns:
                return f"{self.name}={self.limit_ns / ns:.12g}{unit}"
        return f"{self.name}={self.limit_ns / NS_PER_US:.12g}us"


@dataclass(frozen=True)
class Aim:
    """What is to be kept, by which clocks.

    Attributes
    ----------
    slos : tuple of Slo
    clocks_mhz : ndarray of shape (n_clocks,) [MHz]
        Those that may be set, rising.
    """

    slos: tuple[Slo, ...]
    clocks_mhz: NDArray[np.float64]


def parse_slo(text: str) -> Slo:
    """Read one objective.

    Parameters
    ----------
    text
        `LATENCY_STATISTIC=TIME`, such as `tbt_p99=50ms` or `e2e_mean=10s`.

    Raises
    ------
    UsageError
        If it is written otherwise, or its time is no nanosecond long.
    """
    found = _SLO.fullmatch(text.strip().lower())
    limit_ns = parse_duration(found["limit"]) if found else 0
    if not found or limit_ns <= 0:
        raise UsageError(
            f"{text!r} is no service level objective",
            details=(
                f"expected LATENCY_STATISTIC=TIME with {', '.join(LATENCIES)}\n"
                f"and {', '.join(STATISTICS)}; a time above 0"
            ),
            next_step="write it as in tbt_p99=50ms or e2e_p99=10s",
        )
    return Slo(found["latency"], found["statistic"], limit_ns)


def parse_slos(texts: list[str]) -> tuple[Slo, ...]:
    """Read several objectives, which may not speak twice of one statistic.

    Raises
    ------
    UsageError
        As `parse_slo`; or if two limits are set on one statistic.
    """
    slos = tuple(parse_slo(text) for text in texts)
    names = [slo.name for slo in slos]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UsageError(
            f"two limits on {', '.join(twice)}", next_step="give one --slo for each statistic"
        )
    return slos


def parse_clocks(text: str) -> NDArray[np.float64]:
    """Read the clocks that may be set, `MIN:MAX` or `MIN:MAX:STEP` in MHz.

    Returns
    -------
    ndarray of shape (n_clocks,) [MHz]
        Rising; MIN and MAX are among them.

    Raises
    ------
    UsageError
        If they are no numbers above 0, do not rise, or are more than 10,000.
    """
    numbers = text.split(":")
    if len(numbers) == 2:  # noqa: PLR2004 - MIN and MAX
        numbers.append(str(DEFAULT_CLOCK_STEP_MHZ))
    try:
        low_mhz, high_mhz, step_mhz = map(float, numbers)
        return clocks_between(low_mhz, high_mhz, step_mhz)
    except ValueError as error:
        raise UsageError(
            f"{text!r} names no clocks",
            details="expected MIN:MAX or MIN:MAX:STEP in MHz, 0 < MIN <= MAX, STEP > 0,\n"
            f"at most {MAX_CLOCKS} of them",
            next_step="nvidia-smi -q -d SUPPORTED_CLOCKS lists them; write 210:1980:15",
        ) from error


def clocks_between(
    low_mhz: float, high_mhz: float, step_mhz: float = DEFAULT_CLOCK_STEP_MHZ
) -> NDArray[np.float64]:
    """Make the clocks from one to another, both included, each a step below the next.

    Steps are counted down from the highest, as drivers do; the lowest may come sooner.

    Raises
    ------
    ValueError
        If they are not finite, not above 0, do not rise, or are too many.
    """
    numbers_mhz = np.array([low_mhz, high_mhz, step_mhz])
    if not np.isfinite(numbers_mhz).all() or numbers_mhz.min() <= 0 or low_mhz > high_mhz:
        raise ValueError
    n_steps = int((high_mhz - low_mhz) / step_mhz + 1e-9)
    if n_steps >= MAX_CLOCKS:
        raise ValueError
    clocks_mhz = high_mhz - step_mhz * np.arange(n_steps, -1, -1)
    if clocks_mhz[0] - low_mhz > step_mhz * 1e-6:
        clocks_mhz = np.concatenate(([low_mhz], clocks_mhz))
    return np.asarray(clocks_mhz, dtype=np.float64)
