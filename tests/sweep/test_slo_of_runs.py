"""Objectives asked of a whole sweep."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest
from scipy.stats import norm

from tests.sweep import fleet
from tests.sweep.engine_reference import LineLaw
from traceenergy.errors import BadTableError, UsageError
from traceenergy.report.sweep_json import render_sweep_json
from traceenergy.sweeps import slo_of_runs
from traceenergy.sweeps.assemble import sweep_of
from traceenergy.sweeps.model import SWEEP_STEP
from traceenergy.sweeps.result import SweepOptions
from traceenergy.sweeps.slo import parse_clocks, parse_slos
from traceenergy.sweeps.slo_doubts import doubts_of_steps
from traceenergy.sweeps.slo_of_runs import SloAsk

if TYPE_CHECKING:
    from pathlib import Path

    from traceenergy.sweeps.result import Sweep

RUNS = fleet.fleet(n_steps=40, clocks_mhz=(900, 1800), batches=(4, 32))


class Model(LineLaw):
    """Stands for the model of steps, whose learning takes seconds and has its own tests."""

    energy_margins = energy_scatter = None
    knows_clocks = True
    n_sampled = 100_000


def asked(monkeypatch: pytest.MonkeyPatch, ask: SloAsk, *, redact: bool = False) -> Sweep:
    model = Model(step_ns=8_000_000, batch_ns=50_000, prompt_ns=20_000, scatter=np.ones(1))
    monkeypatch.setattr(slo_of_runs, "try_step_model", lambda _runs: (model, ()))
    monkeypatch.setattr(slo_of_runs, "describe", lambda _model, _confidence: {"is": "told"})
    return sweep_of(RUNS, SweepOptions(slo=ask, redact=redact))


def log_of(folder: Path, *rows: str) -> Path:
    path = folder / "secret.csv"
    path.write_text("\n".join(("arrival_s,input_tokens,output_tokens", *rows)), encoding="utf-8")
    return path


def test_a_sweep_tells_clocks_for_loads_and_logs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    log = log_of(tmp_path, "10.0,100,20", "10.1,50,30", "11.0,60,10")
    ask = SloAsk(
        parse_slos(["tbt_p99=15ms"]), ("1rps:100:20:uniform",), (log,), parse_clocks("600:1800:60")
    )

    found = asked(monkeypatch, ask)

    assert found.slo is not None
    assert found.replay is not None
    assert [row["load"] for row in found.slo["loads"]] == ["1rps:100:20:uniform", "secret.csv"]
    # Alone, a step lasts 8.05 s MHz / f: 15 ms at 537 MHz, which is below the lowest clock.
    assert found.slo["loads"][0]["clock_mhz"] == 600
    assert found.slo["engine"]["max_batch"] == 32
    assert found.model == {"is": "told"}
    text = json.loads(render_sweep_json(found))
    assert text["slo"]["loads"][0]["clock_command"] == "nvidia-smi -lgc 600,600"
    assert {row["latency"] for row in text["replay"]["requests"]} == {"ttft", "tbt", "tpot", "e2e"}


def test_names_of_logs_are_redacted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    ask = SloAsk(parse_slos(["e2e_p99=10s"]), logs=(log_of(tmp_path, "0.0,10,5"),))

    found = asked(monkeypatch, ask, redact=True)

    assert "secret" not in render_sweep_json(found)
    assert found.slo is not None
    assert found.slo["loads"][0]["load"] == "log 1"


def test_runs_that_tell_no_model_leave_the_rest() -> None:
    ask = SloAsk(parse_slos(["e2e_p99=10s"]), ("1rps:10:5",))

    found = sweep_of(RUNS[:1], SweepOptions(slo=ask))

    assert found.slo is None
    assert len(found.runs) == 1
    assert "no-step-model" in {caveat.slug for caveat in found.caveats}


def test_runs_that_tell_no_clock_leave_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise UsageError("clocks of the runs are not known", next_step="record them")

    monkeypatch.setattr(slo_of_runs, "measured_clocks", refuse)

    found = asked(monkeypatch, SloAsk(parse_slos(["e2e_p99=10s"]), ("1rps:10:5",)))

    assert found.slo is None
    assert "no-slo" in {caveat.slug for caveat in found.caveats}


def test_a_model_that_knows_no_clocks_tells_no_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Model, "knows_clocks", False)

    found = asked(monkeypatch, SloAsk(parse_slos(["e2e_p99=10s"]), ("1rps:10:5",)))

    assert found.slo is None
    assert any("what clocks do" in caveat.text for caveat in found.caveats)


def test_objectives_without_a_load_are_an_error() -> None:
    with pytest.raises(UsageError, match="hang on the load"):
        SloAsk(parse_slos(["e2e_p99=10s"]))


def test_a_log_without_tokens_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("arrival_s,end_s\n1.0,2.0\n", encoding="utf-8")

    with pytest.raises(BadTableError, match="tells its arrival and its tokens"):
        asked(monkeypatch, SloAsk(logs=(path,)))


def test_steps_of_a_fleet_are_as_declared() -> None:
    """Else the tests above would be of other runs than a sweep reads."""
    expected = pl.Schema({c.name: c.dtype for c in SWEEP_STEP if c.name != "run"})

    assert all(run.steps.schema == expected for run in RUNS)


@pytest.mark.parametrize(
    ("scatter", "n_steps", "is_few"),
    [(0.3, 15_000, True), (0.3, 60_000, False), (0.15, 5_000, True), (0.015, 200, False)],
)
def test_steps_that_are_too_few_for_their_scatter_are_said(
    scatter: float, n_steps: int, *, is_few: bool
) -> None:
    """Fourteen parameters: 0.5 % takes 14 (scatter / 0.005)^2 steps."""
    factors = np.exp(scatter * norm.ppf((np.arange(200) + 0.5) / 200))

    found = doubts_of_steps(n_steps, factors)

    assert [caveat.slug for caveat in found] == ["slo-few-steps"] * is_few
    if is_few:
        needed = found[0].text.split("steps. ")[1].split(" ")[0]
        assert f"{scatter:.0%}: {n_steps:,} of" in found[0].text
        assert int(needed.replace(",", "")) == pytest.approx(14 * (scatter / 0.005) ** 2, rel=0.03)


def test_a_sweep_says_that_steps_are_few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Model, "n_sampled", 10)
    ask = SloAsk(parse_slos(["ttft_p99=10s"]), ("1rps:100:20:uniform",), max_instances=1)
    model = Model(step_ns=8_000_000, scatter=np.exp(np.linspace(-1, 1, 200)))
    monkeypatch.setattr(slo_of_runs, "try_step_model", lambda _runs: (model, ()))
    monkeypatch.setattr(slo_of_runs, "describe", lambda _model, _confidence: {})

    told = sweep_of(RUNS, SweepOptions(slo=ask)).caveats

    assert [caveat.n for caveat in told if caveat.slug == "slo-few-steps"] == [10]
