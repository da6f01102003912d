"""Logs that `traceenergy sample` writes."""

from __future__ import annotations

import io
import math
import re
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from traceenergy.caveats import Caveat
from traceenergy.errors import BadPowerLogError, NoPowerError
from traceenergy.read.log_table import (
    POWER_FIELDS,
    PowerLog,
    drop_caveats,
    measures_of,
)
from traceenergy.read.log_text import decode_log, shown, without_cut_line
from traceenergy.trace import sample_columns as columns
from traceenergy.trace import throttle_reasons
from traceenergy.trace.tables import ENERGY_COUNTER
from traceenergy.units import J_PER_MJ, NS_PER_MS, NS_PER_S, W_PER_MW

if TYPE_CHECKING:
    from numpy.typing import NDArray

SOURCE = "traceenergy-sample"
"""Kind of these logs."""

_FIRST = re.compile(rf"{columns.FIRST_WORD} (\d{{1,9}})\b")
_GPU = re.compile(
    rf"^{columns.GPU_WORD} index=(\d{{1,9}}) uuid=(?:GPU-)?(\S+) bus_id=(\S+)", re.MULTILINE
)
_HEADING = re.compile(r"(?P<name>[\w.]+):(?P<type>\w+)(?:\[(?P<unit>\w+)\])?")
# Column -> what it is called here, factor to its unit.
_QUANTITIES = {
    columns.INSTANT: ("power.draw.instant", W_PER_MW),
    columns.AVERAGE: ("power.draw.average", W_PER_MW),
    columns.DRAW: ("power.draw", W_PER_MW),
    columns.ENERGY: (ENERGY_COUNTER, J_PER_MJ),
    columns.SM_CLOCK: ("sm_clock_mhz", 1.0),
    columns.MEM_CLOCK: ("mem_clock_mhz", 1.0),
    columns.TEMPERATURE: ("temperature_c", 1.0),
    columns.POWER_LIMIT: ("power_limit_w", W_PER_MW),
    columns.REASONS: (throttle_reasons.QUANTITY, 1.0),
}
_NAMES = [name for name, _ in _QUANTITIES.values()]
# A row comes each second, of polls no faster than 1 kHz: more of them in a row are damage.
_MOST_POLLS = 10_000
_NEAR_ROWS = 9
_STEP_NS = 10 * NS_PER_MS  # clocks that are slewed move less than this; a step is more


def is_sample_log(raw: bytes) -> bool:
    """Tell by its first line whether a log is of `traceenergy sample`."""
    return raw.removeprefix(b"\xef\xbb\xbf").startswith(columns.FIRST_WORD.encode())


def parse_sample_log(log: str | bytes, name: str, near_utc_ns: int | None = None) -> PowerLog:
    """Understand a log of `traceenergy sample`.

    Parameters
    ----------
    log : str or bytes
        Content of the log.
    name : str
        For messages.
    near_utc_ns : int, optional [ns]
        When the trace read the wall clock. Times are those of the monotonic clock, which is never
        set, laid on UTC as both stood then; as at the log's begin if not given.

    Returns
    -------
    PowerLog
        With a row for each poll: those that found nothing new are put back, evenly, with the
        values that held.

    Raises
    ------
    BadPowerLogError
        If the log is of a newer version or damaged: what was expected, what was found, where.
    NoPowerError
        If no GPU gave power or energy.
    """
    text = decode_log(log, name)
    header, body, n_before = _split(text, name)
    found = _parse_header(header, n_before, name)
    body, n_cut = without_cut_line(body, header)
    table, n_bad = _read_rows(body, found, n_before)
    if table.is_empty():
        raise NoPowerError(
            f"{name} holds no sample",
            next_step="sample from before the program starts until after it ends",
        )
    offset_ns, doubts = _utc_minus_monotonic(table, near_utc_ns, name)
    gpus = {uuid.lower(): (int(i), bus.lower()) for i, uuid, bus in _GPU.findall(text)}
    polls = _each_poll(_held(table))
    rows = polls.select(
        pl.col("line"),
        (pl.col("monotonic") + offset_ns).alias("wall_ns"),
        _of_gpu({uuid: index for uuid, (index, _) in gpus.items()}, pl.Int32).alias("index"),
        pl.col("gpu").alias("uuid"),
        _of_gpu({uuid: bus for uuid, (_, bus) in gpus.items()}, pl.String).alias("bus_id"),
        *_NAMES,
    ).sort("wall_ns", maintain_order=True)
    fields = tuple(field for field in POWER_FIELDS if rows[field].count())
    if not (measures := measures_of(rows, fields)):
        raise NoPowerError(
            f"{name} holds no power value",
            details=f"{len(rows)} polls: NVML gave neither power nor energy of these GPUs",
            next_step="`nvidia-smi -q -d POWER` shows what the GPU or its driver can tell",
        )
    n_polls = len(rows)
    rows = rows.filter(pl.any_horizontal(pl.col(measures).is_not_null()))
    dropped = {"cut": n_cut, "bad": n_bad, "unknown": n_polls - len(rows)}
    rows = rows.drop([field for field in POWER_FIELDS if field not in fields])
    caveats = (*drop_caveats(dropped, name), *doubts, *_lost(text, name))
    return PowerLog(name, SOURCE, rows, fields, rows["uuid"].n_unique(), caveats, is_utc=True)


def _of_gpu(known: dict[str, object], dtype: type[pl.DataType]) -> pl.Expr:
    return pl.col("gpu").replace_strict(known, default=None, return_dtype=dtype)


def _split(text: str, name: str) -> tuple[str, str, int]:
    first = _FIRST.match(text)
    if first is None or int(first[1]) > columns.VERSION:
        got = shown(text.partition("\n")[0])
        raise _bad(name, f"version {columns.VERSION} of the sampler's format", got, 1)
    rest, n_before = text, 1
    while rest.startswith("#"):
        rest = rest.partition("\n")[2]
        n_before += 1
    header, _, body = rest.partition("\n")
    return header, body, n_before


