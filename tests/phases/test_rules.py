"""Rule files: what may be in them, and what is said when something else is."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from pathlib import Path

import polars as pl
import pytest

from traceenergy.errors import BadRulesError, UnreadableFileError
from traceenergy.phases.rulefile import RuleFile, parse_rule_file
from traceenergy.phases.rules import SHIPPED, describe_rules, plain_classes, read_rules
from traceenergy.phases.vocabulary import LABELS, phase_problem

GOOD = """\
format_version = 1
name = "mine"
description = "My model"

[[rule]]
phase = "moe.my_part"
range = '^expert \\d+$'

[[layer]]
range = 'stage (?P<layer>\\d+)'

[[step]]
range = 'tick (?P<step>\\d+) (?P<tokens>\\d+)'

[[backward]]
kernel = '_grad$'

[[stage]]
kernel = 'my_decode'
stage = "decode"
"""
KNOWN_ON_TOP = "backward, description, format_version, layer, name, rule, stage, step"
KNOWN_PHASES = (
    "attention, moe, mlp, allreduce, collective, norm, embedding, lm_head, sampling, quantize, "
    "memory, optimizer, other"
)
KNOWN_IN_RULES = "domain, id, kernel, latent, module, phase, range, strength, within"
KNOWN_IN_STEPS = "batch, ctx, ctx_kv, ctx_tokens, gen, gen_kv, gen_tokens, step, tokens"
STRENGTHS = "certain, normal, weak, refine"
LAYER_HINT = r"(?P<layer>\d+) where the number stands"


def write(folder: Path, text: str, name: str = "mine.toml") -> Path:
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return file


def problems_of(folder: Path, text: str) -> list[str]:
    with pytest.raises(BadRulesError) as caught:
        read_rules([write(folder, text)])
    return caught.value.details.splitlines()


def test_user_files_stand_before_the_shipped_sets(tmp_path: Path) -> None:
    rules = read_rules([write(tmp_path, GOOD)])

    assert [file.name for file in rules.files] == ["mine", *SHIPPED]
    assert rules.n_user_rules == 1
    assert rules.rules[0].id == "mine:1"
    assert rules.step_patterns[0] == r"tick (?P<step>\d+) (?P<tokens>\d+)"


def test_check_says_what_is_in_a_file(tmp_path: Path) -> None:
    assert describe_rules(write(tmp_path, GOOD)) == (
        "OK mine: 1 rules, 1 layer patterns, 1 step patterns, 1 backward patterns, 1 stage patterns"
    )


def test_all_problems_are_named_at_once_with_their_lines(tmp_path: Path) -> None:
    text = """\
format_version = 2
name = "Mine"
colour = "red"

[[rule]]
phase = "attn.core"
range = "a"

[[rule]]
phase = "moe.router"
kernel = "(unclosed"
colour = "blue"

[[rule]]
range = "a"
strength = "strong"

[[layer]]
range = 'layer \\d+'

[[step]]
range = 'step (?P<stepp>\\d+)'

[[backward]]

