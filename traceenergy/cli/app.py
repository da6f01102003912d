"""The Typer app: words in, errors to stderr, an exit code out."""

from __future__ import annotations

import sys
import traceback
from importlib import import_module
from typing import TYPE_CHECKING, Annotated

import typer

from traceenergy import __version__
from traceenergy.cli.interrupts import kept_interrupts
from traceenergy.cli.stdout import checked_stdout
from traceenergy.errors import InternalError, TraceEnergyError, UsageError
from traceenergy.foreign_text import is_text

if TYPE_CHECKING:
    from collections.abc import Sequence

EXIT_INTERRUPTED = 130  # as shells say of a program that Ctrl-C ended

# One module a command, each with one function of its own name, in the order of the help.
# Heavy imports (polars, plotly) stay inside the functions, so that help comes at once.
COMMANDS = (
    "analyze",
    "compare",
    "sweep",
    "validate",
    "inspect",
    "simulate",
    "sample",
    "rules",
    "recipe-path",
)


def make_app(commands: Sequence[str] = COMMANDS) -> typer.Typer:
    """Assemble commands.

    Parameters
    ----------
    commands : sequence of str
        All by default.

    Returns
    -------
    typer.Typer
    """
    app = typer.Typer(
        name="traceenergy",
        help="Where every joule of a GPU run went: energy per kernel, layer and phase from "
        "Nsight Systems traces and power samples.",
        epilog="Exit codes: 0 done, 1 a gate failed, 2 bad usage or unreadable input, 3 no power "
        "data.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_start)
    for name in commands:
        function = name.replace("-", "_")
        module = import_module(f"traceenergy.cli.{function}")
        app.command(name, epilog=module.EXAMPLES)(getattr(module, function))
    return app


def main(argv: list[str] | None = None) -> None:
    """Run the command line and leave with its exit code.

    Parameters
    ----------
    argv : list of str, optional
        Words after the program's name; those of the shell by default.

    Raises
    ------
    SystemExit
        Always.
    """
    words = sys.argv[1:] if argv is None else argv
    verbose = not {"-v", "--verbose"}.isdisjoint(words)
    try:
        _check_words(words)
        with kept_interrupts(), checked_stdout():
            make_app(_asked(words))(words, prog_name="traceenergy")
    except TraceEnergyError as error:
        if verbose:
            traceback.print_exc()
        _say(str(error))
        sys.exit(error.exit_code)
    except SystemExit:
        raise
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)
    # The last door: a defect must not look like a result. A panic of polars is no Exception.
    except BaseException as error:  # noqa: BLE001 - as said
        if verbose:
            traceback.print_exc()
        _say(_defect(error))
        sys.exit(InternalError.exit_code)


def _check_words(words: list[str]) -> None:
    """Refuse words that no output could say again, such as names of files of another time."""
    odd = [word for word in words if not is_text(word)]
    if odd:
        raise UsageError(
            f"a word of the call is no text in {sys.getfilesystemencoding()}",
            details=", ".join(odd),
            next_step="rename the file; a folder of such a name can be entered with cd",
        )


def _asked(words: Sequence[str]) -> Sequence[str]:
    """Tell which commands to assemble; the help, or a wrong name, needs all."""
    return words[:1] if words and words[0] in COMMANDS else COMMANDS


def _version(on: bool) -> None:  # noqa: FBT001 - typer calls it so
    if on:
        typer.echo(f"traceenergy {__version__}")
        raise typer.Exit


def _start(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_version)
    ] = False,
) -> None:
    """Nothing to do before a command."""


def _defect(error: BaseException) -> str:
    # The text of a foreign exception may hold paths or values of the input: name its type only.
    defect = InternalError(
        f"a defect of traceenergy {__version__} ({type(error).__name__})",
        next_step="run again with -v and report the traceback, without private parts",
    )
    return str(defect)


def _say(text: str) -> None:
    typer.echo(text, err=True)
