"""One page that opens offline, made by jinja2."""

from __future__ import annotations

from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zlib import crc32

import jinja2.compiler
from jinja2 import BaseLoader, Environment, StrictUndefined, Template, TemplateNotFound

from traceenergy.report.chart_style import balance_color, part_color, phase_color
from traceenergy.report.chart_texts import chart_texts
from traceenergy.report.figures import page_figures
from traceenergy.report.names import FULL_BYTES
from traceenergy.report.page_charts import pack_plotly, packed_figures, script_digest
from traceenergy.report.table_rows import table_rows
from traceenergy.report.view import page_view
from traceenergy.report.view_path import QUADRANTS, WAITS
from traceenergy.report.view_tables import MAX_ROWS

if TYPE_CHECKING:
    from collections.abc import MutableMapping
    from datetime import datetime
    from types import CodeType

    from traceenergy.analysis.model import Analysis

_TEMPLATES = Path(__file__).parent / "templates"
# What compiles templates, and with which options.
_COMPILERS = (jinja2.compiler.__file__, __file__)


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
    plotly = pack_plotly() if figures else None
    return render_template(
        template,
        view=view,
        figures=figures,
        packed_figures=packed_figures(figures),
        packed_plotly=plotly.text.result if plotly else None,
        plotly_digest=plotly.digest.result() if plotly else "",
        page_script=page_script,
        page_digest=script_digest(page_script.encode()),
        style=(_TEMPLATES / "style.css").read_text(encoding="utf-8"),
        **more,
    )


def render_template(template: str, **names: Any) -> str:  # noqa: ANN401 - whatever the template names
    """Fill a template; what it shows is escaped, and all that it names must be there."""
    environment = Environment(
        loader=_Templates(),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["table_rows"] = table_rows
    return environment.get_template(template).render(**names)


class _Templates(BaseLoader):
    """Templates of this package, compiled once for all runs."""

    def load(
        self,
        environment: Environment,
        name: str,
        globals: MutableMapping[str, Any] | None = None,  # noqa: A002 - as jinja2 names it
    ) -> Template:
        path = _TEMPLATES / name
        code = _TemplateModule(environment, name, path).get_code(name) if path.is_file() else None
        if code is None:
            raise TemplateNotFound(name)
        return environment.template_class.from_code(environment, code, globals or {})


class _TemplateModule(SourceFileLoader):
    """A template as Python loads a module: compiled code lies in `__pycache__`, unless forbidden.

    To compile the templates of a page took longer than to fill them.
    """

    def __init__(self, environment: Environment, name: str, path: Path) -> None:
        super().__init__(name, str(path))
        self._environment = environment

    def path_stats(self, path: str) -> dict[str, int]:
        """Tell what code is made of; by its date alone, a new jinja2 would go unnoticed."""
        text = self.get_data(path)
        made_by = [Path(compiler).stat() for compiler in _COMPILERS]
        dates = " ".join(f"{file.st_mtime_ns} {file.st_size}" for file in made_by)
        return {"mtime": crc32(text, crc32(dates.encode())), "size": len(text)}

    def source_to_code(self, data: Any, path: Any) -> CodeType:  # type: ignore[override] # noqa: ANN401 - of a method, for which the stubs have a static one
        """Compile a template."""
        return self._environment.compile(data.decode(), self.name, path)
