"""The labelled corpus can be made, and is judged as it says."""

from __future__ import annotations

import shlex
from collections import Counter
from typing import TYPE_CHECKING

import polars as pl
import pytest

from bench.label_corpus import Case, read_corpus
from bench.label_judge import judge_labels
from traceenergy.cli.app import main
from traceenergy.trace.tables import WORK_TABLE

if TYPE_CHECKING:
    from pathlib import Path

CASES, RECORDED = read_corpus()


def value_of(option: str, words: list[str]) -> str | None:
    return words[words.index(option) + 1] if option in words else None


def test_each_kind_of_evidence_has_its_runs() -> None:
    kinds = Counter(case.evidence for case in CASES)

    assert set(kinds) == {"ranges", "capture", "transfer", "order", "whole", "nothing"}
    assert kinds["nothing"] + len(RECORDED) >= 6
    assert sum(kinds.values()) - kinds["nothing"] >= 12
    assert len({case.name for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", [case for case in CASES if case.layers_from], ids=str)
def test_layers_come_from_a_marked_run_of_the_same_model(case: Case) -> None:
    marked = next(one for one in CASES if one.name == case.layers_from)

    assert marked.evidence == "ranges"
    told, asked = (shlex.split(one.options) for one in (marked, case))
    for option in ("--model", "--layers", "--parallel", "--mtp"):
        given = [
            words[words.index(option) + 1] if option in words else "" for words in (told, asked)
        ]
        assert given[0] == given[1]


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_each_run_can_be_made(case: Case, tmp_path: Path) -> None:
    # Small; what its options mean together is what counts.
    words = case.words(tmp_path, 1)
    for option in ("--steps", "--layers"):
        if option in words:
            words[words.index(option) + 1] = "3"

    with pytest.raises(SystemExit) as left:
        main(words)

    assert not left.value.code
    truth = pl.read_parquet(tmp_path / "truth.parquet")
    has_layers = case.evidence != "nothing"
    assert (truth["layer"].null_count() < len(truth)) == has_layers
    assert ("GRAPH" in set(truth["table"])) == (case.evidence == "whole")


def truth_of(rows: list[tuple[int, int, int | None, str]]) -> pl.DataFrame:
    names = ["duration_ns", "step", "layer", "phase"]
    frame = pl.DataFrame(rows, names, orient="row")
    return frame.select(
        pl.lit(0, pl.Int32).alias("device_id"),
        pl.lit("KERNEL", WORK_TABLE).alias("table"),
        (pl.int_range(pl.len()) + 1).alias("trace_row"),
        pl.lit(100).alias("start_ns"),
        (100 + pl.col("duration_ns")).alias("end_ns"),
        "step",
        pl.col("layer").cast(pl.Int32),
        "phase",
    )


TRUTH = truth_of(
    [(40, 0, 0, "attention"), (30, 0, None, "other"), (20, 1, 1, "mlp"), (10, 1, None, "norm")]
)


def told(**columns: list[object]) -> pl.DataFrame:
    given = TRUTH.with_columns(pl.col("table").cast(pl.String))
    return given.with_columns(
        pl.Series(name, values, dtype=given.schema[name]) for name, values in columns.items()
    )


def test_what_is_told_right_is_right() -> None:
    found = judge_labels(
        TRUTH, told(step=[7, 7, 8, 8], phase=["attention", "unclassified", "mlp", "norm"])
    )

    assert (found.step, found.layer, found.phase, found.all_three) == (1.0, 1.0, 1.0, 1.0)
    assert (found.n_invented, found.n_pieces) == (0, 4)


def test_mistakes_count_by_their_time() -> None:
    found = judge_labels(
        TRUTH,
        told(
            step=[0, 0, 1, None], layer=[1, 5, 1, None], phase=["attention", "mlp", "mlp", "norm"]
        ),
    )

    # 40 + 30 ns in a wrong layer, one of them in a layer that is none; 30 ns of a wrong phase.
    assert found.step == pytest.approx(0.9)
    assert found.layer == pytest.approx(0.3)
    assert found.phase == pytest.approx(0.7)
    assert found.all_three == pytest.approx(0.2)
    assert found.n_invented == 1


def test_a_layer_that_is_not_told_is_wrong_and_not_invented() -> None:
    found = judge_labels(TRUTH, told(layer=[None, None, None, None]))

    assert found.layer == pytest.approx(0.4)
    assert found.n_invented == 0


def test_the_phase_of_a_copy_is_not_judged() -> None:
    copies = pl.lit("MEMCPY", WORK_TABLE).alias("table")

    found = judge_labels(
        TRUTH.with_columns(copies),
        told(phase=["norm"] * 4).with_columns(pl.lit("MEMCPY").alias("table")),
    )

    assert found.phase == 1.0
