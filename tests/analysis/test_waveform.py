"""Power over the average block: stretches drawn by hand, energy that must be in them."""

from __future__ import annotations

import polars as pl
import pytest

from traceenergy.analysis.waveform import draw_waveform

IDLE_W = 100.0


def block(*parts: tuple[str, bool, float, float, float], length_us: float) -> pl.DataFrame:
    """Make rows of a block of (phase, beside, begin [us], duration [us], dynamic power [W])."""
    rows = [
        {
            "block": "decode moe", "position": position, "subphase": name,
            "phase": name.partition(".")[0], "beside": beside, "start_us": start_us,
            "duration_us": duration_us, "static_j": IDLE_W * duration_us * 1e-6,
            "energy_j": (IDLE_W + power_w) * duration_us * 1e-6,
            "energy_lo_j": (IDLE_W + 0.5 * power_w) * duration_us * 1e-6,
            "energy_hi_j": (IDLE_W + 2 * power_w) * duration_us * 1e-6,
        }
        for position, (name, beside, start_us, duration_us, power_w) in enumerate(parts)
    ]  # fmt: skip
    end = rows[0] | {"position": None, "duration_us": length_us}
    return pl.DataFrame([*rows, end])


def test_power_is_idle_power_in_gaps_and_more_where_work_runs() -> None:
    wave = draw_waveform(
        block(("norm", False, 0, 10, 50), ("mlp.fc1", False, 15, 20, 300), length_us=35),
        {"decode moe": IDLE_W},
    )

    assert wave.select("start_us", "end_us", "power_w", "subphase").rows() == [
        (0, 10, pytest.approx(150), "norm"),
        (10, 15, pytest.approx(100), "idle"),
        (15, 35, pytest.approx(400), "mlp.fc1"),
    ]
    assert wave["power_lo_w"].to_list() == pytest.approx([125, 100, 250])
    assert wave["power_hi_w"].to_list() == pytest.approx([200, 100, 700])
    assert wave["static_w"].to_list() == [100] * 3


def test_work_beside_adds_up() -> None:
    # main  fc1 [0             40)
    # side      [10    20) shared
    wave = draw_waveform(
        block(("moe.fc1", False, 0, 40, 300), ("moe.shared", True, 10, 10, 120), length_us=40),
        {"decode moe": IDLE_W},
    )

    assert wave["power_w"].to_list() == pytest.approx([400, 520, 400])
    assert wave["beside_w"].to_list() == pytest.approx([0, 120, 0])
    assert wave["subphase"].to_list() == ["moe.fc1"] * 3
    assert wave["beside"].to_list() == [None, "moe.shared", None]


def test_the_area_is_the_energy_of_work_and_gaps() -> None:
    parts = (
        ("norm", False, 2, 10, 50), ("moe.fc1", False, 15, 20, 300), ("moe", True, 8, 12, 77),
    )  # fmt: skip
    wave = draw_waveform(block(*parts, length_us=40), {"decode moe": IDLE_W})

    area_j = float(((wave["end_us"] - wave["start_us"]) * wave["power_w"]).sum()) * 1e-6
    assert area_j == pytest.approx((40 * IDLE_W + 10 * 50 + 20 * 300 + 12 * 77) * 1e-6)
    assert wave["start_us"].to_list()[1:] == wave["end_us"].to_list()[:-1]


def test_parts_of_no_length_are_not_drawn() -> None:
    parts = (("norm", False, 0.0, 10.0, 50.0), ("memory", False, 10.0, 0.0, 0.0))

    wave = draw_waveform(block(*parts, length_us=10), {"decode moe": IDLE_W})

    assert wave["subphase"].to_list() == ["norm"]


def test_a_block_of_no_length_has_no_waveform() -> None:
    assert draw_waveform(
        block(("norm", False, 0, 0, 0), length_us=0), {"decode moe": 60}
    ).is_empty()


def test_without_power_there_is_no_waveform() -> None:
    assert draw_waveform(block(("norm", False, 0, 10, 50), length_us=10), {}).height == 0
