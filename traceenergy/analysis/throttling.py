"""Time for which clocks are held down, by reason, on each GPU, in each phase."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from traceenergy.analysis.clock_columns import THROTTLING
from traceenergy.analysis.clock_facts import energy_within
from traceenergy.analysis.clocks import device_text
from traceenergy.records import dataclass
from traceenergy.trace import throttle_reasons
from traceenergy.trace.throttle_reasons import REASONS
from traceenergy.units import S_PER_NS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from traceenergy.analysis.clock_facts import ClockFacts
    from traceenergy.analysis.clock_series import DeviceReadings, Zones
    from traceenergy.analysis.clocked_work import PhaseTimes

    Int = NDArray[np.int64]
    Float = NDArray[np.float64]
    Bool = NDArray[np.bool_]

NONE = "none"
"""Cause of rows in which no reason is active."""
_LEAST_S = 1e-9  # less is rounding
CAUSES = tuple(dict.fromkeys(reason.cause for reason in REASONS))


@dataclass(frozen=True)
class ReasonTime:
    """Times with one reason, or any of a cause; `reason` is None for the latter."""

    cause: str
    reason: str | None
    active: Bool


def throttling_rows(facts: ClockFacts) -> pl.DataFrame:
    """Sum time, clock, power under each reason of throttling.

    Parameters
    ----------
    facts : ClockFacts

    Returns
    -------
    polars.DataFrame
        `THROTTLING`: each GPU by cause and by reason, each phase by cause; empty where no reasons
        were read. Reasons may be active together, so that their times are not to be summed.
    """
    rows: list[dict[str, Any]] = []
    parts: list[pl.DataFrame] = []
    window = facts.window
    for one in facts.readings:
        if one.reasons is None:
            continue
        zones = one.reasons.within(window.start_ns, window.end_ns)
        kinds = tuple(_kinds(zones.value.astype(np.int64)))
        rows += _of_device(facts, one, zones, kinds)
        found = facts.phases[one.index]
        if found is not None:
            parts += _of_phases(one, one.reasons, found)
    devices = pl.DataFrame(rows, schema={column.name: column.dtype for column in THROTTLING})
    if not parts:
        return devices
    return pl.concat([devices, _summed(pl.concat(parts), facts.phase_names)])


def _kinds(mask: Int) -> Iterator[ReasonTime]:
    """Tell which readings each cause, each reason is active in; those that never are left out."""
    for cause in CAUSES:
        bits = throttle_reasons.bits_of(cause)
        if (mask & bits).any():
            yield ReasonTime(cause, None, (mask & bits) > 0)
    for reason in REASONS:
        if (mask & reason.bit).any():
            yield ReasonTime(reason.cause, reason.name, (mask & reason.bit) > 0)
    if (mask == 0).any():
        yield ReasonTime(NONE, None, mask == 0)


def _of_device(
    facts: ClockFacts, one: DeviceReadings, zones: Zones, kinds: Sequence[ReasonTime]
) -> list[dict[str, Any]]:
    work = facts.ledger.devices[one.index]
    length_ns = (zones.high_ns - zones.low_ns).astype(np.float64)
    busy_ns = one.busy.integral(zones.low_ns, zones.high_ns)
    rows = []
    for kind in kinds:
        low_ns, high_ns = zones.low_ns[kind.active], zones.high_ns[kind.active]
        time_s = float(length_ns[kind.active].sum()) * S_PER_NS
        energy_j, powered_s = energy_within(facts.powers[one.index], low_ns, high_ns)
        rows.append(
            {
                "level": "gpu", "rank": work.rank, "device_id": work.device_id,
                "name": device_text(work.rank, work.device_id),
                "cause": kind.cause, "reason": kind.reason, "time_s": time_s,
                "time_share": time_s / (float(length_ns.sum()) * S_PER_NS),
                "busy_s": float(busy_ns[kind.active].sum())
                * S_PER_NS,
                "sm_clock_mhz": _mean_clock(one, low_ns, high_ns),
                "mean_power_w": energy_j / powered_s if powered_s else None,
                "energy_j": energy_j if powered_s else None,
            }
        )  # fmt: skip
    return sorted(rows, key=lambda row: (row["reason"] is not None, -row["time_s"]))


def _mean_clock(one: DeviceReadings, low_ns: Int, high_ns: Int) -> float | None:
    if one.sm_mhz is None:
        return None
    known_ns = one.sm_mhz.integral(low_ns, high_ns, np.ones(len(one.sm_mhz.value))).sum()
    return float(one.sm_mhz.integral(low_ns, high_ns).sum() / known_ns) if known_ns else None


def _of_phases(one: DeviceReadings, reasons: Zones, found: PhaseTimes) -> list[pl.DataFrame]:
    """Sum over the work of each phase, by cause."""
    zones = found.zones
    known_ns = reasons.integral(zones.low_ns, zones.high_ns, np.ones(len(reasons.value)))
    is_known = known_ns > 0
    clock_mhz = zones.value if one.sm_mhz is not None else np.zeros(len(zones.value))
    frames = []
    for kind in _kinds(reasons.value.astype(np.int64)):
        if kind.reason is not None:
            continue
        active_ns = reasons.integral(zones.low_ns, zones.high_ns, kind.active.astype(np.float64))
        active = np.divide(active_ns, known_ns, out=np.zeros(len(known_ns)), where=is_known)
        sums = {
            "time_s": found.time_s @ active,
            "energy_j": found.energy_j @ active,
            "powered_s": found.powered_s @ active,
            "cycles": found.time_s @ (active * clock_mhz),
            "all_s": found.time_s @ is_known.astype(np.float64),
        }
        number = pl.int_range(len(found.time_s), dtype=pl.Int64)
        frames.append(pl.DataFrame(sums).with_columns(phase=number, cause=pl.lit(kind.cause)))
    return frames


def _summed(parts: pl.DataFrame, names: pl.Series) -> pl.DataFrame:
    sums = parts.group_by("phase", "cause", maintain_order=True).agg(pl.all().sum())
    sums = sums.filter(pl.col("time_s") > _LEAST_S)
    return (
        sums.with_columns(
            name=names.gather(sums["phase"]),
            level=pl.lit("phase"),
            rank=pl.lit(None, pl.Int32),
            device_id=pl.lit(None, pl.Int32),
            reason=pl.lit(None, pl.String),
            time_share=pl.col("time_s") / pl.col("all_s"),
            busy_s=pl.col("time_s"),
            energy_j=pl.when(pl.col("powered_s") > 0).then("energy_j"),
            mean_power_w=pl.when(pl.col("powered_s") > 0).then(
                pl.col("energy_j") / pl.col("powered_s")
            ),
            sm_clock_mhz=pl.when(pl.col("cycles") > 0).then(pl.col("cycles") / pl.col("time_s")),
        )
        .sort("cause", "time_s", "name", descending=[False, True, False])
        .select(pl.col(column.name).cast(column.dtype) for column in THROTTLING)
    )
