"""Computer that a simulated run was recorded on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

from traceenergy.records import dataclass

if TYPE_CHECKING:
    import numpy as np


# First nanosecond of the trace. A moment like any other, away from changes of daylight saving.
UTC_EPOCH_NS = 1_771_234_567_123_456_789
VM = 1 << 48
FIRST_PID, PID_STEP = 41_731, 17
DEVICE_BUSES = (0x0F, 0x2D, 0x44, 0x5B, 0x89, 0xA8, 0xC0, 0xD8)


@dataclass(frozen=True)
class Host:
    """Processes with their GPUs, one process a GPU.

    Attributes
    ----------
    uuids
        Of the GPUs, without the prefix `GPU-`.
    """

    uuids: tuple[str, ...]

    @property
    def n_gpus(self) -> int:
        """Count the recorded GPUs."""
        return len(self.uuids)

    def pid(self, device: int) -> int:
        """Return the process that uses a GPU."""
        return FIRST_PID + PID_STEP * device

    def global_pid(self, device: int) -> int:
        """Pack machine, VM, process as nsys does."""
        return VM | self.pid(device) << 24

    def global_tid(self, device: int) -> int:
        """Pack the launching thread, the main one of its process, as nsys does."""
        return self.global_pid(device) | self.pid(device)


def make_host(n_gpus: int, rng: np.random.Generator) -> Host:
    """Make up a computer.

    Parameters
    ----------
    n_gpus : int
        Recorded GPUs.
    rng : numpy.random.Generator
        For their ids.

    Returns
    -------
    Host
    """
    digits = ["".join(f"{byte:02x}" for byte in rng.bytes(16)) for _ in range(n_gpus)]
    cuts = (0, 8, 12, 16, 20, 32)
    return Host(tuple("-".join(d[a:b] for a, b in pairwise(cuts)) for d in digits))


def time_text(offset_h: float) -> str:
    """Write the start of the trace in a zone, to the second.

    Parameters
    ----------
    offset_h : float [h]
        Zone minus UTC.

    Returns
    -------
    str
    """
    start = datetime.fromtimestamp(UTC_EPOCH_NS // 10**9, UTC) + timedelta(hours=offset_h)
    return start.strftime("%Y-%m-%dT%H:%M:%S")
