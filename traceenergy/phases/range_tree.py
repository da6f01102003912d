"""What a range path inherits from the ranges around it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from traceenergy.phases.match import NO_MATCH, first_match, matches_any, without_numbering

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from traceenergy.phases.rulefile import Rule
    from traceenergy.trace.tables import RangePaths

    Int = NDArray[np.int64]
    Bool = NDArray[np.bool_]

# Row 0 of every array stands for "outside every range"; path p has row p + 1.
OUTSIDE = 0
_LARGEST_LAYER = 2**31 - 1


@dataclass(frozen=True)
class RangeTree:
    """Range paths with the distinct texts that they are made of.

    Attributes
    ----------
    texts : polars.Series of String (n_texts,)
        Distinct texts of ranges, without PyTorch's numbering. Row 0 is the empty text.
    domains : polars.Series of String (n_domains,)
        Distinct domain names. Row 0 is the empty text.
    text_of, domain_of : ndarray of int64 (n_paths + 1,)
        Row in `texts` and `domains`.
    parent : ndarray of int64 (n_paths + 1,)
        Row of the enclosing path; 0 for outermost ones.
    levels : tuple of ndarray of int64
        Rows by depth, outermost first.
    """

    texts: pl.Series
    domains: pl.Series
    text_of: Int
    domain_of: Int
    parent: Int
    levels: tuple[Int, ...]

    def innermost(self, own: Int) -> Int:
        """Give each path its own value, else that of the nearest enclosing range that has one.

        Parameters
        ----------
        own : ndarray of int64 (n_paths + 1,)
            -1 for none.

        Returns
        -------
        ndarray of int64 (n_paths + 1,)
        """
        value = own.copy()
        for rows in self.levels:
            lacking = rows[value[rows] == NO_MATCH]
            value[lacking] = value[self.parent[lacking]]
        return value

    def anywhere(self, own: Bool) -> Bool:
        """Tell which paths hold a range, own or enclosing, of which something is true.

        Parameters
        ----------
        own : ndarray of bool (n_paths + 1,)

        Returns
        -------
        ndarray of bool (n_paths + 1,)
        """
        value = own.copy()
        for rows in self.levels:
            value[rows] |= value[self.parent[rows]]
        return value

    def touched(self, rows: Int) -> Int:
        """List the distinct texts of some paths and of the ranges around them.

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
        """Tell which paths' own range matches a pattern, in a domain if asked.

        Parameters
        ----------
        pattern, domain : str
            Regular expressions on the text and on the name of the domain.

        Returns
        -------
        ndarray of bool (n_paths + 1,)
        """
        hit = matches_any(self.texts, [pattern])[self.text_of]
        if domain is not None:
            hit &= matches_any(self.domains, [domain])[self.domain_of]
        hit[OUTSIDE] = False
        return hit

    def first_rule(self, rules: Sequence[tuple[int, Rule]]) -> Int:
        """Find for each path the rule of the innermost range that has one.

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
        own = index[first_match(self.texts, [str(rule.range) for _, rule in plain])][self.text_of]
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
        ndarray of int64 (n_paths + 1,)
            -1 for none.
        """
        layer = pl.Series("layer", [None] * len(self.texts), dtype=pl.Int64)
        for pattern in patterns:
            found = self.texts.str.extract_groups(pattern).struct.field("layer")
            number = found.cast(pl.Int64, strict=False)
            layer = layer.zip_with(layer.is_not_null(), number)
        numbers = layer.fill_null(NO_MATCH).to_numpy()
        numbers = np.where(numbers > _LARGEST_LAYER, NO_MATCH, numbers)
        own = numbers[self.text_of]
        own[OUTSIDE] = NO_MATCH
        return self.innermost(own)


def grow_tree(paths: RangePaths, names: pl.Series) -> RangeTree:
    """Build the tree of range paths.

    Parameters
    ----------
    paths : RangePaths
    names : polars.Series of String
        Text by id.

    Returns
    -------
    RangeTree

    Notes
    -----
    Each text is cut and compared once however many paths it is in; what follows costs one gather
    per level of nesting.
    """
    texts, text_of = _distinct(paths["name_id"], names, cut=True)
    domains, domain_of = _distinct(paths["domain_name_id"], names, cut=False)
    parent = (paths["parent_path_id"].cast(pl.Int64) + 1).fill_null(OUTSIDE).to_numpy()
    depth = paths["depth"].to_numpy()
    by_depth = np.argsort(depth, kind="stable") + 1
    borders = np.cumsum(np.bincount(depth, minlength=1))[:-1]
    return RangeTree(
        texts=texts,
        domains=domains,
        text_of=np.concatenate(([0], text_of)),
        domain_of=np.concatenate(([0], domain_of)),
        parent=np.concatenate(([OUTSIDE], parent)),
        levels=tuple(np.split(by_depth, borders)),
    )


def _distinct(ids: pl.Series, names: pl.Series, *, cut: bool) -> tuple[pl.Series, Int]:
    # First distinct ids, then distinct texts: most ids differ only in their numbering.
    distinct = ids.drop_nulls().unique().sort()
    texts = names.gather(distinct).fill_null("")
    if cut:
        texts = without_numbering(texts)
    kept = pl.concat([pl.Series([""], dtype=pl.String), texts.rename("")]).unique(
        maintain_order=True
    )
    of_text = pl.DataFrame({"text": kept, "row": np.arange(len(kept))})
    rows = pl.DataFrame({"text": texts}).join(of_text, on="text", maintain_order="left")["row"]
    place = np.searchsorted(distinct.to_numpy(), ids.fill_null(0).to_numpy())
    row_of = np.append(rows.to_numpy(), 0)[np.minimum(place, len(rows))]
    return kept, np.where(ids.is_null().to_numpy(), 0, row_of)
