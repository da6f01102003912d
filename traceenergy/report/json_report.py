"""JSON form of an Analysis, `format_version` 1.

History: 1 is the first.
"""

from __future__ import annotations

import math
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import msgspec

from traceenergy import __version__
from traceenergy.caveats import Caveat
from traceenergy.report.tables import declared_table, finite
from traceenergy.units import NS_PER_US, S_PER_NS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from traceenergy.analysis.finding import Finding
    from traceenergy.analysis.model import Analysis, EnergyTotals, Window
    from traceenergy.trace.model import Origin

FORMAT = "traceenergy.analysis"
FORMAT_VERSION = 1
# A result that people paste or keep in CI should stay near 10 MB.
MAX_ROWS = 20_000
ROW_TABLES = (
    "phases",
    "subphases",
    "layers",
    "kernels",
    "ranges",
    "steps",
    "step_kinds",
    "blocks",
    "overlap",
    "opportunities",
    "collectives",
    "stragglers",
    "expert_balance",
    "step_costs",
)
POWER_TABLES = {
    "limits": "power_limits",
    "transients": "power_transients",
    "transitions": "power_transitions",
    "flattening": "power_flattening",
    "clocks": "clocks",
    "clock_bins": "clock_bins",
    "clock_points": "clock_points",
    "clock_contrast": "clock_contrast",
    "throttling": "throttling",
    "temperature_drift": "temperature_drift",
    "duty_cycle": "duty_cycle",
    "activity": "activity",
    "components": "components",
    "component_curve": "component_curve",
}
"""Tables that stand in `power`, by their key there."""
SERVING_TABLES = {"stages": "serving_stages", "latencies": "serving_latencies"}
"""Tables that stand in `serving`, by their key there."""


def render_json(result: Analysis) -> str:
    """Write an Analysis as JSON text.

    Parameters
    ----------
    result : Analysis

    Returns
    -------
    str
        One object with exactly the top-level keys of the contract; unknown is null. NaN and
        infinity never occur. A table of more than `MAX_ROWS` rows keeps its first ones, which
        are those of most energy (layers and steps: of the lowest number); a caveat says so.
    """
    # By msgspec, which takes a tenth of the time of the standard module.
    text = msgspec.json.encode(analysis_object(result))
    return msgspec.json.format(text, indent=1).decode() + "\n"


def analysis_object(result: Analysis) -> dict[str, Any]:
    """Build the JSON object of an Analysis.

    Parameters
    ----------
    result : Analysis

    Returns
    -------
    dict
        Of plain JSON types, as `msgspec.json` writes them: NaN becomes null.
    """
    cut = _cut_caveats(result)
    rows = {table: declared_table(result, table).head(MAX_ROWS).to_dicts() for table in ROW_TABLES}
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "producer": {"name": "traceenergy", "version": __version__},
        **analysis_head(result),
        **rows,
        "max_vs_sum": whole_max_vs_sum(plain(result.max_vs_sum), result.window),
        "power": _power(result),
        "serving": _serving(result),
        "findings": [_finding(finding) for finding in result.findings],
        "not_evaluated": [asdict(left) for left in result.not_evaluated],
        "caveats": [caveat_object(caveat) for caveat in (*result.caveats, *cut)],
    }


def analysis_head(result: Analysis) -> dict[str, Any]:
    """Build what the JSON object of an Analysis says beside its tables: inputs, energy, devices."""
    return {
        "inputs": [input_object(origin) for origin in result.origins],
        "options": plain(result.options),
        "window": _window(result.window),
        "confidence_level": plain(result.confidence_level),
        "devices": _devices(result),
        "energy": _energy(result.energy),
    }


def result_facts(result: Analysis) -> dict[str, Any]:
    """Build what a result says beside its tables, for forms that have these by themselves."""
    head = analysis_head(result)
    del head["devices"]
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "producer": {"name": "traceenergy", "version": __version__},
        **head,
        "caveats": [caveat_object(caveat) for caveat in result.caveats],
    }


def utc_text(utc_ns: int | None) -> str | None:
    """Write a UTC time [ns since 1970] as ISO 8601 with `Z`; None if unknown."""
    if utc_ns is None:
        return None
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=utc_ns // NS_PER_US)
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


def plain(value: object) -> Any:  # noqa: ANN401 - any JSON type
    """Turn a value into plain JSON types.

    Parameters
    ----------
    value : object
        Paths lose their folders, since folders can name people and machines.

    Returns
    -------
    object
        NaN and infinity are None; types that JSON lacks are text.
    """
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, PurePath):
        return value.name
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item) for item in (sorted(value) if _unordered(value) else value)]
    return str(value)


