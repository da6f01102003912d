"""Choices a user makes about how inputs are read."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ReadOptions:
    """What a user states because a file does not.

    Attributes
    ----------
    power_clock_offset_ns
        Added to the clock of power logs; None lets the reader find the offset.
    power_unit
        `mW` or `W` of power inside a trace; None lets the reader decide from name or size.
    power_gpu
        Pairs `SOURCE=GPU` that tie power samples to GPUs; empty lets the reader decide.
    """

    power_clock_offset_ns: int | None = None
    power_unit: str | None = None
    power_gpu: tuple[str, ...] = ()
