"""What is being done, told while it is done."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@contextmanager
def progress(*, quiet: bool) -> Iterator[Callable[[str], None]]:
    """Show what is being done, on a terminal only; yields what to tell it to."""
    if quiet:
        yield lambda _: None
        return
    from traceenergy.cli.terminal import spinner

    with spinner() as say:
        yield say
