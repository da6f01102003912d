"""A power log once it is understood, whatever wrote it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from traceenergy.caveats import Caveat
from traceenergy.records import dataclass
from traceenergy.trace import throttle_reasons
from traceenergy.trace.tables import ENERGY_COUNTER

if TYPE_CHECKING:
    from collections.abc import Mapping

    import polars as pl

POWER_FIELDS = ("power.draw", "power.draw.instant", "power.draw.average")
"""Board power of one GPU; fields of the whole module (`module.power.*`) hold more than the GPU."""

READINGS = (
    "sm_clock_mhz", "mem_clock_mhz", "temperature_c", "power_limit_w", ENERGY_COUNTER,
    throttle_reasons.QUANTITY,
)  # fmt: skip
"""Quantities besides power, named as in the table of device readings."""

_DROPPED = {
    "cut": "The last line of the power log is cut short; it was left out.",
    "bad": "Lines of the power log could not be understood; they were left out.",
    "unknown": "Lines of the power log hold no power value; they were left out.",
    "repeated": "Lines of the power log repeat another line; each was used once.",
}


@dataclass(frozen=True)
class PowerLog:
    """One log.

    Attributes
    ----------
    name
        File name without its folder.
    kind
        What wrote it, as in the `source` of power samples.
    rows : polars.DataFrame
        `line` (of the file, from 1), `wall_ns` (local time as if it were UTC, or UTC), the keys
        `index` Int32, `uuid` and `bus_id` String (null where not logged), one Float64 column [W]
        per power field, one Float64 column per entry of `READINGS` (null where not logged).
        Sorted by `wall_ns`; at least one value of power or of the energy counter in every row.
    power_fields
        Names of the power columns that hold at least one value; empty where there is only a
        counter.
    n_gpus
        Different keys in the log; 1 if the log names no GPU.
    caveats
        What was dropped or is doubtful.
    is_utc
        Whether `wall_ns` is UTC; else local time of the traced computer.
    """

    name: str
    kind: str
    rows: pl.DataFrame
    power_fields: tuple[str, ...]
    n_gpus: int
    caveats: tuple[Caveat, ...] = ()
    is_utc: bool = False

    @property
    def measures(self) -> tuple[str, ...]:
        """Columns that tell energy: of power, and of the counter where there is one."""
        return measures_of(self.rows, self.power_fields)


def measures_of(rows: pl.DataFrame, fields: tuple[str, ...]) -> tuple[str, ...]:
    """List the columns of a log that tell energy.

    Parameters
    ----------
    rows : polars.DataFrame
    fields : tuple of str
        Of power, with values.

    Returns
    -------
    tuple of str
        `fields`, with the energy counter where it has values.
    """
    return (*fields, ENERGY_COUNTER) if rows[ENERGY_COUNTER].count() else fields


def drop_caveats(dropped: Mapping[str, int], name: str) -> list[Caveat]:
    """Say which lines of a log were left out.

    Parameters
    ----------
    dropped : mapping of str to int
        How many for each reason: `cut`, `bad`, `unknown`, `repeated`.
    name : str
        Of the log.

    Returns
    -------
    list of Caveat
    """
    return [Caveat(f"power-log-{why}", _DROPPED[why], name, n) for why, n in dropped.items() if n]
