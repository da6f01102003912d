"""Numbers behind the charts: at most as many as a screen can show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from traceenergy.records import dataclass
from traceenergy.report.names import clean_name, cut_middle, short_names
from traceenergy.report.view_columns import device_name
from traceenergy.report.view_tables import phase_label
from traceenergy.units import S_PER_NS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.analysis.model import Analysis

# About two per pixel of a wide chart.
MAX_POINTS = 2_000
MAX_KERNEL_BARS = 15
MAX_DEVICE_CHARTS = 8
MAX_LAYER_BARS = 400
IDLE = "idle"
_DIGITS = 6
_LABEL_LENGTH = 36


@dataclass(frozen=True)
class BarsView:
    """Bars of energy beside bars of busy time, same rows in the same order.

    Attributes
    ----------
    names, titles
        Row labels; full names for hovering.
    phases
        First-level phase of each row, for its color; empty for none.
    energy_j, energy_lo_j, energy_hi_j, busy_s, path_s
        None where unknown; the last is time on the critical path.
    """

    names: tuple[str, ...]
    titles: tuple[str, ...]
    phases: tuple[str, ...]
    energy_j: tuple[float | None, ...]
    energy_lo_j: tuple[float | None, ...]
    energy_hi_j: tuple[float | None, ...]
    busy_s: tuple[float | None, ...]
    path_s: tuple[float | None, ...]


@dataclass(frozen=True)
class BalanceView:
    """Parts of the total energy, in order; the keys choose colors."""

    keys: tuple[str, ...]
    names: tuple[str, ...]
    energy_j: tuple[float, ...]


@dataclass(frozen=True)
class PowerView:
    """Power of one device over time, what ran under it.

    Attributes
    ----------
    device
        Its name.
    time_s, power_w
        Samples since the start of the window; None in both leaves a gap open.
    is_thinned
        Whether only the lowest and highest samples of small stretches are kept.
    idle_power_w
        Level to draw; None if not known.
    edge_s
        Edges of the time bins, one more than bins.
    phases
        (phase, label, share of each bin) in stacking order.
    """

    device: str
    time_s: tuple[float | None, ...]
    power_w: tuple[float | None, ...]
    is_thinned: bool
    idle_power_w: float | None
    edge_s: tuple[float, ...]
    phases: tuple[tuple[str, str, tuple[float, ...]], ...]


def balance_view(result: Analysis) -> BalanceView | None:
    """Choose the parts of the balance bar; None without power."""
    energy = result.energy
    parts = (
        ("static", "GPU work, static", energy.static_j),
        ("dynamic", "GPU work, dynamic", energy.dynamic_j),
        ("idle", "Idle gaps", energy.idle_gap_j),
        ("unattributed", "Unattributed", energy.unattributed_j),
    )
    if energy.total_j is None:
        return None
    return BalanceView(
        keys=tuple(key for key, _, _ in parts),
        names=tuple(name for _, name, _ in parts),
        energy_j=tuple(_round(value or 0.0) for _, _, value in parts),
    )


def phase_bars(result: Analysis) -> BarsView | None:
    """Choose the bars of the phases; None if there are none."""
    labels = [cut_middle(label, _LABEL_LENGTH) for label in phase_label(result).values()]
    return _bars(result.phases, _distinct(labels), result.phases["name"].to_list())


def kernel_bars(result: Analysis) -> BarsView | None:
    """Choose the bars of the kernels of most energy; None if there are none."""
    top = result.kernels.head(MAX_KERNEL_BARS)
    names = [cut_middle(name, _LABEL_LENGTH) for name in short_names(top["name"].to_list())]
    return _bars(top, _distinct(names), top["phase"].to_list())


def layer_bars(result: Analysis) -> BarsView | None:
    """Choose the bars of the layers by index; None if no layer was found."""
    layers = result.layers.drop_nulls("layer").sort("layer").head(MAX_LAYER_BARS)
    names = [str(index) for index in layers["layer"].to_list()]
    return _bars(layers, names, [""] * layers.height)


def power_views(result: Analysis) -> tuple[PowerView, ...]:
    """Choose the series of the first devices' charts."""
    labels = phase_label(result)
    views = (
        _power_view(result, row, labels)
        for row in result.devices.head(MAX_DEVICE_CHARTS).iter_rows(named=True)
    )
    return tuple(view for view in views if view.time_s or view.phases)


