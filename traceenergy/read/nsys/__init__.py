"""Export of Nsight Systems -> Trace."""

from __future__ import annotations

from traceenergy.read.nsys.report import read_nsys, stated_rank
from traceenergy.read.nsys.sqlite_file import sha256_of

__all__ = ["read_nsys", "sha256_of", "stated_rank"]
