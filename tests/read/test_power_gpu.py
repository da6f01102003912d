"""What a user may write after --power-gpu."""

from __future__ import annotations

import polars as pl
import pytest

from tests.build import Work, build_trace
from traceenergy.errors import AmbiguousPowerError, UsageError
from traceenergy.read.power_gpu import list_gpus, option_for, parse_power_gpus
from traceenergy.trace.tables import Devices

UUID = "00112233-4455-6677-8899-aabbccddeeff"


def devices_of(*keys: tuple[int, int], uuid: str | None = None) -> Devices:
    trace = build_trace([Work("k", 0, 1, rank=rank, device=device) for rank, device in keys])
    return Devices(trace.devices.with_columns(gpu_uuid=pl.lit(uuid, pl.String)))


@pytest.mark.parametrize(
    ("entry", "source", "rank", "device_id", "uuid"),
    [
        ("0", None, None, 0, None),
        ("1:0", None, 1, 0, None),
        ("power.csv=3", "power.csv", None, 3, None),
        ("Power.CSV=2:3", "power.csv", 2, 3, None),
        ("a=b=1", "a=b", None, 1, None),
        ("281487861612545=0", "281487861612545", None, 0, None),
        ("00000000:3B:00.0=1:0", "00000000:3b:00.0", 1, 0, None),
        (f"0=GPU-{UUID.upper()}", "0", None, None, UUID),
        (f"1:{UUID}", None, 1, None, UUID),
        (" 0 ", None, None, 0, None),
    ],
)
def test_forms(
    entry: str, source: str | None, rank: int | None, device_id: int | None, uuid: str | None
) -> None:
    (parsed,) = parse_power_gpus([entry])

    assert (parsed.source, parsed.rank, parsed.device_id, parsed.uuid) == (
        source, rank, device_id, uuid,
    )  # fmt: skip


@pytest.mark.parametrize("entry", ["", "=", "=0", "gpu", "-1", "0:", "1:2:3", "x=", "0=1=x", "1.5"])
def test_other_forms_are_refused(entry: str) -> None:
    with pytest.raises(UsageError, match="is not understood"):
        parse_power_gpus([entry])


def test_one_source_is_named_once_per_rank() -> None:
    assert len(parse_power_gpus(["a=0:1", "a=1:1"])) == 2
    with pytest.raises(UsageError, match="twice"):
        parse_power_gpus(["a=0", "A=1"])


def test_gpu_is_found_by_number_or_uuid() -> None:
    devices = devices_of((0, 2), uuid=UUID)

    assert [choice.find(devices) for choice in parse_power_gpus(["a=2", f"b={UUID}"])] == [
        [(0, 2)], [(0, 2)],
    ]  # fmt: skip


def test_ranks_that_share_a_gpu_are_all_found_by_its_uuid() -> None:
    (choice,) = parse_power_gpus([UUID])

    assert choice.find(devices_of((0, 2), (1, 2), uuid=UUID)) == [(0, 2), (1, 2)]


def test_number_that_several_ranks_have_is_ambiguous() -> None:
    (choice,) = parse_power_gpus(["2"])

    with pytest.raises(AmbiguousPowerError) as caught:
        choice.find(devices_of((0, 2), (1, 2)))

    assert "--power-gpu 0:2" in caught.value.next_step


def test_gpu_that_ran_nothing_is_refused_with_those_that_did() -> None:
    (choice,) = parse_power_gpus(["5"])

    with pytest.raises(UsageError) as caught:
        choice.find(devices_of((0, 2), uuid=UUID))

    assert f"GPU 0:2  Toy GPU  uuid {UUID}" in caught.value.details


def test_list_says_what_was_not_recorded() -> None:
    assert "uuid not recorded" in list_gpus(devices_of((0, 0)))


@pytest.mark.parametrize(
    ("keys", "source", "expected"),
    [
        ([(0, 2)], None, "--power-gpu 2"),
        ([(0, 2), (0, 3)], "a.csv", "--power-gpu a.csv=2"),
        ([(0, 2), (1, 2)], "a.csv", "--power-gpu a.csv=0:2"),
    ],
)
def test_proposed_option_is_as_short_as_it_can_be(
    keys: list[tuple[int, int]], source: str | None, expected: str
) -> None:
    devices = devices_of(*keys)

    option = option_for(source, keys[0], devices)

    assert option == expected
    (choice,) = parse_power_gpus([option.split()[1]])
    assert choice.find(devices) == keys[:1]
