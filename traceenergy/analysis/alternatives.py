"""What other recordings of the same work would give."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from traceenergy.analysis.expected_error import modelled
from traceenergy.energy.expected_error import expected_size_j, gain_of
from traceenergy.energy.other_recordings import other_recordings
from traceenergy.records import dataclass

if TYPE_CHECKING:
    from traceenergy.analysis.expected_error import Rows
    from traceenergy.analysis.ledger import Ledger


@dataclass(frozen=True)
class Alternative:
    """What another recording of the same work would give.

    Attributes
    ----------
    name : str
    kernel_share, phase_share : float or None
        Expected error, as in `ExpectedError`; None where it would tell nothing more.
    why : str
        Why not, or under what condition; empty where nothing is to be said.
    """

    name: str
    kernel_share: float | None
    phase_share: float | None
    why: str


def list_alternatives(ledger: Ledger, rows: Rows) -> tuple[Alternative, ...]:
    """Foresee the errors of other recordings.

    Parameters
    ----------
    ledger : Ledger
        With a model of power for one device or more.
    rows : Rows

    Returns
    -------
    tuple of Alternative
    """
    devices = modelled(ledger)
    all_j = sum(float(np.nansum(energy.static_j + energy.dynamic_j)) for energy, _ in devices)
    by_device = [other_recordings(model) for _, model in devices]
    gains = [
        gain_of(model, energy, rows.kernel[energy.work.row], len(rows.kernels))
        for energy, model in devices
    ]
    alternatives = []
    for others in zip(*by_device, strict=True):
        # Of devices that differ, what helps one is worth a line; the others stay as they are.
        told = next((other for other in others if other.covariance is not None), others[0])
        if told.covariance is None:
            alternatives.append(Alternative(told.name, None, None, told.why))
            continue
        kernel_j, phase_j = np.zeros(len(rows.kernels)), np.zeros(len(rows.phases))
        for other, gain, (_, model) in zip(others, gains, devices, strict=True):
            covariance = model.fit.covariance if other.covariance is None else other.covariance
            kernel_j += expected_size_j(model, gain, covariance)
            phase_j += expected_size_j(model, rows.by_phase(gain), covariance)
        kernel_share, phase_share = float(kernel_j.sum() / all_j), float(phase_j.sum() / all_j)
        alternatives.append(Alternative(told.name, kernel_share, phase_share, told.why))
    return tuple(alternatives)
