"""What is worth acting on, as a result says it."""

from __future__ import annotations

from traceenergy.records import dataclass


@dataclass(frozen=True)
class Finding:
    """Something worth acting on.

    Attributes
    ----------
    slug, title, evidence, advice
        Stable name; one line; the numbers; what to do.
    energy_j, time_s
        What is at stake; None if not known.
    confidence
        `high`: recorded times, measured energy; `medium`: rests on the attribution, or on an
        assumption that the evidence names; `low`: a hint.
    """

    slug: str
    title: str
    evidence: str
    advice: str
    energy_j: float | None = None
    time_s: float | None = None
    confidence: str = "medium"


@dataclass(frozen=True)
class NotEvaluated:
    """A finding that could not be looked for.

    Attributes
    ----------
    slug, lacks
        Name of the finding; the data that it needs.
    """

    slug: str
    lacks: str
