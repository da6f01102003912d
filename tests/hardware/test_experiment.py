"""The whole experiment in short, on a simulated device whose energy is known."""

from __future__ import annotations

import json
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from bench.hardware import evaluate as evaluation
from bench.hardware import run
from bench.hardware.attribution import VARIANTS
from bench.hardware.cases import BY_NAME, CASES
from bench.hardware.evaluate import FIRST, RESULT, SLIM, evaluate
from bench.hardware.experiment import MEASURED, Experiment
from bench.hardware.judge import class_rows, references_of
from bench.hardware.plan import FULL, QUICK
from bench.hardware.simulated_device import ALONE_SPREAD, ZEROS_FACTOR, SimulatedDevice
from bench.hardware.tables import render
from traceenergy.errors import SamplingError

if TYPE_CHECKING:
    from bench.hardware.cases import Case
    from bench.hardware.device import Stretch

SCHEMA = Path(evaluation.__file__).with_name("schema.json")
SHORT = replace(
    QUICK, steady_s=0.8, settle_s=0.3, rest_s=1.0, margin_s=1.5, mixed_s=2.5, nsys_s=1.5,
    data_s=0.8, duty_s=1.0, limit_s=600.0,
)  # fmt: skip


def measured(folder: Path, device: SimulatedDevice, **changes: Any) -> dict[str, Any]:  # noqa: ANN401 - any field of a plan
    folder.mkdir(exist_ok=True)
    plan = replace(SHORT, **changes)
    return Experiment(device, plan, folder, seed=5, tell=lambda _: None).run()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hardware")
    measured(folder, SimulatedDevice(5))
    return folder


@pytest.fixture(scope="module")
def result(folder: Path) -> dict[str, Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluation, "VARIANTS", (VARIANTS[1], VARIANTS[-1]))
        patch.setattr(evaluation, "_FIRST_S", 1.0)
        return evaluate(folder, lambda _: None)


def test_the_json_is_as_its_schema_says(folder: Path, result: dict[str, Any]) -> None:
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))

    jsonschema.validate(result, schema)

    assert json.loads((folder / RESULT).read_text(encoding="utf-8")) == result
    assert result["ended"] == "complete"
    assert not result["is_hardware"]
    assert [one["error"] for one in result["attributions"]] == [None] * 3
    kinds = [row["kind"] for row in result["stretches"]]
    n_steady = len(CASES) * len(SHORT.tokens)
    assert {kind: kinds.count(kind) for kind in set(kinds)} == {
        "rest": 2, "steady": n_steady, "data": 6, "duty": 3,
    }  # fmt: skip


def test_references_are_the_true_powers(result: dict[str, Any]) -> None:
    # A class alone is made to differ from itself in the mix by 2 %, warmth and noise add to that.
    for attribution in (result["attributions"][0], result["attributions"][-1]):
        rows = class_rows(result, attribution)

        assert len(rows) == len(CASES) * len(SHORT.tokens)
        whole_j = sum(row.true_j or 0.0 for row in rows)
        off_j = sum(abs(row.reference_j - (row.true_j or 0.0)) for row in rows)
        assert off_j < 1.5 * ALONE_SPREAD * whole_j


def test_attribution_is_near_the_truth_and_conserves_what_was_counted(
    result: dict[str, Any],
) -> None:
    for attribution in result["attributions"]:
        rows, device = class_rows(result, attribution), attribution["device"]
        whole_j = sum(row.true_j or 0.0 for row in rows)

        # So short a run does not always show the window of a sensor that is not known.
        off = 0.05 if attribution["variant"] == "GPU not named" else 0.02
        assert sum(row.found_j for row in rows) == pytest.approx(whole_j, rel=off)
        assert sum(abs(row.found_j - (row.true_j or 0.0)) for row in rows) < 0.2 * whole_j
        parts_j = [device[name] for name in ("kernel_j", "idle_gap_j", "unattributed_j")]
        assert sum(parts_j) == pytest.approx(device["total_j"], rel=1e-5)
        if attribution["variant"] != "instant, 20 ms":
            assert device["energy_counter_j"] == pytest.approx(device["total_j"], rel=off)
        known = attribution["known_sensor"]
        assert known == {"period_ms": 100.0, "window_ms": 25.0}


