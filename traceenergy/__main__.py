"""The command line, as a program: `traceenergy` or `python -m traceenergy`."""

from __future__ import annotations

import atexit
import ctypes
import gc
import os
import signal

# Python looks for rings of unused objects each time 700 more are alive; tables hang in none. That
# took a tenth of a short run.
_OBJECTS_BETWEEN_LOOKS = 200_000
# glibc gives each thread a heap of its own, and what one frees no other uses: a run of a million
# kernels, loaded by two threads, took a fifth more memory.
_HEAPS, _MALLOPT_HEAPS = "MALLOC_ARENA_MAX", -8
# The allocator of polars keeps for seconds what tables leave behind: another fifth. Pages of 2 MB
# cost less to be had again (a million kernels: 390,000 page faults for 980,000).
_TABLES, _GIVE_BACK = "_RJEM_MALLOC_CONF", "dirty_decay_ms:0,thp:always"
# Matrices here are small: threads of BLAS cost a million kernels 1.6 s of CPU, and saved nothing.
_BLAS = "OPENBLAS_NUM_THREADS"


def run() -> None:
    """Load the command line and run it.

    Raises
    ------
    SystemExit
        Always.
    """
    gc.set_threshold(_OBJECTS_BETWEEN_LOOKS)
    # At its end Python looks at all objects once more, for what the system takes back anyway.
    atexit.register(gc.freeze)
    _prepare_libraries()
    # While it loads there is nothing to clean up: Ctrl-C ends it at once, without a traceback.
    loading = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if loading:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from traceenergy.cli.app import main  # noqa: PLC0415 - as said

    if loading:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    main()


def _prepare_libraries() -> None:
    """Say how libraries use memory, cores; processes begun from here do so too."""
    os.environ.setdefault(_TABLES, _GIVE_BACK)  # read when polars is loaded
    os.environ.setdefault(_BLAS, "1")  # when numpy is
    if os.environ.setdefault(_HEAPS, "1") != "1":
        return  # somebody chose
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # not in every C library
    if mallopt is not None:
        mallopt(_MALLOPT_HEAPS, 1)


if __name__ == "__main__":
    run()
