"""Requests as rows with named columns: CSV, or JSON of one object a request."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from traceenergy.records import dataclass
from traceenergy.serving.values import count, duration_s, moment_ns

if TYPE_CHECKING:
    from collections.abc import Iterable

COLUMNS = "columns"
_MOMENTS = {"arrival": "arrival_ns", "start": "start_ns", "first_token": "first_token_ns",
            "end": "end_ns"}  # fmt: skip
_DURATIONS = {"ttft": "ttft_s", "e2e": "e2e_s", "queue": "queue_s"}
_COUNTS = {"input_tokens": "input_tokens", "output_tokens": "output_tokens"}
_HEADING = re.compile(r"(?P<name>[a-z_0-9]+?)(?:_(?P<unit>s|ms|us|ns))?")
_TRUE, _FALSE = {"true", "1", "yes", "ok"}, {"false", "0", "no"}
EXPECTED = (
    "arrival, first_token, end (a number in seconds, or with the unit in the name such as "
    "arrival_ms, or a time of ISO 8601 with its zone), or ttft and e2e; input_tokens, "
    "output_tokens; start, id, error, success where there"
)


@dataclass(frozen=True)
class OwnColumns:
    """Which columns of a table of requests tell what.

    Attributes
    ----------
    times
        Heading, column of `LOGGED_REQUEST`, unit of each moment and duration.
    others
        Heading of `input_tokens`, `output_tokens`, `id`, `error`, `success`.
    """

    times: tuple[tuple[str, str, str], ...]
    others: dict[str, str]

    @property
    def tells_requests(self) -> bool:
        """Whether there is anything to measure a request by."""
        return bool(self.times)

    def record(self, row: dict[str, Any]) -> dict[str, Any]:
        """Read a row.

        Parameters
        ----------
        row : dict
            Value by heading; what is empty or left out is not told.

        Returns
        -------
        dict
            Some columns of `LOGGED_REQUEST`.

        Raises
        ------
        ValueError
            If a value is none.
        """
        found: dict[str, Any] = {}
        for heading, column, unit in self.times:
            read = moment_ns if column.endswith("_ns") else duration_s
            found[column] = read(row.get(heading), unit, heading)
        for name in _COUNTS:
            heading = self.others.get(name, name)
            found[name] = count(row.get(heading), heading)
        told = str(row.get(self.others.get("id", "id")) or "").strip()
        found["id"] = told or None
        found["failed"] = self._failed(row)
        return found

    def _failed(self, row: dict[str, Any]) -> bool:
        error = row.get(self.others.get("error", "error"))
        if isinstance(error, str):
            error = error.strip().lower() not in {"", "none", "null", *_FALSE}
        success = row.get(self.others.get("success", "success"))
        if isinstance(success, str) and success.strip():
            success = success.strip().lower() in _TRUE
        return bool(error) or success is False


def own_columns(headings: Iterable[str]) -> OwnColumns:
    """Tell which headings are known.

    Parameters
    ----------
    headings : iterable of str
        In any case; `request_id` is `id`.

    Returns
    -------
    OwnColumns
    """
    times: dict[str, tuple[str, str, str]] = {}
    others: dict[str, str] = {}
    for heading in headings:
        key = heading.strip().lower()
        match = _HEADING.fullmatch(key)
        told = _MOMENTS | _DURATIONS
        if match and match["name"] in told:
            unit = match["unit"] or "s"
            times.setdefault(told[match["name"]], (heading, told[match["name"]], unit))
        elif key in {"id", "request_id"}:
            others.setdefault("id", heading)
        elif key in {*_COUNTS, "error", "success"}:
            others.setdefault(key, heading)
    return OwnColumns(tuple(times.values()), others)
