"""One launch of a step of the model's loop."""

from __future__ import annotations

from traceenergy.records import dataclass


@dataclass(frozen=True)
class Slot:
    """One launch of a step.

    Attributes
    ----------
    kernel
        Key into the catalog.
    layer
        Transformer block; None outside of all.
    part
        NVTX range around it, within that of the layer.
    side
        Runs on the second stream, beside the main one.
    joins
        Waits for the second stream.
    in_graph
        Part of the CUDA graph, when graphs are used.
    """

    kernel: str
    layer: int | None
    part: str
    side: bool = False
    joins: bool = False
    in_graph: bool = True
