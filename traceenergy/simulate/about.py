"""Rows of the export's tables on where, how it was recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from traceenergy.simulate.host import DEVICE_BUSES, UTC_EPOCH_NS, VM, Host, time_text
from traceenergy.simulate.layout import PRODUCTS
from traceenergy.simulate.rows import CONTEXT
from traceenergy.simulate.template import MAIN_STREAM, SIDE_STREAM

if TYPE_CHECKING:
    from traceenergy.simulate.export import Rows, Strings
    from traceenergy.simulate.target import Board

# The computer had been up so long when the trace began.
UPTIME_NS = 83_412_000_000_000
_NULL_STREAM, _BLOCKING, _NON_BLOCKING = 7, 1, 2


def about_tables(  # noqa: PLR0913 - a recording is described by this much
    schema: str,
    board: Board,
    host: Host,
    strings: Strings,
    *,
    duration_ns: int,
    timezone_offset_h: float,
) -> dict[str, Rows]:
    """Fill the tables that say where a trace comes from.

    Parameters
    ----------
    schema : str
        Version of the export.
    board : Board
        The GPUs.
    host : Host
        Processes, GPU ids.
    strings : Strings
        Receives thread names.
    duration_ns : int [ns]
        Length of the trace.
    timezone_offset_h : float [h]
        Local time minus UTC.

    Returns
    -------
    dict of str to Rows
    """
    devices = list(range(host.n_gpus))
    start: Rows = {
        "utcEpochNs": UTC_EPOCH_NS,
        "utcTime": time_text(0.0),
        "localTime": time_text(timezone_offset_h),
        "systemClockNs": UPTIME_NS,
    }
    return {
        **_metadata(schema),
        "TARGET_INFO_SESSION_START_TIME": start,
        "ANALYSIS_DETAILS": {
            "globalVid": VM,
            "duration": duration_ns,
            "startTime": UPTIME_NS,
            "stopTime": UPTIME_NS + duration_ns,
        },
        "TARGET_INFO_GPU": _gpus(board, host),
        "TARGET_INFO_CUDA_DEVICE": {
            "gpuId": devices,
            "cudaId": devices,
            "pid": [host.pid(device) for device in devices],
            "uuid": [f"GPU-{uuid}" for uuid in host.uuids],
            "numMultiprocessors": board.sm_count,
        },
        "TARGET_INFO_CUDA_CONTEXT_INFO": _contexts(host),
        "TARGET_INFO_CUDA_STREAM": _streams(host),
        "PROCESSES": {
            "globalPid": [host.global_pid(device) for device in devices],
            "pid": [host.pid(device) for device in devices],
            "name": "python3",
        },
        "ThreadNames": {
            "nameId": strings.id_of("python3"),
            "priority": 20,
            "globalTid": [host.global_tid(device) for device in devices],
        },
        **_enums(),
    }


def _metadata(schema: str) -> dict[str, Rows]:
    version, date = PRODUCTS[schema]
    major, minor, micro = schema.split(".")
    values = {
        "EXPORT_PRODUCT_NAME": "NVIDIA Nsight Systems",
        "EXPORT_PRODUCT_VERSION": version,
        "EXPORT_PRODUCT_DATE": date,
        "EXPORT_SCHEMA_VERSION": schema,
        "EXPORT_SCHEMA_VERSION_MAJOR": major,
        "EXPORT_SCHEMA_VERSION_MINOR": minor,
        "EXPORT_SCHEMA_VERSION_MICRO": micro,
        "EXPORT_PLATFORM": "linux-desktop",
        "EXPORT_ARCH": "x64",
        "EXPORT_TIME_UTC": time_text(0.0),
        "EXPORT_PARAM_EXPORT_TYPE": "SQLite",
        "EXPORT_PARAM_LAZY": "true",
        "EXPORT_PARAM_TIME_NORMALIZE": "false",
        "EXPORT_PARAM_TIME_SHIFT": "0",
        "EXPORT_CONFIG_TIME_SHIFT": "0",
        "EXPORT_SIMULATED_BY": "traceenergy simulate",
    }
    table = "EXPORT_META_DATA" if schema == "3.0.0" else "META_DATA_EXPORT"
    return {table: {"name": list(values), "value": list(values.values())}}


def _gpus(board: Board, host: Host) -> Rows:
    buses = DEVICE_BUSES[: host.n_gpus]
    return {
        "vmId": VM,
        "id": list(range(host.n_gpus)),
        "name": board.name,
        "busLocation": [f"0000:{bus:02X}:00.0" for bus in buses],
        "isDiscrete": 1,
        "l2CacheSize": board.l2_bytes,
        "totalMemory": board.memory_bytes,
        "memoryBandwidth": int(board.dram_bytes_per_s),
        "clockRate": board.clock_mhz * 1_000_000,
        "smCount": board.sm_count,
        "pwGpuId": list(range(host.n_gpus)),
        "uuid": [f"GPU-{uuid}" for uuid in host.uuids],
        "luid": 0,
        "chipName": board.chip,
        "cuDevice": list(range(host.n_gpus)),
        "ctxswDevPath": "",
        "ctrlDevPath": "",
        "threadsPerWarp": 32,
        "maxThreadsPerBlock": 1024,
        "computeMajor": board.compute[0],
        "computeMinor": board.compute[1],
        "smMajor": board.compute[0],
        "smMinor": board.compute[1],
    }


def _contexts(host: Host) -> Rows:
    devices = list(range(host.n_gpus))
    return {
        "hwId": 0,
        "vmId": 1,
        "processId": [host.pid(device) for device in devices],
        "deviceId": devices,
        "contextId": CONTEXT,
        "nullStreamId": _NULL_STREAM,
        "isGreenContext": 0,
    }


def _streams(host: Host) -> Rows:
    streams = (MAIN_STREAM, SIDE_STREAM)
    pids = [host.pid(device) for device in range(host.n_gpus) for _ in streams]
    return {
        "streamId": [*streams] * host.n_gpus,
        "hwId": 0,
        "vmId": 1,
        "processId": pids,
        "contextId": CONTEXT,
        "priority": 0,
        "flag": [_BLOCKING, _NON_BLOCKING] * host.n_gpus,
    }


def _enums() -> dict[str, Rows]:
    enums = {
        "ENUM_CUDA_MEMCPY_OPER": [
            (1, "CUDA_MEMCPY_KIND_HTOD", "Host-to-Device"),
            (2, "CUDA_MEMCPY_KIND_DTOH", "Device-to-Host"),
            (8, "CUDA_MEMCPY_KIND_DTOD", "Device-to-Device"),
        ],
        "ENUM_NSYS_EVENT_TYPE": [
            (34, "NvtxMark", "NvtxMark"),
            (59, "NvtxPushPopRange", "NvtxPushPopRange"),
            (60, "NvtxStartEndRange", "NvtxStartEndRange"),
            (75, "NvtxDomainCreate", "NvtxDomainCreate"),
        ],
        "ENUM_NSYS_EVENT_CLASS": [
            (0, "TRACE_PROCESS_EVENT_CUDA_RUNTIME", "CUDA Runtime"),
            (1, "TRACE_PROCESS_EVENT_CUDA_DRIVER", "CUDA Driver"),
        ],
    }
    return {
        table: {
            "id": [row[0] for row in rows],
            "name": [row[1] for row in rows],
            "label": [row[2] for row in rows],
        }
        for table, rows in enums.items()
    }
