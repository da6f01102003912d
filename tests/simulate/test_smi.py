"""The power log is what nvidia-smi prints."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from traceenergy.simulate.smi import Readings, render_log, stamps_ns

MS = 1_000_000
# 2025-02-06 18:19:37 as nanoseconds since 1970 of a clock that shows just that.
LOCAL_NS = 1_738_865_977 * 10**9


def readings(*poll_ms: float, instant: bool) -> Readings:
    n = len(poll_ms)
    return Readings(
        poll_ns=np.array([round(t * MS) for t in poll_ms], dtype=np.int64),
        draw_w=np.linspace(345.67, 9.05, n),
        instant_w=np.full(n, 340.1) if instant else None,
        clock_mhz=np.full(n, 1755),
        temperature_c=np.full(n, 44.6),
    )


def test_lines_look_as_printed() -> None:
    log = render_log([readings(483.9, 583.2, instant=True)], ["abc"], LOCAL_NS)

    assert log.splitlines() == [
        (
            "timestamp, index, uuid, clocks.current.sm [MHz], power.draw [W], "
            "power.draw.instant [W], temperature.gpu"
        ),
        "2025/02/06 18:19:37.483, 0, GPU-abc, 1755 MHz, 345.67 W, 340.10 W, 45",
        "2025/02/06 18:19:37.583, 0, GPU-abc, 1755 MHz, 9.05 W, 340.10 W, 45",
    ]


def test_the_counter_is_the_last_column_in_whole_millijoules() -> None:
    counted = replace(readings(1, 21, instant=True), counter_j=np.array([5e6, 5000004.1234]))

    lines = render_log([counted], ["a"], LOCAL_NS).splitlines()

    assert [line.split(", ")[-1] for line in lines] == [
        "total_energy_consumption [mJ]", "5000000000 mJ", "5000004123 mJ",
    ]  # fmt: skip


def test_a_fast_clock_gains_as_much_as_said() -> None:
    poll_ns = np.array([0, 10, 1000], dtype=np.int64) * 10**9

    stamps = stamps_ns(poll_ns, LOCAL_NS, 200.0)

    # 200 millionths of 1000 s are 200 ms.
    assert (stamps - LOCAL_NS - poll_ns).tolist() == [0, 2 * MS, 200 * MS]


def test_gpus_take_turns_and_a_missing_field_says_so() -> None:
    both = [readings(1, 21, instant=False), readings(1.3, 21.3, instant=False)]

    lines = render_log(both, ["a", "b"], LOCAL_NS).splitlines()[1:]

    assert [line.split(", ")[1] for line in lines] == ["0", "1", "0", "1"]
    assert {line.split(", ")[5] for line in lines} == {"[N/A]"}
