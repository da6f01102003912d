"""Numbers of thousands of digits, or beyond 64 bits: refused by name, or taken for no number."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

import traceenergy as te
from tests.fuzz.base import write_base
from traceenergy.analysis.options import tokens_per_step
from traceenergy.errors import BadPowerLogError, UsageError
from traceenergy.read.nsys.time_slice import cut_in_slices
from traceenergy.read.power_gpu import parse_power_gpus
from traceenergy.read.ranks import _rank_in_name
from traceenergy.read.sample_log import parse_sample_log
from traceenergy.report import render_json
from traceenergy.report.html_report import render_html
from traceenergy.report.markdown_report import render_markdown
from traceenergy.sweeps.loads import parse_load
from traceenergy.trace.attention_names import flashinfer_decode, flashinfer_prefill

LONG = "9" * 5_000
FIXTURE = Path(__file__).parents[2] / "fixtures" / "nsys" / "3.25.0" / "decode"


@pytest.mark.parametrize(
    "text",
    [f"{LONG}rps:1:1", f"1rps:{LONG}:1", f"1rps:1:{LONG}", ".0000001rps:1:1", f"0.{LONG}rps:1:1"],
)
def test_load_levels_are_of_this_world(text: str) -> None:
    with pytest.raises(UsageError, match="is no load level"):
        parse_load(text)


@pytest.mark.parametrize("text", [LONG, f"-{LONG}"])
def test_tokens_of_a_step_fit_64_bits(text: str) -> None:
    with pytest.raises(UsageError):
        tokens_per_step(text)
    with pytest.raises(UsageError, match="means nothing"):
        te.AnalysisOptions(tokens_per_step=10**19)


def test_ranges_and_gpus_have_short_numbers(tmp_path: Path) -> None:
    trace = te.read_trace(write_base(tmp_path / "x.sqlite"))

    with pytest.raises(UsageError):
        parse_power_gpus([f"power.csv={LONG}:0"])
    with pytest.raises(UsageError):
        te.analyze(trace, te.AnalysisOptions(filter_nvtx=f"load/{LONG}"))
    assert _rank_in_name("rank_12.sqlite") == 12
    assert _rank_in_name("rank99999999999.sqlite") is None


def test_more_slices_than_kernels_are_as_many_as_there_are_kernels(tmp_path: Path) -> None:
    path = write_base(tmp_path / "x.sqlite")

    slices = cut_in_slices(path, 10**30)

    assert 1 < len(slices) <= te.read_trace(path).gpu_work.height
    assert (slices[0].start_ns, slices[-1].end_ns) == (None, None)


def test_names_of_kernels_may_hold_any_number() -> None:
    prefill = "f<KernelTraits<(MaskMode)1, 2, 3, 4, {}, 6, float>>"
    decode = "f<1, 2, {}, 8, 5, 6, float>"

    assert "hd128" in str(flashinfer_prefill(prefill.format(8), "f"))
    assert flashinfer_prefill(prefill.format(LONG), "f") is None
    assert "hd64" in str(flashinfer_decode(decode.format(8), "f"))
    assert flashinfer_decode(decode.format(LONG), "f") is None


def test_a_log_of_a_version_of_many_digits_is_refused() -> None:
    with pytest.raises(BadPowerLogError):
        parse_sample_log(f"# traceenergy-sample {LONG}\n", "power.csv")


def test_a_run_that_drew_no_power_at_all_has_a_page(tmp_path: Path) -> None:
    trace = te.read_trace(FIXTURE / "trace.sqlite", power=[FIXTURE / "power.csv"])
    dark = trace.power_samples.with_columns(power_w=pl.lit(0.0))
    result = te.analyze(replace(trace, power_samples=dark))
    path = tmp_path / "dark.json"
    path.write_text(render_json(result), encoding="utf-8")

    assert result.energy.total_j == 0
    assert result.phases["energy_share"].null_count() == result.phases.height
    assert "0 J" in render_html(te.load(path))
    assert render_markdown(result)