def thin(
    time_s: NDArray[np.float64], value: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Keep the lowest and highest value of equal stretches of samples.

    Parameters
    ----------
    time_s, value : ndarray of float64 (n,)
        Sorted by time; NaN marks a gap.

    Returns
    -------
    time_s, value : ndarray of float64 (m,)
        m <= MAX_POINTS. All of them if they are few; peaks are never lost.
    """
    n = len(value)
    if n <= MAX_POINTS:
        return time_s, value
    # Low, high and a gap of each stretch: three points.
    edges = np.linspace(0, n, MAX_POINTS // 3 + 1).astype(np.int64)
    stretch = np.repeat(np.arange(len(edges) - 1), np.diff(edges))
    order = np.lexsort((value, stretch))  # NaN sorts last in its stretch
    starts = edges[:-1]
    n_known = np.add.reduceat(~np.isnan(value), starts)
    low = order[starts]
    high = order[starts + np.maximum(n_known - 1, 0)]
    gap = order[edges[1:] - 1]
    kept = np.unique(np.concatenate((low, high, gap[np.isnan(value[gap])])))
    return time_s[kept], value[kept]


def _bars(frame: pl.DataFrame, names: list[str], phases: list[str]) -> BarsView | None:
    if frame.height == 0:
        return None
    columns = {
        name: tuple(_rounded(frame[name].to_list()))
        for name in ("energy_j", "energy_lo_j", "energy_hi_j", "busy_s")
    }
    path_s = tuple(_rounded(frame["critical_path_s"].to_list()))
    titles = [clean_name(name[:200]) for name in frame["name"].to_list()]
    return BarsView(
        names=tuple(names), titles=tuple(titles), phases=tuple(phases), path_s=path_s, **columns
    )


def _power_view(result: Analysis, row: dict[str, Any], labels: dict[str, str]) -> PowerView:
    own = (pl.col("rank") == row["rank"]) & (pl.col("device_id") == row["device_id"])
    origin_ns = result.window.start_ns
    samples = result.power_curve.filter(own).sort("sample_ns")
    time_s, power_w = _with_gaps(samples, origin_ns)
    kept_s, kept_w = thin(time_s, power_w)
    edge_s, phases = _activity(result.timeline.filter(own), origin_ns, labels)
    return PowerView(
        device=device_name(row),
        time_s=tuple(_rounded(kept_s.tolist())),
        power_w=tuple(_rounded(kept_w.tolist())),
        is_thinned=len(kept_s) < len(time_s),
        idle_power_w=row["idle_power_w"],
        edge_s=edge_s,
        phases=phases,
    )


def _with_gaps(
    samples: pl.DataFrame, origin_ns: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Put NaN before each sample that follows a gap."""
    time_s = (samples["sample_ns"].to_numpy() - origin_ns) * S_PER_NS
    power_w = samples["power_w"].to_numpy()
    gap = np.flatnonzero(samples["follows_gap"].to_numpy())
    return np.insert(time_s, gap, np.nan), np.insert(power_w, gap, np.nan)


def _activity(
    timeline: pl.DataFrame, origin_ns: int, labels: dict[str, str]
) -> tuple[tuple[float, ...], tuple[tuple[str, str, tuple[float, ...]], ...]]:
    if timeline.height == 0:
        return (), ()
    bins = timeline.select("bin", "start_ns", "end_ns").unique("bin").sort("bin")
    edge_ns = np.append(bins["start_ns"].to_numpy(), bins["end_ns"].to_numpy()[-1])
    position = np.searchsorted(bins["bin"].to_numpy(), timeline["bin"].to_numpy())
    at = timeline.select("phase", "busy_share").with_columns(position=position)
    # The known order of phases keeps colors in the same place on every chart.
    present = set(at["phase"].unique())
    order = [name for name in labels if name in present] + sorted(present - set(labels))
    series = []
    for phase in [name for name in order if name != IDLE]:
        mine = at.filter(pl.col("phase") == phase)
        share = np.zeros(bins.height)
        share[mine["position"].to_numpy()] = mine["busy_share"].to_numpy()
        series.append((phase, labels.get(phase, phase), tuple(np.round(share, 4).tolist())))
    return tuple(_round(v) for v in ((edge_ns - origin_ns) * S_PER_NS).tolist()), tuple(series)


def _distinct(names: list[str]) -> list[str]:
    """Put numbers to names that are alike, since a chart would put their bars on one line."""
    seen: dict[str, int] = {}
    result = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        result.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return result


def _rounded(values: list[float | None]) -> list[float | None]:
    return [None if v is None or not np.isfinite(v) else _round(v) for v in values]


def _round(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")
