"""Tokens of steps, energy per token, steps by kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.build import Range, Work, build_trace
from traceenergy.analysis import Analysis, AnalysisOptions, analyze
from traceenergy.analysis.options import tokens_per_step
from traceenergy.analysis.step_tokens import read_token_table
from traceenergy.errors import UnreadableFileError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from traceenergy.trace.model import Trace

MS = 1_000_000
TEXTS = (
    "[Executor] _forward_step 5: 1 ctx reqs, 0 gen reqs",
    "[Executor] _forward_step 6: 0 ctx reqs, 4 gen reqs",
    "[Executor] _forward_step 7: 0 ctx reqs, 4 gen reqs",
    "[Executor] _forward_step 8: 0 ctx reqs, 3 gen reqs",
)


def serving(texts: tuple[str, ...] = TEXTS, n_ranks: int = 1) -> Trace:
    # a kernel of 50 ms in a step every 100 ms, at 300 W; the second rank is 30 ms late
    # step      0       1       2       3
    # rank 0    kkkkk   kkkkk   kkkkk   kkkkk
    # rank 1      kkkkk   kkkkk   kkkkk   kkkkk
    works, ranges = [], []
    for rank in range(n_ranks):
        for i, text in enumerate(texts):
            at = (100 * i + 30 * rank) * MS
            works.append(Work("gemm", at, at + 50 * MS, pid=rank + 1, device=rank))
            ranges.append(Range(text, at, at + 60 * MS, pid=rank + 1))
    samples = [(t * MS, 300.0) for t in range(-500, 1000, 50)]
    return build_trace(works, ranges=ranges, power=dict.fromkeys(range(n_ranks), samples))


def run(trace: Trace | None = None, **options: Any) -> Analysis:  # noqa: ANN401 - any option
    asked = AnalysisOptions(idle_power_w=100.0, **options)
    return analyze(trace or serving(), asked)


def slugs(result: Analysis) -> list[str]:
    return [caveat.slug for caveat in result.caveats]


def test_requests_in_generation_make_a_token_each() -> None:
    result = run()

    assert result.steps["tokens"].to_list() == [None, 4, 4, 3]
    assert result.energy.tokens == 11
    assert result.energy.total_j == pytest.approx(300.0 * 0.35)
    assert result.energy.j_per_token == pytest.approx(105.0 / 11)
    said = next(c for c in result.caveats if c.slug == "tokens-from-text")
    assert said.n == 3
    assert "speculative" in said.text


def test_steps_whose_tokens_are_not_known_are_said() -> None:
    # the prefill is a quarter of the busy time
    said = next(c for c in run().caveats if c.slug == "tokens-partly-known")

    assert "1 steps (prefill) with 25%" in said.text


def test_spaces_of_any_kind_around_numbers_do_not_count(tmp_path: Path) -> None:
    path = tmp_path / "tokens.csv"
    path.write_text("step,tokens\n 1,6\x1c\n2\u2003,\t7\n", encoding="utf-8")

    assert read_token_table(path) == [(2, 1, 6), (3, 2, 7)]


def test_a_number_comes_before_the_text() -> None:
    result = run(tokens_per_step=10)

    assert result.steps["tokens"].to_list() == [10, 10, 10, 10]
    assert result.energy.tokens == 40
    assert not {"tokens-from-text", "tokens-partly-known"} & set(slugs(result))


def test_a_table_comes_before_the_text(tmp_path: Path) -> None:
    table = tmp_path / "tokens.csv"
    table.write_text("\N{BOM}tokens, Step, note\r\n100,6,x\r\n\r\n7,8,\r\n", encoding="utf-8")
    result = run(tokens_per_step=table)

    assert result.steps["tokens"].to_list() == [None, 100, None, 7]
    assert result.options["tokens_per_step"] == "tokens.csv"
    assert "tokens-partly-known" in slugs(result)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "tokens.csv, line 1: no column step, tokens"),
        ("step,n\n1,2\n", "tokens.csv, line 1: no column tokens"),
        ("step,tokens\n6,4\n7,many\n", "tokens.csv, line 3: tokens is no whole number: 'many'"),
        ("step,tokens\n6\n", "tokens.csv, line 2: tokens is no whole number: ''"),
        ("step,tokens\n6,-1\n", "tokens.csv, line 2: tokens is no whole number: '-1'"),
        ("step,tokens\n6,1.5\n", "tokens.csv, line 2: tokens is no whole number: '1.5'"),
        ("step,tokens\n6,4\n8,1\n6,4\n", "tokens.csv, line 4: step 6 stands in line 2 already"),
        ("step,tokens\n6,4\n9,1\n", "tokens.csv, line 3: step 9 is not in the trace"),
    ],
)
def test_a_wrong_table_is_refused_with_the_line(text: str, problem: str, tmp_path: Path) -> None:
    table = tmp_path / "tokens.csv"
    table.write_text(text, encoding="utf-8")

    with pytest.raises(UsageError) as caught:
        run(tokens_per_step=table)
    assert problem in caught.value.details.splitlines()


def test_all_wrong_lines_are_named_but_not_without_end(tmp_path: Path) -> None:
    table = tmp_path / "tokens.csv"
    table.write_text("step,tokens\n" + "x,1\n" * 25, encoding="utf-8")

    with pytest.raises(UsageError) as caught:
        read_token_table(table)
    assert caught.value.details.splitlines()[-1] == "and 15 more"


@pytest.mark.parametrize("content", [None, b"step,tokens\n\xff\xfe,1\n"])
def test_a_table_that_cannot_be_read_is_refused(content: bytes | None, tmp_path: Path) -> None:
    table = tmp_path / "tokens.csv"
    if content is not None:
        table.write_bytes(content)

    with pytest.raises(UnreadableFileError, match=r"tokens\.csv"):
        read_token_table(table)


def test_values_of_the_option() -> None:
    assert tokens_per_step("64") == 64
    assert getattr(tokens_per_step("a/b.CSV"), "name", None) == "b.CSV"
    with pytest.raises(UsageError, match="neither a whole number"):
        tokens_per_step("some")
    with pytest.raises(UsageError):
        AnalysisOptions(tokens_per_step=tokens_per_step("-3"))


def test_skipped_steps_bring_no_tokens() -> None:
    result = run(skip_steps=2)

    assert result.window.start_ns == 200 * MS
    assert result.steps["step"].to_list() == [7, 8]
    assert result.energy.tokens == 7


def test_a_late_rank_brings_no_tokens_of_skipped_steps() -> None:
    # rank 1 is 230 ms behind: its steps 5 and 6 run at 230 to 280 and 330 to 380 ms, when rank 0,
    # whose step 7 begins the window, is at 200 ms; the middle of step 6 over both is 240 ms
    late = serving(n_ranks=2)
    moved = late.gpu_work.with_columns(
        **{name: late.gpu_work[name] + (late.gpu_work["device_id"] * 200 * MS) for name in
           ("start_ns", "end_ns")}
    ).sort("start_ns", "end_ns")  # fmt: skip
    trace = type(late)(**{**late.__dict__, "gpu_work": moved})

    result = run(trace, skip_steps=2)

    assert result.steps["step"].to_list() == [5, 6, 7, 8]
    assert result.steps["tokens"].to_list() == [None, None, 4, 3]


@pytest.mark.parametrize(
    ("until_ms", "tokens"),
    [
        (320, [None, 4, 4, None]),  # the last step is cut before its middle at 325 ms
        (330, [None, 4, 4, 3]),
    ],
)
def test_a_step_that_is_cut_counts_by_its_middle(until_ms: int, tokens: list[int | None]) -> None:
    result = run(filter_time_ns=(None, until_ms * MS))

    assert result.steps["tokens"].to_list() == tokens


def test_kinds_of_steps() -> None:
    result = run()
    kinds = {row["kind"]: row for row in result.step_kinds.iter_rows(named=True)}
    steps = result.steps

    assert list(kinds) == ["prefill", "decode"]
    decode = kinds["decode"]
    assert (decode["n_steps"], decode["tokens"], decode["n_kernels"]) == (3, 11, 3)
    assert decode["elapsed_s"] == pytest.approx(0.15)
    assert decode["mean_step_s"] == pytest.approx(0.05)
    assert decode["energy_j"] == pytest.approx(steps["energy_j"][1:].sum())
    assert decode["j_per_token"] == pytest.approx(decode["energy_j"] / 11)
    assert decode["tokens_per_j"] == pytest.approx(11 / decode["energy_j"])
    assert decode["mean_step_j"] == pytest.approx(decode["energy_j"] / 3)
    assert decode["energy_lo_j"] <= decode["energy_j"] <= decode["energy_hi_j"]
    prefill = kinds["prefill"]
    assert [prefill[name] for name in ("tokens", "j_per_token", "tokens_per_j")] == [None] * 3
    assert result.step_kinds["energy_j"].sum() == pytest.approx(result.energy.kernel_j)


def test_a_kind_counts_energy_of_steps_with_tokens_only(tmp_path: Path) -> None:
    table = tmp_path / "tokens.csv"
    table.write_text("step,tokens\n6,100\n", encoding="utf-8")
    result = run(tokens_per_step=table)

    decode = result.step_kinds.row(1, named=True)
    assert decode["j_per_token"] == pytest.approx(result.steps["energy_j"][1] / 100)
    assert decode["energy_j"] == pytest.approx(result.steps["energy_j"][1:].sum())


def test_without_power_kinds_have_times_and_tokens() -> None:
    kinds = run(time_only=True).step_kinds

    assert kinds["tokens"].to_list() == [None, 11]
    assert kinds["busy_s"].to_list() == [pytest.approx(0.05), pytest.approx(0.15)]
    for name in ("energy_j", "j_per_token", "tokens_per_j", "mean_step_j"):
        assert kinds[name].null_count() == 2


def test_phases_have_energy_per_token_of_the_run() -> None:
    result = run()

    expected = [energy_j / 11 for energy_j in result.phases["energy_j"]]
    assert result.phases["j_per_token"].to_list() == pytest.approx(expected)
    assert run(serving(("a", "b"))).phases["j_per_token"].to_list() == [None]


def test_no_steps_no_kinds() -> None:
    result = run(serving(("a", "b")), tokens_per_step=4)

    assert len(result.step_kinds) == 0
    assert result.energy.tokens is None
    assert "no-steps" in slugs(result)
