"""What recording would tell kernels apart that this one does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from traceenergy.codes import number_codes
from traceenergy.units import NS_PER_MS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from traceenergy.energy.device_energy import DeviceEnergy

    Int = NDArray[np.int64]
    Float = NDArray[np.float64]

METRICS, CALIBRATION = "GPU metrics", "calibration"  # in what a prior says of its source
MANY_READINGS = 300
LEAST_STRETCH_MS = 100.0  # several small steps, so that it is not their parts that differ
STEADY = 0.05  # stretches that differ by less run hardly anything else one than the other


def advise_recording(energies: Sequence[DeviceEnergy]) -> tuple[str, ...]:
    """Say what to record so that the readings tell more kernels apart.

    Parameters
    ----------
    energies : sequence of DeviceEnergy
        Of all devices of a run; those without a model count for nothing.

    Returns
    -------
    tuple of str
        Noun phrases; at least one.
    """
    models = [energy.model for energy in energies if energy.model is not None]
    changes = [_mix_change_of(energy) for energy in energies if energy.model is not None]
    n_readings = min((model.n_rows for model in models), default=0)
    sources = [model.prior_source for model in models]
    advice = []
    if not all(source.startswith(METRICS) for source in sources):
        advice.append("GPU metrics (`nsys profile --gpu-metrics-devices=all`)")
    if max(changes, default=0.0) < STEADY:
        advice.append("steps of several batch sizes, as the mix of kernels hardly ever changes")
    if not all(CALIBRATION in source for source in sources):
        advice.append("each kernel alone for half a second (`--calibration`)")
    if n_readings < MANY_READINGS or not advice:
        advice.append(f"a longer run than {n_readings} power readings")
    return tuple(advice)


def _mix_change_of(energy: DeviceEnergy) -> float:
    model, work = energy.model, energy.work
    if model is None:
        return 0.0
    stretch_ns = round(max(model.shape.window_ms, LEAST_STRETCH_MS) * NS_PER_MS)
    kernel = model.design.traits.kernel[model.design.classes.of_class]
    return mix_change(work.all_start_ns, work.all_end_ns, kernel, stretch_ns)


def mix_change(start_ns: Int, end_ns: Int, kernel: Int, stretch_ns: int) -> float:
    """Measure how much the mix of kernels changes over a run.

    Parameters
    ----------
    start_ns, end_ns : ndarray of int64 (n_all,) [ns]
    kernel : ndarray of int64 (n_all,)
        Which kernel each piece of work runs.
    stretch_ns : int [ns]
        Time is cut into stretches of this length; a piece belongs to the one that it starts in.

    Returns
    -------
    float
        Part of the kernel time that would have to go to other kernels to give all stretches the
        same mix: 0 where they have it, towards 1 where each runs kernels of its own.
    """
    length_ns = np.maximum(end_ns - start_ns, 0).astype(np.float64)
    turn = (start_ns - start_ns.min()) // stretch_ns
    stretches, stretch = number_codes(turn, int(turn.max()) + 1)
    n_kernels = int(kernel.max()) + 1
    pair, index = number_codes(stretch * n_kernels + kernel, len(stretches) * n_kernels)
    time_ns = np.bincount(index, length_ns)
    of_stretch_ns = np.bincount(stretch, length_ns)[pair // n_kernels]
    of_kernel_ns = np.bincount(kernel, length_ns)[pair % n_kernels]
    all_ns = max(float(length_ns.sum()), 1.0)
    too_much_ns = np.maximum(time_ns - of_stretch_ns * of_kernel_ns / all_ns, 0.0)
    return float(too_much_ns.sum() / all_ns)
