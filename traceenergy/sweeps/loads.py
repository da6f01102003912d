"""Requests that a server is asked for: recorded ones, or made ones of a load level."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from traceenergy.errors import BadTableError, UsageError
from traceenergy.records import dataclass
from traceenergy.units import NS_PER_S

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

# Twenty lie above p99, so that another seed moves it little.
N_REQUESTS = 2_000
LONGEST_S = 1e9

_LEAST_RATE = 1e-3

_LOAD = re.compile(
    r"(?P<rate>\d{1,9}\.?\d{0,9}|\.\d{1,9})rps:(?P<input>\d{1,9}):(?P<output>\d{1,9})"
    r"(:(?P<spacing>poisson|uniform))?"
)


@dataclass(frozen=True)
class Requests:
    """Requests in the order of their arrival.

    Attributes
    ----------
    name
        Load level or file, for people.
    arrival_ns : ndarray of shape (n_requests,), int64
        Rising; the first one is 0.
    input_tokens, output_tokens : ndarray of shape (n_requests,), int64
        Each at least 1.
    """

    name: str
    arrival_ns: NDArray[np.int64]
    input_tokens: NDArray[np.int64]
    output_tokens: NDArray[np.int64]

    def __len__(self) -> int:
        """Count them."""
        return len(self.arrival_ns)

    @property
    def requests_per_s(self) -> float | None:
        """Mean rate of arrivals [1/s]; None if all come at once."""
        span_ns = int(self.arrival_ns[-1] - self.arrival_ns[0])
        return (len(self) - 1) / span_ns * NS_PER_S if span_ns else None

    def at_rate(self, times: float) -> Requests:
        """Take the same requests, arriving so many times as fast."""
        arrival_ns = np.rint(self.arrival_ns / times).astype(np.int64)
        return Requests(self.name, arrival_ns, self.input_tokens, self.output_tokens)

    def part(self, index: int, n_parts: int) -> Requests:
        """Take the requests of one of `n_parts` instances that are served in turn."""
        chosen = slice(index, None, n_parts)
        return Requests(
            self.name,
            self.arrival_ns[chosen],
            self.input_tokens[chosen],
            self.output_tokens[chosen],
        )


def recorded_requests(
    name: str, arrival_s: ArrayLike, input_tokens: ArrayLike, output_tokens: ArrayLike
) -> Requests:
    """Take requests from a log, in any order.

    Parameters
    ----------
    name
        Of the log.
    arrival_s, input_tokens, output_tokens : array-like of shape (n_requests,)
        Arrival on any clock [s]; lengths.

    Raises
    ------
    BadTableError
        If there are none, a value is missing, or a length is below 1.
    """
    arrival = np.asarray(arrival_s, dtype=np.float64)
    lengths = np.asarray([input_tokens, output_tokens], dtype=np.float64)
    wrong = ~np.isfinite(arrival) | ~(lengths >= 1).all(axis=0) | ~np.isfinite(lengths).all(axis=0)
    if not len(arrival) or wrong.any() or np.ptp(arrival) > LONGEST_S:
        raise BadTableError(
            f"requests of {name} cannot be replayed",
            details=f"{len(arrival)} requests, {int(wrong.sum())} without arrival or with less than"
            f" one token in or out; they may span {LONGEST_S:.0e} s",
            next_step="give arrival_s, input_tokens and output_tokens of each request",
        )
    order = np.argsort(arrival, kind="stable")
    arrival_ns = np.rint((arrival[order] - arrival[order[0]]) * NS_PER_S).astype(np.int64)
    whole = np.rint(lengths[:, order]).astype(np.int64)
    return Requests(name, arrival_ns, whole[0], whole[1])


def parse_load(text: str, seed: int = 0, n_requests: int = N_REQUESTS) -> Requests:
    """Make the requests of a load level.

    Parameters
    ----------
    text
        `RATErps:INPUT:OUTPUT`, with `:uniform` for equal distances instead of those of a Poisson
        process; such as `2.5rps:512:128`.
    seed
        Of the distances.
    n_requests
        How many.

    Raises
    ------
    UsageError
        If it is written otherwise, or a number is 0, or far from what a server sees.
    """
    found = _LOAD.fullmatch(text.strip().lower())
    tokens = 0 if found is None else int(found["input"]) * int(found["output"])
    if found is None or not tokens or float(found["rate"]) < _LEAST_RATE:
        raise UsageError(
            f"{text[:80]!r} is no load level",
            details="expected RATErps:INPUT:OUTPUT, tokens in and out of each request above 0, "
            f"at least {_LEAST_RATE:g} requests a second",
            next_step="write it as in 2.5rps:512:128 or 2.5rps:512:128:uniform",
        )
    mean_s = 1 / float(found["rate"])
    if found["spacing"] == "uniform":
        gap_s = np.full(n_requests, mean_s)
    else:
        gap_s = np.random.default_rng(seed).exponential(mean_s, n_requests)
    arrival_s = np.cumsum(gap_s) - gap_s[0]
    lengths = np.full((2, n_requests), [[int(found["input"])], [int(found["output"])]])
    return recorded_requests(text, arrival_s, *lengths)
