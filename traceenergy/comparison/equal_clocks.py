"""Two variants of one kernel side by side: as they ran, at equal clocks."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from traceenergy.comparison.surroundings import mean_reading
from traceenergy.energy.clock_factor import EXPONENT
from traceenergy.records import dataclass

if TYPE_CHECKING:
    from traceenergy.analysis.model import Analysis
    from traceenergy.comparison.kernel_match import Key
    from traceenergy.comparison.model import Comparison


@dataclass(frozen=True)
class Variant:
    """A kernel as one run has it.

    Attributes
    ----------
    name
    per_step
        Launches per step, or of the run.
    time_s
        Mean of one launch.
    power_w, static_w
        While it runs, all of it and its static part; None where not known.
    clock_mhz
        Of the SMs while it runs; None where not recorded.
    """

    name: str
    per_step: float
    time_s: float
    power_w: float | None
    static_w: float | None
    clock_mhz: float | None

    @property
    def energy_j(self) -> float | None:
        """Of one launch [J]; None where power is not known."""
        return None if self.power_w is None else self.power_w * self.time_s


@dataclass(frozen=True)
class AtClock:
    """What a kernel would cost at another clock: between two limits.

    Attributes
    ----------
    time_lo_s, time_hi_s
        Of one launch.
    power_w
        While it runs.
    energy_lo_j, energy_hi_j
        Of one launch.
    """

    time_lo_s: float
    time_hi_s: float
    power_w: float
    energy_lo_j: float
    energy_hi_j: float


@dataclass(frozen=True)
class KernelPair:
    """One kernel in two variants.

    Attributes
    ----------
    phase, subphase
    base, head
        As each run has it.
    head_at_base_clock
        The head's at the base's clock; None where a clock or a power is not known.
    """

    phase: str
    subphase: str
    base: Variant
    head: Variant
    head_at_base_clock: AtClock | None


def at_clock(variant: Variant, clock_mhz: float) -> AtClock | None:
    """Say what a kernel would cost at another clock.

    Parameters
    ----------
    variant : Variant
    clock_mhz : float
        Of the SMs.

    Returns
    -------
    AtClock or None
        None where the variant's own clock, its power or its static part is not known.

    Notes
    -----
    Time lies between two limits: what memory bounds takes as long at any clock of the SMs, what
    they bound takes time in proportion to 1 / clock. Static power stays; dynamic power goes with
    the clock to the power 2.2, as in `energy.clock_factor`.
    """
    if not variant.clock_mhz or variant.power_w is None or variant.static_w is None:
        return None
    ratio = clock_mhz / variant.clock_mhz
    dynamic_w = variant.power_w - variant.static_w
    power_w = variant.static_w + dynamic_w * math.pow(ratio, EXPONENT)
    low_s, high_s = sorted((variant.time_s, variant.time_s / ratio))
    return AtClock(low_s, high_s, power_w, low_s * power_w, high_s * power_w)


def paired_kernels(comparison: Comparison) -> pl.DataFrame:
    """Find kernels that have another name in the head, or were paired by the user.

    Parameters
    ----------
    comparison : Comparison

    Returns
    -------
    polars.DataFrame
        Rows of `KERNEL_MATCH_ROW`, most energy first.
    """
    schema = {"base_name": pl.String, "head_name": pl.String}
    asked = pl.DataFrame(list(comparison.options.kernel_pairs), schema=schema, orient="row")
    asked = asked.unique().with_columns(is_asked=pl.lit(value=True))
    kernels = comparison.kernels.join(
        asked, on=["base_name", "head_name"], how="left", maintain_order="left"
    )
    is_pair = (pl.col("status") == "renamed") | pl.col("is_asked").fill_null(value=False)
    return kernels.filter(is_pair).drop("is_asked")


def kernel_pairs(comparison: Comparison, limit: int | None = None) -> list[KernelPair]:
    """Set the two variants of paired kernels side by side.

    Parameters
    ----------
    comparison : Comparison
    limit : int, optional
        Most pairs.

    Returns
    -------
    list of KernelPair
        Most energy first.
    """
    rows = paired_kernels(comparison).head(limit or len(comparison.kernels)).to_dicts()
    base, head = _variants(comparison.base, rows, "base"), _variants(comparison.head, rows, "head")
    return [
        KernelPair(
            row["phase"],
            row["subphase"],
            mine,
            theirs,
            at_clock(theirs, mine.clock_mhz) if mine.clock_mhz else None,
        )
        for row, mine, theirs in zip(rows, base, head, strict=True)
    ]


def _variants(run: Analysis, rows: list[dict[str, Any]], which: str) -> list[Variant]:
    wanted = pl.Series([row[f"{which}_name"] for row in rows], dtype=pl.String)
    found = run.kernels.filter(pl.col("name").is_in(wanted.implode())).to_dicts()
    by_key = {(kernel["name"], kernel["subphase"]): kernel for kernel in found}
    # A user may pair kernels of different parts of a phase.
    by_name = {kernel["name"]: kernel for kernel in reversed(found)}
    kernels = [
        by_key.get((row[f"{which}_name"], row["subphase"]), by_name[row[f"{which}_name"]])
        for row in rows
    ]
    keys = [(kernel["name"], kernel["subphase"]) for kernel in kernels]
    clocks = clocks_while(run, keys)
    return [
        Variant(
            name=kernel["name"],
            per_step=row[f"{which}_per_step"],
            time_s=row[f"{which}_mean_us"] * 1e-6,
            power_w=row[f"{which}_mean_power_w"],
            static_w=kernel["static_j"] / kernel["busy_s"]
            if kernel["static_j"] is not None and kernel["busy_s"] else None,
            clock_mhz=clocks[key],
        )
        for row, kernel, key in zip(rows, kernels, keys, strict=True)
    ]  # fmt: skip


def clocks_while(run: Analysis, keys: list[Key]) -> dict[Key, float | None]:
    """Read the mean clock of the SMs while kernels ran.

    Parameters
    ----------
    run : Analysis
    keys : list of tuple of str
        Name and subphase of kernels.

    Returns
    -------
    dict of Key to float or None [MHz]
        Weighted by time; where the work or the readings are not at hand, the mean of the run. None
        where no clock was recorded.
    """
    schema = {"kernel": pl.String, "subphase": pl.String}
    wanted = pl.DataFrame(keys, schema=schema, orient="row")
    work = run.work.join(wanted.unique(), on=["kernel", "subphase"], how="semi")
    parts = []
    for (rank, device_id), curve in run.clock_curve.group_by("rank", "device_id"):
        read = curve.sort("sample_ns")
        origin_ns = read["sample_ns"][0]
        mine = work.filter(rank=rank, device_id=device_id).select(
            "kernel",
            "subphase",
            # Kernels are short beside the time between readings: the clock at their middle.
            middle_ns=(pl.col("start_ns") + pl.col("end_ns")) / 2 - origin_ns,
            length_ns=pl.col("end_ns") - pl.col("start_ns"),
        )
        clock_mhz = np.interp(
            mine["middle_ns"].to_numpy(),
            (read["sample_ns"] - origin_ns).to_numpy(),
            read["sm_clock_mhz"].to_numpy(),
        )
        parts.append(mine.with_columns(clock_mhz=clock_mhz))
    mean_mhz = mean_reading(run, "sm_clock_mhz")
    found: dict[Key, float | None] = dict.fromkeys(keys, mean_mhz)
    if parts:
        weight = pl.col("length_ns").sum()
        means = pl.concat(parts).group_by("kernel", "subphase").agg(
            clock_mhz=(pl.col("clock_mhz") * pl.col("length_ns")).sum() / weight, n=weight
        )  # fmt: skip
        told = means.filter(pl.col("n") > 0)
        found |= {(name, part): mhz for name, part, mhz, _ in told.iter_rows()}
    return found
