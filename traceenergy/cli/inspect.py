"""The command `inspect`: what a trace holds, what is missing for which question."""

from __future__ import annotations

from traceenergy.cli.options import OneTrace, Verbose

EXAMPLES = "Example: traceenergy inspect trace.sqlite"


def inspect(trace: OneTrace, *, verbose: Verbose = False) -> None:
    """Say what is in a trace, what is missing, and the nsys line that would record it."""
