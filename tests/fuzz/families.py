"""Kinds of damaged input, each with what must hold of whatever comes of it."""

from __future__ import annotations

import json
import math
from functools import cache
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import traceenergy as te
from tests.fuzz.base import write_base
from tests.fuzz.damage import damaged_export
from tests.fuzz.members import analysis_member, sweep_member
from tests.fuzz.text_files import SIM, TEXT_FILES, TextFile, read_power_log, read_power_of_parts
from tests.fuzz.texts import EVIL, damaged_text
from tests.fuzz.trees import damaged_tree
from tests.serving import request_logs
from traceenergy.comparison.gate_grammar import parse_gate
from traceenergy.durations import parse_duration, parse_time_range
from traceenergy.errors import BadTableError, InternalError, TraceEnergyError
from traceenergy.power.buffer import parse_buffer
from traceenergy.power.flatten_spec import parse_flatten
from traceenergy.power.limits import parse_excursions
from traceenergy.read.power_gpu import parse_power_gpus
from traceenergy.report import render_json
from traceenergy.report.html_report import render_html
from traceenergy.report.markdown_report import render_markdown
from traceenergy.serving.read import read_requests
from traceenergy.simulate.options import Options
from traceenergy.simulate.run import simulate_run
from traceenergy.sweeps.loads import parse_load
from traceenergy.sweeps.slo import parse_clocks, parse_slo

if TYPE_CHECKING:
    from collections.abc import Callable

    from traceenergy.analysis.model import Analysis

RIGHT = "right"
_S = 1_000_000_000
_MOST_ERROR_CHARS = 20_000
_BALANCE = 1e-6


def run_one(family: str, seed: int, folder: Path) -> str:
    """Try one input.

    Parameters
    ----------
    family : str
        One of `FAMILIES`.
    seed : int
        Decides the input, with the family.
    folder : pathlib.Path
        For files.

    Returns
    -------
    str
        `right`, or the name of the error that refused it.

    Raises
    ------
    Exception
        Any but those of this project, and where what came out cannot be: a defect.
    """
    random = Random(f"{family} {seed}")  # noqa: S311 - not for secrets
    return accepted(lambda: FAMILIES[family](random, folder))


def accepted(read: Callable[[], object]) -> str:
    """Read something: `right`, or the name of the error that refused it, as `run_one`."""
    try:
        read()
    except (InternalError, BadTableError):
        raise
    except TraceEnergyError as error:
        _check_words(error)
        return error.slug
    return RIGHT


def _check_words(error: TraceEnergyError) -> None:
    text = str(error)
    assert error.what, "an error without words"
    assert len(text) < _MOST_ERROR_CHARS, f"an error of {len(text)} characters"
    assert not _unprintable(text), f"an error that would move the cursor: {_unprintable(text)!r}"


def _unprintable(text: str) -> str:
    return "".join(c for c in text if not c.isprintable() and c != "\n")


@cache
def _bases() -> tuple[bytes, ...]:
    with TemporaryDirectory() as folder:
        return tuple(
            write_base(Path(folder) / f"{schema}.sqlite", schema, numbers=numbers).read_bytes()
            for schema, numbers in (("3.17.2", False), ("3.25.0", True), ("3.28.1", True))
        )


def _export(random: Random, folder: Path) -> None:
    path = folder / "damaged.sqlite"
    damaged_export(random.choice(_bases()), path, random)
    before = path.read_bytes()
    try:
        trace = te.read_trace(path)
        options = te.AnalysisOptions(
            method=random.choice(("auto", "window-share", "window-share")),
            time_only=random.random() < 1 / 4,
            steps=random.choice((None, "step.*")),
            redact=random.random() < 1 / 8,
        )
        _check_analysis(te.analyze(trace, options), random)
    finally:
        assert path.read_bytes() == before, "the input was changed"


def _check_analysis(result: Analysis, random: Random) -> None:
    energy = result.energy
    text = render_json(result)
    json.loads(text, parse_constant=_no_constant)
    if energy.total_j is not None:
        told = (energy.kernel_j, energy.idle_gap_j, energy.unattributed_j)
        parts_j = [part_j for part_j in told if part_j is not None]
        assert len(parts_j) == len(told), "total energy without its parts"
        assert all(map(math.isfinite, (energy.total_j, *parts_j))), "energy that is not finite"
        off_j = abs(math.fsum(parts_j) - energy.total_j)
        scale_j = max(map(abs, (energy.total_j, *parts_j)))
        assert off_j <= _BALANCE * scale_j, f"the balance is off by {off_j} of {scale_j} J"
        assert parts_j[0] >= 0, f"kernels that take {parts_j[0]} J"
    assert result.window.end_ns >= result.window.start_ns, "a window that ends before it begins"
    if random.random() < 1 / 20:
        render_html(result)
        render_markdown(result)


