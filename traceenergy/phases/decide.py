"""Which rule decides, for each distinct pair of range path with kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from traceenergy.codes import first_places, number_codes
from traceenergy.phases.match import NO_MATCH, first_of, matches_any, matches_each
from traceenergy.records import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import polars as pl
    from numpy.typing import NDArray

    from traceenergy.phases.range_tree import RangeTree
    from traceenergy.phases.rulefile import Rule
    from traceenergy.phases.rules import RuleSet

    Int = NDArray[np.int64]
    Bool = NDArray[np.bool_]
    Numbered = Sequence[tuple[int, Rule]]


@dataclass(frozen=True)
class Decisions:
    """One row per distinct pair of what the ranges say and kernel.

    Attributes
    ----------
    rule, part : ndarray of int64 (n_pairs,)
        Index of the rule that decided, and of the rule that added the part; -1 for none.
    kernel : ndarray of int64 (n_pairs,)
        Row of the kernel.
    backward : ndarray of bool (n_pairs,)
        Whether it is of a backward pass.
    of_work : ndarray of int64 (n_work,)
        Row of each piece of work.
    """

    rule: Int
    part: Int
    kernel: Int
    backward: Bool
    of_work: Int

    def rows(self) -> Iterator[tuple[int, int, int, bool]]:
        """Walk over rule, part, kernel and backward of each pair."""
        yield from zip(
            self.rule.tolist(),
            self.part.tolist(),
            self.kernel.tolist(),
            self.backward.tolist(),
            strict=True,
        )


@dataclass(frozen=True)
class Ranges:
    """What the ranges of each node of a tree say; one column per question ``(n_nodes,)``."""

    by_user: Int
    by_shipped: Int
    by_weak: Int
    backward: Int
    conditions: dict[tuple[str, str | None], Int]

    def columns(self) -> list[Int]:
        """List the answers to all questions."""
        return [
            self.by_user,
            self.by_shipped,
            self.by_weak,
            self.backward,
            *self.conditions.values(),
        ]

    def at(self, row: Int) -> Ranges:
        """Take the answers of some nodes."""
        return Ranges(
            self.by_user[row],
            self.by_shipped[row],
            self.by_weak[row],
            self.backward[row],
            {question: answer[row] for question, answer in self.conditions.items()},
        )


@dataclass(frozen=True)
class _Tier:
    """Rules on kernels that are tried together."""

    plain: Int
    asking: tuple[tuple[int, Rule, Bool], ...]

    def at(self, ranges: Ranges, kernel: Int) -> Int:
        found = self.plain[kernel]
        for index, rule, hit in self.asking:
            holds = hit[kernel] & (ranges.conditions[_question(rule)] == 1)
            found = np.where(holds & ((found == NO_MATCH) | (found > index)), index, found)
        return found


def decide(
    tree: RangeTree, node: Int, kernel_row: Int, kernels: pl.Series, rules: RuleSet
) -> Decisions:
    """Find the rule for each distinct pair of what the ranges say and kernel.

    Parameters
    ----------
    tree : RangeTree
    node : ndarray of int64 (n_work,)
        Of the tree.
    kernel_row : ndarray of int64 (n_work,)
        Row of `kernels`.
    kernels : polars.Series of String (n_kernels,)
        Full names; empty for work that is no kernel.
    rules : RuleSet

    Returns
    -------
    Decisions
    """
    every = list(enumerate(rules.rules))
    users, shipped = every[: rules.n_user_rules], every[rules.n_user_rules :]
    by_node = ask_ranges(tree, rules)
    backward_kernel = matches_any(kernels, rules.backward_kernels)
    node_class, first_node = _classes(by_node.columns())
    code = node_class[node] * len(kernels) + kernel_row
    pair, of_work = number_codes(code, len(first_node) * len(kernels))
    kernel = pair % max(1, len(kernels))
    ranges = by_node.at(first_node[pair // max(1, len(kernels))])
    hits = _kernels_hit(kernels, every)
    normal = [
        found
        for book, by_range in ((users, ranges.by_user), (shipped, ranges.by_shipped))
        for found in (
            _tier(hits, _pick(book, "certain")).at(ranges, kernel),
            by_range,
            _tier(hits, _pick(book, "normal")).at(ranges, kernel),
        )
    ]
    weak = [ranges.by_weak, _tier(hits, _pick(every, "weak")).at(ranges, kernel)]
    rule = _first_known([*normal, *weak])
    return Decisions(
        rule=rule,
        part=_parts(rule, ranges, kernel, hits, every),
        kernel=kernel,
        backward=(ranges.backward == 1) | backward_kernel[kernel],
        of_work=of_work,
    )


def ask_ranges(tree: RangeTree, rules: RuleSet) -> Ranges:
    """Ask what rules want to know of ranges.

    Parameters
    ----------
    tree : RangeTree
    rules : RuleSet

    Returns
    -------
    Ranges
    """
    every = list(enumerate(rules.rules))
    users, shipped = every[: rules.n_user_rules], every[rules.n_user_rules :]

    def on_ranges(book: Numbered, *, weak: bool) -> Numbered:
        return [
            (i, rule)
            for i, rule in book
            if rule.kernel is None and (rule.strength == "weak") is weak
        ]

    asked = {_question(r) for _, r in (*users, *shipped) if r.kernel and r.range}
    backward = tree.texts.matches_any(rules.backward_ranges)[tree.text_of]
    return Ranges(
        by_user=tree.first_rule(on_ranges(users, weak=False)),
        by_shipped=tree.first_rule(on_ranges(shipped, weak=False)),
        by_weak=tree.first_rule(on_ranges([*users, *shipped], weak=True)),
        backward=tree.anywhere(backward).astype(np.int64),
        conditions={
            question: tree.anywhere(tree.matching(*question)).astype(np.int64)
            for question in sorted(asked, key=str)
        },
    )


def _question(rule: Rule) -> tuple[str, str | None]:
    return str(rule.range), rule.domain


def _pick(book: Numbered, strength: str) -> Numbered:
    def strength_of(rule: Rule) -> str:
        # A rule that asks for kernel and range is more exact than either alone.
        return "certain" if rule.range and rule.strength == "normal" else rule.strength

    return [(i, rule) for i, rule in book if rule.kernel and strength_of(rule) == strength]


def _kernels_hit(kernels: pl.Series, every: Numbered) -> Bool:
    # By index of the rule; in one go, as most rules are asked in several tiers.
    hits = np.zeros((len(every), len(kernels)), dtype=bool)
    asking = [(i, rule.kernel) for i, rule in every if rule.kernel]
    hits[[i for i, _ in asking]] = matches_each(kernels, [pattern for _, pattern in asking])
    return hits


def _tier(hits: Bool, rules: Numbered) -> _Tier:
    plain = [i for i, rule in rules if rule.range is None]
    index = np.array([*plain, NO_MATCH], dtype=np.int64)
    return _Tier(
        plain=index[first_of(hits[plain])],
        asking=tuple((i, rule, hits[i]) for i, rule in rules if rule.range is not None),
    )


def _parts(rule: Int, ranges: Ranges, kernel: Int, hits: Bool, every: Numbered) -> Int:
    part = np.full(len(rule), NO_MATCH, dtype=np.int64)
    broad = [i for i, r in every if r.is_broad and r.kernel is None]
    open_rows = np.isin(rule, broad)
    for level in sorted({every[i][1].first_level for i in np.unique(rule[open_rows])}):
        rows = np.isin(rule, [i for i in broad if every[i][1].first_level == level])
        finer = [(i, r) for i, r in every if r.kernel and not r.is_broad and r.first_level == level]
        part[rows] = _tier(hits, finer).at(ranges.at(np.flatnonzero(rows)), kernel[rows])
    return part


def _classes(columns: list[Int]) -> tuple[Int, Int]:
    # Nodes that answer every question alike are one class.
    code, n_codes = np.zeros(len(columns[0]), dtype=np.int64), 1
    for column in columns:
        shifted = column - column.min()
        n_values = int(shifted.max()) + 1
        there, code = number_codes(code * n_values + shifted, n_codes * n_values)
        n_codes = len(there)
    return code, first_places(code, n_codes)


def _first_known(candidates: Sequence[Int]) -> Int:
    rule = candidates[0]
    for candidate in candidates[1:]:
        rule = np.where(rule == NO_MATCH, candidate, rule)
    return rule
