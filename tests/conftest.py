"""Fixtures that several rooms share."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from hypothesis import Phase, settings

# A machine that is busy with something else is no reason for a law to fail.
# Where a change is judged, the same examples are tried each time, and none is made smaller, which
# may take minutes; at a desk, new ones.
_JUDGED = "CI" in os.environ
_PHASES = (Phase.explicit, Phase.generate) if _JUDGED else tuple(Phase)
settings.register_profile("house", deadline=None, derandomize=_JUDGED, phases=_PHASES)
settings.load_profile("house")

# A shell has Ctrl-C ignored by what it starts in the background: tests that press it would wait.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def shared_traces() -> Path:
    """Give the folder of real traces; skip where it is absent."""
    beside = Path(__file__).parents[2] / "shared" / "traces"
    folder = Path(os.environ.get("TRACEENERGY_TRACES", beside))
    if not folder.is_dir():
        pytest.skip("the folder of real traces is not here")
    return folder