[[stage]]
stage = "later"
"""
    assert problems_of(tmp_path, text) == [
        f"mine.toml: {problem}"
        for problem in (
            "format_version must be 1, got 2",
            "name must be lower-case letters, digits, - and _, got 'Mine'",
            f"unknown key 'colour'; known: {KNOWN_ON_TOP}",
            f"line 5, rule 1: unknown first-level phase 'attn'; known: {KNOWN_PHASES}",
            f"line 9, rule 2: unknown key 'colour'; known: {KNOWN_IN_RULES}",
            "line 9, rule 2: kernel '(unclosed' is no regular expression (unclosed group)",
            "line 14, rule 3: phase is missing",
            f"line 14, rule 3: strength must be one of {STRENGTHS}, got 'strong'",
            rf"line 18, layer 1: range has no group named layer; write {LAYER_HINT}",
            f"line 21, step 1: range has unknown groups stepp; known: {KNOWN_IN_STEPS}",
            "line 24, backward 1: exactly one of range, kernel is needed",
            "line 26, stage 1: kernel is missing",
            "line 26, stage 1: stage must be one of prefill, decode, got 'later'",
        )
    ]


@pytest.mark.parametrize(
    ("rule", "problem"),
    [
        ("phase = 'mlp'", "one of range, module, kernel is needed"),
        ("phase = 'mlp'\nrange = 'a'\nmodule = 'a'", "range and module exclude each other"),
        ("phase = 'mlp'\nkernel = 'a'\nwithin = 'b'", "within is for rules on ranges"),
        ("phase = 'mlp'\nkernel = 'a'\ndomain = 'b'", "domain needs range or module"),
        ("phase = 'mlp'\nrange = 'a'\nstrength = 'certain'", "only a rule on kernels can have"),
        ("phase = 'mlp'\nkernel = 'a'\nstrength = 'refine'", "must name a part"),
        ("phase = 'unclassified'\nkernel = 'a'", "is for work without a rule"),
        ("phase = 'mlp.A b'\nkernel = 'a'", "is not of the form first.part"),
        ("phase = 'mlp'\nkernel = ''", "kernel is empty"),
        ("phase = 'mlp'\nkernel = 'a*'", "matches the empty text"),
        ("phase = 'mlp'\nkernel = 'a(?=b)'", "look-around"),
        ("phase = 'mlp'\nkernel = 7", "kernel must be text"),
        ("phase = 'mlp'\nkernel = 'a'\nlatent = 'yes'", "latent must be true or false"),
    ],
)
def test_a_rule_that_cannot_be_meant_is_refused(tmp_path: Path, rule: str, problem: str) -> None:
    text = f"format_version = 1\nname = 'mine'\n[[rule]]\n{rule}\n"

    (only,) = problems_of(tmp_path, text)

    assert problem in only
    assert only.startswith("mine.toml: line 3, rule 1: ")


def test_ids_are_unique_within_a_file(tmp_path: Path) -> None:
    rule = "[[rule]]\nid = 'a'\nphase = 'mlp'\nkernel = 'k'\n"

    (only,) = problems_of(tmp_path, f"format_version = 1\nname = 'mine'\n{rule}{rule}")

    assert only == "mine.toml: line 7, rule 2: id 'a' is used twice"


def test_toml_errors_give_the_line(tmp_path: Path) -> None:
    (only,) = problems_of(tmp_path, "format_version = 1\nname = mine\n")

    assert only.startswith("mine.toml: not TOML: ")
    assert "line 2" in only


def test_an_empty_file_is_no_rule_file(tmp_path: Path) -> None:
    assert (
        "mine.toml: nothing in it: no [[rule]], [[layer]], [[step]], [[backward]], [[stage]]"
        in (problems_of(tmp_path, ""))
    )


def test_sections_are_lists(tmp_path: Path) -> None:
    text = "format_version = 1\nname = 'mine'\n[rule]\nphase = 'mlp'\nkernel = 'a'\n"

    assert problems_of(tmp_path, text) == ["mine.toml: rule must be written as [[rule]]"]


def test_a_name_is_used_once(tmp_path: Path) -> None:
    named_as_shipped = write(tmp_path, GOOD.replace('"mine"', '"vllm"'))
    with pytest.raises(BadRulesError, match="1 problem") as shipped:
        read_rules([named_as_shipped])
    twice = [write(tmp_path, GOOD), write(tmp_path, GOOD, "other.toml")]
    with pytest.raises(BadRulesError) as own:
        read_rules(twice)

    assert shipped.value.details == (
        "mine.toml: name 'vllm' is that of a shipped set; choose another"
    )
    assert own.value.details == "other.toml: name 'mine' is that of mine.toml; choose another"


def test_problems_of_all_files_are_named(tmp_path: Path) -> None:
    files = [write(tmp_path, "", "a.toml"), write(tmp_path, "x", "b.toml")]
    with pytest.raises(BadRulesError) as caught:
        read_rules(files)

    assert {line.partition(":")[0] for line in caught.value.details.splitlines()} == {
        "a.toml",
        "b.toml",
    }


def test_a_file_that_cannot_be_read_is_named_without_its_folder(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFileError) as caught:
        read_rules([tmp_path / "absent.toml"])

    assert "absent.toml" in str(caught.value)
    assert str(tmp_path) not in str(caught.value)


def test_shipped_rules_name_phases_of_the_contract() -> None:
    rules = read_rules().rules

    assert len(rules) > 150
    assert {rule.id for rule in rules if phase_problem(rule.phase)} == set()
    assert {rule.first_level for rule in rules} == set(LABELS) - {"memory", "unclassified"}
    assert len({rule.id for rule in rules}) == len(rules)


FOLDER = files("traceenergy.phases") / "rulesets"


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_set_has_no_problems_and_is_read_as_checked(name: str) -> None:
    """A run reads the shipped sets without the checks that files of users pass."""
    text = (FOLDER / f"{name}.toml").read_text(encoding="utf-8")

    assert parse_rule_file(text)[1] == []
    assert parse_rule_file(plain_classes(text)) == (shipped_set(name), [])


def shipped_set(name: str) -> RuleFile:
    return next(file for file in read_rules().files if file.name == name)


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_patterns_mean_the_same_with_classes_of_ascii(name: str) -> None:
    full, _ = parse_rule_file((FOLDER / f"{name}.toml").read_text(encoding="utf-8"))
    assert full is not None
    texts = pl.Series(ascii_names())

    for ours, theirs in zip(patterns_of(shipped_set(name)), patterns_of(full), strict=True):
        if ours != theirs:
            assert texts.str.contains(ours).equals(texts.str.contains(theirs)), theirs


def patterns_of(file: RuleFile) -> list[str]:
    of_rules = [
        pattern
        for rule in file.rules
        for pattern in (rule.range, rule.kernel, rule.within, rule.domain)
        if pattern is not None
    ]
    others = (file.layer_patterns, file.step_patterns, file.backward_ranges, file.backward_kernels)
    return [*of_rules, *(p for group in others for p in group), *(p for p, _ in file.stages)]


@cache
def ascii_names() -> list[str]:
    """Names that tests of the rules speak of, each with what a class may take or leave."""
    sources = Path(__file__).parent.glob("*.py")
    quoted = {q for s in sources for q in re.findall(r'"([^"\\\n]+)"', s.read_text("utf-8"))}
    names = sorted(name for name in quoted if name.isascii())
    assert len(names) > 500
    return [name + tail for name in names for tail in ("", "_1", "-")]
