"""What is written of any run: JSON comes back as it was, and the page shows the numbers of JSON."""

from __future__ import annotations

import json
import re
import tempfile
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

import traceenergy as te
from tests.build import build_trace
from tests.strategies import runs
from traceenergy.report.html_report import render_html
from traceenergy.report.json_load import load
from traceenergy.report.json_report import render_json

PREFIXES = {"k": 1e3, "M": 1e6, "m": 1e-3, "µ": 1e-6, "n": 1e-9, "": 1.0}
SHOWN = re.compile(r"(?:< )?(-?[\d,.]+)(?: ([kMmµn]?)(?:J|W|s|Hz|J/s)| (%))?")
# Columns of a table on the page, and where JSON has them; the rest is tested beside the page.
COLUMNS = {
    "device": ("devices", {
        "Total": "total_j", "GPU work": "kernel_j", "Idle gaps": "idle_gap_j",
        "Unattributed": "unattributed_j", "Mean power": "mean_power_w", "Busy": "busy_share",
    }),
    "phase": ("phases", {
        "Energy": "energy_j", "Share of work": "energy_share", "Critical path": "critical_path_s",
        "Path share": "path_share", "Static": "static_j", "Dynamic": "dynamic_j",
        "Busy time": "busy_s", "Mean power": "mean_power_w", "GPU work": "n_kernels",
    }),
    "kernel": ("kernels", {
        "Energy": "energy_j", "Share of work": "energy_share", "Busy time": "busy_s",
        "Launches": "n_kernels",
    }),
}  # fmt: skip


@settings(max_examples=7, deadline=None)
@given(runs())
def test_json_comes_back_as_it_was(arguments: dict[str, Any]) -> None:
    told = render_json(te.analyze(build_trace(**arguments)))

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "out.json"
        path.write_text(told, encoding="utf-8")
        again = render_json(load(path))

    assert again == told


@settings(max_examples=4, deadline=None)
@given(runs())
def test_the_page_shows_the_numbers_of_json(arguments: dict[str, Any]) -> None:
    result = te.analyze(build_trace(**arguments))
    told = json.loads(render_json(result))
    page = render_html(result)

    n_compared = 0
    for name, (key, columns) in COLUMNS.items():
        rows = table_of(page, f"{name}-table")
        assert len(rows) == len(told[key])
        for row, expected in zip(rows, told[key], strict=True):
            for head, member in columns.items():
                if expected[member] is None:
                    continue
                exact, shown = row[head]
                assert float(exact) == pytest.approx(expected[member], rel=1e-9)
                assert value_of(shown) == pytest.approx(expected[member], rel=6e-3, abs=6e-4)
                n_compared += 1
    assert n_compared >= 12


def table_of(page: str, name: str) -> list[dict[str, tuple[str, str]]]:
    """Take a table off the page: by column, what it sorts by and what it shows."""
    found = re.search(rf'<table id="{name}".*?</table>', page, re.DOTALL)
    assert found, name
    heads = re.findall(r'<th scope="col"[^>]*>(.*?)</th>', found[0], re.DOTALL)
    rows = re.findall(r"<tr id=.*?</tr>", found[0], re.DOTALL)
    return [dict(zip(heads, map(cell_of, cells_of(row)), strict=True)) for row in rows]


def cells_of(row: str) -> list[tuple[str, str]]:
    return re.findall(r"<t[hd]([^>]*)>(.*?)</t[hd]>", row, re.DOTALL)


def cell_of(found: tuple[str, str]) -> tuple[str, str]:
    exact = re.search(r'data-sort="([^"]*)"', found[0])
    shown = re.search(r'<span class="value">(.*?)</span>', found[1], re.DOTALL)
    return exact[1] if exact else "", unescape(shown[1]) if shown else ""


def value_of(shown: str) -> float:
    """Read a number as a person does."""
    found = SHOWN.fullmatch(shown)
    assert found, shown
    number = float(found[1].replace(",", ""))
    return number / 100 if found[3] else number * PREFIXES[found[2] or ""]