def _unordered(value: Iterable[object]) -> bool:
    return isinstance(value, (set, frozenset))


def input_object(origin: Origin) -> dict[str, Any]:
    """Build the JSON object of an input file."""
    return {
        "name": origin.name,
        "kind": origin.kind,
        "sha256": origin.sha256,
        "rank": origin.rank,
        "tool_version": origin.tool_version,
        "schema_version": origin.schema_version,
        "gpu_names": list(origin.gpu_names),
    }


def _window(window: Window) -> dict[str, Any]:
    return {
        "start_ns": window.start_ns,
        "end_ns": window.end_ns,
        "elapsed_s": window.elapsed_ns * S_PER_NS,
        "utc_start": utc_text(window.utc_start_ns),
    }


def _devices(result: Analysis) -> list[dict[str, Any]]:
    rows = finite(declared_table(result, "devices")).to_dicts()
    for row in rows:
        keys = (
            "period_ms", "window_ms", "window_lo_ms", "window_hi_ms",
            "lag_ms", "lag_lo_ms", "lag_hi_ms", "source",
        )  # fmt: skip
        row["sensor"] = {key: row.pop(f"sensor_{key}") for key in keys}
    return rows


def _energy(energy: EnergyTotals) -> dict[str, Any]:
    numbers = {
        "total_j": energy.total_j,
        "kernel_j": energy.kernel_j,
        "idle_gap_j": energy.idle_gap_j,
        "unattributed_j": energy.unattributed_j,
        "static_j": energy.static_j,
        "dynamic_j": energy.dynamic_j,
        "tokens": energy.tokens,
        "tokens_per_j": energy.tokens_per_j,
        "j_per_token": energy.j_per_token,
    }
    return {
        **{name: plain(value) for name, value in numbers.items()},
        "method": energy.method,
        "expected_error": None
        if energy.expected_error is None
        else plain(asdict(energy.expected_error)),
    }


def whole_max_vs_sum(known: dict[str, Any], window: Window) -> dict[str, Any]:
    """Fill up what is known of the critical path: each member that JSON has is there."""
    elapsed_s = known.get("elapsed_s")
    return {
        "elapsed_s": window.elapsed_ns * S_PER_NS if elapsed_s is None else elapsed_s,
        "critical_path_s": known.get("critical_path_s"),
        "parts": known.get("parts"),
        "unmatched_s": known.get("unmatched_s"),
        "holders": known.get("holders") or [],
        "n_handovers": known.get("n_handovers"),
        "levels": known.get("levels") or [],
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "slug": finding.slug,
        "title": finding.title,
        "evidence": finding.evidence,
        "energy_j": plain(finding.energy_j),
        "time_s": plain(finding.time_s),
        "advice": finding.advice,
        "confidence": finding.confidence,
    }


def _power(result: Analysis) -> dict[str, Any]:
    """Build what the JSON object says of power; null and empty where it was not computed."""

    def rows(table: str) -> list[dict[str, Any]]:
        return finite(declared_table(result, table).head(MAX_ROWS)).to_dicts()

    found: dict[str, Any] = {key: rows(table) for key, table in POWER_TABLES.items()}
    swing = {"rows": rows("power_swing"), "buffer": next(iter(rows("power_buffer")), None)}
    footprint = None if result.footprint is None else plain(asdict(result.footprint))
    return found | {"swing": swing if swing["rows"] else None, "footprint": footprint}


def _serving(result: Analysis) -> dict[str, Any] | None:
    """Build what the JSON object says of serving; None where an older version wrote it."""
    serving = finite(declared_table(result, "serving")).to_dicts()
    if not serving:
        return None
    rows = {
        key: finite(declared_table(result, table)).to_dicts()
        for key, table in SERVING_TABLES.items()
    }
    return serving[0] | rows


def caveat_object(caveat: Caveat) -> dict[str, Any]:
    """Build the JSON object of a caveat."""
    return {"slug": caveat.slug, "text": caveat.text, "where": caveat.where, "n": caveat.n}


def _cut_caveats(result: Analysis) -> list[Caveat]:
    left_out = {
        table: getattr(result, table).height - MAX_ROWS
        for table in ROW_TABLES
        if getattr(result, table).height > MAX_ROWS
    }
    return [
        Caveat(
            "rows-left-out",
            f"This JSON holds the first {MAX_ROWS:,} rows of `{table}`; {n:,} more are in the "
            "`.sqlite` output and in the folder of parquet tables.",
            where=table,
            n=n,
        )
        for table, n in left_out.items()
    ]
