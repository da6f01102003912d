"""Export of Nsight Systems -> Trace."""

from __future__ import annotations

from traceenergy.read.nsys.database import sha256_of
from traceenergy.read.nsys.report import read_nsys, stated_rank

__all__ = ["read_nsys", "sha256_of", "stated_rank"]
