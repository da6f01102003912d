"""What there is to doubt about the energy of one device."""

from __future__ import annotations

from typing import TYPE_CHECKING

from traceenergy.caveats import Caveat
from traceenergy.energy.sensor import RULED_OUT, UNKNOWN
from traceenergy.units import S_PER_NS

if TYPE_CHECKING:
    from traceenergy.energy.device_energy import DeviceEnergy

FEW_SAMPLES = 8  # below this, sharing by time is close to a guess


def find_doubts(energy: DeviceEnergy) -> tuple[Caveat, ...]:
    """List what there is to doubt about the energy of a device.

    Parameters
    ----------
    energy : DeviceEnergy

    Returns
    -------
    tuple of Caveat
    """
    where = f"rank {energy.work.rank}, device {energy.work.device_id}"
    found = []
    cells = energy.cells
    if cells.gap.any():
        gap_s = float(cells.width_ns[cells.gap].sum()) * S_PER_NS
        gap_j = float(cells.unattributed_j[cells.gap].sum())
        found.append(
            Caveat(
                "power-gap",
                f"power samples are missing for {gap_s:.3g} s of the window; the {gap_j:.4g} J of "
                "a straight line over them are counted as unattributed",
                where,
                int(cells.gap.sum()),
            )
        )
    first_ns, last_ns = cells.edge_ns[0], cells.edge_ns[-1]
    n_inside = int(
        ((energy.series.center_ns > first_ns) & (energy.series.center_ns < last_ns)).sum()
    )
    if n_inside < FEW_SAMPLES:
        found.append(
            Caveat(
                "few-samples",
                f"only {n_inside} power samples lie in the window; energy of single kernels is "
                "little more than their share of time",
                where,
                n_inside,
            )
        )
    if not energy.idle.is_measured:
        found.append(
            Caveat(
                "idle-power-assumed",
                "no power sample falls into a stretch without GPU work; idle power "
                f"{energy.idle.power_w:.1f} W is the mean of the lowest samples and may be too "
                "high; record 2 s of idle before and after the run, or pass --idle-power",
                where,
                energy.idle.n_samples,
            )
        )
    if energy.series.sensor.source in (UNKNOWN, RULED_OUT):
        found.append(
            Caveat(
                "sensor-assumed",
                "the averaging window of the power sensor is not known for this GPU, or its "
                "usual one does not fit the data; samples are read as instantaneous; pass "
                "--sensor average:1s, say, if you know better",
                where,
            )
        )
    excess_j = float(cells.unattributed_j[cells.covered].sum())
    if excess_j > 0:
        found.append(
            Caveat(
                "more-than-board-limit",
                f"{excess_j:.4g} J fall on so little GPU work that it would have drawn more than "
                f"{energy.most_w:.0f} W; they are counted as unattributed",
                where,
                int((cells.unattributed_j[cells.covered] > 0).sum()),
            )
        )
    return tuple(found)
