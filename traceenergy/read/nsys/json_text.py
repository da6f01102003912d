"""JSON in cells of an export."""

from __future__ import annotations

from traceenergy.foreign_text import parse_json


def json_object(text: object) -> dict[str, object]:
    """Parse a cell.

    Parameters
    ----------
    text : object
        As SQLite gives it.

    Returns
    -------
    dict
        Empty if it is no text, no JSON, or no object; so is what is nested, or has numbers of
        more digits, than Python's parser reads.
    """
    try:
        value = parse_json(text) if isinstance(text, str) else {}
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
