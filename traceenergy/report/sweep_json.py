"""JSON form of a Sweep, `format_version` 1.

History: 1 is the first.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from traceenergy import __version__
from traceenergy.caveats import Caveat
from traceenergy.errors import NewerResultError, NotAResultError
from traceenergy.report.json_load import UNFIT, declared_rows, made, share, unfit_error
from traceenergy.report.json_report import caveat_object, input_object, plain
from traceenergy.report.sweep_part_tables import with_declared_parts
from traceenergy.report.tables import finite
from traceenergy.report.told_sweep_types import check_told_of_sweep
from traceenergy.sweeps.result import TABLES, Sweep
from traceenergy.trace.model import Origin

if TYPE_CHECKING:
    import polars as pl

FORMAT = "traceenergy.sweep"
FORMAT_VERSION = 1
# Tables that stand in the object of `energy_delay`.
_PRODUCTS = {"rows": "energy_delay", "sweet_spots": "sweet_spots"}
_ROW_TABLES = tuple(name for name in TABLES if name not in _PRODUCTS.values())
_PARTS = ("model", "slo", "replay")


def render_sweep_json(sweep: Sweep) -> str:
    """Write a Sweep as JSON text.

    Parameters
    ----------
    sweep : Sweep

    Returns
    -------
    str
        One object; unknown is null, NaN and infinity never occur.
    """
    found = sweep_object(sweep)
    return json.dumps(found, ensure_ascii=False, allow_nan=False, indent=1) + "\n"


def sweep_object(sweep: Sweep) -> dict[str, Any]:
    """Build the JSON object of a Sweep.

    Parameters
    ----------
    sweep : Sweep

    Returns
    -------
    dict
        Of plain JSON types.
    """
    products = {key: _rows(getattr(sweep, name)) for key, name in _PRODUCTS.items()}
    return {
        **sweep_facts(sweep),
        **{name: _rows(getattr(sweep, name)) for name in _ROW_TABLES},
        "energy_delay": {"basis": sweep.basis, **products},
        **{name: plain(getattr(sweep, name)) for name in _PARTS},
        "caveats": [caveat_object(caveat) for caveat in sweep.caveats],
    }


def sweep_facts(sweep: Sweep) -> dict[str, Any]:
    """Build what the JSON object of a Sweep says first: format, options, inputs."""
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "producer": {"name": "traceenergy", "version": __version__},
        "options": plain(sweep.options),
        "confidence_level": plain(sweep.confidence_level),
        "inputs": [{"label": label, **input_object(origin)} for label, origin in sweep.inputs],
    }


def _rows(table: pl.DataFrame) -> list[dict[str, Any]]:
    return finite(table).to_dicts()


def sweep_from(found: dict[str, Any], name: str) -> Sweep:
    """Build the Sweep of a JSON object.

    Parameters
    ----------
    found : dict
        With `format` as `FORMAT`.
    name : str
        Of its file, for messages.

    Returns
    -------
    Sweep
        Without members. Columns and tables that the file does not have are null or empty.

    Raises
    ------
    NotAResultError
        If parts are missing.
    NewerResultError
        If a newer version wrote it.
    """
    version = found.get("format_version")
    if not isinstance(version, int) or version < 1:
        raise NotAResultError(
            f"{name} does not say its format_version",
            details=f"expected 1 to {FORMAT_VERSION}, got {json.dumps(version)[:80]}",
        )
    if version > FORMAT_VERSION:
        raise NewerResultError(
            f"{name} has format_version {version}; this version knows up to {FORMAT_VERSION}",
            next_step="use the traceenergy that wrote it, or a newer one",
        )
    try:
        return _sweep(found)
    except UNFIT as error:
        raise unfit_error(name, error) from error


def _sweep(found: dict[str, Any]) -> Sweep:
    products = found.get("energy_delay") or {}
    rows = {name: found.get(name) or [] for name in _ROW_TABLES}
    rows |= {name: products.get(key) or [] for key, name in _PRODUCTS.items()}
    fields: dict[str, Any] = {
        name: declared_rows(rows[name], columns, name) for name, columns in TABLES.items()
    }
    parts = {name: found.get(name) for name in _PARTS}
    basis = products.get("basis")
    check_told_of_sweep(options=found["options"], basis=basis, **parts)
    fields |= with_declared_parts(parts)
    _check_runs(fields)
    return Sweep(
        options=dict(found["options"]),
        confidence_level=share(found["confidence_level"]),
        basis=basis,
        inputs=tuple((str(entry["label"]), _origin(entry)) for entry in found["inputs"]),
        caveats=tuple(made(Caveat, entry) for entry in found["caveats"]),
        **fields,
    )


def _check_runs(tables: dict[str, Any]) -> None:
    """Refuse rows of runs that are not there, settings without what they are held against."""
    labels = tables["runs"]["label"].implode()
    drift = (tables["model"] or {}).get("drift") or ()
    if any(row["run"] is not None and not 0 <= row["run"] < len(tables["runs"]) for row in drift):
        message = "model.drift: a run that is not among the runs"
        raise ValueError(message)
    for name in ("pareto", "energy_delay"):
        if not tables[name]["label"].is_in(labels).all():
            message = f"{name}: a run that is not among the runs"
            raise ValueError(message)
    for name in ("power_caps", "clocks"):
        table = tables[name]
        based = table.filter("is_base")["setting"].implode()
        if not table["setting"].is_in(based).all():
            message = f"{name}: a setting without its base"
            raise ValueError(message)


def _origin(entry: dict[str, Any]) -> Origin:
    return made(Origin, {**entry, "gpu_names": tuple(entry["gpu_names"])})
