"""Small reports that are the ranks of one run."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING

from polars.testing import assert_frame_equal, assert_series_equal

from traceenergy.simulate.options import Options
from traceenergy.simulate.run import simulate_run
from traceenergy.trace.model import Trace
from traceenergy.units import NS_PER_MS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

# Power marks inside, so that each report has its own; stretched to more than 8 readings.
SMALL = Options(layers=4, steps=6, batch=16, stretch=60.0, power="marks", poll_ns=20 * NS_PER_MS)


def write_ranks(folder: Path, n: int) -> list[Path]:
    """Write `n` reports that differ."""
    folder.mkdir(exist_ok=True)
    files = []
    for rank in range(n):
        simulate_run(folder / f"made{rank}", replace(SMALL, seed=rank))
        made = folder / f"made{rank}" / "trace.sqlite"
        files.append(made.rename(folder / f"rank{rank}.sqlite"))
    return files


def cut_short(file: Path) -> Path:
    """Damage a report so that it still begins like one."""
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    return file


def assert_same(left: Trace, right: Trace, but: Sequence[str] = ()) -> None:
    """Hold two traces against each other, table by table."""
    for part in fields(Trace):
        one, other = getattr(left, part.name), getattr(right, part.name)
        if part.name == "names":
            assert_series_equal(one, other)
        elif hasattr(one, "columns"):
            assert_frame_equal(one, other)
        elif part.name not in but:
            assert one == other, part.name
