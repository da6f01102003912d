"""Tables of an nsys export by schema version."""

from __future__ import annotations

from traceenergy.records import dataclass

# Notation: `name` is INTEGER, `name:T` TEXT, `name:R` REAL; `!` NOT NULL, `*` primary key.
_OP = "start! end! deviceId! contextId! greenContextId streamId! correlationId globalPid"
_API = "start! end! eventClass! globalTid"

KERNEL = "CUPTI_ACTIVITY_KIND_KERNEL"
MEMCPY = "CUPTI_ACTIVITY_KIND_MEMCPY"
MEMSET = "CUPTI_ACTIVITY_KIND_MEMSET"
GRAPH_TRACE = "CUPTI_ACTIVITY_KIND_GRAPH_TRACE"
RUNTIME = "CUPTI_ACTIVITY_KIND_RUNTIME"
SYNCHRONIZATION = "CUPTI_ACTIVITY_KIND_SYNCHRONIZATION"
CUDA_EVENT = "CUPTI_ACTIVITY_KIND_CUDA_EVENT"

_TABLES_3_7_2 = {
    "StringIds": "id!* value:T!",
    "ENUM_CUDA_MEMCPY_OPER": "id!* name:T label:T",
    "ENUM_NSYS_EVENT_TYPE": "id!* name:T label:T",
    "ENUM_NSYS_EVENT_CLASS": "id!* name:T label:T",
    "META_DATA_EXPORT": "name:T! value:T",
    "PROCESSES": "globalPid pid name:T",
    "ThreadNames": "nameId! priority globalTid",
    "ANALYSIS_DETAILS": "globalVid! duration! startTime! stopTime!",
    "TARGET_INFO_SESSION_START_TIME": "utcEpochNs utcTime:T localTime:T",
    "TARGET_INFO_GPU": (
        "vmId! id! name:T busLocation:T isDiscrete l2CacheSize totalMemory memoryBandwidth "
        "clockRate smCount pwGpuId uuid:T luid chipName:T cuDevice ctxswDevPath:T ctrlDevPath:T "
        "revision nodeMask constantMemory maxIPC maxRegistersPerBlock maxShmemPerBlock "
        "maxShmemPerBlockOptin maxShmemPerSm maxRegistersPerSm threadsPerWarp asyncEngines "
        "maxWarpsPerSm maxBlocksPerSm maxThreadsPerBlock maxBlockDimX maxBlockDimY maxBlockDimZ "
        "maxGridDimX maxGridDimY maxGridDimZ computeMajor computeMinor smMajor smMinor"
    ),
    "TARGET_INFO_CUDA_CONTEXT_INFO": (
        "nullStreamId! hwId! vmId! processId! deviceId! contextId! parentContextId isGreenContext"
    ),
    "TARGET_INFO_CUDA_STREAM": "streamId! hwId! vmId! processId! contextId! priority! flag!",
    KERNEL: (
        f"{_OP} demangledName! shortName! mangledName launchType cacheConfig registersPerThread! "
        "gridX! gridY! gridZ! blockX! blockY! blockZ! staticSharedMemory! dynamicSharedMemory! "
        "localMemoryPerThread! localMemoryTotal! gridId! sharedMemoryExecuted graphNodeId "
        "sharedMemoryLimitConfig"
    ),
    MEMCPY: (
        f"{_OP} bytes! copyKind! deprecatedSrcId srcKind dstKind srcDeviceId srcContextId "
        "dstDeviceId dstContextId migrationCause graphNodeId virtualAddress"
    ),
    MEMSET: f"{_OP} value! bytes! graphNodeId memKind",
    RUNTIME: f"{_API} correlationId nameId! returnValue! callchainId",
    SYNCHRONIZATION: f"{_OP} syncType! eventId!",
    CUDA_EVENT: ("deviceId! contextId! greenContextId streamId! correlationId globalPid eventId!"),
    "CUDA_GRAPH_EVENTS": f"{_API} nameId! graphNodeId! originalGraphNodeId",
    "NVTX_EVENTS": (
        "start! end eventType! rangeId category color text:T globalTid endGlobalTid textId "
        "domainId uint64Value int64Value doubleValue:R uint32Value int32Value floatValue:R "
        "jsonTextId jsonText:T"
    ),
    "GENERIC_EVENT_SOURCES": "sourceId!* data:T!",
    "GENERIC_EVENT_TYPES": "typeId!* sourceId! data:T!",
    "GENERIC_EVENTS": "rawTimestamp! timestamp typeId! data:T!",
    "TARGET_INFO_GPU_METRICS": "typeId! sourceId! typeName:T! metricId! metricName:T!",
    "GPU_METRICS": "timestamp typeId! metricId! value!",
}

