"""Marks carried over from a marked run of the same model, kernel by kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from traceenergy.records import dataclass
from traceenergy.structure.align import NO_MATCH, align, table_size

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.structure.align import Sequence
    from traceenergy.structure.passages import Passages

    Int = NDArray[np.int64]
    Bool = NDArray[np.bool_]

_MOST_REFERENCES = 12  # different steps of the marked run that are tried
_SHORTLIST = 2  # by the names they share; these are aligned
_MOSTLY = 0.5  # of the kernels of what need not match
_LARGEST_TABLE = 1 << 30  # bytes: 32,000 kernels by as many


@dataclass(frozen=True)
class Transfer:
    """Which kernel of the marked run each piece of work stands for.

    Attributes
    ----------
    source : ndarray of int64 (n_work,)
        Row of the marked run's GPU work; -1 for no match.
    before, after : ndarray of int64 (n_work,)
        Like `source`, of the nearest matches of the same passage; -1 for none.
    n_asked, n_matched : int
        Kernels that must match; that found a match.
    n_too_long : int
        Of those without a match: in steps that are too long to be compared.
    first_apart : tuple of int or None
        Row of the first kernel without a match, and of the marked run's kernel that stood there
        instead (-1 if the passage had ended); None where all matched.
    """

    source: Int
    before: Int
    after: Int
    n_asked: int
    n_matched: int
    n_too_long: int
    first_apart: tuple[int, int] | None

    @property
    def match_share(self) -> float:
        """Part of the kernels that found a match, 0 to 1."""
        return self.n_matched / self.n_asked if self.n_asked else 0.0


def transfer(target: Passages, reference: Passages, counted: Bool) -> Transfer:
    """Match the steps of a run with those of a marked run of the same model.

    Parameters
    ----------
    target, reference : Passages
        With codes of one vocabulary.
    counted : ndarray of bool (n_work,)
        GPU work of the target that must match; the rest may, where most of a passage does.

    Returns
    -------
    Transfer

    Notes
    -----
    Steps with the same kernels in the same order are aligned once: with the marked step of that
    order, if there is one, else with those that share most names with it.
    """
    source, before, after = (np.full(len(counted), NO_MATCH) for _ in range(3))
    known = {reference.order_of(group[0]): group[0] for group in reference.alike()}
    n_too_long, apart = 0, []
    for group in target.alike():
        kernels = target.kernels_of(group[0])
        tried = _shortlist(kernels, reference, _tried(known, target, group[0]))
        fit = [one for one in tried if _fits(kernels, reference.kernels_of(one))]
        rows = np.concatenate([target.rows_of(one) for one in group])
        match, passage = _best(kernels, reference, fit)
        if not counted[rows].any() and (match >= 0).mean() < _MOSTLY:
            match[:] = NO_MATCH
        there = reference.rows_of(passage) if passage >= 0 else np.array([NO_MATCH])
        of_match = np.where(match >= 0, there[match], NO_MATCH)
        source[rows] = np.tile(of_match, len(group))
        before[rows] = np.tile(_filled(of_match, backward=False), len(group))
        after[rows] = np.tile(_filled(of_match, backward=True), len(group))
        n_too_long += int(counted[rows].sum()) if tried and not fit else 0
        apart += _first_apart(match, target.rows_of(min(group)), there)
    first = min((one for one in apart if counted[one[0]]), default=None)
    asked = target.row[counted[target.row]]
    n_matched = int((source[asked] >= 0).sum())
    return Transfer(source, before, after, len(asked), n_matched, n_too_long, first)


def _tried(known: dict[tuple[bool, bytes], int], target: Passages, passage: int) -> list[int]:
    order = target.order_of(passage)
    if order in known:
        return [known[order]]
    side = [one for (is_main, _), one in known.items() if is_main == order[0]]
    return side[:_MOST_REFERENCES]


def _shortlist(kernels: Sequence, reference: Passages, tried: list[int]) -> list[int]:
    shared = {one: _shared(kernels, reference.kernels_of(one)) for one in tried}
    return sorted(tried, key=lambda one: shared[one], reverse=True)[:_SHORTLIST]


def _fits(kernels: Sequence, other: Sequence) -> bool:
    return table_size(kernels, other) <= _LARGEST_TABLE


def _best(kernels: Sequence, reference: Passages, tried: list[int]) -> tuple[Int, int]:
    best, passage = np.full(len(kernels), NO_MATCH), NO_MATCH
    for one in tried:
        match = align(kernels, reference.kernels_of(one))
        if (match >= 0).sum() > (best >= 0).sum():
            best, passage = match, one
    return best, passage


def _shared(kernels: Sequence, other: Sequence) -> float:
    """Part of the kernels of both that the other has as well, by family."""
    n = int(max(kernels.family.max(initial=0), other.family.max(initial=0))) + 1
    mine, theirs = np.bincount(kernels.family, minlength=n), np.bincount(other.family, minlength=n)
    return float(np.minimum(mine, theirs).sum() / max(1, np.maximum(mine, theirs).sum()))


def _filled(source: Int, *, backward: bool) -> Int:
    """Give each kernel the nearest match before it, or after it."""
    known = np.flatnonzero(source >= 0)
    if not len(known):
        return source
    at = np.searchsorted(known, np.arange(len(source)), side="left" if backward else "right")
    at = at if backward else at - 1
    inside = (at >= 0) & (at < len(known))
    return np.where(inside, source[known[np.clip(at, 0, len(known) - 1)]], NO_MATCH)


def _first_apart(match: Int, rows: Int, there: Int) -> list[tuple[int, int]]:
    missing = np.flatnonzero(match < 0)
    if not len(missing):
        return []
    first = int(missing[0])
    expected = int(match[first - 1]) + 1 if first else 0
    return [(int(rows[first]), int(there[expected]) if expected < len(there) else NO_MATCH)]
