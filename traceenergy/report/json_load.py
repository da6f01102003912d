"""From the JSON form of an Analysis back to the Analysis."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import polars as pl

from traceenergy.analysis.finding import Finding, NotEvaluated
from traceenergy.analysis.footprint import Footprint
from traceenergy.analysis.model import Analysis, EnergyTotals, ExpectedError, Window
from traceenergy.caveats import Caveat
from traceenergy.errors import (
    BadTableError,
    NewerResultError,
    NotAResultError,
    UnreadableFileError,
)
from traceenergy.foreign_text import parse_json
from traceenergy.read.nsys.sqlite_file import check_there
from traceenergy.report.json_report import (
    FORMAT,
    FORMAT_VERSION,
    POWER_TABLES,
    ROW_TABLES,
    SERVING_TABLES,
    whole_max_vs_sum,
)
from traceenergy.report.tables import DECLARED
from traceenergy.report.told_types import MOST_NUMBER, check_told, is_a, types_of
from traceenergy.trace.model import Origin
from traceenergy.trace.tables import check_table, empty_table
from traceenergy.units import NS_PER_S, NS_PER_US

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable

    from traceenergy.trace.tables import Column

Kind = TypeVar(
    "Kind", Caveat, EnergyTotals, ExpectedError, Finding, Footprint, NotEvaluated, Origin, Window
)
_AGAIN = "write it again: traceenergy analyze TRACE -o result.json"
# What reading a value raises that is not there, or is of another type.
UNFIT = (
    KeyError, TypeError, ValueError, AttributeError, OverflowError, BadTableError,
    pl.exceptions.PolarsError,
)  # fmt: skip
_HOLD_NULLS = {"kernel_layers"}  # lists of which an entry may be null
# Lists of a row, by table, that have one value each for each of the first.
_ONE_EACH = (
    ("step_costs", "block_steps", ("block_energy_j", "block_time_s", "block_tokens")),
    ("clock_points", "phases", ("phase_shares",)),
    ("power_limits", "phases", ("phase_shares",)),
    ("power_limits", "kernels", ("kernel_shares", "kernel_layers")),
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def load(path: str | os.PathLike[str]) -> Analysis:
    """Read the result of an earlier run.

    Parameters
    ----------
    path : str or path
        Written by `write(result, "x.json")`, or by `traceenergy analyze -o x.json`.

    Returns
    -------
    Analysis
        Tables that JSON does not hold (work, timeline, curves) are empty. Columns and tables that
        the file does not have, since an older version wrote it, are null or empty.

    Raises
    ------
    UnreadableFileError
        If the file is missing, empty, cut short, or no JSON.
    NotAResultError
        If it is JSON, but no result of an analysis, or one with parts missing.
    NewerResultError
        If a newer version wrote it.
    """
    file = Path(path)
    return analysis_from(parsed(file), file.name)


def analysis_from(found: object, name: str) -> Analysis:
    """Build the Analysis of a JSON object, from a file of some name.

    Raises
    ------
    NotAResultError, NewerResultError
        As `load` does.
    """
    told = checked(found, name)
    try:
        return _analysis(told)
    except UNFIT as error:
        raise unfit_error(name, error) from error


def unfit_error(name: str, error: Exception) -> NotAResultError:
    """Build the error for a result whose parts are missing, or of another type."""
    part = f"no {error.args[0]!r}" if isinstance(error, KeyError) else str(error)
    part = error.details if isinstance(error, BadTableError) else part
    return NotAResultError(
        f"{name} is a result with parts missing, or of another type",
        details=part.splitlines()[0] if part else type(error).__name__,
        next_step=_AGAIN,
    )


def parsed(file: Path) -> object:
    """Parse a JSON file.

    Raises
    ------
    UnreadableFileError
        If it is missing, empty, cut short, or no JSON.
    """
    check_there(file, next_step=_AGAIN)
    try:
        return parse_json(file.read_text(encoding="utf-8-sig"), strict=True)
    except json.JSONDecodeError as error:
        raise UnreadableFileError(
            f"{file.name} is no JSON, or cut short",
            details=f"line {error.lineno}, column {error.colno}: {error.msg}",
            next_step=_AGAIN,
        ) from error
    except ValueError as error:
        raise UnreadableFileError(f"{file.name} is no JSON", next_step=_AGAIN) from error


def checked(found: object, name: str) -> dict[str, Any]:
    """Return what says that it is the result of an analysis, in a form that is known."""
    told = found.get("format") if isinstance(found, dict) else None
    if not isinstance(found, dict) or told != FORMAT:
        raise NotAResultError(
            f"{name} is no result of an analysis",
            details=f'expected "format": "{FORMAT}", got {json.dumps(told)[:80]}',
            next_step="name a file that `traceenergy analyze -o result.json` wrote, or a trace",
        )
    version = found.get("format_version")
    if not isinstance(version, int) or version < 1:
        raise NotAResultError(
            f"{name} does not say its format_version",
            details=f"expected 1 to {FORMAT_VERSION}, got {json.dumps(version)[:80]}",
            next_step=_AGAIN,
        )
    if version > FORMAT_VERSION:
        raise NewerResultError(
            f"{name} has format_version {version}; this version knows up to {FORMAT_VERSION}",
            next_step="use the traceenergy that wrote it, or a newer one, or analyze again",
        )
    return found


def _analysis(found: dict[str, Any]) -> Analysis:
    tables = {name: empty_table(columns) for name, columns in DECLARED.items()}
    tables |= {name: _table(name, found.get(name) or []) for name in ROW_TABLES}
    power = found.get("power") or {}
    tables |= {name: _table(name, power.get(key) or []) for key, name in POWER_TABLES.items()}
    swing = power.get("swing") or {}
    buffer = swing.get("buffer")
    tables["power_swing"] = _table("power_swing", swing.get("rows") or [])
    tables["power_buffer"] = _table("power_buffer", [] if buffer is None else [buffer])
    serving = found.get("serving")
    tables["serving"] = _table("serving", [] if serving is None else [serving])
    for key, name in SERVING_TABLES.items():
        tables[name] = _table(name, (serving or {}).get(key) or [])
    tables["devices"] = _table("devices", map(_device, found["devices"]))
    return analysis_of(found, tables)


def analysis_of(found: dict[str, Any], tables: dict[str, pl.DataFrame]) -> Analysis:
    """Put an Analysis together from its tables, with what the JSON object says beside them.

    Parameters
    ----------
    found : dict
        `inputs`, `options`, `window`, `confidence_level`, `energy`, `max_vs_sum`, `findings`,
        `caveats`, and what else there is.
    tables : dict of polars.DataFrame
        By field of an Analysis.

    Returns
    -------
    Analysis
    """
    power = found.get("power") or {}
    window = _window(found["window"])
    check_told(found["options"], found["max_vs_sum"])
    _check_kinds(tables["step_costs"])
    _check_lists(tables)
    return Analysis(
        origins=tuple(_origin(entry) for entry in found["inputs"]),
        options=dict(found["options"]),
        window=window,
        confidence_level=share(found["confidence_level"]),
        energy=_energy(found["energy"]),
        max_vs_sum=whole_max_vs_sum(found["max_vs_sum"], window),
        findings=tuple(made(Finding, entry) for entry in found["findings"]),
        not_evaluated=tuple(
            made(NotEvaluated, entry) for entry in found.get("not_evaluated") or []
        ),
        footprint=_footprint(power.get("footprint")),
        caveats=tuple(made(Caveat, entry) for entry in found["caveats"]),
        **tables,
    )


def _check_kinds(step_costs: pl.DataFrame) -> None:
    whole = step_costs.filter(pl.col("name") == pl.col("step_kind"), level="step_kind")
    if not step_costs["step_kind"].is_in(whole["name"].implode()).all():
        message = "step_costs: a kind of steps without its own row"
        raise ValueError(message)


def _check_lists(tables: dict[str, pl.DataFrame]) -> None:
    for name, first, others in _ONE_EACH:
        table = tables[name]
        for other in others:
            # A sweep reads some of the columns only.
            told = {first, other} <= set(table.columns)
            if told and not (table[other].list.len() == table[first].list.len()).all():
                message = f"{name}: {other} has not one value for each of {first}"
                raise ValueError(message)


def share(value: Any) -> float:  # noqa: ANN401 - whatever JSON holds
    """Read a level of confidence, between 0 and 1."""
    if not is_a(value, float) or not 0 < value < 1:
        message = f"confidence_level: expected a number between 0 and 1, got {str(value)[:80]}"
        raise ValueError(message)
    return float(value)


def _table(name: str, rows: Iterable[dict[str, Any]]) -> pl.DataFrame:
    return declared_rows(rows, DECLARED[name], name)


def declared_rows(
    rows: Iterable[dict[str, Any]], columns: tuple[Column, ...], name: str
) -> pl.DataFrame:
    """Make the rows of a JSON object a table as declared; what they do not have is null."""
    schema = {column.name: column.dtype for column in columns}
    told = [{key: row.get(key) for key in schema} for row in rows]
    frame = check_table(pl.DataFrame(told, schema=schema), columns, name)
    odd = [
        f"{name}.{column.name}: {problem}"
        for column in columns
        if (problem := _value_problem(frame, column))
    ]
    if odd:
        raise ValueError("; ".join(odd))
    return frame


def _value_problem(frame: pl.DataFrame, column: Column) -> str:
    """Say what no writer of the table would have written."""
    values = frame[column.name]
    if values.dtype.is_nested():
        whole = values.list.drop_nulls().list.len() == values.list.len()
        if column.name not in _HOLD_NULLS and not whole.all():
            return "null in a list"
        values = values.explode()
    if values.dtype.is_float() and (values.abs() > MOST_NUMBER).any():
        return f"numbers beyond {MOST_NUMBER:.0e}"
    if column.words and not values.drop_nulls().is_in(column.words).all():
        return f"expected one of {', '.join(column.words)}"
    # As declared: what is null "as energy_lo_j" is known where energy_lo_j is, nowhere else.
    other = column.null_means.removeprefix("as ")
    if other in frame.columns and (frame[column.name].is_null() != frame[other].is_null()).any():
        return f"null where {other} is known, or known where that is null"
    return ""


def _device(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, **{f"sensor_{key}": value for key, value in row["sensor"].items()}}


def _origin(entry: dict[str, Any]) -> Origin:
    return made(Origin, {**entry, "gpu_names": tuple(entry["gpu_names"])})


def _window(entry: dict[str, Any]) -> Window:
    utc = entry["utc_start"]
    since = None if utc is None else datetime.fromisoformat(utc) - _EPOCH
    # In whole numbers: a double does not hold the nanoseconds since 1970.
    utc_ns = None
    if since is not None:
        utc_ns = (since.days * 86_400 + since.seconds) * NS_PER_S + since.microseconds * NS_PER_US
    window = made(
        Window,
        {"start_ns": entry["start_ns"], "end_ns": entry["end_ns"], "utc_start_ns": utc_ns},
    )
    if window.end_ns < window.start_ns:
        message = "window: ends before it begins"
        raise ValueError(message)
    return window


def _energy(entry: dict[str, Any]) -> EnergyTotals:
    error = entry.get("expected_error")
    expected = None if error is None else made(ExpectedError, error)
    return made(EnergyTotals, {**entry, "expected_error": expected})


def _footprint(entry: dict[str, Any] | None) -> Footprint | None:
    return None if entry is None else made(Footprint, entry)


def made(kind: type[Kind], entry: dict[str, Any]) -> Kind:
    """Fill a class with the fields that it has; a newer version may tell more."""
    types = types_of(kind)
    odd = [key for key, value in entry.items() if key in types and not is_a(value, types[key])]
    if odd:
        message = f"{kind.__name__}: of another type: {', '.join(odd)}"
        raise TypeError(message)
    return kind(**{key: value for key, value in entry.items() if key in types})
