"""Compiled templates are kept as Python keeps its modules, and never outlive their text."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest
from jinja2 import Environment, TemplateNotFound, UndefinedError

from traceenergy.report import html_report
from traceenergy.report.html_report import render_template

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(html_report, "_TEMPLATES", tmp_path)
    monkeypatch.setattr(sys, "pycache_prefix", None)
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    (tmp_path / "a.html.j2").write_text("<p>{{ name }}</p>", encoding="utf-8")
    return tmp_path


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the templates that were compiled."""
    done = []
    compile_text = Environment.compile

    def noted(self: Environment, text: str, name: str, path: str) -> object:
        done.append(name)
        return compile_text(self, text, name, path)

    monkeypatch.setattr(Environment, "compile", noted)
    return done


def test_a_template_is_compiled_once(folder: Path, compiled: list[str]) -> None:
    pages = [render_template("a.html.j2", name=name) for name in ("x", "<y>")]

    assert pages == ["<p>x</p>", "<p>&lt;y&gt;</p>"]
    assert compiled == ["a.html.j2"]
    assert len(list((folder / "__pycache__").iterdir())) == 1


def test_a_changed_text_of_the_same_length_is_compiled_anew(
    folder: Path, compiled: list[str]
) -> None:
    render_template("a.html.j2", name="x")
    (folder / "a.html.j2").write_text("<b>{{ name }}</b>", encoding="utf-8")

    assert render_template("a.html.j2", name="x") == "<b>x</b>"
    assert len(compiled) == 2


def test_another_jinja2_compiles_anew(
    folder: Path, compiled: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    render_template("a.html.j2", name="x")
    other = folder / "compiler.py"
    other.write_text("", encoding="utf-8")
    monkeypatch.setattr(html_report, "_COMPILERS", (str(other),))

    assert render_template("a.html.j2", name="x") == "<p>x</p>"
    assert len(compiled) == 2


def test_where_python_may_write_no_code_nothing_is_kept(
    folder: Path, compiled: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    for _ in range(2):
        render_template("a.html.j2", name="x")

    assert len(compiled) == 2
    assert not (folder / "__pycache__").exists()


@pytest.mark.usefixtures("folder")
def test_what_is_not_there_is_an_error() -> None:
    with pytest.raises(TemplateNotFound, match=r"b\.html\.j2"):
        render_template("b.html.j2")
    with pytest.raises(UndefinedError, match="name"):
        render_template("a.html.j2")
