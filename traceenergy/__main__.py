"""The command line, as a program: `traceenergy` or `python -m traceenergy`."""

from __future__ import annotations

import gc
import signal

# Python looks for rings of unused objects each time 700 more are alive; tables hang in none. That
# took a tenth of a short run.
_OBJECTS_BETWEEN_LOOKS = 200_000


def run() -> None:
    """Load the command line and run it.

    Raises
    ------
    SystemExit
        Always.
    """
    gc.set_threshold(_OBJECTS_BETWEEN_LOOKS)
    # While it loads there is nothing to clean up: Ctrl-C ends it at once, without a traceback.
    loading = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if loading:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from traceenergy.cli.app import main  # noqa: PLC0415 - as said

    if loading:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    main()


if __name__ == "__main__":
    run()
