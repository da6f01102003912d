"""Columns of the tables of nsys exports, by schema version."""

from __future__ import annotations

SCHEMAS = ("none", "2.9.1", "3.0.0", "3.7.2", "3.11.1", "3.17.2", "3.25.0", "3.28.1")

K = "CUPTI_ACTIVITY_KIND_"
_OP = "start end deviceId contextId streamId correlationId globalPid"
_KERNEL = (
    "demangledName shortName launchType cacheConfig registersPerThread gridX gridY gridZ blockX"
    " blockY blockZ staticSharedMemory dynamicSharedMemory localMemoryPerThread localMemoryTotal"
    " gridId sharedMemoryExecuted graphNodeId"
)
_CLUSTERS = (
    "qmdBulkReleaseDone qmdPreexitDone qmdLastCtaDone graphId clusterX clusterY clusterZ"
    " clusterSchedulingPolicy maxPotentialClusterSize maxActiveClusters"
)
_COPY = (
    "bytes copyKind deprecatedSrcId srcKind dstKind srcDeviceId srcContextId dstDeviceId"
    " dstContextId graphNodeId"
)
_NVTX = (
    "start end eventType rangeId category color text:TEXT globalTid endGlobalTid textId domainId"
    " uint64Value int64Value doubleValue:REAL uint32Value int32Value floatValue:REAL jsonTextId"
    " jsonText:TEXT"
)
_GPU = (
    "vmId id name:TEXT busLocation:TEXT isDiscrete l2CacheSize totalMemory memoryBandwidth"
    " clockRate smCount pwGpuId uuid:TEXT luid chipName:TEXT cuDevice"
)


def version_of(schema: str) -> tuple[int, ...]:
    """Give a version that compares; the oldest files state none."""
    return (0,) if schema == "none" else tuple(int(part) for part in schema.split("."))


def columns_of(schema: str) -> dict[str, list[str]]:
    """List the columns of each table that a schema knows, as `name` or `name:TYPE`."""
    at = version_of(schema)
    op = _OP + (" greenContextId" if at >= (3, 7, 2) else "")
    tables = {
        "StringIds": "id:INTEGER PRIMARY KEY,value:TEXT",
        f"{K}KERNEL": f"{op} {_KERNEL}"
        + _since(
            at,
            ((2, 9, 1), "sharedMemoryLimitConfig mangledName"),
            ((3, 24), _CLUSTERS),
            ((3, 24, 14), "sharedMemoryRequestedPercentage"),
            ((3, 25), "tensorSizeMinusOneElements:TEXT"),
        ),
        f"{K}MEMCPY": f"{op} {_COPY}"
        + _since(at, ((2, 9, 1), "migrationCause virtualAddress"), ((3, 17, 2), "copyCount")),
        f"{K}MEMSET": f"{op} value bytes graphNodeId memKind",
        f"{K}RUNTIME": (
            "start end eventClass globalTid correlationId nameId returnValue callchainId"
        ),
        f"{K}SYNCHRONIZATION": f"{op} syncType eventId"
        + _since(at, ((3, 17, 1), "deprecatedSyncType eventSyncId")),
        f"{K}CUDA_EVENT": op.removeprefix("start end ")
        + " eventId"
        + _since(at, ((3, 17, 2), "eventSyncId"), ((3, 24), "timestamp")),
        "NVTX_EVENTS": _NVTX
        + _since(at, ((3, 16, 1), "binaryData:BLOB"), ((3, 28), "eventId:INTEGER PRIMARY KEY")),
        "GENERIC_EVENT_SOURCES": "sourceId data:TEXT",
        "GENERIC_EVENT_TYPES": "typeId sourceId data:TEXT",
        "GENERIC_EVENTS": "rawTimestamp timestamp typeId data:TEXT",
        "META_DATA_CAPTURE": "name:TEXT value:TEXT",
        "TARGET_INFO_SYSTEM_ENV": "globalVid devStateName:TEXT name:TEXT nameEnum value:TEXT",
        "MPI_RANKS": "globalTid rank",
    }
    tables |= _target_tables(at)
    return {
        name: listed.split(",") if "," in listed else listed.split()
        for name, listed in tables.items()
    }


def _target_tables(at: tuple[int, ...]) -> dict[str, str]:
    if at == (0,):
        gpus = "deviceId name:TEXT numMultiprocessors globalMemorySize coreClockRate"
        return {"TARGET_INFO_CUDA_GPU": gpus}
    tables = {
        "TARGET_INFO_GPU": _GPU,
        "ANALYSIS_DETAILS": "globalVid duration startTime stopTime",
        "TARGET_INFO_SESSION_START_TIME": "utcEpochNs utcTime:TEXT localTime:TEXT"
        + _since(at, ((3, 24, 7), "systemClockNs"), ((3, 28), "sessionStartCntVctNs")),
        "EXPORT_META_DATA" if at < (3, 4) else "META_DATA_EXPORT": "name:TEXT value:TEXT",
    }
    if at >= (3, 7, 2):
        tables["GPU_METRICS"] = "timestamp typeId metricId value" + _since(
            at, ((3, 28), "rawTimestamp")
        )
        tables["TARGET_INFO_GPU_METRICS"] = "typeId sourceId typeName:TEXT metricId metricName:TEXT"
    nodes = "start end eventClass globalTid nameId graphNodeId originalGraphNodeId"
    tables["CUDA_GRAPH_NODE_EVENTS" if at >= (3, 11, 1) else "CUDA_GRAPH_EVENTS"] = nodes
    if at >= (3, 11, 1):
        tables["CUDA_GRAPH_EVENTS"] = (
            "start end eventClass globalTid nameId graphId originalGraphId graphExecId"
        )
        tables[f"{K}GRAPH_TRACE"] = f"{_OP} greenContextId graphId graphExecId"
        tables["DIAGNOSTIC_EVENT"] = "timestamp timestampType source severity text:TEXT globalPid"
    if at >= (3, 17, 1):
        tables["TARGET_INFO_CUDA_DEVICE"] = "gpuId cudaId pid" + _since(
            at, ((3, 24, 14), "uuid:TEXT numMultiprocessors")
        )
    return tables


def _since(at: tuple[int, ...], *added: tuple[tuple[int, ...], str]) -> str:
    return "".join(f" {columns}" for version, columns in added if at >= version)
