"""What `traceenergy sample` records of a GPU, as columns of its log or texts of its marks."""

from __future__ import annotations

from traceenergy.records import dataclass

VERSION = 1
FIRST_WORD = "# traceenergy-sample"
"""How the first line of a log begins; the version of the format follows."""
GPU_WORD, LOST_WORD = "# gpu", "# lost"
"""How lines begin that tell what a GPU is called, or that it gave no more values."""

DOMAIN = "traceenergy"
"""NVTX domain of the marks."""
UNKNOWN = "N/A"
"""Cell of a value that the GPU does not give; an empty one says that the value held."""
WHOLE_ROW_NS = 1_000_000_000
"""A row of a GPU that gives all values comes at least this often [ns]."""


@dataclass(frozen=True)
class SampleColumn:
    """One column of a log.

    Attributes
    ----------
    name
        Its field, named as by nvidia-smi where that has it.
    dtype
        `int64`; `uuid` for text.
    unit
        Empty where it has none.
    """

    name: str
    dtype: str
    unit: str = ""

    @property
    def heading(self) -> str:
        """Cell of the header line, such as `power.draw:int64[mW]`."""
        unit = f"[{self.unit}]" if self.unit else ""
        return f"{self.name}:{self.dtype}{unit}"


UTC = SampleColumn("utc", "int64", "ns")
MONOTONIC = SampleColumn("monotonic", "int64", "ns")
GPU = SampleColumn("gpu", "uuid")
POLLS = SampleColumn("polls", "int64")
KEYS = (UTC, MONOTONIC, GPU, POLLS)
"""First columns: when a GPU was asked, on two clocks; how often since its row before."""

INSTANT = SampleColumn("power.draw.instant", "int64", "mW")
AVERAGE = SampleColumn("power.draw.average", "int64", "mW")
DRAW = SampleColumn("power.draw", "int64", "mW")
ENERGY = SampleColumn("energy", "int64", "mJ")
SM_CLOCK = SampleColumn("clocks.sm", "int64", "MHz")
MEM_CLOCK = SampleColumn("clocks.mem", "int64", "MHz")
TEMPERATURE = SampleColumn("temperature.gpu", "int64", "C")
POWER_LIMIT = SampleColumn("enforced.power.limit", "int64", "mW")
REASONS = SampleColumn("clocks.event_reasons", "int64", "bits")
QUANTITIES = (
    INSTANT, AVERAGE, DRAW, ENERGY, SM_CLOCK, MEM_CLOCK, TEMPERATURE, POWER_LIMIT, REASONS,
)  # fmt: skip
"""Values, in the order of a log's columns; `power.draw` only of GPUs without the other two."""


def header_line() -> str:
    """Write the header of a log, without line end."""
    return ",".join(column.heading for column in (*KEYS, *QUANTITIES))


def mark_text(name: str, gpu_uuid: str) -> str:
    """Write the text of a mark.

    Parameters
    ----------
    name : str
        Field, such as `power.draw.instant`.
    gpu_uuid : str
        With or without its prefix.

    Returns
    -------
    str
    """
    return f"{name} gpu={gpu_uuid}"


def counter_name(column: SampleColumn, gpu_uuid: str) -> str:
    """Name an NVTX counter, such as `power draw instant gpu=GPU-... (mW)`.

    Parameters
    ----------
    column : SampleColumn
    gpu_uuid : str
        With or without its prefix.

    Returns
    -------
    str
        Without dots: nsys turns a name with dots into nested parts.
    """
    return f"{mark_text(column.name.replace('.', ' '), gpu_uuid)} ({column.unit})"
