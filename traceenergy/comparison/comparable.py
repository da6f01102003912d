"""Whether two runs can be compared, with what makes it hard."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from traceenergy.analysis.modelled_power import MODELLED
from traceenergy.comparison.model import Mark
from traceenergy.errors import NotComparableError
from traceenergy.trace.model import POWER_MODEL

if TYPE_CHECKING:
    from traceenergy.analysis.model import Analysis

# Of the time of GPU work in kernels, or in parts of phases, that both runs have.
LEAST_COMMON_KERNELS = 0.1
LEAST_COMMON_PARTS = 0.5
MUCH_UNATTRIBUTED = 0.05


def marks_of(base: Analysis, head: Analysis, kinds: list[str]) -> list[Mark]:
    """Say what makes two runs hard to compare.

    Parameters
    ----------
    base, head : Analysis
    kinds : list of str
        Of steps that both have.

    Returns
    -------
    list of Mark
        Those that refuse first.
    """
    marks = [
        *_models(base, head),
        *_kinds(base, head, kinds),
        *_boards(base, head),
        *_power(base, head),
        *_inputs(base, head),
    ]
    return sorted(marks, key=lambda mark: not mark.refuses)


def refuse(marks: list[Mark]) -> None:
    """Raise for the marks that refuse a comparison.

    Parameters
    ----------
    marks : list of Mark

    Raises
    ------
    NotComparableError
    """
    reasons = [mark for mark in marks if mark.refuses]
    if reasons:
        raise NotComparableError(
            "these runs cannot be compared",
            details="\n".join(f"{mark.slug}: {mark.text}" for mark in reasons),
            next_step="compare runs of one model under one load, or pass --despite",
        )


def _models(base: Analysis, head: Analysis) -> list[Mark]:
    if _layers(base) != _layers(head):
        text = f"the base has {_layers(base)} layers, the head {_layers(head)}"
        return [Mark("other-model", text, refuses=True)]
    common, parts = (_common(base.kernels, head.kernels, by) for by in ("name", "subphase"))
    if common >= LEAST_COMMON_KERNELS or parts >= LEAST_COMMON_PARTS:
        return []
    text = (
        f"kernels that both runs have make up {common:.0%} of their time of GPU work, parts of "
        f"phases that both have {parts:.0%}"
    )
    return [Mark("other-model", text, refuses=True)]


def _layers(run: Analysis) -> int:
    return len(run.layers.drop_nulls("layer"))


def _common(left: pl.DataFrame, right: pl.DataFrame, by: str) -> float:
    """Share of the time that falls to names of both tables; the smaller of both runs."""
    shares = []
    for mine, theirs in ((left, right), (right, left)):
        known = mine.filter(pl.col(by) != "unclassified")
        shared = known.filter(pl.col(by).is_in(theirs[by].implode()))
        all_s = float(mine["busy_s"].sum())
        shares.append(float(shared["busy_s"].sum()) / all_s if all_s > 0 else 1.0)
    return float(min(shares))


def _kinds(base: Analysis, head: Analysis, kinds: list[str]) -> list[Mark]:
    mine, theirs = (
        run.step_costs["step_kind"].unique(maintain_order=True).to_list() for run in (base, head)
    )
    if not mine or not theirs:
        which = " and ".join(
            name for name, found in (("base", mine), ("head", theirs)) if not found
        )
        text = f"no steps are known in the {which}: nothing tells how much runs vary"
        return [Mark("no-steps", text)]
    if not kinds:
        text = f"steps of the base are {', '.join(mine)}, of the head {', '.join(theirs)}"
        return [Mark("other-step-kind", text, refuses=True)]
    alone = [kind for kind in (*mine, *theirs) if kind not in kinds]
    if alone:
        text = f"steps of kind {', '.join(alone)} are in one run only, and are left out"
        return [Mark("step-kind-left-out", text)]
    return []


def _boards(base: Analysis, head: Analysis) -> list[Mark]:
    names = [sorted(run.devices["name"].drop_nulls().to_list()) for run in (base, head)]
    marks = []
    if set(names[0]) != set(names[1]):
        text = f"the base ran on {_listed(names[0])}, the head on {_listed(names[1])}"
        marks.append(Mark("other-gpu", text))
    n_gpus = [len(run.devices) for run in (base, head)]
    if n_gpus[0] != n_gpus[1]:
        text = f"the base has {n_gpus[0]} GPUs, the head {n_gpus[1]}"
        marks.append(Mark("other-gpu-count", text))
    uuids = [set(run.devices["uuid"].drop_nulls().to_list()) for run in (base, head)]
    if not marks and all(uuids) and uuids[0] != uuids[1]:
        text = (
            "both runs used other boards of the same kind: sensors and chips of two boards differ "
            "by some percent, which is in every difference of energy here"
        )
        marks.append(Mark("other-board", text))
    return marks


def _listed(names: list[str]) -> str:
    return ", ".join(dict.fromkeys(names)) or "a GPU that is not named"


def _power(base: Analysis, head: Analysis) -> list[Mark]:
    totals_j = (base.energy.total_j, head.energy.total_j)
    if totals_j[0] is None or totals_j[1] is None:
        which = "base" if totals_j[0] is None else "head"
        return [Mark("no-power", f"the {which} has no measured power: only time is compared")]
    marks = _modelled(base, head)
    sources = [
        run.devices["power_source"].fill_null("nothing").unique().sort().to_list()
        for run in (base, head)
    ]
    if sources[0] != sources[1]:
        text = f"power of the base is from {', '.join(sources[0])}, of the head from "
        marks.append(Mark("other-power-source", text + ", ".join(sources[1])))
    if base.energy.method != head.energy.method:
        text = f"energy is attributed by {base.energy.method} in the base, by "
        marks.append(Mark("other-method", f"{text}{head.energy.method} in the head"))
    for name, run, total_j in zip(("base", "head"), (base, head), totals_j, strict=True):
        share = (run.energy.unattributed_j or 0.0) / max(total_j or 0.0, 1e-12)
        if share > MUCH_UNATTRIBUTED:
            text = f"{share:.0%} of the energy of the {name} is attributed to nothing"
            marks.append(Mark("unattributed", text))
    return marks


def _modelled(base: Analysis, head: Analysis) -> list[Mark]:
    modelled = [name for name, run in (("base", base), ("head", head))
                if run.energy.method == MODELLED]  # fmt: skip
    if not modelled:
        return []
    if len(modelled) == 1:
        text = f"energy of the {modelled[0]} is modelled, that of the other run measured"
        return [Mark("modelled-power", text, refuses=True)]
    files = [
        {origin.sha256 for origin in run.origins if origin.kind == POWER_MODEL}
        for run in (base, head)
    ]
    text = "energy of both runs is modelled, not measured: watts of a file times time"
    if files[0] != files[1]:
        text += ", of another file in each run, so that energies differ by what the files state"
    return [Mark("modelled-power", text)]


def _inputs(base: Analysis, head: Analysis) -> list[Mark]:
    digests = [sorted(origin.sha256 for origin in run.origins) for run in (base, head)]
    if digests[0] and digests[0] == digests[1]:
        return [Mark("same-inputs", "both runs are of the same files")]
    return []
