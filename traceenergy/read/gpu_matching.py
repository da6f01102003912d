"""Which GPUs of a trace a power log speaks of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from traceenergy.caveats import Caveat
from traceenergy.errors import AmbiguousPowerError, UsageError
from traceenergy.read.power_gpu import OPTION, list_gpus, option_for
from traceenergy.records import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from traceenergy.read.log_table import PowerLog
    from traceenergy.read.power_gpu import GpuKey, PowerGpu
    from traceenergy.trace.tables import Devices

_MAP = {
    "index": pl.Int32,
    "uuid": pl.String,
    "bus_id": pl.String,
    "rank": pl.Int32,
    "device_id": pl.Int32,
}
# What a log calls a GPU -> column of the devices, the surest first.
_SURE_NAMES = {"uuid": "gpu_uuid", "bus_id": "pci_bus_id"}


@dataclass(frozen=True)
class _LogGpu:
    index: int | None
    uuid: str | None
    bus_id: str | None

    @property
    def names(self) -> tuple[str, ...]:
        """All that a user may call it, the handiest first."""
        uuids = () if self.uuid is None else (f"gpu-{self.uuid}", self.uuid)
        index = () if self.index is None else (str(self.index),)
        return (*index, *uuids, *(() if self.bus_id is None else (self.bus_id,)))


@dataclass(frozen=True)
class Tie:
    """What ties a log to a trace.

    Attributes
    ----------
    gpus : polars.DataFrame
        `index`, `uuid`, `bus_id` as in the log; `rank`, `device_id` of a GPU that ran work.
        A GPU of the log that ran no work has no row, one that several ranks share has several.
    caveats
        What is doubtful about it.
    """

    gpus: pl.DataFrame
    caveats: tuple[Caveat, ...]


def tie_gpus(log: PowerLog, devices: Devices, choices: Sequence[PowerGpu]) -> Tie:
    """Tie the GPUs of a log to those of a trace.

    Parameters
    ----------
    log : PowerLog
    devices : Devices
        The GPUs that ran work; at least one.
    choices : sequence of PowerGpu
        What the user says. A source is the log's file name (if the log knows one GPU), or the
        index, uuid or bus id of a GPU in it; no source means the only GPU of the log.

    Returns
    -------
    Tie

    Raises
    ------
    AmbiguousPowerError
        If the log's GPUs cannot be told to be those of the trace.

    Notes
    -----
    The user wins: of a log that `choices` speak of, only the GPUs they name are used. Else by
    uuid; if only one side knows uuids, by PCI bus id; if only one side knows that, by index,
    which is a guess (nvidia-smi counts in PCI order, as nsys mostly does) and is said. A log
    that names no GPU is tied only if exactly one GPU ran work.
    """
    found = log.rows.select("index", "uuid", "bus_id").unique(maintain_order=True).rows()
    gpus = [_LogGpu(*names) for names in found]
    chosen = {gpu: keys for gpu in gpus if (keys := _chosen(gpu, log, devices, choices))}
    rest = [gpu for gpu in gpus if gpu not in chosen]
    pairs = [(gpu, key) for gpu, keys in chosen.items() for key in keys]
    doubts: list[Caveat] = []
    if rest and not chosen:
        pairs, doubts = _matched(rest, log, devices)
    doubts += _doubts_of_sharing(pairs, log.name)
    rows = [(gpu.index, gpu.uuid, gpu.bus_id, *key) for gpu, key in pairs]
    return Tie(pl.DataFrame(rows, schema=_MAP, orient="row"), tuple(doubts))


def check_sources(logs: Sequence[PowerLog], choices: Sequence[PowerGpu]) -> None:
    """Refuse a choice that speaks of a source in none of the logs.

    Parameters
    ----------
    logs : sequence of PowerLog
    choices : sequence of PowerGpu

    Raises
    ------
    UsageError
        With the sources that there are.
    """
    there: dict[str, None] = {}
    for log in logs:
        there |= dict.fromkeys([log.name.lower()])
        for names in log.rows.select("index", "uuid", "bus_id").unique(maintain_order=True).rows():
            there |= dict.fromkeys(_LogGpu(*names).names)
    for choice in choices:
        if choice.source is not None and choice.source not in there:
            raise UsageError(
                f"{OPTION} {choice.text}: no power log has a source `{choice.source}`",
                details=f"there are: {', '.join(there)}",
                next_step="write the source as the log does, or the log's file name",
            )


def _chosen(
    gpu: _LogGpu, log: PowerLog, devices: Devices, choices: Sequence[PowerGpu]
) -> list[GpuKey]:
    mine = {*gpu.names, *([log.name.lower()] if log.n_gpus == 1 else [])}
    keys: list[GpuKey] = []
    for choice in choices:
        if choice.source in mine or (choice.source is None and log.n_gpus == 1):
            keys += choice.find(devices)
    return list(dict.fromkeys(keys))


def _matched(
    gpus: Sequence[_LogGpu], log: PowerLog, devices: Devices
) -> tuple[list[tuple[_LogGpu, GpuKey]], list[Caveat]]:
    keys = [(int(r), int(d)) for r, d in devices.select("rank", "device_id").rows()]
    for ours, theirs in _SURE_NAMES.items():
        known = dict(zip(keys, devices[theirs], strict=True))
        if any(known.values()) and any(getattr(gpu, ours) for gpu in gpus):
            pairs = list(_equal(gpus, ours, known))
            if not pairs:
                raise _ambiguous("no GPU of the log ran work in the trace", gpus, log, devices)
            return pairs, []
    if any(gpu.index is not None for gpu in gpus):
        pairs = list(_equal(gpus, "index", {key: key[1] for key in keys}))
        if not pairs:
            raise _ambiguous("no GPU of the log ran work in the trace", gpus, log, devices)
        text = (
            "The power log was tied to GPUs of the trace by their index alone; if the numbers "
            "differ, energies are swapped. Log the uuid too (--query-gpu=...,uuid,...) or pass "
            f"{OPTION}."
        )
        return pairs, [Caveat("power-gpu-by-index", text, log.name, len(pairs))]
    nameless = [gpu for gpu in gpus if not gpu.names] or list(gpus)
    if len(nameless) > 1 or not _is_one_gpu(devices):
        raise _ambiguous("the power log cannot be tied to a GPU", gpus, log, devices)
    return [(nameless[0], key) for key in keys], _doubts_of_only(nameless[0], log.name)


def _doubts_of_only(gpu: _LogGpu, name: str) -> list[Caveat]:
    if not gpu.names:
        return []
    text = (
        "The trace does not say which GPU ran the work; it was taken to be the only one in the "
        f"power log. If it is not, pass {OPTION}."
    )
    return [Caveat("power-gpu-assumed", text, name)]


def _equal(
    gpus: Sequence[_LogGpu], name: str, known: dict[GpuKey, object]
) -> Iterator[tuple[_LogGpu, GpuKey]]:
    for gpu in gpus:
        value = getattr(gpu, name)
        yield from ((gpu, key) for key, own in known.items() if value is not None and value == own)


def _is_one_gpu(devices: Devices) -> bool:
    same_uuid = devices["gpu_uuid"].n_unique() == 1 and devices["gpu_uuid"].null_count() == 0
    return len(devices) == 1 or same_uuid


def _ambiguous(
    what: str, gpus: Sequence[_LogGpu], log: PowerLog, devices: Devices
) -> AmbiguousPowerError:
    lines = [
        f"index {'-' if gpu.index is None else gpu.index}  uuid {gpu.uuid or '-'}  "
        f"bus {gpu.bus_id or '-'}"
        for gpu in gpus
    ]
    rank, device = devices.select("rank", "device_id").row(0)
    source = gpus[0].names[0] if len(gpus) > 1 and gpus[0].names else log.name
    option = option_for(source, (rank, device), devices)
    return AmbiguousPowerError(
        f"{log.name}: {what}",
        details="\n".join([f"GPUs of {log.name}:", *lines, list_gpus(devices)]),
        next_step=f"say which is which, such as {option}; or log the uuid: --query-gpu=...,uuid",
    )


def _doubts_of_sharing(pairs: Sequence[tuple[_LogGpu, GpuKey]], name: str) -> list[Caveat]:
    ranks: dict[_LogGpu, set[GpuKey]] = {}
    for gpu, key in pairs:
        ranks.setdefault(gpu, set()).add(key)
    n_shared = sum(len(keys) > 1 for keys in ranks.values())
    if not n_shared:
        return []
    text = (
        "Several ranks ran work on the same GPU: its whole power is given to each of them, so "
        "sums over ranks count it more than once."
    )
    return [Caveat("shared-gpu", text, name, n_shared)]
