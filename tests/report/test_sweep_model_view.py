"""What the page of a sweep says of its model of steps."""

from __future__ import annotations

import pytest

from tests.report.sample_sweep import told_model as told
from traceenergy.report.sweep_model_view import draw_model, model_view


def test_sentences_name_method_and_margins() -> None:
    view = model_view(told(), ["a"])
    assert view is not None

    assert len(view.words) == 2  # energies are not known
    assert "1,000 of 5,000 steps of 12 runs" in view.words[0]
    assert "gradient-boosted trees" in view.words[1]
    assert "within 4.0" in view.words[1]
    assert "over a run within 2.0" in view.words[1]


def test_tables_leave_out_what_nobody_knows() -> None:
    view = model_view(told(), ["a"])
    assert view is not None

    headings = [heading.text for heading in view.features.headings]
    assert headings == ["Feature", "From", "To", "Counts for time"]
    texts = [[cell.text for cell in row] for row in view.scores.rows]
    assert texts[0][2] == "0.9877"
    assert texts[1][2] != "None"
    assert texts[0][-1] == "whole runs"


def test_chart_has_all_points_and_the_line_of_equals() -> None:
    view = model_view(told(), ["a"])
    assert view is not None

    line, marks = draw_model(view, "step_s")["data"]
    assert list(view.measured) == ["step_s"]
    assert marks["x"] == pytest.approx([0.01, 0.02, 0.03])
    assert marks["y"] == pytest.approx([0.011, 0.022, 0.033])
    assert line["x"] == line["y"] == pytest.approx([0.01, 0.033])


def test_without_a_model_there_is_no_view() -> None:
    assert model_view(None, []) is None
