"""Damaged inputs of fixed numbers, those that found defects among them: right, or refused.

`bench/fuzz.py` tries as many others as one likes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import traceenergy as te
from tests.fuzz.base import write_base
from tests.fuzz.damage import cut_at_page, n_pages
from tests.fuzz.families import FAMILIES, RIGHT, run_one
from traceenergy.comparison.gate_grammar import parse_gate
from traceenergy.components.read import read_parts
from traceenergy.errors import TraceEnergyError, UnreadableFileError
from traceenergy.phases.rules import describe_rules
from traceenergy.phases.vocabulary import phase_problem
from traceenergy.serving.read import read_requests
from traceenergy.sweeps.sources import read_description

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SLOW = {
    "export": 6, "trace of PyTorch": 8, "result": 15, "power log": 40, "member of a result": 6,
    "member of a sweep": 10,
}  # fmt: skip
# Each made a program of before end in a traceback; see docs/survival.md.
FOUND = (
    ("export", 1166), ("export", 200165), ("export", 1013252), ("export", 1034000),
    ("export", 1052565), ("export", 1121504), ("power log", 13), ("power log", 41),
    ("power log", 201217), ("rules", 201531), ("steps", 27), ("steps", 1237), ("steps", 1021355),
    ("tokens", 1), ("tokens", 93), ("runs of a sweep", 1024376), ("request log", 93),
    ("request tree", 1171), ("result", 12), ("result", 168), ("result", 529), ("result", 606),
    ("result", 1088), ("result", 1007130), ("result", 1082512), ("simulator's power", 173),
    ("result", 4002528), ("result", 4037902), ("result", 4051833), ("result", 4059337),
    ("result", 4061711), ("result", 4075520), ("result", 4087772), ("result", 4131146),
    ("result", 4226902), ("result", 4242398), ("result", 4265459), ("result", 4355833),
    ("runs of a sweep", 4025376), ("runs of a sweep", 4047116), ("runs of a sweep", 4134665),
    ("runs of a sweep", 4216535), ("runs of a sweep", 4239161), ("runs of a sweep", 4278705),
    ("runs of a sweep", 4314604), ("runs of a sweep", 4322490), ("tokens", 4115586),
    ("result", 4366337), ("result", 4411528), ("result", 4431902), ("result", 4432528),
    ("result", 4573589), ("result", 4590902), ("result", 4637650), ("power log", 4365796),
    ("result", 4451894), ("result", 4481589), ("runs of a sweep", 4412917),
    ("power log", 4454536), ("power log", 4626223), ("steps", 4538668), ("tokens", 4514257),
    ("words of options", 4559480), ("member of a sweep", 45), ("member of a sweep", 169),
    ("member of a sweep", 233), ("member of a sweep", 325),
    ("member of a sweep", 4665122), ("member of a result", 4729618), ("result", 4752650),
    ("result", 4768207), ("result", 4984833), ("member of a result", 4980557),
    ("member of a result", 4985114), ("member of a result", 5041244),
    ("member of a result", 8007843),
)  # fmt: skip


@pytest.mark.parametrize("family", FAMILIES)
def test_damaged_inputs_give_a_result_or_an_error_of_ours(family: str, tmp_path: Path) -> None:
    came = [run_one(family, number, tmp_path) for number in range(SLOW.get(family, 150))]

    assert len(set(came)) > 1, "nothing was damaged, or everything beyond reading"


@pytest.mark.parametrize(("family", "number"), FOUND)
def test_inputs_that_found_defects(family: str, number: int, tmp_path: Path) -> None:
    assert run_one(family, number, tmp_path)


def test_an_export_cut_at_any_page_is_refused(tmp_path: Path) -> None:
    base = write_base(tmp_path / "base.sqlite").read_bytes()
    path = tmp_path / "cut.sqlite"

    for page in range(n_pages(base)):
        path.write_bytes(cut_at_page(base, page))
        with pytest.raises(UnreadableFileError):
            te.read_trace(path)
    path.write_bytes(base)
    assert te.read_trace(path).gpu_work.height == 10


READERS: dict[str, Callable[[Path], object]] = {
    "rules": describe_rules,
    "parts": lambda path: read_parts(path, phase_problem),
    "requests": read_requests,
    "runs": read_description,
}


def refusal(read: Callable[[], object]) -> str | None:
    """Tell the name of the error that refuses what is read; anything else goes on."""
    try:
        read()
    except TraceEnergyError as error:
        return error.slug
    return None


@pytest.mark.parametrize("name", READERS)
@settings(max_examples=40)
@given(
    raw=st.binary(max_size=200)
    | st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace"))
)
def test_any_bytes_are_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, name: str, raw: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / f"any-{name}"
    path.write_bytes(raw)

    assert refusal(lambda: READERS[name](path)) != "internal"


@given(text=st.text(max_size=80))
def test_any_text_is_a_gate_or_refused(text: str) -> None:
    assert refusal(lambda: parse_gate(text)) in {None, "bad-usage"}


def test_a_sound_input_is_right(tmp_path: Path) -> None:
    result = te.analyze(te.read_trace(write_base(tmp_path / "x.sqlite")))

    assert result.energy.total_j == pytest.approx(11.146, rel=1e-3)
    assert RIGHT not in {error.slug for error in TraceEnergyError.__subclasses__()}
