"""Options that commands share: what words become."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from traceenergy.cli import options  # noqa: TC001 - typer reads annotations
from traceenergy.cli.options import parse_sensor, parse_tokens
from traceenergy.durations import TimeRange
from traceenergy.errors import UsageError

S = 1_000_000_000


def parse(*words: str) -> dict[str, object]:
    """Parse words with every shared option and give what a command would get."""
    app, got = typer.Typer(rich_markup_mode=None), {}

    @app.command()
    def take(  # noqa: PLR0913 - one argument an option
        traces: options.Traces,
        *,
        out: options.Outputs = None,
        power: options.PowerLogs = None,
        power_clock_offset: options.PowerClockOffset = None,
        power_gpu: options.PowerGpus = None,
        filter_time: options.FilterTime = None,
        idle_power: options.IdlePower = None,
    ) -> None:
        got.update(locals())

    result = CliRunner().invoke(app, list(words), catch_exceptions=True)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return {name: value for name, value in got.items() if name != "got"}


def test_what_is_not_said_is_none() -> None:
    got = parse("a.sqlite")

    assert [path.name for path in got.pop("traces")] == ["a.sqlite"]
    assert set(got.values()) == {None}


def test_times_become_nanoseconds_and_lists_keep_their_order() -> None:
    got = parse(
        *("a.sqlite", "b.sqlite", "--filter-time", "1s500ms/2s", "--power-clock-offset", "-2h"),
        *("-o", "x.html", "-o", "-", "--power", "1.csv", "--power", "2.csv", "--power-gpu", "0"),
    )

    assert got["filter_time"] == TimeRange(S + S // 2, 2 * S)
    assert got["power_clock_offset"] == -7200 * S
    assert got["out"] == ["x.html", "-"]
    assert [path.name for path in got["power"]] == ["1.csv", "2.csv"]
    assert [path.name for path in got["traces"]] == ["a.sqlite", "b.sqlite"]


def test_a_time_that_means_nothing_is_an_error_of_ours() -> None:
    with pytest.raises(UsageError, match="is not a length of time"):
        parse("a.sqlite", "--filter-time", "1/2")


@pytest.mark.parametrize(
    ("text", "window_ms"),
    [("auto", None), ("instant", 0.0), ("average:100ms", 100.0), ("average:1s", 1000.0)],
)
def test_a_sensor_is_known_by_its_averaging_window(text: str, window_ms: float | None) -> None:
    assert parse_sensor(text) == window_ms


@pytest.mark.parametrize("text", ["", "fast", "average", "average:", "average:0", "average:-1s"])
def test_an_unknown_sensor_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_sensor(text)


def test_tokens_are_a_number_or_a_table() -> None:
    assert parse_tokens(None) is None
    assert parse_tokens("64") == 64
    assert parse_tokens("of/run.csv") == Path("of/run.csv")
    with pytest.raises(UsageError, match="neither a whole number"):
        parse_tokens("64.5")
