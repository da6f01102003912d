"""What an energy buffer would make of a load on the grid.

An estimate: the buffer has no losses, answers at once, and knows the lowest level that it can hold.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from traceenergy.errors import UsageError
from traceenergy.records import dataclass
from traceenergy.units import S_PER_NS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Float = NDArray[np.float64]

_SEARCHES = 60  # halvings of the interval of levels: to rounding
_VALUE = re.compile(r"(\d+(?:\.\d+)?|\.\d+)\s*(kJ|J|kW/s|W/ms|W/s|kW|W)", re.ASCII)
_SCALE = {"J": 1.0, "kJ": 1e3, "W": 1.0, "kW": 1e3, "W/s": 1.0, "kW/s": 1e3, "W/ms": 1e3}


@dataclass(frozen=True)
class EnergyBuffer:
    """A store of energy, as in the power shelf of a rack.

    Attributes
    ----------
    energy_j
        That it holds when full [J].
    power_w
        That it takes or gives at most [W].
    ramp_w_per_s
        How fast the grid's power should change at most [W/s]; None: no matter.
    """

    energy_j: float
    power_w: float
    ramp_w_per_s: float | None = None

    @property
    def reference_j(self) -> float:
        """What it holds at rest [J]: full, or half full where it must take energy as well."""
        return self.energy_j if self.ramp_w_per_s is None else self.energy_j / 2


@dataclass(frozen=True)
class Buffered:
    """A load behind a buffer; arrays are ``(n,)``, one value a stretch of time.

    Attributes
    ----------
    grid_w : ndarray of float64 [W]
        What the grid gives.
    stored_j : ndarray of float64 [J]
        What the buffer holds at the end of each stretch.
    level_w
        Lowest level that the grid need not exceed, were there no limit of ramps [W].
    """

    grid_w: Float
    stored_j: Float
    level_w: float


def parse_buffer(text: str) -> EnergyBuffer:
    """Read a `--buffer` value.

    Parameters
    ----------
    text : str
        Energy, power, and the ramp if it matters: `200J,500W` or `2kJ,1kW,10W/ms`.

    Returns
    -------
    EnergyBuffer

    Raises
    ------
    UsageError
        If it is nothing of the kind, or a value is zero.
    """
    found: dict[str, float] = {}
    for part in text.split(","):
        match = _VALUE.fullmatch(part.strip())
        if match is None:
            raise _unread(text)
        unit = match[2]
        found["J" if unit.endswith("J") else "W/s" if "/" in unit else "W"] = (
            float(match[1]) * _SCALE[unit]
        )
    if len(found) != text.count(",") + 1 or not {"J", "W"} <= set(found) or 0 in found.values():
        raise _unread(text)
    return EnergyBuffer(found["J"], found["W"], found.get("W/s"))


def _unread(text: str) -> UsageError:
    return UsageError(
        f"--buffer {text!r} is no energy buffer",
        details="expected energy,power or energy,power,ramp, each above zero",
        next_step="for example --buffer 200J,500W or --buffer 2kJ,1kW,10W/ms",
    )


def lowest_level(load_w: Float, length_s: Float, buffer: EnergyBuffer) -> float:
    """Find the lowest level that a buffer can hold the grid at.

    Parameters
    ----------
    load_w : ndarray of float64 (n,) [W]
    length_s : ndarray of float64 (n,) [s]
        Of each stretch of constant load.
    buffer : EnergyBuffer
        Begins at its reference, and is filled again as fast as level and power allow.

    Returns
    -------
    float [W]
        Never below the mean load, which could not go on.
    """
    high_w = float(load_w.max())
    mean_w = float((load_w * length_s).sum() / length_s.sum())
    low_w = min(high_w, max(high_w - buffer.power_w, mean_w))
    if _drawn_j(load_w, length_s, low_w, buffer.power_w) <= buffer.reference_j:
        return low_w
    for _ in range(_SEARCHES):
        middle_w = (low_w + high_w) / 2
        if _drawn_j(load_w, length_s, middle_w, buffer.power_w) <= buffer.reference_j:
            high_w = middle_w
        else:
            low_w = middle_w
    return high_w


def _drawn_j(load_w: Float, length_s: Float, level_w: float, most_w: float) -> float:
    """Say how empty a buffer gets that holds a level: the largest sum of what lacks."""
    lacks_j = np.maximum(load_w - level_w, -most_w) * length_s
    summed_j = np.concatenate(([0.0], np.cumsum(lacks_j)))
    return float((summed_j - np.minimum.accumulate(summed_j)).max())


def run_buffer(load_w: Float, length_ns: Float, buffer: EnergyBuffer) -> Buffered:
    """Charge and discharge a buffer under a load.

    Parameters
    ----------
    load_w : ndarray of float64 (n,) [W]
    length_ns : ndarray of float64 (n,) [ns]
        Of each stretch of constant load.
    buffer : EnergyBuffer

    Returns
    -------
    Buffered
        Energy is conserved: grid minus load is what the buffer gains. Where it is empty or full,
        the grid follows the load, whatever the ramp.
    """
    length_s = length_ns * S_PER_NS
    level_w = lowest_level(load_w, length_s, buffer)
    stored_j = buffer.reference_j
    grid_w = float(load_w[0])
    grids, stores = [], []
    for load, time_s in zip(load_w.tolist(), length_s.tolist(), strict=True):
        # Back to its reference: at once, or gently where ramps matter.
        back_s = time_s if buffer.ramp_w_per_s is None else buffer.energy_j / buffer.power_w
        wanted_w = min(level_w, load + (buffer.reference_j - stored_j) / max(back_s, time_s))
        if buffer.ramp_w_per_s is not None:
            step_w = buffer.ramp_w_per_s * time_s
            wanted_w = min(max(wanted_w, grid_w - step_w), grid_w + step_w)
        most_w = min(buffer.power_w, (buffer.energy_j - stored_j) / time_s)
        least_w = -min(buffer.power_w, stored_j / time_s)
        gain_w = min(max(wanted_w - load, least_w), most_w)
        grid_w = load + gain_w
        stored_j = min(max(stored_j + gain_w * time_s, 0.0), buffer.energy_j)
        grids.append(grid_w)
        stores.append(stored_j)
    return Buffered(np.array(grids), np.array(stores), level_w)
