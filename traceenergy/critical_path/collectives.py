"""Kernels of collectives matched over GPUs, processes, ranks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from traceenergy.caveats import Caveat
from traceenergy.codes import number_codes
from traceenergy.critical_path.collective_names import CollectiveName, read_collective_name
from traceenergy.critical_path.common_ends import NONE, match_sequences
from traceenergy.records import dataclass

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.trace.tables import GpuWork

    Int = NDArray[np.int64]
    Bool = NDArray[np.bool_]

# By how much members may miss a common instant: what is left of the clocks' error.
OVERLAP_TOLERANCE_NS = 50_000
_MOST_NAMES = 3


@dataclass(frozen=True)
class Calls:
    """Kernels of collectives, ``(n_calls,)`` each, in order of time.

    Attributes
    ----------
    row : ndarray of int64
        In the GPU work.
    rank : ndarray of int64
    lane : ndarray of int64
        Code of (rank, device).
    family : ndarray of int64
        Row in `names`.
    stream : ndarray of int64
        The how-manieth stream of its lane with kernels of its family.
    start_ns, end_ns : ndarray of int64 [ns]
    names : tuple of CollectiveName
    """

    row: Int
    rank: Int
    lane: Int
    family: Int
    stream: Int
    start_ns: Int
    end_ns: Int
    names: tuple[CollectiveName, ...]

    def where(self, kept: Bool) -> Calls:
        """Keep some of the calls."""
        return Calls(
            self.row[kept], self.rank[kept], self.lane[kept], self.family[kept],
            self.stream[kept], self.start_ns[kept], self.end_ns[kept], self.names,
        )  # fmt: skip


@dataclass(frozen=True)
class Collectives:
    """Which kernels are one collective.

    Attributes
    ----------
    group : ndarray of int64 (n_work,)
        Number of the collective of each piece of GPU work; -1 where it is none, or where no other
        member of it was found.
    n_groups : int
    is_collective : ndarray of bool (n_work,)
        By name.
    caveats : tuple of Caveat
        What was not matched.
    """

    group: Int
    n_groups: int
    is_collective: Bool
    caveats: tuple[Caveat, ...]


def match_collectives(work: GpuWork, names: pl.Series) -> Collectives:
    """Find the kernels of different GPUs that are one collective.

    Parameters
    ----------
    work : GpuWork
        Of all ranks, on one clock.
    names : polars.Series of String
        Text by id.

    Returns
    -------
    Collectives

    Notes
    -----
    Kernels whose names mean the same, of the same place in the order of their stream, on GPUs
    where these end together (`match_sequences`). Members of a collective run at one instant, or
    they are not matched. A first pass goes stream by stream; a second one takes what is left
    of each GPU whatever the stream.
    """
    calls = find_calls(work, names)
    group, is_collective = np.full(len(work), NONE, dtype=np.int64), np.zeros(len(work), dtype=bool)
    is_collective[calls.row] = True
    code = match_calls(calls, same_time=True)
    code, n_groups = _renumber(np.where(overlapping(calls, code), code, NONE))
    group[calls.row] = code
    return Collectives(group, n_groups, is_collective, tuple(_doubts(calls, code)))


def find_calls(work: GpuWork, names: pl.Series) -> Calls:
    """Find the kernels of collectives by name.

    Parameters
    ----------
    work : GpuWork
    names : polars.Series of String
        Text by id.

    Returns
    -------
    Calls
    """
    is_kernel = (work["table"] == "KERNEL").to_numpy()
    full_name_id = work["full_name_id"].to_numpy().astype(np.int64)
    ids, _ = number_codes(full_name_id[is_kernel], len(names))
    read = [(i, read_collective_name(names[i])) for i in ids.tolist()]
    known = {i: name for i, name in read if name is not None}
    family_names = {name.family: name for name in known.values()}
    number = {family: i for i, family in enumerate(sorted(family_names))}
    of_id = np.full(len(names) + 1, NONE, dtype=np.int64)
    for i, name in known.items():
        of_id[i] = number[name.family]
    family = np.where(is_kernel, of_id[full_name_id], NONE)
    row = np.flatnonzero(family >= 0)
    start_ns, end_ns = work["start_ns"].to_numpy()[row], work["end_ns"].to_numpy()[row]
    if (np.diff(start_ns) < 0).any():
        order = np.lexsort((end_ns, start_ns))
        row, start_ns, end_ns = row[order], start_ns[order], end_ns[order]
    mine, family = work[row], family[row]
    rank = mine["rank"].to_numpy().astype(np.int64)
    n_devices = int(work["device_id"].to_numpy().max(initial=0)) + 1
    lane = _dense(rank * n_devices + mine["device_id"].to_numpy())
    return Calls(
        row, rank, lane, family, _stream_places(mine, lane, family), start_ns, end_ns,
        tuple(family_names[family] for family in sorted(family_names)),
    )  # fmt: skip


def match_calls(calls: Calls, *, same_time: bool) -> Int:
    """Give each call the number of its collective.

    Parameters
    ----------
    calls : Calls
    same_time : bool
        Clocks of different ranks show the same time; else they differ by an unknown constant.

    Returns
    -------
    ndarray of int64 (n_calls,)
        -1 for calls without a counterpart.
    """
    code = np.full(len(calls.row), NONE, dtype=np.int64)
    n_codes = 0
    n_streams = int(calls.stream.max(initial=0)) + 1
    for stream in (calls.stream, np.zeros_like(calls.stream)):
        left = np.flatnonzero(code == NONE)
        kind = calls.family[left] * n_streams + stream[left]
        for of_kind in _rows_by_code(kind, left):
            n_codes = _match_kind(calls, of_kind, code, n_codes, same_time=same_time)
    return code


def overlapping(calls: Calls, code: Int) -> Bool:
    """Tell which calls belong to a collective whose members all run at one instant.

    Parameters
    ----------
    calls : Calls
    code : ndarray of int64 (n_calls,)
        Number of the collective; -1 for none.

    Returns
    -------
    ndarray of bool (n_calls,)
    """
    rows = np.flatnonzero(code >= 0)
    if not len(rows):
        return np.zeros(len(code), dtype=bool)
    n_codes = int(code.max()) + 1
    last_start_ns = np.full(n_codes, np.iinfo(np.int64).min)
    first_end_ns = np.full(n_codes, np.iinfo(np.int64).max)
    np.maximum.at(last_start_ns, code[rows], calls.start_ns[rows])
    np.minimum.at(first_end_ns, code[rows], calls.end_ns[rows])
    # Written so that codes without calls do not overflow.
    meets = last_start_ns <= np.where(
        first_end_ns == np.iinfo(np.int64).max, first_end_ns, first_end_ns + OVERLAP_TOLERANCE_NS
    )
    return np.asarray(meets[code] & (code >= 0))


def _match_kind(calls: Calls, rows: Int, code: Int, n_codes: int, *, same_time: bool) -> int:
    by_lane = _rows_by_code(calls.lane[rows], rows)
    if len(by_lane) < 2:  # noqa: PLR2004 - one alone has no other
        return n_codes
    took_ns = float(np.median(calls.end_ns[rows] - calls.start_ns[rows]))
    found, n_found = match_sequences(
        [calls.end_ns[lane] for lane in by_lane],
        np.array([calls.rank[lane[0]] for lane in by_lane]),
        took_ns,
        same_time=same_time,
        whole=calls.names[calls.family[rows[0]]].between_two,
    )
    together, every = np.concatenate(found), np.concatenate(by_lane)
    alone = np.bincount(together[together >= 0], minlength=n_found + 1)[together] < 2  # noqa: PLR2004 - likewise
    code[every] = np.where(alone | (together < 0), NONE, n_codes + together)
    return n_codes + n_found


def _rows_by_code(code: Int, rows: Int) -> list[Int]:
    """Split rows by code, in order within each; codes without rows are left out."""
    if not len(rows):
        return []
    narrow = code.astype(np.int16) if code.max() < np.iinfo(np.int16).max else code
    order = np.argsort(narrow, kind="stable")  # of 16 bits: no comparison
    n_rows = np.bincount(code)
    return np.split(rows[order], np.cumsum(n_rows[n_rows > 0])[:-1])


def _stream_places(mine: pl.DataFrame, lane: Int, family: Int) -> Int:
    keys = ["process_id", "context_id", "stream_id"]
    frame = mine.select(keys).with_columns(lane=pl.Series(lane), family=pl.Series(family))
    streams = frame.unique().sort("lane", "family", *keys)
    place = pl.int_range(pl.len()).over("lane", "family")
    found = frame.join(
        streams.with_columns(place=place),
        on=["lane", "family", *keys],
        how="left",
        nulls_equal=True,
        maintain_order="left",
    )
    return np.asarray(found["place"].cast(pl.Int64).to_numpy())


def _dense(code: Int) -> Int:
    present = np.bincount(code) > 0 if len(code) else np.zeros(0, dtype=bool)
    return np.asarray((np.cumsum(present) - 1)[code], dtype=np.int64)


def _renumber(code: Int) -> tuple[Int, int]:
    present = np.bincount(code[code >= 0])
    if not len(present):
        return code, 0
    number = np.cumsum(present > 0) - 1
    return np.where(code >= 0, number[code], NONE), int(number[-1]) + 1


def _doubts(calls: Calls, code: Int) -> list[Caveat]:
    n_calls, n_alone = len(code), int((code < 0).sum())
    if not n_alone:
        return []
    if calls.lane.max() == 0:
        text = (
            "The recording holds kernels of collectives, but one GPU only: what they wait for "
            "the others cannot be told from what they move."
        )
        return [Caveat("other-ranks-not-recorded", text, n=n_calls)]
    count = np.bincount(calls.family[code < 0], minlength=len(calls.names))
    most = np.argsort(-count, kind="stable")[:_MOST_NAMES]
    listed = ", ".join(f"{calls.names[i].family} ({count[i]:,})" for i in most if count[i])
    text = (
        f"{n_alone:,} of {n_calls:,} kernels of collectives have no counterpart on another GPU of "
        f"the recording, as none ends with them: {listed}. All of their time counts as work."
    )
    return [Caveat("collectives-unmatched", text, n=n_alone)]
