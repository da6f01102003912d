"""What a range path inherits from the ranges around it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from traceenergy.codes import number_codes
from traceenergy.phases.asked_texts import AskedTexts
from traceenergy.phases.match import NO_MATCH, without_numbering
from traceenergy.records import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from traceenergy.phases.rulefile import Rule
    from traceenergy.trace.tables import RangePaths

    Int = NDArray[np.int64]
    Bool = NDArray[np.bool_]

OUTSIDE = 0  # row of what stands outside every range


@dataclass(frozen=True)
class RangeTree:
    """Range paths, those together of which all that is asked has one answer.

    Such paths are a node, and the tree is of nodes: few, however many paths there are.

    Attributes
    ----------
    texts : AskedTexts (n_texts,)
        Distinct texts of ranges, without PyTorch's numbering. Row 0 is the empty text.
    domains : AskedTexts (n_domains,)
        Distinct domain names. Row 0 is the empty text.
    text_of, domain_of : ndarray of int64 (n_nodes,)
        Row in `texts` and `domains`, of one of its paths. Node 0 is outside every range.
    parent : ndarray of int64 (n_nodes,)
        Enclosing node; 0 for outermost ones.
    levels : tuple of ndarray of int64
        Nodes by depth, outermost first.
    of_path : ndarray of int64 (n_paths + 1,)
        Node of each path; path p has row p + 1, row 0 is outside.
    """

    texts: AskedTexts
    domains: AskedTexts
    text_of: Int
    domain_of: Int
    parent: Int
    levels: tuple[Int, ...]
    of_path: Int

    def innermost(self, own: Int) -> Int:
        """Give each node its own value, else that of the nearest enclosing range that has one.

        Parameters
        ----------
        own : ndarray of int64 (n_nodes,)
            -1 for none.

        Returns
        -------
        ndarray of int64 (n_nodes,)
        """
        value = own.copy()
        for rows in self.levels:
            lacking = rows[value[rows] == NO_MATCH]
            value[lacking] = value[self.parent[lacking]]
        return value

    def anywhere(self, own: Bool) -> Bool:
        """Tell which nodes hold a range, own or enclosing, of which something is true.

        Parameters
        ----------
        own : ndarray of bool (n_nodes,)

        Returns
        -------
        ndarray of bool (n_nodes,)
        """
        value = own.copy()
        for rows in self.levels:
            value[rows] |= value[self.parent[rows]]
        return value

    def touched(self, rows: Int) -> Int:
        """List the texts of some nodes and of those around them.

        Parameters
        ----------
        rows : ndarray of int64 (n,)

        Returns
        -------
        ndarray of int64 (n_texts_touched,)
            Rows of `texts`.
        """
        used = np.zeros(len(self.parent), dtype=bool)
        used[rows] = True
        for level in reversed(self.levels):
            used[self.parent[level[used[level]]]] = True
        used[OUTSIDE] = False
        return np.unique(self.text_of[used])

    def matching(self, pattern: str, domain: str | None = None) -> Bool:
        """Tell which nodes' own range matches a pattern, in a domain if asked.

        Parameters
        ----------
        pattern, domain : str
            Regular expressions on the text and on the name of the domain.

        Returns
        -------
        ndarray of bool (n_nodes,)
        """
        hit = self.texts.matches_any([pattern])[self.text_of]
        if domain is not None:
            hit &= self.domains.matches_any([domain])[self.domain_of]
        hit[OUTSIDE] = False
        return hit

    def first_rule(self, rules: Sequence[tuple[int, Rule]]) -> Int:
        """Find for each node the rule of the innermost range that has one.

        Parameters
        ----------
        rules : sequence of (index, Rule)
            Rules on ranges, by rising index.

        Returns
        -------
        ndarray of int64 (n_paths + 1,)
            Index of the rule; -1 for none.
        """
        plain = [(i, rule) for i, rule in rules if rule.within is None and rule.domain is None]
        index = np.array([*(i for i, _ in plain), NO_MATCH], dtype=np.int64)
        own = index[self.texts.first_match([str(rule.range) for _, rule in plain])][self.text_of]
        own[OUTSIDE] = NO_MATCH
        for i, rule in rules:
            if rule.within is None and rule.domain is None:
                continue
            hit = self.matching(str(rule.range), rule.domain)
            if rule.within is not None:
                hit &= self.anywhere(self.matching(rule.within))
            own[hit & ((own == NO_MATCH) | (own > i))] = i
        return self.innermost(own)

    def layers(self, patterns: Sequence[str]) -> Int:
        """Read the layer from the innermost range that names one.

        Parameters
        ----------
        patterns : sequence of str
            Each with a group `layer`; the first that matches a text counts.

        Returns
        -------
        ndarray of int64 (n_nodes,)
            -1 for none.
        """
        own = self.texts.layers(patterns)[self.text_of]
        own[OUTSIDE] = NO_MATCH
        return self.innermost(own)


def grow_tree(paths: RangePaths, names: pl.Series, ask: Callable[[RangeTree], object]) -> RangeTree:
    """Build the tree of range paths.

    Parameters
    ----------
    paths : RangePaths
    names : polars.Series of String
        Text by id.
    ask : callable
        Asks a tree all that will be asked of the result.

    Returns
    -------
    RangeTree

    Notes
    -----
    Each text is cut and compared once however many paths it is in; what follows costs one gather
    per level of nesting. `ask` is asked of a tree in which each range stands alone. What a path
    answers follows from its own range and from what the path around it answers, so that paths of
    ranges with equal answers, level by level, are equal.
    """
    texts, text_of = _distinct(paths["name_id"], names, cut=True)
    domains, domain_of = _distinct(paths["domain_name_id"], names, cut=False)
    n_domains = len(domains)
    pairs, pair_of = number_codes(text_of * n_domains + domain_of, len(texts) * n_domains)
    text_of, domain_of = (np.append(0, part) for part in np.divmod(pairs, n_domains))
    single = np.arange(1, len(pairs) + 1)
    ask(RangeTree(texts, domains, text_of, domain_of, np.zeros_like(text_of), (single,), pair_of))
    (kind_of_text, _), (kind_of_domain, n_kinds) = texts.kinds(), domains.kinds()
    kinds = kind_of_text[text_of[1:]] * n_kinds + kind_of_domain[domain_of[1:]]
    kinds, kind_of_pair = number_codes(kinds, len(texts) * n_kinds)
    pair_of_kind = np.empty(len(kinds), dtype=np.int64)
    pair_of_kind[kind_of_pair] = single
    parent, kind, levels, of_path = _join_paths(paths, kind_of_pair[pair_of], len(kinds))
    pair = np.append(0, pair_of_kind[kind[1:]])
    return RangeTree(texts, domains, text_of[pair], domain_of[pair], parent, levels, of_path)


def _join_paths(
    paths: RangePaths, kind: Int, n_kinds: int
) -> tuple[Int, Int, tuple[Int, ...], Int]:
    """Make one node of the paths of one kind in one node: its parent, kind, level, paths."""
    around = (paths["parent_path_id"].cast(pl.Int64) + 1).fill_null(OUTSIDE).to_numpy()
    depth = paths["depth"].to_numpy()
    by_depth = np.argsort(depth.astype(np.min_scalar_type(depth.max(initial=0))), kind="stable")
    of_path = np.zeros(len(paths) + 1, dtype=np.int64)
    parents, kinds, levels, n_nodes = [np.zeros(1, np.int64)], [np.zeros(1, np.int64)], [], 1
    for rows in np.split(by_depth, np.cumsum(np.bincount(depth, minlength=1))[:-1]):
        code = of_path[around[rows]] * n_kinds + kind[rows]
        there, node = number_codes(code, n_nodes * n_kinds)
        of_path[rows + 1] = n_nodes + node
        levels.append(np.arange(n_nodes, n_nodes + len(there)))
        parents.append(there // n_kinds)
        kinds.append(there % n_kinds)
        n_nodes += len(there)
    return np.concatenate(parents), np.concatenate(kinds), tuple(levels), of_path


def _distinct(ids: pl.Series, names: pl.Series, *, cut: bool) -> tuple[AskedTexts, Int]:
    # First distinct ids, then distinct texts: most ids differ only in their numbering.
    there, place = number_codes((ids.cast(pl.Int64) + 1).fill_null(0).to_numpy(), len(names) + 1)
    named = there > 0
    texts = names.gather(there[named] - 1).fill_null("")
    if cut:
        texts = without_numbering(texts)
    kept = pl.concat([pl.Series([""], dtype=pl.String), texts.rename("")]).unique(
        maintain_order=True
    )
    of_text = pl.DataFrame({"text": kept, "row": np.arange(len(kept))})
    rows = pl.DataFrame({"text": texts}).join(of_text, on="text", maintain_order="left")["row"]
    row_of = np.zeros(len(there), dtype=np.int64)
    row_of[named] = rows.to_numpy()
    return AskedTexts(kept), row_of[place]
