"""What other orders of the work would make of swings of power, as estimates."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from traceenergy.analysis.flattened_phases import find_blocks
from traceenergy.analysis.power_columns import RECONSTRUCTED
from traceenergy.analysis.power_limits import board_limit
from traceenergy.errors import UsageError
from traceenergy.power.flatten_spec import INTERLEAVE, STAGGER, parse_flatten
from traceenergy.power.interleave import interleave
from traceenergy.power.limits import WINDOWS_NS
from traceenergy.power.overlap import lengthen, overlap
from traceenergy.power.scales import bin_edges, scale_of
from traceenergy.power.sides import sides_of
from traceenergy.power.stagger import rotate
from traceenergy.power.swing import mean_in_bins
from traceenergy.records import dataclass
from traceenergy.units import S_PER_NS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import polars as pl
    from numpy.typing import NDArray

    from traceenergy.analysis.flattened_phases import Blocks
    from traceenergy.analysis.options import AnalysisOptions
    from traceenergy.analysis.power_content import Contents
    from traceenergy.analysis.power_curves import DevicePower
    from traceenergy.power.curve import PowerCurve
    from traceenergy.power.flatten_spec import FlattenSpec
    from traceenergy.power.overlap import Overlapped
    from traceenergy.power.scales import Scale
    from traceenergy.power.sides import Sides

    Int = NDArray[np.int64]
    Float = NDArray[np.float64]

SCALES_NS = WINDOWS_NS[:4]  # 100 us to 100 ms; over a second little is left to flatten
STEP_BINS = 200  # what a page draws of a step


@dataclass(frozen=True)
class Flattening:
    """Rows of `POWER_FLATTENING` and of `POWER_FLATTENED`."""

    rows: list[dict[str, Any]]
    drawn: list[dict[str, Any]]


@dataclass(frozen=True)
class _Tried:
    """What became of the curves of all devices; those and `moved_s` are aligned with them."""

    curves: tuple[PowerCurve, ...]
    moved_s: tuple[float | None, ...]
    block: str | None = None
    shift_ns: int | None = None
    now_ns: Callable[[int], int] = int
    """What a time of the run became, on the first device."""


def flattening(
    powers: tuple[DevicePower, ...],
    contents: Contents,
    steps: pl.DataFrame,
    options: AnalysisOptions,
) -> Flattening:
    """Try each change that the user names on the reconstruction.

    Parameters
    ----------
    powers : tuple of DevicePower
    contents : Contents
    steps : polars.DataFrame
        `STEP_ROW`.
    options : AnalysisOptions

    Returns
    -------
    Flattening
        Empty where nothing was asked, or no power is known.

    Raises
    ------
    UsageError
        If a phase did not run, both share work, or GPUs are too few for what was asked.
    """
    found = Flattening([], [])
    if not options.flatten or not powers:
        return found
    before = tuple(power.reconstructed for power in powers)
    measure = partial(_scales, powers)
    scales = measure(before)
    step = _typical_step(steps)
    for text in options.flatten:
        spec = parse_flatten(text)
        tried = _try(spec, powers, contents, step, options)
        head = {"tried": text, "what": spec.what, "phases": list(spec.phases)}
        found.rows.extend(head | row for row in _rows(powers, tried, scales, measure(tried.curves)))
        drawn = _drawn(before, tried, step or (before[0].begin_ns, before[0].end_ns))
        found.drawn.extend({"tried": text} | row for row in drawn)
    return found


def _try(
    spec: FlattenSpec,
    powers: tuple[DevicePower, ...],
    contents: Contents,
    step: tuple[int, int] | None,
    options: AnalysisOptions,
) -> _Tried:
    if spec.what == STAGGER:
        return _staggered(spec, powers, step)
    blocks = find_blocks(contents, spec.phases)
    sides = [_sides(power, blocks) for power in powers]
    if spec.what == INTERLEAVE:
        curves = tuple(
            interleave(power.reconstructed, side, spec.n_parts)
            for power, side in zip(powers, sides, strict=True)
        )
        return _Tried(curves, tuple(map(_moved_s, powers, sides)), blocks.name)
    found = [
        overlap(
            power.reconstructed,
            side,
            power.energy.idle.power_w,
            board_limit(power, contents, options)[0],
        )
        for power, side in zip(powers, sides, strict=True)
    ]
    beneath_s = tuple(one.beneath_ns * S_PER_NS for one in found)
    waits_ns = _waits(found)
    curves = tuple(
        lengthen(one.curve, one.end_ns, wait_ns, power.energy.idle.power_w)
        for power, one, wait_ns in zip(powers, found, waits_ns, strict=True)
    )

    def now_ns(at_ns: int) -> int:
        now = found[0].now_ns(at_ns)
        return now + int(waits_ns[0][found[0].end_ns <= now].sum())

    return _Tried(curves, beneath_s, blocks.name, now_ns=now_ns)


def _sides(power: DevicePower, blocks: Blocks) -> Sides:
    work = power.energy.work
    side, block = blocks.side[work.row], blocks.block[work.row]
    return sides_of(power.reconstructed, work.start_ns, work.end_ns, side, block)


def _moved_s(power: DevicePower, sides: Sides) -> float:
    return float(np.diff(power.reconstructed.edge_ns)[sides.side >= 0].sum()) * S_PER_NS


def _waits(found: list[Overlapped]) -> list[Int]:
    """Let GPUs wait at the end of each block for the one that saves least there [ns]."""
    known, turn = np.unique(np.concatenate([one.block for one in found]), return_inverse=True)
    least_ns = np.full(len(known), np.iinfo(np.int64).max)
    np.minimum.at(least_ns, turn, np.concatenate([one.saved_ns for one in found]))
    return [one.saved_ns - least_ns[np.searchsorted(known, one.block)] for one in found]


def _staggered(
    spec: FlattenSpec, powers: tuple[DevicePower, ...], step: tuple[int, int] | None
) -> _Tried:
    n = len(powers)
    if n < 2:  # noqa: PLR2004 - one has nothing to be staggered with
        raise UsageError(
            f"--flatten {spec.text} needs several GPUs",
            details=f"{n} has power in this run",
            next_step="interleave or overlap phases, or analyze several ranks together",
        )
    shift_ns = spec.slice_ns
    if shift_ns is None:
        if step is None:
            raise UsageError(
                f"--flatten {spec.text}: this run has no steps",
                next_step="give a time, such as --flatten stagger:5ms, or say what a step is "
                "(--steps)",
            )
        shift_ns = (step[1] - step[0]) // n
    curves = tuple(rotate(power.reconstructed, k * shift_ns) for k, power in enumerate(powers))
    return _Tried(curves, (None,) * n, shift_ns=shift_ns)


def _scales(
    powers: tuple[DevicePower, ...], curves: Sequence[PowerCurve]
) -> dict[int, list[Scale | None]]:
    """Measure all GPUs together, then each, at every scale that their sensors tell apart."""
    told_ns = max(power.reconstructed_from_ns for power in powers)
    end_ns = max(curve.end_ns for curve in curves)
    found = {}
    for window_ns in SCALES_NS:
        if window_ns >= told_ns:
            edge_ns = bin_edges(curves[0].begin_ns, end_ns, window_ns)
            bins = [_bins(power, curve, edge_ns)
                    for power, curve in zip(powers, curves, strict=True)]  # fmt: skip
            found[window_ns] = [scale_of(one, window_ns) for one in (np.sum(bins, axis=0), *bins)]
    return found


def _bins(power: DevicePower, curve: PowerCurve, edge_ns: Int) -> Float:
    """Take the mean power of bins; a GPU that is done waits for the last one."""
    bin_w = mean_in_bins(curve, edge_ns)
    bin_w[edge_ns[1:] > curve.end_ns] = power.energy.idle.power_w
    return bin_w


def _rows(
    powers: tuple[DevicePower, ...],
    tried: _Tried,
    before: dict[int, list[Scale | None]],
    after: dict[int, list[Scale | None]],
) -> list[dict[str, Any]]:
    rows = []
    for place in _places(len(powers), tried):
        chosen = slice(place - 1, place) if place else slice(None)
        totals = _totals(powers[chosen], tried.curves[chosen])
        moved_s = [one for one in tried.moved_s[chosen] if one is not None]
        work = powers[place - 1].energy.work if place else None
        head = {
            "block": tried.block,
            "rank": None if work is None else work.rank,
            "device_id": None if work is None else work.device_id,
            "source": RECONSTRUCTED,
            "estimate": True,
            "moved_s": sum(moved_s) if moved_s else None,
            "shift_ns": tried.shift_ns,
        }
        for window_ns, scales in before.items():
            was, would_be = scales[place], after[window_ns][place]
            if was is not None and would_be is not None:
                told = _compared(totals, was, would_be)
                rows.append({**head, **totals, "window_ns": window_ns, **told})
    return rows


def _places(n: int, tried: _Tried) -> range:
    """List what to tell of: 0 for all GPUs together, then each; shifted, each is what it was."""
    if n == 1:
        return range(1, 2)
    return range(n + 1) if tried.shift_ns is None else range(1)


def _totals(powers: Sequence[DevicePower], curves: Sequence[PowerCurve]) -> dict[str, float]:
    """Sum time and energy of devices; those that are done wait for the last one."""
    found = {}
    before = [power.reconstructed for power in powers]
    for state, known in (("before", before), ("after", curves)):
        end_ns = max(curve.end_ns for curve in known)
        waits_s = [(end_ns - curve.end_ns) * S_PER_NS for curve in known]
        energies_j = [
            curve.total_j + power.energy.idle.power_w * wait_s
            for power, curve, wait_s in zip(powers, known, waits_s, strict=True)
        ]
        known_s = [curve.known_s + wait_s for curve, wait_s in zip(known, waits_s, strict=True)]
        found[f"time_{state}_s"] = (end_ns - known[0].begin_ns) * S_PER_NS
        found[f"energy_{state}_j"] = sum(energies_j)
        found[f"mean_{state}_w"] = sum(
            energy_j / time_s
            for energy_j, time_s in zip(energies_j, known_s, strict=True)
            if time_s > 0
        )
    return found


def _compared(totals: dict[str, float], before: Scale, after: Scale) -> dict[str, float | None]:
    found: dict[str, float | None] = {}
    for state, scale in (("before", before), ("after", after)):
        mean_w = totals[f"mean_{state}_w"]
        found |= {
            f"peak_{state}_w": scale.peak_w,
            f"swing_{state}_w": scale.peak_w - scale.trough_w,
            f"ramp_{state}_w_per_ms": scale.ramp_w_per_ms,
            f"peak_to_mean_{state}": scale.peak_w / mean_w if mean_w > 0 else None,
        }
    return found


def _typical_step(steps: pl.DataFrame) -> tuple[int, int] | None:
    """Choose the step of median length; None without steps."""
    known = steps.drop_nulls("step")
    if known.is_empty():
        return None
    row = known.sort(known["end_ns"] - known["start_ns"], "step").row(len(known) // 2, named=True)
    return row["start_ns"], row["end_ns"]


def _drawn(
    before: tuple[PowerCurve, ...], tried: _Tried, typical: tuple[int, int]
) -> list[dict[str, Any]]:
    """Draw the power of all GPUs over the typical step, in few bins."""
    start_ns, end_ns = typical
    length_ns = max((end_ns - start_ns) // STEP_BINS, 1)
    rows = []
    for state, curves in (("before", before), ("after", tried.curves)):
        ends_ns = typical
        if state == "after":
            ends_ns = tried.now_ns(start_ns), tried.now_ns(end_ns)
        edge_ns = np.arange(ends_ns[0], ends_ns[1] + 1, length_ns, dtype=np.int64)
        power_w = np.sum([mean_in_bins(curve, edge_ns) for curve in curves], axis=0)
        rows += [
            {"state": state, "start_ns": int(at_ns), "end_ns": int(at_ns) + length_ns,
             "power_w": None if np.isnan(power) else float(power)}
            for at_ns, power in zip(edge_ns[:-1] - edge_ns[0], power_w, strict=True)
        ]  # fmt: skip
    return rows