def test_zeros_take_less_and_a_duty_cycle_a_straight_line(result: dict[str, Any]) -> None:
    by_data = {
        (row["case"], row["data"]): row["counter_w"]
        for row in result["stretches"]
        if row["kind"] == "data"
    }
    for case in ("gemm_fc1", "multiply", "copy"):
        assert by_data[case, "zeros"] < 0.9 * by_data[case, "random"]
    assert 0.5 < ZEROS_FACTOR < 0.9
    cycles = [row for row in result["stretches"] if row["kind"] == "duty"]
    shares = [row["busy_s"] / ((row["end_ns"] - row["begin_ns"]) * 1e-9) for row in cycles]
    powers_w = [row["counter_w"] for row in cycles]
    idle_w = next(row["counter_w"] for row in result["stretches"] if row["kind"] == "rest")
    assert shares[0] > 0.99
    straight_w = [idle_w + share * (powers_w[0] - idle_w) for share in shares]
    assert powers_w == pytest.approx(straight_w, rel=0.05)


def test_tables_call_it_simulated(result: dict[str, Any]) -> None:
    text = render(result)

    assert text.startswith("**Simulated device, not hardware.**")
    assert "| pytorch, GPU not named |" in text
    assert "nsys, instant, 20 ms" in text


def test_small_copies_of_the_trace_are_kept(folder: Path, result: dict[str, Any]) -> None:
    assert result["attributions"][0]["trace"] == SLIM
    assert (folder / FIRST).stat().st_size < (folder / SLIM).stat().st_size < 1_000_000


def test_equal_seeds_measure_alike(folder: Path, tmp_path: Path) -> None:
    again = measured(tmp_path, SimulatedDevice(5))

    first = json.loads((folder / MEASURED).read_text(encoding="utf-8"))
    of_time = {"elapsed_s": 0.0}
    assert json.loads(json.dumps(again | of_time)) == first | of_time
    assert (tmp_path / "mixed.csv").read_bytes() == (folder / "mixed.csv").read_bytes()


class Interrupted(SimulatedDevice):
    """Is told to end while the third class runs alone."""

    n_steady = 0

    def steady(self, case: Case, tokens: int, seconds: float, data: str) -> Stretch:
        """Run two, then no more."""
        self.n_steady += 1
        if self.n_steady > 2:
            signal.raise_signal(signal.SIGINT)
        return super().steady(case, tokens, seconds, data)


def test_ctrl_c_keeps_what_was_measured(tmp_path: Path) -> None:
    told = measured(tmp_path, Interrupted(5))

    kept = json.loads((tmp_path / MEASURED).read_text(encoding="utf-8"))
    assert kept["ended"] == told["ended"] == "interrupted"
    assert [row["kind"] for row in kept["stretches"]] == ["rest", "steady", "steady"]
    found = evaluate(tmp_path, lambda _: None)
    assert len(references_of(found, {})) == 2
    assert found["attributions"] == []
    assert "interrupted" in render(found)


class Denied(SimulatedDevice):
    """Loses its sampler in the mix."""

    def mixed(self, *_: object, **__: object) -> Any:  # noqa: ANN401 - never returns
        """Fail as the log does."""
        raise SamplingError("the sampler ended by itself")


def test_a_sampler_that_dies_keeps_what_was_measured(tmp_path: Path) -> None:
    with pytest.raises(SamplingError):
        measured(tmp_path, Denied(5))

    kept = json.loads((tmp_path / MEASURED).read_text(encoding="utf-8"))
    assert kept["ended"] == "cannot-sample"
    assert sum(row["kind"] == "steady" for row in kept["stretches"]) == 30


class Broken(SimulatedDevice):
    """Fails in a way that nobody foresaw."""

    def duty(self, *_: object, **__: object) -> Any:  # noqa: ANN401 - never returns
        """Fail as a library does."""
        raise RuntimeError("CUDA error: unspecified launch failure")


