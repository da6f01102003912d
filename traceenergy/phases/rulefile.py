"""One rule file: TOML in, checked rules out."""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING, Any

import polars as pl

from traceenergy.phases.vocabulary import STAGES, first_level, phase_problem
from traceenergy.records import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FORMAT_VERSION = 1
STRENGTHS = ("certain", "normal", "weak", "refine")
STEP_GROUPS = frozenset(
    {"step", "tokens", "batch", "ctx", "gen", "ctx_tokens", "gen_tokens", "ctx_kv", "gen_kv"}
)
SECTIONS = ("rule", "layer", "step", "backward", "stage")
_KEYS = {
    "rule": frozenset(
        {"id", "phase", "range", "module", "kernel", "within", "domain", "strength", "latent"}
    ),
    "layer": frozenset({"range"}),
    "step": frozenset({"range"}),
    "backward": frozenset({"range", "kernel"}),
    "stage": frozenset({"kernel", "stage"}),
}
_TOP_KEYS = frozenset({"format_version", "name", "description", *SECTIONS})
_NAME = re.compile(r"[a-z0-9_-]+")
_GROUP = re.compile(r"\(\?P?<(\w+)>")
# Where the dotted path of a module may begin and end in the text of a range: `q_proj`,
# `model.layers.3.self_attn.q_proj`, `{'Module': '...q_proj', ...}`, `.../q_proj/MATRIX_MULTIPLY_0`.
_MODULE = r"(?:^|[./'\"\s])(?:{})(?:$|['\",:(\s\[]|\.forward|/[A-Z][A-Z_]+_[0-9]+$)"


@dataclass(frozen=True)
class Rule:
    """One rule: names that mean a phase.

    Attributes
    ----------
    id
        Set and name or number, such as `vllm:12`.
    phase
        Subphase it gives.
    range, kernel
        Regular expressions on the text of a range and on the full name of a kernel; None if it
        does not ask. With both, the kernel must lie in such a range, however far inside.
    within
        For a rule on ranges: some range around the matching one, or that one, must match too.
    domain
        Regular expression on the NVTX domain of the matching range.
    strength
        `certain`, `normal`, `weak` or `refine`, as `classify.py` explains.
    latent
        Whether its names betray latent attention.
    """

    id: str
    phase: str
    range: str | None = None
    kernel: str | None = None
    within: str | None = None
    domain: str | None = None
    strength: str = "normal"
    latent: bool = False

    @property
    def first_level(self) -> str:
        """First-level phase."""
        return first_level(self.phase)

    @property
    def is_broad(self) -> bool:
        """Whether it gives no part, so that a kernel's name may add one."""
        return "." not in self.phase


@dataclass(frozen=True)
class RuleFile:
    """The content of one rule file.

    Attributes
    ----------
    name, description
        Of the set.
    rules
        In the order of the file.
    layer_patterns
        Regular expressions on ranges, each with a group `layer`.
    step_patterns
        Regular expressions on ranges that are steps of the model loop.
    backward_ranges, backward_kernels
        Regular expressions on names that mean a backward pass.
    stages
        Regular expressions on kernels, each with the stage of serving that it means.
    """

    name: str
    description: str
    rules: tuple[Rule, ...]
    layer_patterns: tuple[str, ...] = ()
    step_patterns: tuple[str, ...] = ()
    backward_ranges: tuple[str, ...] = ()
    backward_kernels: tuple[str, ...] = ()
    stages: tuple[tuple[str, str], ...] = ()


def parse_rule_file(text: str) -> tuple[RuleFile | None, list[str]]:
    """Read the text of a rule file.

    Parameters
    ----------
    text : str
        TOML, as `docs/rules.md` describes it.

    Returns
    -------
    rule_file : RuleFile or None
        None if there are problems.
    problems : list of str
        All of them, each with its line where it has one.
    """
    try:
        data = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # of nesting, or digits, without end
        return None, [f"not TOML: {error}"]
    problems = [*_top_problems(data)]
    for section in SECTIONS:
        problems += _section_problems(section, data.get(section, []), _lines(text, section))
    if problems:
        return None, problems
    return build_rule_file(data), []


def build_rule_file(data: dict[str, Any]) -> RuleFile:
    """Build the rules of a file that is known to have no problems.

    Parameters
    ----------
    data : dict
        As `tomllib` reads the file.

    Returns
    -------
    RuleFile
    """

    def patterns(section: str, key: str) -> tuple[str, ...]:
        return tuple(entry[key] for entry in data.get(section, []) if key in entry)

    return RuleFile(
        name=data["name"],
        description=data.get("description", ""),
        rules=tuple(
            _rule(data["name"], number, entry)
            for number, entry in enumerate(data.get("rule", []), start=1)
        ),
        layer_patterns=patterns("layer", "range"),
        step_patterns=patterns("step", "range"),
        backward_ranges=patterns("backward", "range"),
        backward_kernels=patterns("backward", "kernel"),
        stages=tuple((entry["kernel"], entry["stage"]) for entry in data.get("stage", [])),
    )


def _rule(name: str, number: int, entry: dict[str, Any]) -> Rule:
    fields = {key: value for key, value in entry.items() if key not in {"id", "module"}}
    if "module" in entry:
        fields["range"] = _MODULE.format(entry["module"])
    return Rule(id=f"{name}:{entry.get('id', number)}", **fields)


def _lines(text: str, section: str) -> list[int]:
    header = re.compile(rf"\s*\[\[\s*{section}\s*\]\]")
    return [n for n, line in enumerate(text.splitlines(), start=1) if header.match(line)]


