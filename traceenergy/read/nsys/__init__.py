"""Export of Nsight Systems -> Trace."""

from __future__ import annotations

from traceenergy.read.nsys.report import read_nsys

__all__ = ["read_nsys"]
