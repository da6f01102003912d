"""Hidden and exposed communication, on pieces drawn by hand."""

from __future__ import annotations

import pytest

from tests.analysis.path_cases import Piece, case
from traceenergy.analysis.overlap import overlap_rows


def test_communication_under_computation_is_hidden() -> None:
    found = case(
        Piece("mlp.fc1", 0, 4, path=4),
        Piece("allreduce.nccl", 3, 6, static_j=2, dynamic_j=4, path=2),
    )

    row = overlap_rows(found.ledger, found.phase, found.critical).row(0, named=True)

    assert row["name"] == "allreduce"
    assert (row["busy_s"], row["hidden_s"], row["exposed_s"]) == pytest.approx((3, 1, 2))
    assert (row["hidden_j"], row["exposed_j"]) == pytest.approx((2, 4))
    assert (row["hidden_w"], row["exposed_w"]) == pytest.approx((2, 2))
    assert row["saved_s"] == 0  # it holds the path itself


def test_time_is_saved_while_computation_holds_the_path() -> None:
    found = case(
        Piece("mlp.fc1", 0, 2, path=2),
        Piece("moe.routed", 2, 4),
        Piece("memory.memcpy", 1, 4, slack=1),
    )

    row = overlap_rows(found.ledger, found.phase, found.critical).row(0, named=True)

    assert row["hidden_s"] == pytest.approx(3)
    assert row["saved_s"] == pytest.approx(1)
    assert row["exposed_w"] is None


def test_another_device_hides_nothing() -> None:
    found = case(Piece("mlp.fc1", 0, 4, path=4), Piece("collective.allgather", 0, 4, device=1))

    row = overlap_rows(found.ledger, found.phase, found.critical).row(0, named=True)

    assert row["hidden_s"] == 0
    assert row["exposed_s"] == pytest.approx(4)


def test_dispatch_of_experts_is_communication() -> None:
    found = case(Piece("moe.dispatch", 0, 1), Piece("moe.routed_fc1", 0, 1))

    assert overlap_rows(found.ledger, found.phase, found.critical)["name"].to_list() == [
        "moe.dispatch"
    ]


def test_without_communication_there_is_no_table() -> None:
    found = case(Piece("mlp.fc1", 0, 1, path=1))

    assert overlap_rows(found.ledger, found.phase, found.critical).is_empty()


def test_computation_of_no_length_hides_nothing() -> None:
    found = case(Piece("mlp.fc1", 1, 1), Piece("memory.memcpy", 0, 4, path=4))

    row = overlap_rows(found.ledger, found.phase, found.critical).row(0, named=True)

    assert row["hidden_s"] == 0
