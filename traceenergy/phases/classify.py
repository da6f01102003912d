"""GPU work -> phase with its layer, by the first rule that applies.

Order of precedence for one piece of work, launched inside ranges a/b/c (captured
there, if it is of a CUDA graph: `telling_path`):

1. of the user's rules, then of the shipped ones:
   a. kernel rules that are certain, or that ask for a range too;
   b. range rules, innermost range first (c, then b, then a);
   c. kernel rules;
2. weak range rules, innermost range first, then weak kernel rules;
3. the kind of work: copies and memsets are memory;
4. nothing: unclassified.

Within one step the order of the files counts, then the order in the file. A range rule that
names no part (`moe`) is refined by the first kernel rule of any strength with the same first
level (`moe.activation`); rules of strength `refine` do nothing else. Rules on kernels see
kernels only; copies, memsets and whole graphs are judged by their ranges.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from traceenergy.codes import number_codes
from traceenergy.phases.decide import Decisions, ask_ranges, decide
from traceenergy.phases.match import NO_MATCH, matches_any
from traceenergy.phases.range_tree import OUTSIDE, RangeTree, grow_tree
from traceenergy.phases.vocabulary import (
    LABELS,
    LATENT_ATTENTION_LABEL,
    UNCLASSIFIED,
    backward_of,
    first_level,
)
from traceenergy.records import dataclass
from traceenergy.trace.tables import WORK_TABLE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from traceenergy.phases.rules import RuleSet
    from traceenergy.trace.tables import GpuWork, RangePaths

    Int = NDArray[np.int64]

_BY_TABLE = {"MEMCPY": "memory.memcpy", "MEMSET": "memory.memset"}
_LATENT_PARTS = frozenset({"attention.mla", "attention.q_up_rope"})
_TABLES = WORK_TABLE.categories.to_list()


@dataclass(frozen=True)
class Classification:
    """Phase and layer of each piece of GPU work.

    Attributes
    ----------
    work : polars.DataFrame (n_work,)
        In the order of the GPU work: `phase` (Enum of first levels), `subphase` (Enum, the first
        level where there is no part), `layer` (Int32, null in no layer), `rule` (Enum, id of the
        rule that decided, `a+b` where b added the part, `table:MEMCPY` for the kind of work,
        null for unclassified work).
    labels
        First-level phase -> name for people.
    """

    work: pl.DataFrame
    labels: dict[str, str]


@dataclass(frozen=True)
class _Kernels:
    """Distinct kernels; the other kinds of work stand beside them under negative keys."""

    key: Int
    of_work: Int
    texts: pl.Series


def classify_work(
    work: GpuWork, path_id: pl.Series, paths: RangePaths, names: pl.Series, rules: RuleSet
) -> Classification:
    """Give each piece of GPU work its phase and layer.

    Parameters
    ----------
    work : GpuWork
    path_id : polars.Series of UInt32 (n_work,)
        Range path, as `telling_path` chose it, in the order of `work`; null outside every range.
    paths : RangePaths
    names : polars.Series of String
        Text by id.
    rules : RuleSet

    Returns
    -------
    Classification

    Notes
    -----
    Regular expressions see each distinct text once. Decisions are made once per distinct pair of
    what the ranges say and kernel name, then spread over the work.
    """
    tree = grow_tree(paths, names, partial(_ask, rules=rules))
    node = tree.of_path[(path_id.cast(pl.Int64) + 1).fill_null(OUTSIDE).to_numpy()]
    kernels = _distinct_kernels(work, names)
    decisions = decide(tree, node, kernels.of_work, kernels.texts, rules)
    subphase, pair_rule = _name_decisions(decisions, kernels, rules)
    layer = pl.Series(tree.layers(rules.layer_patterns)).replace(NO_MATCH, None).cast(pl.Int32)
    table = pl.DataFrame(
        {
            "phase": _spread([first_level(s) for s in subphase], decisions.of_work, list(LABELS)),
            "subphase": _spread(subphase, decisions.of_work),
            "layer": layer.gather(node),
            "rule": _spread(pair_rule, decisions.of_work),
        }
    )
    latent = not _LATENT_PARTS.isdisjoint(s.removesuffix(".bwd") for s in subphase)
    latent = latent or _names_latent(tree, node, kernels.texts, rules)
    labels = LABELS | {"attention": LATENT_ATTENTION_LABEL} if latent else dict(LABELS)
    return Classification(work=table, labels=labels)


def _distinct_kernels(work: GpuWork, names: pl.Series) -> _Kernels:
    kind = work["table"].to_physical().cast(pl.Int64).to_numpy()
    is_kernel = kind == _TABLES.index("KERNEL")
    key = np.where(is_kernel, work["full_name_id"].cast(pl.Int64).to_numpy(), -1 - kind)
    there, of_work = number_codes(key + len(_TABLES), len(names) + len(_TABLES))
    distinct = there - len(_TABLES)
    texts = names.gather(pl.Series(np.maximum(distinct, 0), dtype=pl.UInt32)).fill_null("")
    no_kernel = pl.Series(distinct < 0, dtype=pl.Boolean)
    return _Kernels(distinct, of_work, texts.zip_with(~no_kernel, pl.Series([""])))


def _name_decisions(
    decisions: Decisions, kernels: _Kernels, rules: RuleSet
) -> tuple[list[str], list[str | None]]:
    every = rules.rules
    subphases: list[str] = []
    ids: list[str | None] = []
    for rule, part, kernel, backward in decisions.rows():
        key = int(kernels.key[kernel])
        if rule != NO_MATCH:
            name = every[part if part != NO_MATCH else rule].phase
            ids.append(every[rule].id + (f"+{every[part].id}" if part != NO_MATCH else ""))
        else:
            kind = "" if key >= 0 else _TABLES[-1 - key]
            name = _BY_TABLE.get(kind, UNCLASSIFIED)
            ids.append(f"table:{kind}" if kind in _BY_TABLE else None)
        subphases.append(backward_of(name) if backward else name)
    return subphases, ids


def _spread(
    values: Sequence[str | None], of_work: Int, categories: list[str] | None = None
) -> pl.Series:
    known = categories or sorted({value for value in values if value is not None})
    return pl.Series(values, dtype=pl.Enum(known)).gather(of_work)


def _ask(tree: RangeTree, rules: RuleSet) -> None:
    """Ask all that is asked of ranges."""
    ask_ranges(tree, rules)
    tree.layers(rules.layer_patterns)
    tree.texts.matches_any(_latent_ranges(rules))


def _names_latent(tree: RangeTree, node: Int, kernels: pl.Series, rules: RuleSet) -> bool:
    ranges = tree.texts.matches_any(_latent_ranges(rules))[tree.touched(node)]
    on_kernels = [rule.kernel for rule in rules.rules if rule.latent and rule.kernel is not None]
    return bool(ranges.any() or matches_any(kernels, on_kernels).any())


def _latent_ranges(rules: RuleSet) -> list[str]:
    telling = [rule for rule in rules.rules if rule.latent and rule.kernel is None]
    return [rule.range for rule in telling if rule.range is not None]
