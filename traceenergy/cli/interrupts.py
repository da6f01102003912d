"""Ctrl-C that ends the program even where Python drops it."""

from __future__ import annotations

import signal
import sys
from contextlib import contextmanager
from threading import Timer, main_thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from sys import UnraisableHookArgs

_AGAIN_S = 0.02


@contextmanager
def kept_interrupts() -> Iterator[None]:
    """Raise a dropped `KeyboardInterrupt` again, a moment later.

    Python drops, and prints, what is raised in callbacks of weak references and in `__del__`; each
    import runs such a callback.
    """
    before = sys.unraisablehook

    def raise_again(dropped: UnraisableHookArgs) -> None:
        if issubclass(dropped.exc_type, KeyboardInterrupt):
            # A signal, not a mere flag: it also wakes a thread that waits.
            words = (main_thread().ident, signal.SIGINT)
            timer = Timer(_AGAIN_S, signal.pthread_kill, words)
            timer.daemon = True
            timer.start()
        else:
            before(dropped)

    sys.unraisablehook = raise_again
    try:
        yield
    finally:
        sys.unraisablehook = before
