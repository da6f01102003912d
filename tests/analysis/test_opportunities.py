"""What slower clocks could save, in closed form."""

from __future__ import annotations

import pytest

from tests.analysis.path_cases import Piece, case
from traceenergy.analysis.opportunities import LEAST_CLOCK, opportunity_rows


def test_slack_saves_dynamic_energy_by_the_power_of_the_clock() -> None:
    found = case(Piece("moe", 0, 3, dynamic_j=10, slack=1), Piece("mlp", 0, 4, path=4))

    row = opportunity_rows(found.ledger, found.phase, found.critical, 3.0).row(0, named=True)

    assert row["name"] == "moe"
    assert row["saving_j"] == pytest.approx(10 * (1 - 0.75**2))
    assert row["off_path_j"] == pytest.approx(11)
    assert row["slack_s"] == pytest.approx(1)


def test_clocks_go_no_lower_than_half() -> None:
    found = case(Piece("moe", 0, 1, dynamic_j=10, slack=100))

    row = opportunity_rows(found.ledger, found.phase, found.critical, 2.0).row(0, named=True)

    assert row["saving_j"] == pytest.approx(10 * (1 - LEAST_CLOCK))


def test_work_on_the_path_saves_nothing() -> None:
    found = case(Piece("mlp", 0, 4, path=4))

    assert opportunity_rows(found.ledger, found.phase, found.critical, 2.2).is_empty()


def test_without_power_the_saving_is_not_known() -> None:
    unknown = float("nan")
    found = case(Piece("moe", 0, 1, static_j=unknown, dynamic_j=unknown, slack=1))

    row = opportunity_rows(found.ledger, found.phase, found.critical, 2.2).row(0, named=True)

    assert row["saving_j"] is None
    assert row["off_path_s"] == pytest.approx(1)
