"""Small ledgers with a path, drawn by hand."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import polars as pl

from traceenergy.analysis.critical import Critical
from traceenergy.analysis.ledger import Ledger
from traceenergy.critical_path.model import PartKind, Path
from traceenergy.energy.device_work import DeviceWork

SECOND = 1_000_000_000


@dataclass(frozen=True)
class Piece:
    """One piece of work; times in seconds."""

    phase: str
    start: float
    end: float
    device: int = 0
    static_j: float = 1.0
    dynamic_j: float = 1.0
    slack: float = 0.0
    path: float = 0.0


@dataclass(frozen=True)
class Case:
    """A ledger with its path and the phases of its work."""

    ledger: Ledger
    critical: Critical
    phase: pl.Series
    pieces: list[Piece] = field(default_factory=list)


def case(*pieces: Piece) -> Case:
    """Make the ledger of pieces; the path is made of those that hold it, one after another."""
    start_ns = np.array([round(p.start * SECOND) for p in pieces])
    end_ns = np.array([round(p.end * SECOND) for p in pieces])
    device = np.array([p.device for p in pieces])
    frame = pl.DataFrame(
        {"rank": [0] * len(pieces), "device_id": device},
        schema={"rank": pl.Int32, "device_id": pl.Int32},
    )
    none = np.zeros(0, dtype=np.int64)
    devices = tuple(
        DeviceWork(0, number, None, np.flatnonzero(device == number), *[none] * 6)
        for number in range(int(device.max()) + 1)
    )
    ledger = Ledger(
        frame, np.arange(len(pieces)), device, start_ns, end_ns,
        np.array([p.static_j for p in pieces]), np.array([p.dynamic_j for p in pieces]),
        devices, (None,) * len(devices), (None,) * len(devices),
    )  # fmt: skip
    held = [(row, p) for row, p in enumerate(pieces) if p.path]
    path = Path(
        np.array([round(p.start * SECOND) for _, p in held], dtype=np.int64),
        np.array([round((p.start + p.path) * SECOND) for _, p in held], dtype=np.int64),
        np.full(len(held), PartKind.WORK, dtype=np.uint8),
        np.array([row for row, _ in held], dtype=np.int32),
    )
    critical = Critical(
        path,
        np.array([round(p.path * SECOND) for p in pieces]),
        np.array([round(p.slack * SECOND) for p in pieces]),
        np.zeros(len(pieces), dtype=bool),
        (),
    )
    names = [p.phase for p in pieces]
    phase = pl.Series(names, dtype=pl.Enum(list(dict.fromkeys(names))))
    return Case(ledger, critical, phase, list(pieces))