def test_a_run_that_breaks_off_is_not_called_complete(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="launch failure"):
        measured(tmp_path, Broken(5), nsys_s=0.0)

    kept = json.loads((tmp_path / MEASURED).read_text(encoding="utf-8"))
    assert kept["ended"] == "unfinished"
    assert len(kept["recordings"]) == 1


class Ampere(SimulatedDevice):
    """Has no matrix units for 8-bit numbers."""

    def refuse(self, case: Case, tokens: int) -> str | None:
        """Refuse FP8, and the duty cycle's class at the larger size."""
        if case.dtype == "fp8":
            return "fp8 needs compute capability 8.9"
        return "no memory" if (case.name, tokens) == ("gemm_fc1", 4096) else None


def test_what_a_gpu_cannot_do_is_left_out_everywhere_and_named(tmp_path: Path) -> None:
    told = measured(tmp_path, Ampere(5), nsys_s=0.0)

    assert [one["what"] for one in told["left_out"]] == [
        "gemm_fc1@4096", "gemm_expert_fp8@512", "gemm_expert_fp8@4096", "nsys",
    ]  # fmt: skip
    ran = {(row.get("case"), row.get("tokens")) for row in told["stretches"]}
    assert ("gemm_fc1", 512) in ran
    assert not {("gemm_fc1", 4096), ("gemm_expert_fp8", 512)} & ran
    (recording,) = told["recordings"]
    assert {"gemm_fc1@512", "multiply@4096"} <= recording["truth_j"].keys()
    assert not {"gemm_fc1@4096", "gemm_expert_fp8@512"} & recording["truth_j"].keys()
    assert {row["tokens"] for row in told["stretches"] if row["kind"] == "duty"} == {512}


def test_what_comes_too_late_is_left_out(tmp_path: Path) -> None:
    told = measured(tmp_path, SimulatedDevice(5), limit_s=0.0)

    assert told["stretches"] == told["recordings"] == []
    assert told["left_out"][0] == {"what": "rest", "reason": "not begun within 0 s"}


def test_the_shell_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setitem(sys.modules, "torch", None)
    try:
        assert run.main(["--out", str(tmp_path / "out"), "--quick"]) == 2
        (tmp_path / MEASURED).touch()
        assert run.main(["--out", str(tmp_path)]) == 2
    finally:
        signal.signal(signal.SIGTERM, before)

    said = capsys.readouterr().err
    assert "error[missing-tool]: PyTorch is needed" in said
    assert "error[output-exists]" in said


def test_what_is_missing_to_attribute_is_named_and_the_measurement_kept(
    monkeypatch: pytest.MonkeyPatch, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setitem(sys.modules, "polars", None)
    for module in ("evaluate", "readings", "attribution"):
        monkeypatch.delitem(sys.modules, f"bench.hardware.{module}")
    try:
        assert run.main(["--out", str(folder), "--evaluate"]) == 2
    finally:
        signal.signal(signal.SIGTERM, before)

    said = capsys.readouterr().err
    assert "error[missing-tool]: the Python package polars is needed to attribute" in said
    assert "--evaluate" in said
    assert (folder / MEASURED).exists()


def test_full_and_quick_plans_fit_their_time() -> None:
    # What runs one after the other; launching, writing and reading traces come on top.
    for plan, most_s in ((QUICK, 75), (FULL, 390)):
        alone_s = plan.passes * (plan.margin_s + len(CASES) * len(plan.tokens) * plan.steady_s)
        data_s = plan.margin_s + 6 * plan.data_s
        duty_s = plan.margin_s + len(plan.duty_shares) * plan.duty_s
        mixes_s = sum(s + 2 * plan.margin_s for s in (plan.mixed_s, plan.nsys_s) if s)

        assert plan.rest_s + alone_s + data_s + duty_s + mixes_s <= most_s
        assert len(plan.weights) == len(plan.tokens)
    assert set(BY_NAME) == {case.name for case in CASES}
