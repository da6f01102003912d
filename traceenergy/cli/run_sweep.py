"""Progress, outputs, summary: what the shell adds to a call of `sweep`."""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from traceenergy.cli.progress import progress
from traceenergy.errors import RunsLeftOutError
from traceenergy.read.options import RAISE, SKIP
from traceenergy.report import STDOUT, begin_pages, check_outputs
from traceenergy.report.sweep_outputs import (
    ENDINGS,
    render_sweep_json,
    sweep_summary,
    write_sweep,
)
from traceenergy.report.sweep_runs import sweep
from traceenergy.sweeps.redaction import LEFT_OUT
from traceenergy.sweeps.sources import list_sources

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from traceenergy.read.options import Workers
    from traceenergy.sweeps.result import SweepOptions


def run_sweep(
    runs: Sequence[Path],
    *,
    outs: Sequence[str],
    options: SweepOptions,
    workers: Workers,
    force: bool,
    quiet: bool,
) -> None:
    """Read, compare, write, say what was found.

    Parameters
    ----------
    runs : sequence of Path
    outs : sequence of str
        Refused before any work is done if they cannot be written.
    options : SweepOptions
    workers : Workers
        Runs that cannot be read are left out either way.
    force : bool
        Overwrite.
    quiet : bool
        No progress, no summary.

    Raises
    ------
    RunsLeftOutError
        If runs were left out that should not be; only when everything was written.
    TraceEnergyError
        Whatever the library raises.
    """
    files = [path for source in list_sources(runs) for path in source.all_files]
    check_outputs(outs, [*runs, *files], force=force, endings=ENDINGS)
    begin_pages(outs)
    with progress(quiet=quiet) as say:
        say(f"reading {len(runs)} runs")
        found = sweep(runs, options, workers=replace(workers, on_error=SKIP))
        written = []
        for out in outs:
            say(f"writing {out}")
            if out != STDOUT:
                made_at = datetime.now(tz=UTC)
                written.append(write_sweep(found, out, force=force, made_at=made_at))
    if STDOUT in outs:
        sys.stdout.write(render_sweep_json(found))
    if not quiet:
        from traceenergy.cli.terminal import print_result

        print_result(sweep_summary(found), written, aside=STDOUT in outs)
    left_out = [caveat for caveat in found.caveats if caveat.slug == LEFT_OUT]
    if left_out and workers.on_error == RAISE:
        raise RunsLeftOutError(
            f"{len(left_out)} runs could not be read; what was written holds the others"
            if len(left_out) > 1
            else "a run could not be read; what was written holds the others",
            details="\n".join(caveat.text for caveat in left_out[:16]),
            next_step="cure them, or pass --on-error skip",
        )
