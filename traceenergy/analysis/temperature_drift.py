"""How temperature moves over a run, with the power of like work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from traceenergy.analysis.clock_columns import TEMPERATURE_DRIFT
from traceenergy.analysis.clock_facts import energy_of
from traceenergy.units import NS_PER_MIN, S_PER_NS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.analysis.clock_facts import ClockFacts
    from traceenergy.analysis.clock_series import DeviceReadings, Zones
    from traceenergy.analysis.model import Window
    from traceenergy.analysis.step_spans import StepSpans
    from traceenergy.power.curve import PowerCurve

    Int = NDArray[np.int64]
    Float = NDArray[np.float64]

LEAST_READINGS = 10
_END_SHARE = 0.1  # of the window
N_BLOCKS = 12  # of steps: power of steps beside each other is read through one sensor window
STEPS_A_BLOCK = 4
LEAST_SPREAD_C = 2.0  # of block means: sensors give whole degrees
LEAST_CLOCK_SPREAD = 0.003  # below it the clock needs no term of its own
MARGIN = 3.0  # standard errors
ONE_KIND_SHARE = 0.9  # of the time of steps, in steps of one kind and length
LIKE_LENGTH = 0.1  # around their median


def drift_rows(facts: ClockFacts, spans: StepSpans) -> pl.DataFrame:
    """Follow the temperature of each GPU.

    Parameters
    ----------
    facts : ClockFacts
    spans : StepSpans
        Of steps.

    Returns
    -------
    polars.DataFrame
        `TEMPERATURE_DRIFT`; empty where temperature was not read ten times.

    Notes
    -----
    Like work is steps of one kind and length, where they make up nine tenths of all. Their power
    against temperature, at equal clock, is told only where it is three standard errors off zero
    and temperature moved by 2 C. It is an association: what else drifts with time is in it.
    """
    rows: list[dict[str, Any]] = []
    window = facts.window
    for one in facts.readings:
        if one.temperature_c is None:
            continue
        zones = one.temperature_c.within(window.start_ns, window.end_ns)
        if len(zones.value) < LEAST_READINGS:
            continue
        work = facts.ledger.devices[one.index]
        mine = spans.device == one.index
        steps = spans.kind[mine], spans.start_ns[mine], spans.end_ns[mine]
        slope, error = _power_slope(one, facts.powers[one.index], steps)
        rows.append(
            {
                "rank": work.rank, "device_id": work.device_id, **_course(zones, window),
                "power_w_per_c": slope, "power_error_w_per_c": error,
            }
        )  # fmt: skip
    return pl.DataFrame(rows, schema={column.name: column.dtype for column in TEMPERATURE_DRIFT})


def _course(zones: Zones, window: Window) -> dict[str, float]:
    begin_ns, end_ns = int(zones.low_ns[0]), int(zones.high_ns[-1])
    tenth_ns = int((end_ns - begin_ns) * _END_SHARE)
    ends = np.array([begin_ns, end_ns - tenth_ns]), np.array([begin_ns + tenth_ns, end_ns])
    start_c, end_c = zones.mean(*ends).tolist()
    at_min = ((zones.low_ns + zones.high_ns) / 2 - window.start_ns) / NS_PER_MIN
    length = (zones.high_ns - zones.low_ns).astype(np.float64)
    since = at_min - np.average(at_min, weights=length)
    slope = float((length * since * zones.value).sum() / (length * since**2).sum())
    return {
        "start_c": start_c, "end_c": end_c, "highest_c": float(zones.value.max()),
        "slope_c_per_min": slope,
    }  # fmt: skip


def _power_slope(
    one: DeviceReadings, power: PowerCurve | None, steps: tuple[Int, Int, Int]
) -> tuple[float | None, float | None]:
    """Fit the power of like steps to their temperature, and to their clock if that moves."""
    start_ns, end_ns = _like(*steps)
    if power is None or one.temperature_c is None or len(start_ns) < N_BLOCKS * STEPS_A_BLOCK:
        return None, None
    power_w = energy_of(power, start_ns, end_ns) / ((end_ns - start_ns) * S_PER_NS)
    columns = [power_w, one.temperature_c.mean(start_ns, end_ns)]
    if one.sm_mhz is not None:
        columns.append(one.sm_mhz.mean(start_ns, end_ns))
    known = ~np.isnan(columns).any(axis=0)
    if known.sum() < N_BLOCKS * STEPS_A_BLOCK:
        return None, None
    block = np.arange(known.sum()) * N_BLOCKS // known.sum()
    count = np.bincount(block)
    means = [np.bincount(block, column[known]) / count for column in columns]
    if np.ptp(means[1]) < LEAST_SPREAD_C:
        return None, None
    terms = [np.ones(N_BLOCKS), means[1] - means[1].mean()]
    if len(means) > 2 and np.ptp(means[2]) > LEAST_CLOCK_SPREAD * means[2].mean():  # noqa: PLR2004 - power, temperature, clock
        terms.append(means[2] / means[2].mean() - 1)
    return _slope(np.column_stack(terms), means[0])


def _like(kind: Int, start_ns: Int, end_ns: Int) -> tuple[Int, Int]:
    length_ns = (end_ns - start_ns).astype(np.float64)
    if not len(kind):
        return start_ns, end_ns
    mine = kind == np.argmax(np.bincount(kind, length_ns))
    usual_ns = float(np.median(length_ns[mine]))
    mine &= np.abs(length_ns - usual_ns) <= LIKE_LENGTH * usual_ns
    if length_ns[mine].sum() < ONE_KIND_SHARE * length_ns.sum():
        mine[:] = False
    order = np.argsort(start_ns[mine])
    return start_ns[mine][order], end_ns[mine][order]


def _slope(terms: Float, power_w: Float) -> tuple[float | None, float | None]:
    found, _, rank, _ = np.linalg.lstsq(terms, power_w, rcond=None)
    n_free = len(power_w) - terms.shape[1]
    if rank < terms.shape[1]:
        return None, None
    left_w = power_w - terms @ found
    covariance = np.linalg.inv(terms.T @ terms) * float(left_w @ left_w) / n_free
    slope, error = float(found[1]), float(np.sqrt(covariance[1, 1]))
    return (slope, error) if abs(slope) > MARGIN * error else (None, None)