def _top_problems(data: dict[str, Any]) -> Iterator[str]:
    if data.get("format_version") != FORMAT_VERSION:
        yield f"format_version must be {FORMAT_VERSION}, got {data.get('format_version')!r}"
    name = data.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        yield f"name must be lower-case letters, digits, - and _, got {name!r}"
    if not isinstance(data.get("description", ""), str):
        yield "description must be text"
    yield from (
        f"unknown key {key!r}; known: {', '.join(sorted(_TOP_KEYS))}"
        for key in sorted(data.keys() - _TOP_KEYS)
    )
    if not any(data.get(section) for section in SECTIONS):
        yield f"nothing in it: no {', '.join(f'[[{section}]]' for section in SECTIONS)}"


def _section_problems(section: str, entries: object, lines: list[int]) -> list[str]:
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        return [f"{section} must be written as [[{section}]]"]
    problems, seen = [], set()
    for number, entry in enumerate(entries, start=1):
        where = f"{section} {number}"
        if len(lines) == len(entries):
            where = f"line {lines[number - 1]}, {where}"
        found = [*_key_problems(section, entry), *_CHECKS[section](entry)]
        identity = str(entry.get("id", number))
        if section == "rule" and identity in seen:
            found.append(f"id {identity!r} is used twice")
        seen.add(identity)
        problems += [f"{where}: {problem}" for problem in found]
    return problems


def _key_problems(section: str, entry: dict[str, Any]) -> Iterator[str]:
    yield from (
        f"unknown key {key!r}; known: {', '.join(sorted(_KEYS[section]))}"
        for key in sorted(entry.keys() - _KEYS[section])
    )
    for key in sorted(entry.keys() & _KEYS[section]):
        value = entry[key]
        if key == "latent":
            if not isinstance(value, bool):
                yield "latent must be true or false"
        elif not isinstance(value, str):
            yield f"{key} must be text"
        elif key in {"range", "module", "kernel", "within", "domain"}:
            yield from _pattern_problems(key, value)


def _pattern_problems(key: str, pattern: str) -> Iterator[str]:
    if not pattern:
        yield f"{key} is empty, so it would match every name"
        return
    tried = _MODULE.format(pattern) if key == "module" else pattern
    # Polars is asked, because its regular expressions are those that will run: linear in time,
    # without look-around or backreferences.
    try:
        matches_nothing = pl.Series([""]).str.contains(tried).any()
    except pl.exceptions.ComputeError as error:
        reason = [line for line in str(error).splitlines() if line.startswith("error:")]
        yield f"{key} {pattern!r} is no regular expression ({''.join(reason)[7:] or 'too large'})"
        return
    if matches_nothing and key != "module":
        yield f"{key} {pattern!r} matches the empty text, so it would match every name"


def _rule_problems(entry: dict[str, Any]) -> Iterator[str]:
    phase = entry.get("phase")
    if phase is None:
        yield "phase is missing"
    elif isinstance(phase, str) and (problem := phase_problem(phase)):
        yield problem
    on_range, on_kernel = "range" in entry or "module" in entry, "kernel" in entry
    if not on_range and not on_kernel:
        yield "one of range, module, kernel is needed"
    if "range" in entry and "module" in entry:
        yield "range and module exclude each other"
    if on_kernel and "within" in entry:
        yield "within is for rules on ranges; with kernel, use range"
    if "domain" in entry and not on_range:
        yield "domain needs range or module"
    strength = entry.get("strength", "normal")
    if strength not in STRENGTHS:
        yield f"strength must be one of {', '.join(STRENGTHS)}, got {strength!r}"
    elif strength in {"certain", "refine"} and not on_kernel:
        yield f"only a rule on kernels can have strength {strength}"
    elif strength == "refine" and "." not in str(phase):
        yield "a rule of strength refine must name a part"


def _layer_problems(entry: dict[str, Any]) -> Iterator[str]:
    pattern = entry.get("range")
    if pattern is None:
        yield "range is missing"
    elif isinstance(pattern, str) and "layer" not in _GROUP.findall(pattern):
        yield r"range has no group named layer; write (?P<layer>\d+) where the number stands"


def _step_problems(entry: dict[str, Any]) -> Iterator[str]:
    pattern = entry.get("range")
    if pattern is None:
        yield "range is missing"
    elif isinstance(pattern, str) and (unknown := set(_GROUP.findall(pattern)) - STEP_GROUPS):
        yield (
            f"range has unknown groups {', '.join(sorted(unknown))}; "
            f"known: {', '.join(sorted(STEP_GROUPS))}"
        )


def _backward_problems(entry: dict[str, Any]) -> Iterator[str]:
    if len(entry.keys() & {"range", "kernel"}) != 1:
        yield "exactly one of range, kernel is needed"


def _stage_problems(entry: dict[str, Any]) -> Iterator[str]:
    yield from (f"{key} is missing" for key in ("kernel", "stage") if key not in entry)
    stage = entry.get("stage", STAGES[0])
    if isinstance(stage, str) and stage not in STAGES:
        yield f"stage must be one of {', '.join(STAGES)}, got {stage!r}"


_CHECKS: dict[str, Callable[[dict[str, Any]], Iterator[str]]] = {
    "rule": _rule_problems,
    "layer": _layer_problems,
    "step": _step_problems,
    "backward": _backward_problems,
    "stage": _stage_problems,
}
