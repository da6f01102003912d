"""Why a GPU holds its clocks down, as bits that NVML gives them."""

from __future__ import annotations

from traceenergy.records import dataclass

QUANTITY = "throttle_reasons"
"""Name among the readings of devices; the value is the sum of the bits of active reasons."""

IDLE, POWER, HEAT, HARDWARE, SETTING = "idle", "power", "heat", "hardware", "setting"


@dataclass(frozen=True)
class Reason:
    """One reason.

    Attributes
    ----------
    name
        As nvidia-smi calls it behind `clocks_event_reasons.`.
    bit
        In NVML's mask.
    cause
        `power`, `heat`, `hardware` (either of the two, not told which), `setting`, `idle`.
    label
        For people.
    """

    name: str
    bit: int
    cause: str
    label: str


# NVML API reference, "NvmlClocksEventReasons".
REASONS = (
    Reason("gpu_idle", 0x1, IDLE, "GPU idle"),
    Reason("applications_clocks_setting", 0x2, SETTING, "application clocks are set"),
    Reason("sw_power_cap", 0x4, POWER, "power cap"),
    Reason("hw_slowdown", 0x8, HARDWARE, "slowdown by hardware"),
    Reason("sync_boost", 0x10, SETTING, "sync boost"),
    Reason("sw_thermal_slowdown", 0x20, HEAT, "heat, by software"),
    Reason("hw_thermal_slowdown", 0x40, HEAT, "heat, by hardware"),
    Reason("hw_power_brake_slowdown", 0x80, POWER, "power brake"),
    Reason("display_clock_setting", 0x100, SETTING, "display clocks are set"),
)


def bits_of(cause: str) -> int:
    """Join the bits of all reasons of a cause."""
    return sum(reason.bit for reason in REASONS if reason.cause == cause)
