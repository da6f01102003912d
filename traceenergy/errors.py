"""Every error raised on purpose: a slug, an exit code, words that help."""

from __future__ import annotations

EXIT_GATE = 1
EXIT_USAGE = 2
EXIT_NO_POWER = 3
_LONGEST_LINE = 2_000
_MOST_LINES = 60
_MARK = "\N{REPLACEMENT CHARACTER}"


class TraceEnergyError(Exception):
    """Base of all errors a user can meet.

    Parameters
    ----------
    what : str
        One line: what is wrong.
    details : str
        Further lines: where, what was expected and what was found.
    next_step : str
        What to do about it.

    Attributes
    ----------
    slug
        Stable name of the error, part of the interface.
    exit_code
        Exit status of the command line (0 done, 1 gate, 2 usage or input, 3 no power).
    """

    slug = "error"
    exit_code = EXIT_USAGE

    def __init__(self, what: str, *, details: str = "", next_step: str = "") -> None:
        self.what = what
        self.details = details
        self.next_step = next_step
        super().__init__(what)

    def __str__(self) -> str:
        """Write the error as the shell shows it, one part a line.

        Words of a file may be among them: what would move the cursor, or turn the direction of
        text, and spaces that are none of ASCII, are replaced by a visible mark; lines that are too
        long, or too many, are cut.
        """
        lines = [f"error[{self.slug}]: {self.what}"]
        lines += [f"  {line}" for line in self.details.splitlines()]
        if self.next_step:
            lines.append(f"  next: {self.next_step}")
        if len(lines) > _MOST_LINES:
            n_more = len(lines) - _MOST_LINES
            lines[_MOST_LINES - 1 : -1] = [f"  ... ({n_more:,} more lines)"]
        return "\n".join(_harmless(line) for line in lines)

    def __reduce__(self) -> tuple[object, ...]:
        """Keep all parts when the error crosses a process border."""
        return _rebuild, (type(self), self.what, self.details, self.next_step)


def _harmless(line: str) -> str:
    if len(line) > _LONGEST_LINE:
        line = f"{line[:_LONGEST_LINE]}... ({len(line) - _LONGEST_LINE:,} more characters)"
    if line.isprintable():
        return line
    return "".join(letter if letter.isprintable() else _MARK for letter in line)


def _rebuild(
    kind: type[TraceEnergyError], what: str, details: str, next_step: str
) -> TraceEnergyError:
    return kind(what, details=details, next_step=next_step)


class UsageError(TraceEnergyError):
    """An option or argument has a value that means nothing."""

    slug = "bad-usage"


class UnreadableFileError(TraceEnergyError):
    """A file is missing, empty, damaged or not what its name says."""

    slug = "unreadable-file"


class NotATraceError(TraceEnergyError):
    """A file can be read but is no trace that this tool knows."""

    slug = "not-a-trace"


class UnknownSchemaError(TraceEnergyError):
    """An export has a layout that cannot be read safely."""

    slug = "unknown-schema"


class MissingTableError(TraceEnergyError):
    """A table or column that the question needs was not recorded."""

    slug = "missing-table"


class NoGpuWorkError(TraceEnergyError):
    """A trace, or the window asked for, holds no GPU work."""

    slug = "no-gpu-work"


class BadTableError(TraceEnergyError):
    """A table breaks its own declaration in `trace/tables.py`."""

    slug = "bad-table"


class BadRulesError(TraceEnergyError):
    """A rule file cannot be understood."""

    slug = "bad-rules"


class BadCalibrationError(TraceEnergyError):
    """A calibration run does not tell the power of kernels."""

    slug = "bad-calibration"


class RegressionRefusedError(TraceEnergyError):
    """The readings do not tell the power of kernels, which the question needs."""

    slug = "regression-refused"


class StepModelRefusedError(TraceEnergyError):
    """Runs of a sweep do not tell what steps take at other settings."""

    slug = "step-model-refused"


class BadPowerModelError(TraceEnergyError):
    """A file of powers of parts cannot be understood, or does not tell what is needed."""

    slug = "bad-power-model"


class BadSweepError(TraceEnergyError):
    """A description of runs cannot be understood, or the runs cannot be put side by side."""

    slug = "bad-sweep"


class RunsLeftOutError(TraceEnergyError):
    """Of the runs of a sweep some could not be read; the result holds the others."""

    slug = "runs-left-out"


class LayersFromMismatchError(TraceEnergyError):
    """The trace that should tell layers is of another model, or tells none."""

    slug = "layers-from-mismatch"


class BadPowerLogError(TraceEnergyError):
    """A power log cannot be understood."""

    slug = "bad-power-log"


class BadRequestLogError(TraceEnergyError):
    """A log of requests cannot be understood, or does not hold single requests."""

    slug = "bad-request-log"


class AmbiguousPowerError(TraceEnergyError):
    """Power samples cannot be tied to one GPU, or to one unit, without a guess."""

    slug = "ambiguous-power"


class ClockMismatchError(TraceEnergyError):
    """Power log and trace do not overlap in time, or one of them has no clock."""

    slug = "clock-mismatch"


class NoPowerError(TraceEnergyError):
    """There is no power data at all."""

    slug = "no-power"
    exit_code = EXIT_NO_POWER


class TooFewSamplesError(TraceEnergyError):
    """Power data exist, but not enough to say anything about energy."""

    slug = "too-few-samples"
    exit_code = EXIT_NO_POWER


class NotAResultError(TraceEnergyError):
    """A file is JSON, but no result of an analysis, or one with parts missing."""

    slug = "not-a-result"


class NewerResultError(TraceEnergyError):
    """A result was written by a newer version, in a form that this one does not know."""

    slug = "newer-result"


class NotComparableError(TraceEnergyError):
    """Two runs have too little in common to be compared."""

    slug = "not-comparable"


class GateFailedError(TraceEnergyError):
    """A change is beyond a limit that was asked for."""

    slug = "gate-failed"
    exit_code = EXIT_GATE


class GateUndecidedError(TraceEnergyError):
    """The data cannot tell whether a change is within a limit that was asked for."""

    slug = "gate-undecided"
    exit_code = EXIT_GATE


class OutputExistsError(TraceEnergyError):
    """A file would be overwritten."""

    slug = "output-exists"


class OutputError(TraceEnergyError):
    """A result cannot be written where it was asked for."""

    slug = "cannot-write"


class MissingToolError(TraceEnergyError):
    """An outside program or package that is needed is not there."""

    slug = "missing-tool"


class SamplingError(TraceEnergyError):
    """Power of GPUs cannot be read, or not any longer."""

    slug = "cannot-sample"


class SchedulerError(TraceEnergyError):
    """A Dask cluster cannot be reached, or cannot read reports."""

    slug = "scheduler"


class WorkerLostError(TraceEnergyError):
    """Each process that read a report was ended from outside."""

    slug = "worker-lost"


class InternalError(TraceEnergyError):
    """A defect of this program, met where none of the other errors fits."""

    slug = "internal"
