"""Rows of a page's tables as HTML, of which there are too many for a template."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from traceenergy.report.view_columns import Cell
    from traceenergy.report.view_tables import TableView


def table_rows(view: TableView, phase_color: Callable[[str], str]) -> str:
    """Write the rows of a table.

    Parameters
    ----------
    view : TableView
    phase_color : callable
        From a phase to its color in CSS.

    Returns
    -------
    str
        One line a cell; all texts are escaped.
    """
    are_numbers = [' class="number' if heading.is_number else "" for heading in view.headings]
    lines = []
    for index, row in enumerate(view.rows):
        lines.append(f'<tr id="{escaped(view.row_ids[index])}">' if view.row_ids else "<tr>")
        lines += _cells(row, are_numbers, phase_color)
        lines.append("</tr>")
    return "\n".join(lines)


def _cells(
    row: tuple[Cell, ...], classes: list[str], phase_color: Callable[[str], str]
) -> Iterator[str]:
    tag, close = 'th scope="row"', "th"
    for cell, number in zip(row, classes, strict=True):
        color = cell.phase and (
            f'<span class="swatch" style="background:{escaped(phase_color(cell.phase))}" '
            'aria-hidden="true"></span>'
        )
        note = cell.note and f' <span class="note">{escaped(cell.note)}</span>'
        yield (
            f"<{tag}{number and number + _bar(cell)}{_told(cell)}>{color}"
            f'<span class="value">{escaped(cell.text)}</span>{note}</{close}>'
        )
        tag = close = "td"


def _bar(cell: Cell) -> str:
    """End the classes of a number, and size the bar behind it."""
    if cell.bar_pct is None:
        return '"'
    if cell.bar_lo_pct is None or cell.bar_hi_pct is None:
        return f' bar" style="--pct:{cell.bar_pct}%"'
    bounds = f"--lo:{cell.bar_lo_pct}%;--hi:{cell.bar_hi_pct}%"
    return f' bar bounded" style="--pct:{cell.bar_pct}%;{bounds}"'


def _told(cell: Cell) -> str:
    sort = "" if cell.sort is None else f' data-sort="{escaped(str(cell.sort))}"'
    return f'{sort} title="{escaped(cell.title)}"' if cell.title else sort


def escaped(text: str) -> str:
    """Write a text so that a page shows it, between tags or as a value in double quotes."""
    return (
        text.replace("&", "&amp;")
        .replace(">", "&gt;")
        .replace("<", "&lt;")
        .replace("'", "&#39;")
        .replace('"', "&#34;")
    )
