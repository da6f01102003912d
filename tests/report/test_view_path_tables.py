"""Tables of holders, of energy that nobody waits for, of overlap."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tests.report import sample
from traceenergy.report.view_path_tables import (
    holder_table,
    opportunity_rule,
    opportunity_table,
    overlap_table,
)

if TYPE_CHECKING:
    from traceenergy.report.view_tables import TableView


def texts(table: TableView) -> list[dict[str, str]]:
    heads = [head.text for head in table.headings]
    return [
        dict(zip(heads, (cell.text for cell in row), strict=True)) for row in table.rows
    ]  # fmt: skip


def test_holders_have_their_turns_beside_their_energy() -> None:
    first, second = texts(holder_table(sample.rich_analysis()))

    assert first == {
        "Device": "rank 0, GPU 0", "Holds the path": "1.20 s", "Share of elapsed": "60.0 %",
        "Turns": "4", "Time a turn": "300 ms", "Energy": "600 J", "Share of work": "50.0 %",
        "Worth a look for": "time+energy",
    }  # fmt: skip
    assert second["Worth a look for"] == "energy only"


def test_a_device_that_never_holds_the_path_has_no_mean_turn() -> None:
    result = sample.rich_analysis()
    idle = {"rank": 0, "device_id": 1, "path_s": 0.0, "n_turns": 0}
    told = result.max_vs_sum | {"holders": [idle]}

    (row,) = texts(holder_table(replace(result, max_vs_sum=told)))

    assert (row["Holds the path"], row["Time a turn"]) == ("0 s", "\N{EM DASH}")


def test_savings_come_with_their_rule() -> None:
    result = sample.rich_analysis()

    first = texts(opportunity_table(result))[0]

    assert first == {
        "Phase": "MoE", "Energy off the path": "250 J", "Could save": "42.0 J",
        "Its time": "600 ms", "Mean slack": "3.00 ms",
    }  # fmt: skip
    assert "dynamic power with the clock to the power of 2.20" in opportunity_rule(result)


def test_overlap_tells_hidden_from_exposed() -> None:
    allreduce, memory = texts(overlap_table(sample.rich_analysis()))

    assert (allreduce["Work"], allreduce["Hidden"], allreduce["Exposed"]) == (
        "AllReduce", "200 ms", "400 ms",
    )  # fmt: skip
    assert (allreduce["Saved at most"], allreduce["Power hidden"]) == ("150 ms", "300 W")
    # a phase that has no label keeps its name
    assert (memory["Work"], memory["Power hidden"]) == ("memory", "\N{EM DASH}")
