"""What a critical path is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from traceenergy.critical_path.model import PartKind
from traceenergy.units import S_PER_NS

if TYPE_CHECKING:
    from traceenergy.critical_path.model import Path

KIND_NAMES = {kind: kind.name.lower() for kind in PartKind}


def time_by_kind(path: Path) -> dict[str, float]:
    """Sum the path by what it is made of.

    Parameters
    ----------
    path : Path

    Returns
    -------
    dict of str to float [s]
        `work_s`, `host_s`, `collective_wait_s`, `idle_s`; they sum to the window.
    """
    held_ns = np.bincount(path.kind, path.end_ns - path.start_ns, len(KIND_NAMES))
    return {f"{name}_s": float(held_ns[kind] * S_PER_NS) for kind, name in KIND_NAMES.items()}
