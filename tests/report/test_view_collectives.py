"""Tables of waiting: each row says who waits, how long, what it costs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.report import sample
from tests.report.test_view_path_tables import texts
from traceenergy.report.view_collectives import (
    collective_table,
    expert_bars,
    expert_table,
    straggler_table,
)


def test_waiting_stands_beside_moving() -> None:
    first, unmatched = texts(collective_table(sample.rich_analysis()))

    assert (first["Waiting"], first["Moving"], first["Share waiting"]) == (
        "200 ms", "400 ms", "33.3 %",
    )  # fmt: skip
    assert (first["Mean wait"], first["Energy waiting"]) == ("2.50 ms", "50.0 J")
    assert (unmatched["Unmatched"], unmatched["Energy waiting"]) == ("3", "\N{EM DASH}")


def test_the_energy_of_waiting_has_its_interval() -> None:
    table = collective_table(sample.rich_analysis())

    column = [head.text for head in table.headings].index("Energy waiting")
    assert table.rows[0][column].note == "(40.0\N{EN DASH}60.0)"
    assert table.rows[1][column].note == ""


def test_stragglers_are_told_from_those_that_wait() -> None:
    last, waits = texts(straggler_table(sample.rich_analysis()))

    assert (last["Device"], last["Last"], last["Caused waiting"]) == (
        "rank 0, GPU 1", "40", "200 ms",
    )  # fmt: skip
    assert (waits["Mean lateness"], waits["Own waiting"]) == ("\N{EM DASH}", "200 ms")


def test_experts_are_told_by_layer() -> None:
    rows = texts(expert_table(sample.rich_analysis()))

    assert (rows[2]["Layer"], rows[2]["Imbalance"], rows[2]["Busiest over all"]) == (
        "2", "1.20", "rank 0, GPU 0",
    )  # fmt: skip


def test_bars_of_experts_stand_on_the_mean() -> None:
    result = sample.rich_analysis()
    view = expert_bars(result)

    assert view is not None
    assert view.layers[:3] == (0, 1, 2)
    assert view.mean_s[2] + view.over_s[2] == pytest.approx(0.024)
    assert expert_bars(replace(result, expert_balance=result.expert_balance.clear())) is None


def test_without_power_waiting_is_told_in_time_only() -> None:
    headings = {head.text for head in straggler_table(sample.time_only_analysis()).headings}

    assert "Caused waiting" in headings
    assert not [head for head in headings if "Energy" in head]
