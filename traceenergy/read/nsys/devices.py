"""GPUs of an export: which physical one a process meant by its CUDA ordinal."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeGuard

import polars as pl

from traceenergy.caveats import Caveat
from traceenergy.read.nsys import schema
from traceenergy.records import dataclass

if TYPE_CHECKING:
    from traceenergy.read.nsys.database import Database
    from traceenergy.read.nsys.schema import Layout

_PID_SHIFT, _PID_MASK = 24, 0xFFFFFF
_MOST_ID = 65_535  # ids count from 0
_MOST_DIGITS = 9  # of the number of a GPU


@dataclass(frozen=True)
class _Gpu:
    name: str | None
    uuid: str | None
    bus: str | None
    sm_count: int | None
    memory_bytes: int | None


def read_devices(
    database: Database, layout: Layout, work: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame, tuple[Caveat, ...]]:
    """Find the physical GPU of all work.

    Parameters
    ----------
    database : Database
        The export.
    layout : Layout
        How it must be read.
    work : polars.DataFrame
        GPU work with `process_id` and `cuda_ordinal`.

    Returns
    -------
    devices : polars.DataFrame
        The columns of `DEVICES` but `rank`; the GPUs that ran work.
    of_ordinal : polars.DataFrame
        `process_id`, `cuda_ordinal`, `device_id`.
    tuple of Caveat
        Devices without a name, or tied to a GPU by their ordinal alone.

    Notes
    -----
    In order: TARGET_INFO_CUDA_DEVICE, nsys' own map from (process, ordinal) to GPU;
    CUDA_VISIBLE_DEVICES of the traced program if it lists uuids, or if CUDA_DEVICE_ORDER is
    PCI_BUS_ID as well; else the ordinal is taken as the GPU's id, as nsys' own reports do.
    """
    gpus = _read_gpus(database, layout)
    pairs = work.select("process_id", "cuda_ordinal").unique().sort("process_id", "cuda_ordinal")
    official = _read_cuda_devices(database, gpus)
    visible = _visible_gpus(database, gpus)
    found: list[int] = []
    n_guessed = 0
    for process_id, ordinal in pairs.iter_rows():
        device = official.get(((process_id >> _PID_SHIFT) & _PID_MASK, ordinal))
        if device is None and 0 <= ordinal < len(visible):
            device = visible[ordinal]
        n_guessed += device is None
        found.append(ordinal if device is None else device)
    of_ordinal = pairs.with_columns(device_id=pl.Series(found, dtype=pl.Int32))
    devices = _device_rows(sorted(set(found)), gpus)
    return devices, of_ordinal, _doubts(devices, gpus, n_guessed, database.path.name)


def list_gpu_names(database: Database, layout: Layout) -> tuple[str, ...]:
    """Name the GPUs that an export lists, in order of their ids."""
    gpus = _read_gpus(database, layout)
    return tuple(gpu.name for _, gpu in sorted(gpus.items()) if gpu.name is not None)


def gpu_ids(database: Database, layout: Layout) -> list[int]:
    """List the ids of the GPUs that an export lists, in order of its table."""
    return list(_read_gpus(database, layout))


def _read_gpus(database: Database, layout: Layout) -> dict[int, _Gpu]:
    if layout.gpu_table is None or "id" not in layout.gpu_columns:
        return {}
    ours = ("id", "name", "uuid", "bus", "sm_count", "memory_bytes")
    listed = ", ".join(layout.gpu_columns.get(column, "NULL") for column in ours)
    found = database.rows(f"SELECT {listed} FROM {layout.gpu_table} ORDER BY rowid")  # noqa: S608 - own names
    return {
        key: _Gpu(_text(name), _clean_uuid(uuid), _clean_bus(bus), _count(sms), _count(memory))
        for key, name, uuid, bus, sms, memory in found
        if _is_id(key)
    }


def _read_cuda_devices(database: Database, gpus: dict[int, _Gpu]) -> dict[tuple[int, int], int]:
    if not database.has_rows(schema.CUDA_DEVICES):
        return {}
    there = database.columns(schema.CUDA_DEVICES)
    wanted = ("pid", "cudaId", "gpuId", "uuid")
    listed = ", ".join(name if name in there else "NULL" for name in wanted)
    by_uuid: dict[str | None, int] = {gpu.uuid: key for key, gpu in gpus.items() if gpu.uuid}
    known = {}
    for pid, ordinal, gpu_id, uuid in database.rows(f"SELECT {listed} FROM {schema.CUDA_DEVICES}"):  # noqa: S608 - own names
        device = gpu_id if _is_id(gpu_id) else by_uuid.get(_clean_uuid(uuid))
        if isinstance(pid, int) and isinstance(ordinal, int) and device is not None:
            known[pid & _PID_MASK, ordinal] = device
    return known


def _visible_gpus(database: Database, gpus: dict[int, _Gpu]) -> list[int | None]:
    visible = _read_variable(database, "CUDA_VISIBLE_DEVICES")
    if not visible or not gpus:
        return []
    words = [word.strip() for word in visible.split(",")]
    if all(word.isdecimal() and len(word) <= _MOST_DIGITS for word in words):
        if _read_variable(database, "CUDA_DEVICE_ORDER") != "PCI_BUS_ID":
            return []
        in_bus_order = sorted(gpus, key=lambda key: (gpus[key].bus is None, gpus[key].bus, key))
        return [_at(in_bus_order, int(word)) for word in words]
    return [_by_uuid(gpus, word) for word in words]


def _read_variable(database: Database, variable: str) -> str | None:
    # The one place that looks at the environment of the traced program: two variables by name.
    # Their values choose a GPU and go nowhere else.
    if not database.has_rows(schema.CAPTURE):
        return None
    found = database.rows(
        f"SELECT value FROM {schema.CAPTURE}"  # noqa: S608 - own name
        " WHERE name LIKE '%ENVIRONMENT_VARIABLE' AND substr(value, 1, ?) = ?",
        (len(variable) + 1, f"{variable}="),
    )
    values = {str(value).partition("=")[2].strip('"') for (value,) in found}
    return values.pop() if len(values) == 1 else None


def _at(ids: list[int], index: int) -> int | None:
    return ids[index] if index < len(ids) else None


def _by_uuid(gpus: dict[int, _Gpu], word: str) -> int | None:
    start = word.lower().removeprefix("gpu-")
    matches = [key for key, gpu in gpus.items() if start and (gpu.uuid or "").startswith(start)]
    return matches[0] if len(matches) == 1 else None


def _device_rows(ids: list[int], gpus: dict[int, _Gpu]) -> pl.DataFrame:
    unknown = _Gpu(None, None, None, None, None)
    listed = [gpus.get(key, unknown) for key in ids]
    counts = [gpu.sm_count for gpu in listed]
    return pl.DataFrame(
        {
            "device_id": pl.Series(ids, dtype=pl.Int32),
            "name": pl.Series([gpu.name for gpu in listed], dtype=pl.String),
            "gpu_uuid": pl.Series([gpu.uuid for gpu in listed], dtype=pl.String),
            "pci_bus_id": pl.Series([gpu.bus for gpu in listed], dtype=pl.String),
            "sm_count": pl.Series(counts, dtype=pl.Int64).cast(pl.Int32, strict=False),
            "memory_bytes": pl.Series([gpu.memory_bytes for gpu in listed], dtype=pl.Int64),
        }
    )


def _doubts(
    devices: pl.DataFrame, gpus: dict[int, _Gpu], n_guessed: int, where: str
) -> tuple[Caveat, ...]:
    doubts = []
    if n_unnamed := devices["name"].null_count():
        text = (
            "The export does not say which GPU this is (no row in TARGET_INFO_GPU): power can be "
            "tied to it by its number only. Export the report again with all tables."
        )
        doubts.append(Caveat("unnamed-gpu", text, where, n_unnamed))
    if n_guessed and len(gpus) != 1:
        text = (
            f"The export has no {schema.CUDA_DEVICES}; a process's CUDA ordinal was taken as the "
            "number of the GPU. With CUDA_VISIBLE_DEVICES set this can be another GPU: record "
            "with nsys 2025.1 or later, or set CUDA_DEVICE_ORDER=PCI_BUS_ID too."
        )
        doubts.append(Caveat("device-by-ordinal", text, where, n_guessed))
    return tuple(doubts)


def _is_id(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and 0 <= value <= _MOST_ID


def _clean_uuid(uuid: object) -> str | None:
    if not isinstance(uuid, str):
        return None
    cleaned = uuid.strip().lower().removeprefix("gpu-")
    # Only zeros: someone scrubbed the file.
    return cleaned if cleaned.strip("0-") else None


def _clean_bus(bus: object) -> str | None:
    if not isinstance(bus, str) or ":" not in bus:
        return None
    domain, _, rest = bus.strip().lower().partition(":")
    if ":" not in rest:
        domain, rest = "", f"{domain}:{rest}"
    return f"{domain:0>8}:{rest}"


def _text(value: object) -> str | None:
    return value or None if isinstance(value, str) else None


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and value > 0 else None
