"""One page that opens offline, made by jinja2."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from traceenergy.report.chart_style import balance_color, part_color, phase_color
from traceenergy.report.chart_texts import chart_texts
from traceenergy.report.figures import page_figures
from traceenergy.report.names import FULL_BYTES
from traceenergy.report.page_charts import packed, packed_figures, plotly_script, script_digest
from traceenergy.report.view import page_view
from traceenergy.report.view_path import QUADRANTS, WAITS
from traceenergy.report.view_tables import MAX_ROWS

if TYPE_CHECKING:
    from datetime import datetime

    from traceenergy.analysis.model import Analysis

_TEMPLATES = Path(__file__).parent / "templates"


def render_html(result: Analysis, *, made_at: datetime | None = None) -> str:
    """Write the result as one self-contained HTML page.

    Parameters
    ----------
    result : Analysis
    made_at : datetime, optional
        Date for the foot of the page.

    Returns
    -------
    str
        Needs no network. Numbers and tables need no script; charts are drawn by plotly's own
        script, which the page carries compressed.
    """
    view = page_view(result, made_at=made_at)
    return render_page(
        "analysis.html.j2",
        view,
        page_figures(view),
        phase_color=phase_color,
        balance_color=balance_color,
        part_color=part_color,
        chart_texts=chart_texts(view),
        max_rows=MAX_ROWS,
        full_bytes=FULL_BYTES,
        quadrant_legend=QUADRANTS,
        wait_legend=WAITS,
    )


def render_page(template: str, view: object, figures: dict[str, Any], **more: Any) -> str:  # noqa: ANN401 - whatever the template names
    """Fill a template that extends the base page.

    Parameters
    ----------
    template : str
        Name of its file.
    view : object
        What the page shows, with `version` and `made_at`.
    figures : dict
        Figure as plain JSON by the id of its place in the page.
    **more
        Further names of the template.

    Returns
    -------
    str
    """
    page_script = (_TEMPLATES / "page.js").read_text(encoding="utf-8")
    script = plotly_script() if figures else b""
    # Compression leaves the interpreter free, and the page asks for its result at its very end.
    with ThreadPoolExecutor(1) as beside:
        packed_plotly = beside.submit(packed, script).result
        return render_template(
            template,
            view=view,
            figures=figures,
            packed_figures=packed_figures(figures),
            packed_plotly=packed_plotly,
            plotly_digest=script_digest(script) if figures else "",
            page_script=page_script,
            page_digest=script_digest(page_script.encode()),
            style=(_TEMPLATES / "style.css").read_text(encoding="utf-8"),
            **more,
        )


def render_template(template: str, **names: Any) -> str:  # noqa: ANN401 - whatever the template names
    """Fill a template; what it shows is escaped, and all that it names must be there."""
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        optimized=False,  # each template is rendered once, which pays for no folding of constants
    )
    return environment.get_template(template).render(**names)
