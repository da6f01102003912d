"""What each part of a computer draws, as a file states it."""

from __future__ import annotations

import re
from dataclasses import field, replace
from typing import TYPE_CHECKING

from traceenergy.records import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping

_SIGNS = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True)
class GpuPower:
    """Power of a kind of GPU by its state.

    Attributes
    ----------
    idle_w, standby_w, active_w
        Without work; for `standby_s` after work; while work runs [W].
    standby_s
        How long a GPU without work stays in standby [s].
    phase_w
        Power while work of a phase, or of a part of one, runs [W]; others draw `active_w`.
    name
        What the names of such GPUs hold; None for all GPUs.
    """

    idle_w: float
    standby_w: float
    active_w: float
    standby_s: float
    phase_w: Mapping[str, float] = field(default_factory=dict)
    name: str | None = None

    def with_idle(self, idle_w: float) -> GpuPower:
        """Return the same GPU with another idle power [W], which other states do not fall below."""
        return replace(
            self,
            idle_w=idle_w,
            standby_w=max(idle_w, self.standby_w),
            active_w=max(idle_w, self.active_w),
            phase_w={phase: max(idle_w, power_w) for phase, power_w in self.phase_w.items()},
        )


@dataclass(frozen=True)
class CpuPower:
    """Power of the CPUs of a node: idle, at full load [W]; load without, with GPU work (0 to 1)."""

    idle_w: float
    active_w: float
    util: float
    busy_util: float


@dataclass(frozen=True)
class DramPower:
    """Power of the memory of a node.

    Attributes
    ----------
    idle_w
        Of all DIMMs of the node [W].
    pj_per_bit
        Energy of a bit read or written [pJ].
    n_bytes
        Read or written in the window, by all nodes; None: those of copies to and from the host.
    """

    idle_w: float
    pj_per_bit: float
    n_bytes: float | None = None


@dataclass(frozen=True)
class LinkPower:
    """Power of the links of a node.

    Attributes
    ----------
    idle_w
        Of all links of the node [W].
    pj_per_bit
        Energy of a bit moved [pJ].
    collectives
        Regular expression on names of kernels, each with the bytes that one launch on one GPU
        moves over links; the first that matches counts.
    """

    idle_w: float
    pj_per_bit: float
    collectives: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class NodePower:
    """Power of one node beside its GPUs; None for what the file does not tell.

    Attributes
    ----------
    base_w, nic_w, storage_w
        Always drawn [W]; all network cards, all drives.
    cpu, dram, link
        Parts whose power depends on what runs.
    """

    base_w: float | None = None
    cpu: CpuPower | None = None
    dram: DramPower | None = None
    link: LinkPower | None = None
    nic_w: float | None = None
    storage_w: float | None = None


@dataclass(frozen=True)
class PartsModel:
    """What a file tells of the power of parts.

    Attributes
    ----------
    file
        Its name, without folder.
    sha256
        Of the file.
    gpus
        By kind; empty if the file tells none.
    nodes
        One entry a node.
    remarks
        What a reader of the numbers should know of how the file was read.
    """

    file: str
    sha256: str
    gpus: tuple[GpuPower, ...]
    nodes: tuple[NodePower, ...]
    remarks: tuple[str, ...] = ()

    def gpu_named(self, name: str | None) -> GpuPower | None:
        """Find the power of a GPU by its name, letters and digits alone compared.

        Parameters
        ----------
        name : str or None
            As the driver names it.

        Returns
        -------
        GpuPower or None
            The first whose name is in it, else the first without a name. None if there is none.
        """
        mine = _plain(name or "")
        unnamed = [gpu for gpu in self.gpus if gpu.name is None]
        named = [gpu for gpu in self.gpus if gpu.name is not None and _plain(gpu.name) in mine]
        return next(iter((*named, *unnamed)), None)


def _plain(name: str) -> str:
    return _SIGNS.sub("", name.lower())
