"""One device by hand: kernels of known power, and what a sensor would read of them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from traceenergy.energy.attribute import AttributionOptions, attribute_device
from traceenergy.energy.clock_factor import Clocks
from traceenergy.energy.coverage import ClassTimes, covered_s
from traceenergy.energy.device_energy import Evidence
from traceenergy.energy.device_work import DeviceWork, WorkClasses
from traceenergy.trace.tables import GpuMetrics, PowerSamples

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.caveats import Caveat
    from traceenergy.energy.device_energy import DeviceEnergy

    Int = NDArray[np.int64]
    Float = NDArray[np.float64]

MS = 1_000_000
EPOCH_NS = 1_700_000_000_000_000_000
NAMES = ("nvjet_tst_64x64", "flash_fwd_kernel", "FillFunctor", "ncclDevKernel_AllReduce")
WATTS = np.array([420.0, 260.0, 130.0, 60.0])
# Activity of parts of the GPU while a class runs.
ACTIVE = {
    "SMs Active [Throughput %]": np.array([0.9, 0.8, 0.5, 0.1]),
    "DRAM Read Bandwidth [Throughput %]": np.array([0.4, 0.2, 0.6, 0.05]),
}
FULL_MHZ, LOW_MHZ = 1980.0, 345.0
STATIC_W, LIMIT_W = 90.0, 700.0
IDLE_NS = 1500 * MS  # before and after
# As nvidia-smi reads an H100: a mean over 25 ms of each 100 ms, asked for every 20 ms.
BOARD, FIELD, WINDOW_NS, UPDATE_NS, POLL_NS = (
    "NVIDIA H100",
    "power.draw.instant",
    25 * MS,
    100 * MS,
    20 * MS,
)


@dataclass(frozen=True)
class Device:
    """A device with its readings.

    Attributes
    ----------
    start_ns, end_ns : ndarray of int64 (n_work,) [ns]
    of_all : ndarray of int64 (n_work,)
        Class of each piece, into `NAMES` and `WATTS`.
    read_ns : ndarray of int64 (n_read,) [ns]
    read_w : ndarray of float64 (n_read,) [W]
    limit_w : float or None [W]
        As the log states it.
    board : str or None
    metrics : GpuMetrics
    clock_mhz : ndarray of float64 (n_read,) [MHz]
        Of the SMs, as read with the power; empty if not.
    """

    start_ns: Int
    end_ns: Int
    of_all: Int
    read_ns: Int
    read_w: Float
    limit_w: float | None = LIMIT_W
    board: str | None = BOARD
    metrics: GpuMetrics = field(default_factory=lambda: GpuMetrics(pl.DataFrame()))
    clock_mhz: Float = field(default_factory=lambda: np.zeros(0))

    @property
    def window_ns(self) -> tuple[int, int]:
        """From first to last work [ns]."""
        return int(self.start_ns.min()), int(self.end_ns.max())

    def attribute(
        self, options: AttributionOptions | None = None
    ) -> tuple[DeviceEnergy, tuple[Caveat, ...]]:
        """Share the measured energy over the work."""
        row = np.arange(len(self.start_ns))
        work = DeviceWork(
            0, 0, self.board, row, self.start_ns, self.end_ns, self.start_ns, self.end_ns, row, row
        )
        samples = PowerSamples(
            pl.DataFrame({"sample_ns": self.read_ns, "power_w": self.read_w}).with_columns(
                field=pl.lit(FIELD), source=pl.lit("test")
            )
        )
        classes = WorkClasses(self.of_all, NAMES, np.arange(len(NAMES)), self.metrics)
        clocks = Clocks(self.read_ns, self.clock_mhz) if len(self.clock_mhz) else None
        evidence = Evidence(samples, self.limit_w, classes, clocks)
        return attribute_device(work, evidence, self.window_ns, options or AttributionOptions())

    def class_energy_j(self, options: AttributionOptions | None = None) -> Float:
        """Sum energy by class [J]."""
        energy, _ = self.attribute(options)
        return by_class_j(energy, self.of_all)

    def true_energy_j(self) -> Float:
        """Give the true energy of each class [J]."""
        length_s = (self.end_ns - self.start_ns) * 1e-9
        energy_j = (STATIC_W + WATTS[self.of_all]) * length_s
        return np.bincount(self.of_all, energy_j, len(NAMES)).astype(np.float64)

    def with_clocks(self) -> Device:
        """Read the full clock from first to last work, a low one around."""
        first_ns, last_ns = self.window_ns
        working = (self.read_ns >= first_ns) & (self.read_ns < last_ns)
        return replace(self, clock_mhz=np.where(working, FULL_MHZ, LOW_MHZ))

    def logged(self, late_ns: int) -> Device:
        """Return the same device with another clock of its log."""
        return replace(self, read_ns=self.read_ns + late_ns)

    def later(self, by_ns: int) -> Device:
        """Return the same device with all its clocks set."""
        metrics = self.metrics
        if len(metrics):
            metrics = GpuMetrics(metrics.with_columns(pl.col("sample_ns") + by_ns))
        return replace(
            self,
            start_ns=self.start_ns + by_ns,
            end_ns=self.end_ns + by_ns,
            read_ns=self.read_ns + by_ns,
            metrics=metrics,
        )


def by_class_j(energy: DeviceEnergy, of_all: Int) -> Float:
    """Sum the energy of pieces by class [J]."""
    energy_j = energy.static_j + energy.dynamic_j
    return np.bincount(of_all, energy_j, len(NAMES)).astype(np.float64)


def long_kernels(seed: int = 1, seconds: float = 4.0) -> Device:
    """Let kernels of 2 to 40 ms follow each other with pauses: readings tell their powers.

    Parameters
    ----------
    seed : int
    seconds : float [s]
        About how long the run lasts.

    Returns
    -------
    Device
        Without readings.
    """
    rng = np.random.default_rng(seed)
    n = round(seconds * 1000 / 31)  # 21 ms of work, 10 ms of pause
    turns_ms = np.column_stack((rng.uniform(0, 20, n), rng.uniform(2, 40, n)))
    return _in_turn(turns_ms, rng.integers(0, len(NAMES), n))


def steps_of_kernels(seed: int = 1, seconds: float = 4.0) -> Device:
    """Let kernels of 0.1 to 0.6 ms follow each other in steps, each with a mix of its own.

    Parameters
    ----------
    seed : int
    seconds : float [s]
        About how long the run lasts.

    Returns
    -------
    Device
        Without readings. Collectives run on beside the kernel that follows them.
    """
    rng = np.random.default_rng(seed)
    n_steps, per_step = round(seconds / 0.045), 110
    mix = rng.dirichlet(np.ones(len(NAMES)), n_steps)
    of_all = np.concatenate([rng.choice(len(NAMES), per_step, p=one) for one in mix])
    pause_ms = np.full(n_steps * per_step, 0.005)
    pause_ms[::per_step] = rng.uniform(2, 10, n_steps)
    one = _in_turn(np.column_stack((pause_ms, rng.uniform(0.1, 0.6, len(of_all)))), of_all)
    late_ns = np.where(of_all == len(NAMES) - 1, 50_000, 0)
    return replace(one, end_ns=one.end_ns + late_ns)


def _in_turn(turns_ms: Float, of_all: Int) -> Device:
    edge_ns = EPOCH_NS + np.round(np.cumsum(turns_ms.ravel()) * MS).astype(np.int64)
    return Device(edge_ns[::2], edge_ns[1::2], of_all, edge_ns[:0], np.zeros(0))


def polled(bare: Device, seed: int = 1, noise_w: float = 1.0) -> Device:
    """Poll a sensor that updates every 100 ms, 37 ms off, with noise of each update."""
    first_ns, last_ns = bare.window_ns
    update_ns = np.arange(first_ns - IDLE_NS - UPDATE_NS, last_ns + IDLE_NS, UPDATE_NS) + 37 * MS
    noise = np.random.default_rng(seed).normal(0, noise_w, len(update_ns))
    read_ns = np.arange(first_ns - IDLE_NS + 40 * MS, last_ns + IDLE_NS, POLL_NS)
    at = np.searchsorted(update_ns, read_ns, side="right") - 1
    return replace(bare, read_ns=read_ns, read_w=(mean_w(bare, update_ns) + noise)[at])


def read_every(bare: Device, every_ns: int, seed: int = 1, noise_w: float = 1.0) -> Device:
    """Read means over 25 ms, each up to the moment of reading."""
    first_ns, last_ns = bare.window_ns
    read_ns = np.arange(first_ns - IDLE_NS, last_ns + IDLE_NS, every_ns)
    noise = np.random.default_rng(seed).normal(0, noise_w, len(read_ns))
    return replace(bare, read_ns=read_ns, read_w=mean_w(bare, read_ns) + noise)


def mean_w(bare: Device, end_ns: Int) -> Float:
    """Give the true mean power over the 25 ms before given times [W]."""
    return np.asarray(STATIC_W + _share(bare, end_ns, WINDOW_NS) @ WATTS, dtype=np.float64)


def with_metrics(bare: Device) -> Device:
    """Sample SMs and DRAM at 5 kHz, in whole per cent."""
    first_ns, last_ns = bare.window_ns
    end_ns = np.arange(first_ns - 10 * MS, last_ns + 10 * MS, MS // 5)
    share = _share(bare, end_ns, MS // 5)
    metrics = pl.concat(
        pl.DataFrame({"sample_ns": end_ns, "value": np.round(100 * np.minimum(share @ active, 1))})
        .with_columns(metric=pl.lit(name).cast(pl.Categorical))
        .select("sample_ns", "metric", "value")
        for name, active in ACTIVE.items()
    )
    return replace(bare, metrics=GpuMetrics(metrics))


def _share(bare: Device, end_ns: Int, length_ns: int) -> Float:
    times = ClassTimes(
        bare.start_ns, bare.end_ns, np.ones(len(bare.of_all)), bare.of_all, len(NAMES)
    )
    return covered_s(times, end_ns - length_ns, end_ns) / (length_ns * 1e-9)
