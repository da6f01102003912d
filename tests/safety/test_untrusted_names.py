"""Names that others wrote cannot act: in a page, a pull request, a spreadsheet, a terminal."""

from __future__ import annotations

import ast
import base64
import csv
import gzip
import io
import json
import re
import sqlite3
from contextlib import closing
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from tests.fuzz.base import write_base
from tests.report import sample
from traceenergy.cli.app import make_app
from traceenergy.errors import UnreadableFileError
from traceenergy.report.csv_report import guarded, render_csv
from traceenergy.report.html_report import render_html
from traceenergy.report.markdown_report import render_markdown

PACKAGE = Path(__file__).parents[2] / "traceenergy"
EVIL = (
    "</script><img src=x onerror=alert(1)>",
    "<a href='javascript:alert(1)'>here</a>",
    "\u2028\u2029</style><svg onload=alert(1)>",
    '"><iframe srcdoc="<b>">',
    "{{ 7 * 7 }} {% include 'x' %} ${7*7}",
    '%{customdata} <b>bold</b> <a href="https://example.org">link</a>',
)


class Tags(HTMLParser):
    """Elements and attributes that a browser would see."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        self.found.append((tag, dict(attrs)))


def page(names: tuple[str, ...]) -> str:
    result = sample.rich_analysis()
    kernels = result.kernels
    told = [names[at % len(names)] + f" {at}" for at in range(len(kernels))]
    ranges = [names[at % len(names)] + f" {at}" for at in range(len(result.ranges))]
    return render_html(
        replace(
            result,
            kernels=kernels.with_columns(name=pl.Series(told), full_name=pl.Series(told)),
            ranges=result.ranges.with_columns(name=pl.Series(ranges)),
            origins=tuple(replace(one, name=names[0]) for one in result.origins),
        )
    )


def structure(text: str) -> list[tuple[str, list[str]]]:
    tags = Tags()
    tags.feed(text)
    # A title comes where a name is cut short.
    return [(tag, sorted(attributes.keys() - {"title"})) for tag, attributes in tags.found]


def test_names_add_no_element_and_no_attribute_to_a_page() -> None:
    harmless = tuple("x" * len(name) for name in EVIL)

    assert structure(page(EVIL)) == structure(page(harmless))


def test_links_of_a_page_are_its_own() -> None:
    tags = Tags()
    tags.feed(page(EVIL))

    hrefs = [
        value or "" for _, attrs in tags.found for key, value in attrs.items() if key == "href"
    ]
    assert all(href.startswith("#") or href == "data:," for href in hrefs)
    assert not any("example.org" in href for href in hrefs)
    assert not [key for _, attrs in tags.found for key in attrs if key.startswith("on")]


def test_a_page_says_what_it_may_run() -> None:
    text = page(EVIL)

    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', text)
    assert policy
    assert "default-src 'none'" in policy[1]
    assert "unsafe-inline" not in policy[1].partition("script-src")[2].partition(";")[0]
    assert "unsafe-eval" not in policy[1]


def test_charts_show_names_as_text() -> None:
    (packed,) = re.findall(r'id="figures">([^<]+)<', page(EVIL))
    figures = json.loads(gzip.decompress(base64.b64decode(packed)))

    def texts(value: object) -> list[str]:
        if isinstance(value, dict):
            return [text for one in value.values() for text in texts(one)]
        if isinstance(value, list):
            return [text for one in value for text in texts(one)]
        return [value] if isinstance(value, str) else []

    # plotly reads these elements in what it shows, and no others.
    shown = [text for text in texts(figures) if "example.org" in text or "onerror" in text]
    assert shown
    assert not [text for text in shown if re.search(r"<(a|b|i|sub|sup|img|span)\b", text)]


def test_markdown_calls_nobody_and_holds_no_element() -> None:
    result = sample.rich_analysis()
    names = pl.Series(
        [
            f"@someone #12 <img src=x> [a](javascript:x) | `b` {at}"
            for at in range(len(result.kernels))
        ]
    )
    text = render_markdown(replace(result, kernels=result.kernels.with_columns(name=names)))

    assert "someone" in text
    assert "@someone" not in text
    assert "<img" not in text
    assert "[a](" not in text


@pytest.mark.parametrize("lead", ["=", "+", "-", "@", "\t", "\r", " =", "  @"])
def test_a_spreadsheet_takes_no_name_for_a_formula(lead: str) -> None:
    name = f"{lead}cmd|' /C calc'!A0"
    frame = pl.DataFrame({"name": [name, "moe", None], "energy_j": [-1.0, 2.0, 3.0]})

    rows = list(csv.DictReader(io.StringIO(guarded(frame).write_csv(), newline="")))

    assert rows[0]["name"] == f"'{name}"
    assert [row["name"] for row in rows[1:]] == ["moe", ""]
    assert [row["energy_j"] for row in rows] == ["-1.0", "2.0", "3.0"]


def test_the_table_of_phases_is_guarded() -> None:
    result = sample.rich_analysis()
    names = ["=1+1", *result.phases["name"][1:]]

    text = render_csv(replace(result, phases=result.phases.with_columns(name=pl.Series(names))))

    assert text.splitlines()[1].startswith("'=1+1,")


def test_errors_cannot_move_the_cursor_nor_fill_the_screen() -> None:
    error = UnreadableFileError(
        "a\x1b[2Jb\u202ec", details="\n".join(["x" * 100_000, "\x07", *["line"] * 500])
    )

    text = str(error)
    assert len(text) < 10_000
    assert all(letter.isprintable() or letter == "\n" for letter in text)
    assert "more characters" in text
    assert "more lines" in text


FORBIDDEN_CALLS = {"eval", "exec", "compile", "__import__"}
# Results on their way between processes of one run; never a file, never what a user names.
BETWEEN_PROCESSES = {"mapping.py", "sweep_runs.py", "portion.py"}
FORBIDDEN_MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "marshal", "shelve", "yaml"}


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: path.stem)
def test_no_code_comes_from_input(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in FORBIDDEN_CALLS, node.lineno
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            assert node.func.attr != "from_string", f"a template from text, line {node.lineno}"
            shell = [one for one in node.keywords if one.arg == "shell"]
            assert not shell, f"a shell, line {node.lineno}"
        names = [one.name for one in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        used = FORBIDDEN_MODULES & {name.partition(".")[0] for name in names}
        assert not used or (used == {"pickle"} and path.name in BETWEEN_PROCESSES), ast.dump(node)


@pytest.mark.parametrize("words", [["inspect"], ["rules", "--explain"], ["analyze", "--time-only"]])
def test_a_terminal_is_told_no_command(words: list[str], tmp_path: Path) -> None:
    trace = write_base(tmp_path / "x\x1b[2J.sqlite")
    with closing(sqlite3.connect(trace)) as file:
        for table, column in (
            ("StringIds", "value"),
            ("NVTX_EVENTS", "text"),
            ("TARGET_INFO_GPU", "name"),
        ):
            file.execute(f"UPDATE {table} SET {column} = {column} || char(27) || '[2J'")  # noqa: S608 - own names
        file.commit()
    out = [f"-o{tmp_path}/x.md"] if words[0] == "analyze" else []

    done = CliRunner().invoke(make_app(), [*words, str(trace), *out])

    assert done.exit_code == 0, done.output
    assert "[2J" in done.output
    assert "\x1b" not in done.output.replace(str(tmp_path), "")
