"""Rows of tables: whatever names hold, a page shows it as text."""

from __future__ import annotations

from html.parser import HTMLParser

import markupsafe
import pytest
from hypothesis import given
from hypothesis import strategies as st

from traceenergy.report.table_rows import escaped, table_rows
from traceenergy.report.view_columns import Cell, Heading
from traceenergy.report.view_tables import TableView


class Rows(HTMLParser):
    """Reads cells back: tag, attributes, text."""

    def __init__(self) -> None:
        super().__init__()
        self.cells: list[tuple[str, dict[str, str | None], str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin a cell."""
        if tag in {"th", "td"}:
            self.cells.append((tag, dict(attrs), ""))

    def handle_data(self, data: str) -> None:
        """Fill the cell."""
        if self.cells:
            tag, attributes, text = self.cells[-1]
            self.cells[-1] = tag, attributes, text + data.removesuffix("\n")


def rows_of(*cells: Cell, is_number: bool = True) -> list[tuple[str, dict[str, str | None], str]]:
    headings = tuple(Heading("x", "", is_number) for _ in cells)
    view = TableView("a", "A", headings, (cells,), row_ids=("row-1",))
    found = Rows()
    found.feed(table_rows(view, lambda _: "#123456"))
    return found.cells


@given(st.text())
def test_texts_are_escaped_as_those_of_templates(text: str) -> None:
    assert escaped(text) == str(markupsafe.escape(text))


def test_names_cannot_leave_their_cell() -> None:
    evil = "\"><script>alert('1')</script>&"

    ((tag, attributes, text),) = rows_of(Cell(evil, sort=evil, title=evil), is_number=False)

    assert (tag, text) == ("th", evil)
    assert attributes == {"scope": "row", "data-sort": evil, "title": evil}


@pytest.mark.parametrize(
    ("cell", "style", "classes"),
    [
        (Cell("1", sort=1.5), None, "number"),
        (Cell("1", sort=1.5, bar_pct=20.0), "--pct:20.0%", "number bar"),
        (Cell("1", sort=1.5, bar_pct=20.0, bar_lo_pct=1.0), "--pct:20.0%", "number bar"),
        (
            Cell("1", sort=1.5, bar_pct=20.0, bar_lo_pct=1.0, bar_hi_pct=30.0),
            "--pct:20.0%;--lo:1.0%;--hi:30.0%",
            "number bar bounded",
        ),
    ],
)
def test_numbers_have_their_bars(cell: Cell, style: str | None, classes: str) -> None:
    _, (tag, attributes, text) = rows_of(Cell("name"), cell)

    assert (tag, text) == ("td", "1")
    assert attributes["class"] == classes
    assert attributes.get("style") == style
    assert attributes["data-sort"] == "1.5"


def test_a_cell_of_a_phase_has_its_color_and_note() -> None:
    view = TableView(
        "a", "A", (Heading("x", "", is_number=False),), ((Cell("a", "b", phase="p"),),)
    )

    assert table_rows(view, lambda phase: f"color-of-{phase}") == (
        '<tr>\n<th scope="row"><span class="swatch" style="background:color-of-p" '
        'aria-hidden="true"></span><span class="value">a</span> <span class="note">b</span></th>\n'
        "</tr>"
    )
