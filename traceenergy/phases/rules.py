"""The rules in force: the user's first, then the shipped ones."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from traceenergy.errors import BadRulesError, UnreadableFileError
from traceenergy.phases.rulefile import Rule, RuleFile, build_rule_file, parse_rule_file
from traceenergy.records import dataclass

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

# Order of the shipped sets: models before frameworks, frameworks before libraries, so that
# the more exact name is tried first.
SHIPPED = (
    "deepseek_v3",
    "linear_attention",
    "llama",
    "tensorrt_llm",
    "vllm",
    "sglang",
    "megatron",
    "huggingface",
    "pytorch",
)


@dataclass(frozen=True)
class RuleSet:
    """All rules in force, in order.

    Attributes
    ----------
    files
        The sets, the user's first.
    n_user_files
        How many of them are the user's.
    """

    files: tuple[RuleFile, ...]
    n_user_files: int = 0

    @property
    def rules(self) -> tuple[Rule, ...]:
        """All rules, in order."""
        return tuple(rule for file in self.files for rule in file.rules)

    @property
    def n_user_rules(self) -> int:
        """How many of the rules are the user's."""
        return sum(len(file.rules) for file in self.files[: self.n_user_files])

    @property
    def layer_patterns(self) -> tuple[str, ...]:
        """Regular expressions with a group `layer`, in order."""
        return tuple(pattern for file in self.files for pattern in file.layer_patterns)

    @property
    def step_patterns(self) -> tuple[str, ...]:
        """Regular expressions on ranges that are steps, in order."""
        return tuple(pattern for file in self.files for pattern in file.step_patterns)

    @property
    def backward_ranges(self) -> tuple[str, ...]:
        """Regular expressions on ranges that mean a backward pass."""
        return tuple(pattern for file in self.files for pattern in file.backward_ranges)

    @property
    def backward_kernels(self) -> tuple[str, ...]:
        """Regular expressions on kernels that mean a backward pass."""
        return tuple(pattern for file in self.files for pattern in file.backward_kernels)

    @property
    def stages(self) -> tuple[tuple[str, str], ...]:
        """Regular expressions on kernels, each with the stage it means, in order."""
        return tuple(stage for file in self.files for stage in file.stages)


def read_rules(paths: Sequence[Path] = ()) -> RuleSet:
    """Read the shipped rule sets behind the user's.

    Parameters
    ----------
    paths : sequence of pathlib.Path
        The user's rule files, most important first.

    Returns
    -------
    RuleSet

    Raises
    ------
    UnreadableFileError
        If a file cannot be read as text.
    BadRulesError
        If files break the format; names every problem of every file.
    """
    users, problems = [], []
    taken = dict.fromkeys(SHIPPED, "a shipped set")
    for path in paths:
        file, found = parse_rule_file(_read_text(path))
        if file is not None and file.name in taken:
            found = [f"name {file.name!r} is that of {taken[file.name]}; choose another"]
        elif file is not None:
            users.append(file)
            taken[file.name] = path.name
        problems += [f"{path.name}: {problem}" for problem in found]
    if problems:
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        raise BadRulesError(
            f"{count} in rule files",
            details="\n".join(problems),
            next_step="`traceenergy rules --check FILE` checks one file; docs/rules.md has the "
            "format",
        )
    return RuleSet(files=(*users, *_shipped()), n_user_files=len(users))


def describe_rules(path: Path) -> str:
    """Check one rule file, then say what is in it.

    Parameters
    ----------
    path : pathlib.Path
        The file.

    Returns
    -------
    str
        One line.

    Raises
    ------
    UnreadableFileError, BadRulesError
        As `read_rules` does.
    """
    file = read_rules([path]).files[0]
    counts = (
        (len(file.rules), "rules"),
        (len(file.layer_patterns), "layer patterns"),
        (len(file.step_patterns), "step patterns"),
        (len(file.backward_ranges) + len(file.backward_kernels), "backward patterns"),
        (len(file.stages), "stage patterns"),
    )
    return f"OK {file.name}: " + ", ".join(f"{n} {what}" for n, what in counts)


@cache
def _shipped() -> tuple[RuleFile, ...]:
    # Tests check these files; to check them here would compile each pattern at each start.
    folder = files("traceenergy.phases") / "rulesets"
    texts = (
        plain_classes((folder / f"{name}.toml").read_text(encoding="utf-8")) for name in SHIPPED
    )
    return tuple(build_rule_file(tomllib.loads(text)) for text in texts)


def plain_classes(text: str) -> str:
    r"""Write the letters and digits that ``\w`` and ``\d`` stand for, those of ASCII only.

    Parameters
    ----------
    text : str
        Regular expressions in the dialect of polars, which lets a class stand within a class.

    Returns
    -------
    str

    Notes
    -----
    Names of kernels and of modules are ASCII. All letters of Unicode make an expression three
    times as slow to compile, which is most of the work of classifying a short run.
    """
    return text.replace(r"\w", "[0-9A-Za-z_]").replace(r"\d", "[0-9]")


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableFileError(
            f"rule file {path.name} cannot be read",
            details=type(error).__name__,
            next_step="give a TOML file in UTF-8",
        ) from error