_NODES = {
    "CUDA_GRAPH_EVENTS": f"{_API} nameId! graphId originalGraphId graphExecId",
    "CUDA_GRAPH_NODE_EVENTS": f"{_API} nameId! graphNodeId! originalGraphNodeId",
    GRAPH_TRACE: f"{_OP} graphId! graphExecId!",
}

_LATER_3_25_0 = {
    "TARGET_INFO_CUDA_DEVICE": "gpuId cudaId! pid! uuid:T numMultiprocessors",
    "GENERIC_EVENT_SOURCES": "sourceId!* nameId timeSourceId sourceGroupId data:T",
    "GENERIC_EVENT_TYPES": "typeId!* sourceId! nameId data:T",
    "GENERIC_EVENTS": "genericEventId!* rawTimestamp! timestamp! typeId! globalTid data:T",
    "GENERIC_EVENT_TYPE_FIELDS": "typeId! fieldIdx! fieldNameId! offset size type",
    "GENERIC_EVENT_DATA": "genericEventId! fieldIdx! intVal uintVal floatVal:R doubleVal:R",
}

_ADDED_3_25_0 = {
    "TARGET_INFO_SESSION_START_TIME": "systemClockNs",
    "TARGET_INFO_CUDA_CONTEXT_INFO": (
        "numMultiprocessors numTpcs tpcMask workqueueResourceId workqueueConcurrencyLimit "
        "workqueueSharingScope"
    ),
    "NVTX_EVENTS": "binaryData:T",
    KERNEL: (
        "qmdBulkReleaseDone qmdPreexitDone qmdLastCtaDone graphId clusterX clusterY clusterZ "
        "clusterSchedulingPolicy maxPotentialClusterSize maxActiveClusters "
        "sharedMemoryRequestedPercentage tensorSizeMinusOneElements:T!"
    ),
    MEMCPY: "copyCount",
    SYNCHRONIZATION: "deprecatedSyncType eventSyncId",
    CUDA_EVENT: "eventSyncId timestamp",
}

_NO_GREEN_CONTEXT = (KERNEL, MEMCPY, MEMSET, SYNCHRONIZATION, CUDA_EVENT)
_TYPES = {"": "INTEGER", "T": "TEXT", "R": "REAL"}

PRODUCTS = {
    "3.0.0": ("2022.4.2.1", "2022.4"),
    "3.7.2": ("2023.4.4.54", "2023.4"),
    "3.11.1": ("2024.2.3.38", "2024.2"),
    "3.25.0": ("2026.2.1.210", "2026.2"),
}


@dataclass(frozen=True)
class Layout:
    """Tables that one schema version can hold.

    Attributes
    ----------
    schema
        Version.
    tables
        DDL column notation by name of the table.
    """

    schema: str
    tables: dict[str, str]

    def has(self, table: str) -> bool:
        """Say whether the version knows a table."""
        return table in self.tables

    def columns(self, table: str) -> dict[str, str]:
        """Return the columns of a table, in order, with their SQL declaration."""
        return dict(_declared(word) for word in self.tables[table].split())


def _declared(word: str) -> tuple[str, str]:
    is_key, word = word.endswith("*"), word.removesuffix("*")
    required, word = word.endswith("!"), word.removesuffix("!")
    name, _, kind = word.partition(":")
    suffix = " NOT NULL" * required + " PRIMARY KEY" * is_key
    return name, _TYPES[kind] + suffix


def layout_of(schema: str) -> Layout:
    """Build the layout of a schema version.

    Parameters
    ----------
    schema : str
        One of `PRODUCTS`.

    Returns
    -------
    Layout
    """
    tables = dict(_TABLES_3_7_2)
    if schema == "3.0.0":
        tables["EXPORT_META_DATA"] = tables.pop("META_DATA_EXPORT")
        for name in _NO_GREEN_CONTEXT:
            tables[name] = tables[name].replace(" greenContextId", "")
        del tables["TARGET_INFO_CUDA_CONTEXT_INFO"], tables["TARGET_INFO_GPU_METRICS"]
        del tables["GPU_METRICS"]
    if schema in {"3.11.1", "3.25.0"}:
        tables |= _NODES
    if schema == "3.25.0":
        tables |= _LATER_3_25_0
        for name, added in _ADDED_3_25_0.items():
            tables[name] += f" {added}"
    return Layout(schema, tables)
