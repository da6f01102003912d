"""What a user asks to be tried against swings of power."""

from __future__ import annotations

from traceenergy.durations import parse_duration
from traceenergy.errors import UsageError
from traceenergy.records import dataclass
from traceenergy.units import NS_PER_US

INTERLEAVE, OVERLAP, STAGGER = "interleave", "overlap", "stagger"
STEP = "step"
HALVES = 2  # two micro-batches
MOST_PARTS = 1000
LEAST_SLICE_NS = 10 * NS_PER_US  # about the length of a kernel of decode


@dataclass(frozen=True)
class FlattenSpec:
    """One change of a run that may flatten its power.

    Attributes
    ----------
    text
        As given.
    what
        `interleave`, `overlap` or `stagger`.
    phases
        The two phases; empty for `stagger`.
    parts
        Into which each phase of a block is cut; None if `slice_ns` says it.
    slice_ns
        Longest slice, or what each GPU is later than the one before [ns]; None if not told.
    """

    text: str
    what: str
    phases: tuple[str, ...]
    parts: int | None = None
    slice_ns: int | None = None

    def n_parts(self, longest_ns: float) -> int:
        """Say into how many slices phases are cut of which the longer takes that time [ns]."""
        if self.slice_ns is None:
            return self.parts or HALVES
        return max(1, -int(-longest_ns // self.slice_ns))


def parse_flatten(text: str) -> FlattenSpec:
    """Read a `--flatten` value.

    Parameters
    ----------
    text : str
        `interleave:PHASE,PHASE[@PARTS|@TIME]`, `overlap:PHASE,PHASE`, `stagger:step` or
        `stagger:TIME`.

    Returns
    -------
    FlattenSpec

    Raises
    ------
    UsageError
        If it is none of these. Whether there are such phases, the run tells.
    """
    what, _, rest = text.partition(":")
    what = what.strip()
    if what == STAGGER:
        return FlattenSpec(text, what, (), slice_ns=_shift_ns(text, rest.strip()))
    if what not in (INTERLEAVE, OVERLAP):
        raise _unread(text, f"{what!r} is none of {INTERLEAVE}, {OVERLAP}, {STAGGER}")
    names, at, cut = rest.partition("@")
    phases = tuple(name.strip() for name in names.split(","))
    if len(phases) != 2 or "" in phases or phases[0] == phases[1]:  # noqa: PLR2004 - a pair
        raise _unread(text, f"{what} takes two phases, got {names.strip()!r}")
    if not at:
        return FlattenSpec(text, what, phases)
    if what == OVERLAP:
        raise _unread(text, f"@ says into what {INTERLEAVE} cuts; nothing is cut to {OVERLAP}")
    return _cut(text, phases, cut.strip())


def _shift_ns(text: str, told: str) -> int | None:
    if told == STEP:
        return None
    shift_ns = _time_ns(text, told)
    if shift_ns <= 0:
        raise _unread(text, f"a shift must be above zero, got {told!r}")
    return shift_ns


def _cut(text: str, phases: tuple[str, ...], told: str) -> FlattenSpec:
    if told.isascii() and told.isdigit():
        # Python refuses to read numbers of thousands of digits.
        if len(told) > len(f"{MOST_PARTS}") or not HALVES <= int(told) <= MOST_PARTS:
            raise _unread(text, f"parts must be {HALVES} to {MOST_PARTS}, got {told}")
        return FlattenSpec(text, INTERLEAVE, phases, parts=int(told))
    slice_ns = _time_ns(text, told)
    if slice_ns < LEAST_SLICE_NS:
        raise _unread(text, f"slices must be {LEAST_SLICE_NS // NS_PER_US} us or more, got {told}")
    return FlattenSpec(text, INTERLEAVE, phases, slice_ns=slice_ns)


def _time_ns(text: str, told: str) -> int:
    try:
        return parse_duration(told)
    except UsageError as error:
        raise _unread(text, f"{told!r} is no length of time") from error


def _unread(text: str, details: str) -> UsageError:
    return UsageError(
        f"--flatten {text!r} says nothing that could be tried",
        details=details,
        next_step="for example --flatten interleave:attention,moe, interleave:attention,moe@100us, "
        "overlap:moe,allreduce, stagger:step or stagger:5ms",
    )
