"""Progress, outputs, summary: what the shell adds to a call of `validate`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from traceenergy.analysis.validation import validate
from traceenergy.cli.progress import progress
from traceenergy.report import STDOUT, check_outputs
from traceenergy.report.validation_report import (
    ENDINGS,
    render_validation_json,
    validation_summary,
    write_validation,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from traceenergy.analysis import AnalysisOptions
    from traceenergy.cli.run_analysis import Inputs


def run_validation(
    inputs: Inputs,
    *,
    outs: Sequence[str],
    options: AnalysisOptions,
    n_draws: int,
    seed: int,
    force: bool,
    quiet: bool,
) -> None:
    """Read, validate, write, and say what was found.

    Parameters
    ----------
    inputs : Inputs
    outs : sequence of str
        Refused before any work is done if they cannot be written.
    options : AnalysisOptions
    n_draws, seed : int
    force : bool
        Overwrite.
    quiet : bool
        No progress, no text.

    Raises
    ------
    TraceEnergyError
        Whatever the library raises.
    """
    check_outputs(outs, inputs.files, force=force, endings=ENDINGS)
    with progress(quiet=quiet) as say:
        trace, known = inputs.read(say)
        result = validate(trace, options, calibration=known, n_draws=n_draws, seed=seed, say=say)
        written = [write_validation(result, out, force=force) for out in outs if out != STDOUT]
    if STDOUT in outs:
        sys.stdout.write(render_validation_json(result))
    if not quiet:
        from traceenergy.cli.terminal import print_result

        print_result(validation_summary(result), written, aside=STDOUT in outs)
