"""Results with one member of another kind: each member as likely as any other."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any

import traceenergy as te
from tests.fuzz.trees import VALUES
from tests.report.sample import rich_analysis
from tests.report.sample_sweep import rich_sweep
from traceenergy.report import render_json
from traceenergy.report.html_report import render_html
from traceenergy.report.markdown_report import render_markdown
from traceenergy.report.sweep_html import render_sweep_html
from traceenergy.report.sweep_json import render_sweep_json
from traceenergy.report.sweep_markdown import render_sweep_markdown

if TYPE_CHECKING:
    from pathlib import Path
    from random import Random

Place = tuple[str | int, ...]
_GONE = object()


def analysis_member(random: Random, folder: Path) -> None:
    """Change a member of a result that has all there is; load it, write it, compare it."""
    result = te.load(_damaged(random, folder, *_analysis()))
    _check_json(render_json(result))
    render_html(result)
    render_markdown(result)
    te.compare(result, result)


def sweep_member(random: Random, folder: Path) -> None:
    """Change a member of a sweep that has all there is; load it, write it."""
    sweep = te.load(_damaged(random, folder, *_sweep()))
    _check_json(render_sweep_json(sweep))
    render_sweep_html(sweep)
    render_sweep_markdown(sweep)


@cache
def _analysis() -> tuple[str, tuple[Place, ...]]:
    return _with_places(json.loads(render_json(rich_analysis())))


@cache
def _sweep() -> tuple[str, tuple[Place, ...]]:
    return _with_places(json.loads(render_sweep_json(rich_sweep())))


def _with_places(tree: Any) -> tuple[str, tuple[Place, ...]]:  # noqa: ANN401 - any JSON
    small = _cut(tree)
    return json.dumps(small), tuple(_places(small))


def _cut(tree: Any) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(tree, dict):
        return {key: _cut(value) for key, value in tree.items()}
    return [_cut(value) for value in tree[:3]] if isinstance(tree, list) else tree


def _places(tree: Any, at: Place = ()) -> list[Place]:  # noqa: ANN401 - any JSON
    """List all members, of a list those of its first entry: rows are alike."""
    inner: list[tuple[str | int, Any]] = []
    if isinstance(tree, dict):
        inner = list(tree.items())
    elif isinstance(tree, list):
        inner = list(enumerate(tree[:1]))
    return [at, *(place for key, value in inner for place in _places(value, (*at, key)))][not at :]


def _damaged(random: Random, folder: Path, text: str, places: tuple[Place, ...]) -> Path:
    tree = json.loads(text)
    *outer, last = random.choice(places)
    value = random.choice((_GONE, *VALUES))
    part = tree
    for key in outer:
        part = part[key]
    if value is _GONE:
        del part[last]
    else:
        part[last] = value
    path = folder / "member.json"
    path.write_text(json.dumps(tree), encoding="utf-8")
    return path


def _check_json(text: str) -> None:
    json.loads(text, parse_constant=_no_constant)


def _no_constant(text: str) -> None:
    raise AssertionError(f"JSON with {text}")
