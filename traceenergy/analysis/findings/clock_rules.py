"""Rules about what holds clocks down."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from traceenergy.analysis.finding import Finding, NotEvaluated
from traceenergy.analysis.findings.facts import quantity
from traceenergy.energy.board import DATA_SHEET, REPORTED
from traceenergy.records import dataclass
from traceenergy.trace.throttle_reasons import HEAT, POWER

if TYPE_CHECKING:
    from traceenergy.analysis.findings.facts import Facts, Verdict

_BOARD = ("option", "trace", DATA_SHEET, REPORTED)  # what tells the limit of a board
LIMITED_SHARE = 0.95  # of the limit, while there is work: a controller keeps that far below
LOWER_CLOCK = 0.97  # of the highest clock: one or two steps of 15 MHz below are ordinary
# Of the time with work. A cap acts now and then in any run that comes near it; heat should not.
POWER_SHARE, HEAT_SHARE = 0.05, 0.01
_MOST_NAMED = 3
_REASONS = (
    "reasons of throttling (nvidia-smi --query-gpu=clocks_event_reasons.active, or traceenergy "
    "sample)"
)


@dataclass(frozen=True)
class Limited:
    """Work whose clocks a cause holds down.

    Attributes
    ----------
    time_share : float
        Of the time with work of all GPUs.
    clock_share : float or None
        Mean clock meanwhile over the highest; None where clocks were not read.
    time_s : float or None
        What the critical path would be shorter at the highest clock, if clocks bound it.
    device : str
        With most of it.
    phases : tuple of str
        With most of it.
    """

    time_share: float
    clock_share: float | None
    time_s: float | None
    device: str
    phases: tuple[str, ...]

    def is_worth(self, least_share: float) -> bool:
        """Tell whether it lasts long, and clocks are low."""
        is_low = self.clock_share is None or self.clock_share <= LOWER_CLOCK
        return self.time_share >= least_share and is_low

    @property
    def evidence(self) -> str:
        """What was seen."""
        clocks = ""
        if self.clock_share is not None and self.time_s is not None:
            clocks = (
                f" Clocks are at {self.clock_share:.0%} of their highest meanwhile; at the highest "
                f"the critical path would be {quantity(self.time_s, 's')} shorter, if clocks bound "
                "all of it."
            )
        named = ", ".join(f"`{name}`" for name in self.phases)
        return (
            f"The driver names it as the reason for {self.time_share:.0%} of the time with work, "
            f"most on {self.device}, most in {named}.{clocks}"
        )


def _limited_by(facts: Facts, cause: str) -> Limited | None:
    """Sum the time with work for which a cause was active; None if it never was."""
    table = facts.result.throttling.filter(pl.col("reason").is_null(), pl.col("cause") == cause)
    devices = table.filter(level="gpu").sort("busy_s", descending=True)
    phases = table.filter(level="phase").sort("time_s", descending=True)
    if devices.is_empty() or phases.is_empty() or not facts.active_s:
        return None
    clocks = facts.result.clocks.filter(level="phase")
    told = phases.join(
        clocks.select("name", "known_s", "max_clock_mhz"), on="name", maintain_order="left"
    ).join(facts.result.phases.select("name", "critical_path_s"), on="name", maintain_order="left")
    share = time_s = None
    if told["sm_clock_mhz"].count():
        low = 1 - pl.col("sm_clock_mhz") / pl.col("max_clock_mhz")
        lost_s = pl.col("time_s") * low
        share, time_s = told.select(
            1 - lost_s.sum() / pl.col("time_s").sum(),
            (pl.col("critical_path_s").fill_null(0.0) * lost_s / pl.col("known_s")).sum(),
        ).row(0)
    return Limited(
        min(float(devices["busy_s"].sum()) / facts.active_s, 1.0),
        share,
        time_s,
        devices["name"][0],
        tuple(phases["name"].head(_MOST_NAMED)),
    )


def power_limited(facts: Facts) -> Verdict:
    """Ask whether a power limit holds clocks below their highest."""
    if facts.result.throttling.is_empty():
        return _at_limit(facts)
    found = _limited_by(facts, POWER)
    if found is None or not found.is_worth(POWER_SHARE):
        return None
    return Finding(
        "power-limited",
        f"The power limit holds clocks down for {found.time_share:.0%} of the time with work",
        found.evidence,
        _LESS_WORK,
        None,
        found.time_s,
        "high",
    )


def thermal_limited(facts: Facts) -> Verdict:
    """Ask whether heat holds clocks below their highest."""
    if facts.result.throttling.is_empty():
        return NotEvaluated("thermal-limited", _REASONS)
    found = _limited_by(facts, HEAT)
    if found is None or not found.is_worth(HEAT_SHARE):
        return None
    read_c = facts.result.temperature_drift["highest_c"].to_list()
    degrees = f" The highest temperature read is {max(read_c):.0f} C." if read_c else ""
    return Finding(
        "thermal-limited",
        f"Heat holds clocks down for {found.time_share:.0%} of the time with work",
        found.evidence + degrees,
        "See to the cooling: inlet temperature, fans, blocked or recirculated air, a GPU that is "
        "hotter than its neighbors. Until then a lower power limit (nvidia-smi -pl) keeps clocks "
        "steady.",
        None,
        found.time_s,
        "high",
    )


_LESS_WORK = (
    "Do less work rather than more at once: lower precision, fewer bytes, less recomputation. "
    "Overlap only moves the limit to other kernels."
)


def _at_limit(facts: Facts) -> Verdict:
    """Tell by power beside its limit, where nothing tells why clocks are low."""
    table = facts.result.power_limits
    limits = table.filter(pl.col("limit_source").is_in(_BOARD)).drop_nulls("limit_w")
    if limits.is_empty():
        return NotEvaluated("power-limited", "power, and the power limit (--power-limit)")
    clocks = facts.result.clocks.filter(pl.col("level") == "phase")
    busy = _busy_power(facts, limits)
    if clocks.is_empty() or busy.is_empty():
        return NotEvaluated("power-limited", "readings of the SM clock")
    held = busy.filter(pl.col("busy_w") >= LIMITED_SHARE * pl.col("limit_w"))
    share = 1 - float(clocks["lost_s"].sum()) / float(clocks["known_s"].sum())
    if held.is_empty() or share > LOWER_CLOCK:
        return None
    paths = facts.result.phases.select("name", "critical_path_s").join(clocks, on="name")
    time_s = float((paths["critical_path_s"] * (1 - paths["clock_share"])).sum())
    first = held.row(0, named=True)
    return Finding(
        "power-limited",
        f"Power is at its limit, and clocks are {1 - share:.0%} below their highest",
        f"Rank {first['rank']}, GPU {first['device_id']} draws {first['busy_w']:,.0f} W while it "
        f"has work, of {first['limit_w']:,.0f} W ({len(held)} of {len(busy)} GPUs so). At the "
        f"highest clock seen the critical path would be {quantity(time_s, 's')} shorter, if "
        "clocks bound all of it.",
        _LESS_WORK,
        None,
        time_s,
        "medium",
    )


def _busy_power(facts: Facts, limits: pl.DataFrame) -> pl.DataFrame:
    of_device = limits.group_by("rank", "device_id").agg(pl.col("limit_w").max())
    rows = facts.result.devices.select(
        "rank",
        "device_id",
        busy_w=(pl.col("total_j") - pl.col("idle_gap_j"))
        / (pl.col("busy_share") * facts.elapsed_s * pl.col("coverage_share")),
    )
    joined = rows.join(of_device, on=["rank", "device_id"]).drop_nulls()
    return joined.sort("busy_w", descending=True)
