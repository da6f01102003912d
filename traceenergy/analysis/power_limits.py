"""Moving averages of power against limits, with what ran in the worst windows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from traceenergy.analysis.power_columns import RECONSTRUCTED, SAMPLES
from traceenergy.analysis.power_content import half_width_j
from traceenergy.energy.board import find_board
from traceenergy.power.limits import WINDOWS_NS, parse_excursions
from traceenergy.power.moving_average import time_above, worst_window
from traceenergy.units import S_PER_NS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from traceenergy.analysis.options import AnalysisOptions
    from traceenergy.analysis.power_content import Contents
    from traceenergy.analysis.power_curves import DevicePower
    from traceenergy.power.curve import PowerCurve
    from traceenergy.power.moving_average import WorstWindow


def limit_rows(
    powers: tuple[DevicePower, ...], contents: Contents, options: AnalysisOptions
) -> list[dict[str, Any]]:
    """Hold moving averages of each device against its limits.

    Parameters
    ----------
    powers : tuple of DevicePower
    contents : Contents
    options : AnalysisOptions

    Returns
    -------
    list of dict
        Rows of `POWER_LIMIT`.
    """
    excursions = () if options.edp is None else parse_excursions(options.edp)
    allowed = {one.window_ns: one for one in excursions}
    windows_ns = sorted({*WINDOWS_NS, *allowed})
    rows = []
    for power in powers:
        board_w, board_source = board_limit(power, contents, options)
        for source, curve, window_ns in _curves(power, windows_ns):
            worst = worst_window(curve, window_ns)
            if worst is None:
                continue
            limit_w, limit_source = board_w, board_source
            if window_ns in allowed:
                limit_w = allowed[window_ns].limit_w(board_w)
                limit_source = None if limit_w is None else "edp"
            rows.append(
                {
                    "rank": power.energy.work.rank,
                    "device_id": power.energy.work.device_id,
                    "source": source,
                    "window_ns": window_ns,
                    "power_w": worst.power_w,
                    "start_ns": worst.start_ns,
                    "limit_w": limit_w,
                    "limit_source": limit_source,
                    **_against(curve, worst, limit_w),
                    **_content(power, contents, worst, source),
                }
            )
    return rows


def board_limit(
    power: DevicePower, contents: Contents, options: AnalysisOptions
) -> tuple[float | None, str | None]:
    """Say how much one GPU may draw [W], and who says so; None where nobody does."""
    if options.power_limit_w is not None:
        return options.power_limit_w, "option"
    evidence = contents.ledger.evidence[power.index]
    if evidence is not None and evidence.limit_w is not None:
        return evidence.limit_w, "trace"
    board = find_board(power.energy.work.name)
    return (None, None) if board is None else (board.limit_w, board.known_by)


def _curves(power: DevicePower, windows_ns: list[int]) -> Iterator[tuple[str, PowerCurve, int]]:
    for window_ns in windows_ns:
        if window_ns >= power.reconstructed_from_ns:
            yield RECONSTRUCTED, power.reconstructed, window_ns
    if power.samples is not None:
        for window_ns in windows_ns:
            if window_ns >= power.samples_from_ns:
                yield SAMPLES, power.samples, window_ns


def _against(curve: PowerCurve, worst: WorstWindow, limit_w: float | None) -> dict[str, Any]:
    window_ns = worst.end_ns - worst.start_ns
    known_s = max(curve.known_s - window_ns * S_PER_NS, 0.0)
    if limit_w is None:
        return {"headroom_w": None, "above_s": None, "known_s": known_s}
    above_s = 0.0
    if worst.power_w > limit_w:
        above_s, known_s = time_above(curve, window_ns, limit_w)
    return {"headroom_w": limit_w - worst.power_w, "above_s": above_s, "known_s": known_s}


def _content(
    power: DevicePower, contents: Contents, worst: WorstWindow, source: str
) -> dict[str, Any]:
    found = contents.within(power, worst.start_ns, worst.end_ns)
    half_w = None
    if source == RECONSTRUCTED:
        half_j = half_width_j(power, worst.start_ns, worst.end_ns)
        if half_j is not None:
            half_w = half_j / ((worst.end_ns - worst.start_ns) * S_PER_NS)
    before = contents.within(power, 2 * worst.start_ns - worst.end_ns, worst.start_ns)
    return {
        "power_lo_w": None if half_w is None else max(worst.power_w - half_w, 0.0),
        "power_hi_w": None if half_w is None else worst.power_w + half_w,
        "phases": [one.name for one in found.phases],
        "phase_shares": [one.share for one in found.phases],
        "kernels": [one.name for one in found.kernels],
        "kernel_shares": [one.share for one in found.kernels],
        "kernel_layers": [one.layer for one in found.kernels],
        "before_phase": next((one.name for one in before.phases), None),
        "before_kernel": next((one.name for one in before.kernels), None),
        "before_layer": next((one.layer for one in before.kernels), None),
    }
