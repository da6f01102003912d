"""Doubts about a number that travel with the result to the page."""

from __future__ import annotations

from traceenergy.records import dataclass


@dataclass(frozen=True)
class Caveat:
    """A doubt that does not stop the work.

    Attributes
    ----------
    slug
        Stable name, part of the interface.
    text
        One or two sentences for people: what is doubtful, what to do about it.
    where
        File, device or table it concerns; empty if the whole result.
    n
        How many rows, samples or devices it concerns; None where counting makes no sense.
    """

    slug: str
    text: str
    where: str = ""
    n: int | None = None
