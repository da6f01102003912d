"""The steepest ramps of power, with what ran on either side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from traceenergy.analysis.power_columns import RECONSTRUCTED, SAMPLES
from traceenergy.power.ramps import steepest_ramps
from traceenergy.units import NS_PER_MS

if TYPE_CHECKING:
    from traceenergy.analysis.power_content import Contents
    from traceenergy.analysis.power_curves import DevicePower
    from traceenergy.power.ramps import Ramp

# Of kernels, of layers or steps, of phases of a run.
OVER_NS = (NS_PER_MS, 10 * NS_PER_MS, 100 * NS_PER_MS)


def transient_rows(powers: tuple[DevicePower, ...], contents: Contents) -> list[dict[str, Any]]:
    """Find the steepest rise and fall of each device.

    Parameters
    ----------
    powers : tuple of DevicePower
    contents : Contents

    Returns
    -------
    list of dict
        Rows of `POWER_TRANSIENT`.
    """
    rows = []
    for power in powers:
        for source, curve, least_ns in (
            (RECONSTRUCTED, power.reconstructed, power.reconstructed_from_ns),
            (SAMPLES, power.samples, power.samples_from_ns),
        ):
            for over_ns in OVER_NS:
                found = None
                if curve is not None and over_ns >= least_ns:
                    found = steepest_ramps(curve, over_ns)
                for direction, ramp in zip(("rise", "fall"), found or (), strict=False):
                    if (ramp.w_per_ms > 0) == (direction == "rise"):
                        row = {"source": source, "over_ns": over_ns, "direction": direction}
                        rows.append(row | _row(power, contents, ramp, over_ns))
    return rows


def _row(power: DevicePower, contents: Contents, ramp: Ramp, over_ns: int) -> dict[str, Any]:
    row: dict[str, Any] = {
        "rank": power.energy.work.rank,
        "device_id": power.energy.work.device_id,
        "at_ns": ramp.at_ns,
        "from_w": ramp.from_w,
        "to_w": ramp.to_w,
        "ramp_w_per_ms": ramp.w_per_ms,
    }
    sides = {"from": (ramp.at_ns - over_ns, ramp.at_ns), "to": (ramp.at_ns, ramp.at_ns + over_ns)}
    for side, (start_ns, end_ns) in sides.items():
        found = contents.within(power, start_ns, end_ns)
        row[f"{side}_phase"] = next((one.name for one in found.phases), None)
        row[f"{side}_kernel"] = next((one.name for one in found.kernels), None)
        row[f"{side}_layer"] = next((one.layer for one in found.kernels), None)
    return row
