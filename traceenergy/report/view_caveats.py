"""Caveats as people read them: alike ones on many devices in one line."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from traceenergy.records import dataclass
from traceenergy.report.names import clean_name, cut_bytes
from traceenergy.report.quantities import count_text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from traceenergy.caveats import Caveat

# A number that stands alone: no part of a name, a date, a time or a version.
_NUMBER = re.compile(r"(?<![\w.:/-])(\d+(?:,\d{3})*(?:\.\d+)?(?:e[+-]?\d+)?)(?![\w:/-]|\.\d)")
_MOST_BYTES = 1_500  # long names in a doubt do not make a page too large
_DEVICE = re.compile(r"rank \d+, (device|GPU) \d+")


@dataclass(frozen=True)
class Note:
    """Caveats that say the same: name, text, where, how many rows or samples they concern."""

    slug: str
    text: str
    where: str
    count: str


def caveat_notes(caveats: Iterable[Caveat]) -> tuple[Note, ...]:
    """Put caveats into lines, those that differ only by place and numbers into one.

    Parameters
    ----------
    caveats : iterable of Caveat
        All of a result, in order.

    Returns
    -------
    tuple of Note
        In order of first appearance. Numbers that differ between the places of a line are
        written as `least to most`, counts are summed.
    """
    groups: dict[tuple[str, ...], list[Caveat]] = {}
    for caveat in caveats:
        # The texts between the numbers; what concerns no place stays alone with its numbers.
        shape = _NUMBER.split(caveat.text)[::2] if caveat.where else [caveat.text]
        groups.setdefault((caveat.slug, *shape), []).append(caveat)
    return tuple(_note(group) for group in groups.values())


def note_text(note: Note) -> str:
    """Write a note as one line of plain text, its name first."""
    return f"{note.slug}{', ' if note.where else ''}{note.where}: {note.text}"


def _note(group: list[Caveat]) -> Note:
    counts = [caveat.n for caveat in group if caveat.n is not None]
    return Note(
        slug=group[0].slug,
        text=cut_bytes(clean_name(_merged(group)), _MOST_BYTES),
        where=cut_bytes(clean_name(_places(group)), _MOST_BYTES),
        count=count_text(sum(counts)) if counts else "",
    )


def _places(group: list[Caveat]) -> str:
    places = list(dict.fromkeys(caveat.where for caveat in group))
    if len(places) == 1:
        return places[0]
    are_devices = all(_DEVICE.fullmatch(place) for place in places)
    return f"on {len(places)} devices" if are_devices else f"in {len(places)} places"


def _merged(group: list[Caveat]) -> str:
    parts = [_NUMBER.split(caveat.text) for caveat in group]
    written = []
    for index, texts in enumerate(zip(*parts, strict=True)):
        distinct = sorted(set(texts), key=_number_of) if index % 2 else [texts[0]]
        written.append(distinct[0] if len(distinct) == 1 else f"{distinct[0]} to {distinct[-1]}")
    return "".join(written)


def _number_of(text: str) -> float:
    return float(text.replace(",", ""))
