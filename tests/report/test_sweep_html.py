"""The page of a sweep, and its other forms."""

from __future__ import annotations

import csv
import re
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import polars as pl
import pytest

import traceenergy as te
from tests.report.sample_sweep import EVIL, capped_sweep
from tests.sweep.runs_of_numbers import TABLES, run
from traceenergy.report.sweep_html import render_sweep_html, sweep_figures
from traceenergy.report.sweep_markdown import render_sweep_markdown
from traceenergy.report.sweep_summary import sweep_summary
from traceenergy.report.sweep_view import sweep_view
from traceenergy.sweeps.assemble import sweep_of

if TYPE_CHECKING:
    from pathlib import Path

    from traceenergy.sweeps.result import Sweep


@pytest.fixture
def sweep() -> Sweep:
    return capped_sweep()


def test_page_says_all_without_script(sweep: Sweep) -> None:
    page = render_sweep_html(sweep)
    body = page[page.index("<body>") : page.index('id="figures"')]

    for section in ("pareto", "runs", "power-caps", "energy-delay", "router", "repeats", "doubt"):
        assert f'<section aria-labelledby="{section}">' in body
    for label in sweep.runs["label"]:
        assert label.replace("<", "&lt;").replace(">", "&gt;") in body
    assert "Best by energy" in body
    assert "Pareto front of tokens/s/W" in body
    assert "nvidia-smi -pl 500" in body
    assert "it is the router" in body
    assert "Not placed, since one of both is not known: dark." in body
    assert EVIL not in page


def test_links_of_the_page_lead_somewhere_and_rows_have_their_own(sweep: Sweep) -> None:
    page = render_sweep_html(sweep)
    ids = re.findall(r'\sid="([^"]+)"', page)

    assert len(ids) == len(set(ids))
    assert set(re.findall(r'href="#([^"]+)"', page)) <= set(ids)
    assert sum(name.startswith("run-") for name in ids) == len(sweep.runs) + 1  # and its table


def test_front_is_drawn_apart_from_what_it_dominates(sweep: Sweep) -> None:
    figure = sweep_figures(sweep_view(sweep))["pareto-watt-chart"]
    rows = sweep.pareto.filter(per="watt").drop_nulls("on_front")
    line, dominated, on_front = figure["data"]

    assert sorted(on_front["x"]) == pytest.approx(
        sorted(rows.filter("on_front")["tokens_per_s_per_user"].to_list()), rel=1e-5
    )
    assert len(dominated["x"]) == rows.filter(~pl.col("on_front")).height > 0
    assert line["x"] == on_front["x"]


def test_a_sweep_of_one_run_without_anything_has_a_page() -> None:
    page = render_sweep_html(sweep_of([run("lone", energy_j=None, tokens=None)]))

    assert "Neither energy nor tokens are known of any run." in page
    assert "run-without-power" in page


def test_markdown_escapes_and_fits_a_comment(sweep: Sweep) -> None:
    text = render_sweep_markdown(sweep)
    many = sweep_of(
        [run(f"run number {i} of many" * 3, clock_mhz=float(i + 1)) for i in range(150)]
    )

    assert "<script>" not in text
    assert "### Runs" in text
    assert "Power caps (4)" in text
    assert len(render_sweep_markdown(many).encode()) <= 60_000


def test_terminal_shows_what_is_best_first(sweep: Sweep) -> None:
    summary = sweep_summary(sweep)

    assert summary.verdict.startswith("Best by energy")
    assert [table.title for table in summary.tables] == ["Runs", "Power caps", "Repeats"]
    assert ("Runs", "8") in summary.facts


def test_all_tables_are_in_database_and_folder(sweep: Sweep, tmp_path: Path) -> None:
    database, folder = tmp_path / "s.sqlite", tmp_path / "tables"
    te.write(sweep, database)
    te.write(sweep, f"{folder}/")
    te.write(sweep, tmp_path / "s.csv")

    with closing(sqlite3.connect(database)) as opened:
        counts = {
            name: opened.execute(f"select count(*) from [{name}]").fetchone()[0]  # noqa: S608 - our own names
            for name in TABLES
        }
    assert counts == {name: getattr(sweep, name).height for name in TABLES}
    for name in TABLES:
        assert pl.read_parquet(folder / f"{name}.parquet").equals(getattr(sweep, name))
    lines = list(csv.DictReader((tmp_path / "s.csv").read_text(encoding="utf-8").splitlines()))
    assert [line["label"] for line in lines] == sweep.runs["label"].to_list()
