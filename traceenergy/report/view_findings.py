"""Findings in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from traceenergy.records import dataclass
from traceenergy.report.quantities import duration_text, energy_text

if TYPE_CHECKING:
    from traceenergy.analysis.finding import Finding
    from traceenergy.analysis.model import Analysis


@dataclass(frozen=True)
class FindingView:
    """A finding as people read it; `stake` is empty where none is known."""

    slug: str
    title: str
    evidence: str
    stake: str
    advice: str
    confidence: str


@dataclass(frozen=True)
class FindingsView:
    """All of a result, with what could not be looked for (name, what it lacks)."""

    rows: tuple[FindingView, ...]
    not_evaluated: tuple[tuple[str, str], ...]


def findings_view(result: Analysis) -> FindingsView:
    """Write out findings, in their order."""
    return FindingsView(
        rows=tuple(
            FindingView(
                finding.slug, finding.title, finding.evidence, _stake(finding), finding.advice,
                finding.confidence,
            )
            for finding in result.findings
        ),
        not_evaluated=tuple((left.slug, left.lacks) for left in result.not_evaluated),
    )  # fmt: skip


def _stake(finding: Finding) -> str:
    known = []
    if finding.energy_j is not None:
        known.append(energy_text(finding.energy_j))
    if finding.time_s is not None:
        known.append(duration_text(finding.time_s))
    return ", ".join(known)


def finding_text(finding: FindingView) -> str:
    """Write a finding in one line, with what is at stake."""
    stake = f" At stake: {finding.stake}." if finding.stake else ""
    return f"{finding.title}.{stake} {finding.advice}"
