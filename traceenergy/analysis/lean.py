"""A trace without the ranges that an analysis never looks at."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from traceenergy.analysis.findings.idle_rules import PAUSES
from traceenergy.projection.held import HeldRanges, ranges_around
from traceenergy.trace.tables import NvtxRanges

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.analysis.options import AnalysisOptions
    from traceenergy.trace.model import Trace


def without_idle_ranges(trace: Trace, options: AnalysisOptions) -> tuple[Trace, HeldRanges]:
    """Leave out ranges in which nothing was launched or captured.

    Parameters
    ----------
    trace : Trace
    options : AnalysisOptions

    Returns
    -------
    Trace
        With the ranges around launches, and those that name a pause of Python. The whole one where
        `filter_nvtx` or `steps` asks for ranges, or where most have work: a copy would cost more
        than it saves.
    HeldRanges
        Its ranges in which something was launched or captured.

    Notes
    -----
    PyTorch marks every operator: of the ranges of recorded training, four of five hold no launch.
    """
    ranges = trace.nvtx_ranges
    held = ranges_around(ranges, trace.launches, trace.graph_nodes)
    if options.filter_nvtx or options.steps or len(held.row) > len(ranges) / 2:
        return trace, held
    is_held = np.zeros(len(ranges), dtype=bool)
    is_held[held.row] = True
    kept = np.flatnonzero(is_held | _is_pause(trace))
    left = replace(trace, nvtx_ranges=NvtxRanges(ranges[kept]))
    return left, HeldRanges(np.flatnonzero(is_held[kept]), held.placed)


def pauses_only(trace: Trace) -> NvtxRanges:
    """Keep only the ranges that name a pause of Python.

    Parameters
    ----------
    trace : Trace

    Returns
    -------
    NvtxRanges
    """
    return NvtxRanges(trace.nvtx_ranges[np.flatnonzero(_is_pause(trace))])


def _is_pause(trace: Trace) -> NDArray[np.bool_]:
    named = trace.names.str.contains(PAUSES).fill_null(value=False).to_numpy()
    is_pause: NDArray[np.bool_] = named[trace.nvtx_ranges["name_id"].to_numpy()]
    return is_pause
