"""What a page carries compressed comes out as it went in."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import subprocess
import sys

from plotly.offline import get_plotlyjs

from traceenergy.report.page_charts import packed, packed_figures, plotly_script, script_digest


def unpacked(text: str) -> bytes:
    return gzip.decompress(base64.b64decode(text))


def test_the_script_is_that_of_plotly() -> None:
    assert plotly_script().decode() == get_plotlyjs()


def test_the_script_comes_out_as_it_went_in() -> None:
    script = plotly_script()

    carried = packed(script)

    assert unpacked(carried) == script
    assert len(carried) < 2_100_000
    assert base64.b64decode(script_digest(script)) == hashlib.sha256(script).digest()


def test_the_script_is_found_without_an_import_of_plotly() -> None:
    code = (
        "import sys; from traceenergy.report import html_report, page_charts;"
        "page_charts.plotly_script(); print('plotly' in sys.modules)"
    )

    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert found.stdout.strip() == "False"


def test_same_figures_make_same_text() -> None:
    figures = {"a-chart": {"data": [{"type": "bar", "x": [1.5, None]}], "layout": {}}}

    assert packed_figures(figures) == packed_figures(figures)
    assert json.loads(unpacked(packed_figures(figures))) == figures


def test_numbers_that_are_not_finite_are_null() -> None:
    """NaN is no JSON: one of them would cost a page all of its charts."""
    found = unpacked(packed_figures({"x": [float("nan"), float("inf"), 2.0]}))

    assert json.loads(found) == {"x": [None, None, 2.0]}
