"""Charts as a page carries them: compressed figures beside the script that draws them."""

from __future__ import annotations

import base64
import gzip
import hashlib
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from traceenergy.records import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping

# The script is 4.8 MB. Each further level makes the page less than 1 % smaller for a third more
# time, and this time is a good part of that of a short run.
_LEVEL = 5


@dataclass(frozen=True)
class CarriedScript:
    """A script in a page.

    Attributes
    ----------
    digest : Future of str
        As `script_digest` writes it.
    text : Future of str
        As `packed` writes it.
    """

    digest: Future[str]
    text: Future[str]


@cache
def pack_plotly() -> CarriedScript:
    """Begin to pack plotly's own script, beside whatever is done until a page asks for it.

    Returns
    -------
    CarriedScript
        The same for all pages. Digest and compression leave the interpreter free.
    """
    script = plotly_script()
    with_one = ThreadPoolExecutor(1)
    carried = CarriedScript(with_one.submit(script_digest, script), with_one.submit(packed, script))
    with_one.shutdown(wait=False)
    return carried


def packed_figures(figures: Mapping[str, Any]) -> str:
    """Write figures as JSON, compressed for a page.

    Parameters
    ----------
    figures : mapping
        Figure as plotly takes it by the id of its place in the page.

    Returns
    -------
    str
        gzip in base64, the same for the same figures. Numbers that are not finite are null.
    """
    return packed(msgspec.json.encode(figures))


def plotly_script() -> bytes:
    """Read plotly's own script.

    Returns
    -------
    bytes
        JavaScript in UTF-8.

    Notes
    -----
    Found without an import of plotly, which costs more than all figures of a page.
    """
    package = find_spec("plotly")
    if package is None or package.origin is None:
        raise ModuleNotFoundError("plotly is not installed", name="plotly")
    return (Path(package.origin).parent / "package_data" / "plotly.min.js").read_bytes()


def packed(data: bytes) -> str:
    """Compress data for a page.

    Parameters
    ----------
    data : bytes

    Returns
    -------
    str
        gzip in base64, the same for the same data.
    """
    return base64.b64encode(gzip.compress(data, _LEVEL, mtime=0)).decode()


def script_digest(script: bytes) -> str:
    """Digest a script as a Content-Security-Policy writes it: SHA-256 in base64."""
    return base64.b64encode(hashlib.sha256(script).digest()).decode()