def _bad(name: str, expected: str, got: str, line: int) -> BadPowerLogError:
    return BadPowerLogError(
        f"{name} cannot be understood as a log of `traceenergy sample`",
        details=f"line {line}: expected {expected}, got {got}",
        next_step="use the traceenergy that wrote it, or a newer one; else record it again",
    )


def _parse_header(header: str, line: int, name: str) -> dict[str, int]:
    """Find the place of each column; those of later versions are left."""
    cells = [_HEADING.fullmatch(cell) for cell in header.split(",")]
    places = {cell["name"]: place for place, cell in enumerate(cells) if cell}
    units = {cell["name"]: cell["unit"] or "" for cell in cells if cell}
    for column in (*columns.KEYS, *_QUANTITIES):
        if units.get(column.name, column.unit) != column.unit:
            raise _bad(name, column.heading, shown(header), line)
    if missing := [key.heading for key in columns.KEYS if key.name not in places]:
        raise _bad(name, ", ".join(missing), shown(header or "nothing"), line)
    return places


def _read_rows(body: str, places: dict[str, int], n_before: int) -> tuple[pl.DataFrame, int]:
    n_columns = max(places.values()) + 1
    names = [f"c{place}" for place in range(n_columns)]
    cells = pl.read_csv(
        io.BytesIO(f"{','.join(names)}\n{body}".encode(errors="replace")),
        infer_schema=False,
        quote_char=None,
        truncate_ragged_lines=True,
        row_index_name="line",
    )
    is_row = ~pl.col("c0").str.starts_with("#").fill_null(value=False)
    cells = cells.filter(is_row)
    text = {name: pl.col(f"c{place}") for name, place in places.items()}
    uuid = text[columns.GPU.name].str.to_lowercase().str.strip_prefix("gpu-")
    whole = [columns.UTC.name, columns.MONOTONIC.name, columns.POLLS.name]
    table = cells.select(
        (pl.col("line").cast(pl.Int64) + n_before + 1).alias("line"),
        *(text[key].cast(pl.Int64, strict=False).alias(key) for key in whole),
        uuid.alias("gpu"),
        *(
            text.get(column.name, pl.lit(None, pl.String)).alias(name)
            for column, (name, _) in _QUANTITIES.items()
        ),
    )
    is_known = pl.all_horizontal(pl.col(*whole, "gpu").is_not_null())
    table = table.filter(is_known & pl.col("polls").is_between(1, _MOST_POLLS))
    return table, len(cells) - len(table)


def _held(table: pl.DataFrame) -> pl.DataFrame:
    """Fill cells of values that held, turn all into numbers."""
    filled = table.sort("gpu", "monotonic", maintain_order=True).with_columns(
        pl.col(_NAMES).forward_fill().over("gpu")
    )
    numbers = [
        (pl.col(name).cast(pl.Float64, strict=False) * factor).alias(name)
        for name, factor in _QUANTITIES.values()
    ]
    # Hundreds of digits make infinity; less than nothing is drawn only by a broken sensor.
    least = (0.0 if name in POWER_FIELDS else -math.inf for name, _ in _QUANTITIES.values())
    return filled.with_columns(
        pl.when(number.is_finite() & (number >= low)).then(number)
        for number, low in zip(numbers, least, strict=True)
    )


def _each_poll(rows: pl.DataFrame) -> pl.DataFrame:
    """Put back polls between rows of a GPU: at even times, with the values of the row before."""
    n_polls = rows["polls"].to_numpy().copy()
    is_first = (rows["gpu"] != rows["gpu"].shift(1)).fill_null(value=True).to_numpy()
    n_polls[is_first] = 1
    last = np.repeat(np.arange(len(rows)), n_polls)
    step = np.arange(len(last)) - np.repeat(np.cumsum(n_polls) - n_polls, n_polls) + 1
    is_row = step == n_polls[last]
    at_ns = rows["monotonic"].to_numpy()
    apart_ns = np.diff(at_ns, prepend=at_ns[:1])[last]
    left_ns = apart_ns * (n_polls[last] - step) // n_polls[last]
    values: NDArray[np.int64] = np.where(is_row, last, last - 1)
    return rows[values].with_columns(monotonic=pl.Series(at_ns[last] - left_ns))


def _utc_minus_monotonic(
    table: pl.DataFrame, near_utc_ns: int | None, name: str
) -> tuple[int, list[Caveat]]:
    apart_ns = (table["utc"] - table["monotonic"]).to_numpy()
    utc_ns = table["utc"].to_numpy()
    near = np.argsort(np.abs(utc_ns - (utc_ns[0] if near_utc_ns is None else near_utc_ns)))
    # Of several rows, since a process may be put to sleep between reading both clocks.
    offset_ns = int(np.median(apart_ns[near[:_NEAR_ROWS]]))
    moved_ns = int(apart_ns.max() - apart_ns.min())
    if moved_ns < _STEP_NS:
        return offset_ns, []
    text = (
        f"The wall clock was set by {moved_ns / NS_PER_S:.3f} s while power was sampled; times "
        "follow the monotonic clock, laid on UTC as it was when the trace began."
    )
    return offset_ns, [Caveat("power-clock-set", text, name)]


def _lost(text: str, name: str) -> list[Caveat]:
    n_lost = len(re.findall(rf"^{columns.LOST_WORD} ", text, re.MULTILINE))
    if not n_lost:
        return []
    words = "A GPU gave no more values while it was sampled: its power is known until then."
    return [Caveat("power-gpu-lost", words, name, n_lost)]
