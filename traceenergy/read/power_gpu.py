"""What a user says about whose power it is."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import polars as pl

from traceenergy.errors import AmbiguousPowerError, UsageError
from traceenergy.records import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable

    from traceenergy.trace.tables import Devices

OPTION = "--power-gpu"
_FORM = re.compile(
    r"(?:(?P<source>.+)=)?(?:(?P<rank>\d{1,9}):)?(?:(?P<device>\d{1,9})|(?:GPU-)?(?P<uuid>[0-9a-f-]{36}))",
    re.IGNORECASE,
)

GpuKey = tuple[int, int]
"""Rank, device_id."""


@dataclass(frozen=True)
class PowerGpu:
    """One `--power-gpu [SOURCE=][RANK:]GPU`.

    Attributes
    ----------
    source
        In lower case: file name of a log, index, uuid or bus id of a GPU in a log, typeId of an
        nsys plugin, number in the text of NVTX marks; None if there is only one source.
    rank
        None if the GPU ran work of one rank only.
    device_id, uuid
        Which GPU of the trace; one of both is None.
    text
        As the user wrote it.
    """

    source: str | None
    rank: int | None
    device_id: int | None
    uuid: str | None
    text: str

    def find(self, devices: Devices) -> list[GpuKey]:
        """Look the GPU up among those that ran work.

        Parameters
        ----------
        devices : Devices

        Returns
        -------
        list of (rank, device_id)
            Several only if ranks share a GPU that was named by its uuid.

        Raises
        ------
        UsageError
            If no GPU that ran work is meant.
        AmbiguousPowerError
            If the number means a GPU in several ranks.
        """
        is_it = pl.lit(True) if self.rank is None else pl.col("rank") == self.rank  # noqa: FBT003 - a value, not a flag
        if self.uuid is not None:
            is_it &= pl.col("gpu_uuid") == self.uuid
        else:
            is_it &= pl.col("device_id") == self.device_id
        found = [(r, d) for r, d in devices.filter(is_it).select("rank", "device_id").rows()]
        if not found:
            raise UsageError(
                f"{OPTION} {self.text}: no such GPU ran work",
                details=list_gpus(devices),
                next_step=f"write {OPTION} [SOURCE=][RANK:]GPU, GPU by its number or uuid",
            )
        if self.uuid is None and len(found) > 1:
            raise AmbiguousPowerError(
                f"{OPTION} {self.text}: several ranks have a GPU of this number",
                details=list_gpus(devices),
                next_step=f"put the rank in front, such as {OPTION} {found[0][0]}:{found[0][1]}",
            )
        return found


def parse_power_gpus(entries: Iterable[str]) -> tuple[PowerGpu, ...]:
    """Understand all values of `--power-gpu`.

    Parameters
    ----------
    entries : iterable of str
        Each `[SOURCE=][RANK:]GPU`, GPU a number as in the trace or a uuid.

    Returns
    -------
    tuple of PowerGpu

    Raises
    ------
    UsageError
        If one has another form, or two speak of the same source.

    Examples
    --------
    >>> parse_power_gpus(["gpu1.csv=1"])[0].source
    'gpu1.csv'
    """
    parsed: list[PowerGpu] = []
    for entry in entries:
        form = _FORM.fullmatch(entry.strip())
        if form is None:
            raise UsageError(
                f"{OPTION} {entry!r} is not understood",
                details="expected [SOURCE=][RANK:]GPU, GPU a number or a uuid",
                next_step=f"such as {OPTION} 0, {OPTION} power.csv=1:0",
            )
        source = form["source"].strip().lower() if form["source"] else None
        rank = None if form["rank"] is None else int(form["rank"])
        device = None if form["device"] is None else int(form["device"])
        uuid = form["uuid"].lower() if form["uuid"] else None
        parsed.append(PowerGpu(source, rank, device, uuid, entry))
    if len({(one.source, one.rank) for one in parsed}) < len(parsed):
        raise UsageError(
            f"{OPTION} speaks twice of the same source",
            details=", ".join(one.text for one in parsed),
            next_step="give each source once",
        )
    return tuple(parsed)


def list_gpus(devices: Devices) -> str:
    """Write the GPUs that ran work, one a line, with all that names them."""
    keys = devices.select("rank", "device_id", "name", "gpu_uuid", "pci_bus_id").rows()
    lines = [
        f"GPU {r}:{d}  {name or 'unnamed'}  uuid {uuid or 'not recorded'}  "
        f"bus {bus or 'not recorded'}"
        for r, d, name, uuid, bus in keys
    ]
    return "\n".join(["GPUs of the trace that ran work (RANK:GPU):", *lines])


def option_for(source: str | None, key: GpuKey, devices: Devices) -> str:
    """Write the option that ties a source to a GPU, as short as it can be."""
    rank, device = key
    is_one = devices.filter(pl.col("device_id") == device).height == 1
    gpu = f"{device}" if is_one else f"{rank}:{device}"
    return f"{OPTION} {gpu if source is None else f'{source}={gpu}'}"