def _no_constant(text: str) -> None:
    raise AssertionError(f"JSON with {text}")


_WORDS: tuple[tuple[Callable[[str], object], tuple[str, ...]], ...] = (
    (parse_gate, ("energy > 5%", "phase.moe.energy > 5%", 'kernel."a b".time < 2ms')),
    (parse_duration, ("1s500ms", "20ms", "0.5s", "-7h")),
    (parse_time_range, ("1s500ms/2s", "/3s", "1s/")),
    (parse_flatten, ("interleave:attention,moe@4", "overlap:moe,attention", "stagger:step")),
    (parse_buffer, ("200J,500W", "200J,500W,10W/ms")),
    (parse_excursions, ("100us:1.3,10ms:805W",)),
    (parse_slo, ("ttft:p99<2s", "tpot:p95<50ms", "itl p99 <= 50ms")),
    (parse_clocks, ("900-1980:15", "1200,1410,1980")),
    (parse_load, ("poisson:4", "constant:2:1024:128", "4rps")),
    (lambda text: parse_power_gpus([text]), ("power.csv=0:1", "GPU-8b4ae5f1-a941-06a0-956a-26af")),
)  # fmt: skip


def _words(random: Random, _folder: Path) -> None:
    parse, sound = random.choice(_WORDS)
    if random.random() < 1 / 10:
        text = "".join(random.choice(EVIL) for _ in range(random.randrange(6)))
    else:
        text = damaged_text(random.choice(sound), random).decode(errors="replace")
    parse(text)


def _power_log(random: Random, folder: Path) -> None:
    log = TEXT_FILES["power log"]
    path = folder / log.name
    path.write_bytes(damaged_text(random.choice(log.texts), random))
    trace = read_power_log(path)
    if random.random() < 1 / 50:
        _check_analysis(te.analyze(trace, te.AnalysisOptions(method="window-share")), random)


def _file(file: TextFile) -> Callable[[Random, Path], None]:
    def run(random: Random, folder: Path) -> None:
        path = folder / file.name
        path.write_bytes(damaged_text(random.choice(file.texts), random))
        file.read(path)

    return run


def _trees(
    read: Callable[[Path], object], sound: Callable[[Random], object]
) -> Callable[[Random, Path], None]:
    def run(random: Random, folder: Path) -> None:
        path = folder / "tree.json"
        text = json.dumps(damaged_tree(sound(random), random))
        raw = text.encode() if random.random() < 5 / 6 else damaged_text(text, random)
        path.write_bytes(raw)
        read(path)

    return run


@cache
def _result() -> Any:  # noqa: ANN401 - JSON
    with TemporaryDirectory() as folder:
        trace = te.read_trace(write_base(Path(folder) / "a.sqlite"))
    options = te.AnalysisOptions(method="window-share", steps="step.*")
    found = json.loads(render_json(te.analyze(trace, options)))
    return {key: value[:2] if isinstance(value, list) else value for key, value in found.items()}


def _load_result(path: Path) -> None:
    result = te.load(path)
    json.loads(render_json(result), parse_constant=_no_constant)
    chance = Random(path.read_bytes()).random()  # noqa: S311 - not for secrets
    if chance < 1 / 3:
        render_html(result)
        render_markdown(result)
    elif chance < 1 / 2:
        te.compare(result, result)


@cache
def _pytorch() -> Any:  # noqa: ANN401 - JSON
    with TemporaryDirectory() as folder:
        options = Options(scenario="stencil", steps=1, trace_format="pytorch")
        simulate_run(Path(folder), options)
        found = json.loads((Path(folder) / "trace.json").read_text(encoding="utf-8"))
    return {**found, "traceEvents": found["traceEvents"][:60]}


def _read_pytorch(path: Path) -> None:
    trace = te.read_trace(path)
    random = Random(path.read_bytes())  # noqa: S311 - not for secrets
    if random.random() < 1 / 5:
        _check_analysis(te.analyze(trace, te.AnalysisOptions(time_only=True)), random)


def _request_trees(random: Random) -> object:
    lines = request_logs.aiperf_of(request_logs.ALL).splitlines()
    return json.loads(random.choice(lines))


FAMILIES: dict[str, Callable[[Random, Path], None]] = {
    "export": _export,
    **{name: _file(file) for name, file in TEXT_FILES.items()},
    "power log": _power_log,
    "words of options": _words,
    "result": _trees(_load_result, lambda _: _result()),
    "trace of PyTorch": _trees(_read_pytorch, lambda _: _pytorch()),
    "request tree": _trees(read_requests, _request_trees),
    "simulator's power": _trees(read_power_of_parts, lambda _: SIM),
    "member of a result": analysis_member,
    "member of a sweep": sweep_member,
}
"""How to try an input of each kind."""
