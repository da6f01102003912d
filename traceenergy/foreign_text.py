"""Text that others wrote, which may be none: what cannot be written again is refused."""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

# JSON can write halves of characters, which no text of Python that leaves it may hold.
_HALF = re.compile(r"\\u[dD][89a-fA-F]")


def parse_json(text: str, *, strict: bool = False) -> Any:  # noqa: ANN401 - any JSON
    """Parse a text of JSON.

    Parameters
    ----------
    text : str
    strict : bool
        Refuse NaN and infinity, which Python writes though JSON does not know them.

    Returns
    -------
    JSON value
        All its texts can be written as UTF-8.

    Raises
    ------
    ValueError
        If it is none, cut short, nested too deep, or holds half of a character or a number of
        thousands of digits.
    """
    try:
        found = json.loads(text, parse_constant=_refuse if strict else None)
        if _HALF.search(text):
            json.dumps(found, ensure_ascii=False).encode()
    except RecursionError:
        message = "nested too deep"
        raise ValueError(message) from None
    return found


def is_text(name: str) -> bool:
    """Tell whether a name can be written as UTF-8: file systems take any bytes for one."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _refuse(constant: str) -> NoReturn:
    message = f"{constant} is no JSON"
    raise ValueError(message)
