"""What a machine can see of the house rules."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "traceenergy"
MODULES = sorted(PACKAGE.rglob("*.py"))
MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 60
# Functions that read better in one piece, each with its reason.
LONG_FUNCTIONS: dict[str, str] = {
    "cli/analyze.py:analyze": "a line for each option of the command",
    "cli/compare.py:compare": "likewise",
}
# Files that read better in one piece, each with its reason.
LONG_FILES: dict[str, str] = {}
# The rest is proved through its neighbors, such as a table of names by the pages that show it.
MAX_UNTESTED_BY_NAME_SHARE = 0.5
NAMES_THAT_SAY_NOTHING = {"utils", "util", "common", "core", "base", "misc", "types", "helpers"}
# Package -> the one module that may import it.
ONE_DOOR = {
    "jinja2": "report/html_report.py",
    "distributed": "read/dask_jobs.py",
    "lark": "comparison/gate_grammar.py",
    "sklearn": "sweeps/step_residual.py",
}
NOWHERE = {"pandas", "plotly", "pyarrow"}  # plotly draws in the browser


def name_of(module: Path) -> str:
    return module.relative_to(PACKAGE).as_posix()


def tree_of(module: Path) -> ast.Module:
    return ast.parse(module.read_text(encoding="utf-8"))


def imports_of(module: Path) -> set[str]:
    """Top-level packages imported anywhere in a module, inside functions too."""
    found = set()
    for node in ast.walk(tree_of(module)):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found


def length_without_docstring(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    lines = (function.end_lineno or function.lineno) - function.lineno + 1
    if ast.get_docstring(function) is None:
        return lines
    docstring = function.body[0]
    return lines - ((docstring.end_lineno or docstring.lineno) - docstring.lineno + 1)


def test_rooms_look_down_not_sideways_or_up() -> None:
    # Absent where the oldest versions are tried: it needs newer ones.
    linter = pytest.importorskip("importlinter.cli")
    config = str(ROOT / "pyproject.toml")

    assert linter.lint_imports(config_filename=config, no_logo=True, no_cache=True) == 0


@pytest.mark.parametrize("module", MODULES, ids=name_of)
def test_first_line_says_in_one_sentence_what_belongs_here(module: Path) -> None:
    docstring = ast.get_docstring(tree_of(module))

    assert docstring, "a module begins with its docstring"
    first_line = docstring.splitlines()[0]
    assert first_line.endswith("."), first_line
    assert first_line.count(". ") == 0, "one sentence"
    assert " and " not in first_line, "two rooms in one file"


@pytest.mark.parametrize("module", MODULES, ids=name_of)
def test_library_neither_prints_nor_asserts(module: Path) -> None:
    spoken = [
        f"line {node.lineno}"
        for node in ast.walk(tree_of(module))
        if isinstance(node, ast.Assert)
        or (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id == "print"
        )
    ]

    assert spoken == []


@pytest.mark.parametrize("module", MODULES, ids=name_of)
def test_outside_packages_have_one_door(module: Path) -> None:
    imported = imports_of(module)

    assert imported.isdisjoint(NOWHERE)
    for package, door in ONE_DOOR.items():
        assert package not in imported or name_of(module) == door


@pytest.mark.parametrize("module", MODULES, ids=name_of)
def test_files_and_functions_fit(module: Path) -> None:
    text = module.read_text(encoding="utf-8")
    if name_of(module) not in LONG_FILES:
        assert len(text.splitlines()) <= MAX_FILE_LINES
    too_long = {
        f"{name_of(module)}:{node.name}": length_without_docstring(node)
        for node in ast.walk(tree_of(module))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and length_without_docstring(node) > MAX_FUNCTION_LINES
    }

    assert {name: n for name, n in too_long.items() if name not in LONG_FUNCTIONS} == {}


def test_names_say_something() -> None:
    names = {part.removesuffix(".py") for module in MODULES for part in module.parts}

    assert names.isdisjoint(NAMES_THAT_SAY_NOTHING)


def test_exceptions_to_the_rules_still_exist() -> None:
    files = {name_of(module) for module in MODULES}

    assert set(LONG_FILES) <= files
    assert {name.partition(":")[0] for name in LONG_FUNCTIONS} <= files


def test_a_silenced_complaint_says_why() -> None:
    silent = [
        f"{path.relative_to(ROOT)}:{number}"
        for folder in ("traceenergy", "tests", "bench", "docs")
        for path in sorted((ROOT / folder).rglob("*.py"))
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if re.search(r"#\s*(noqa|type: ignore)", line)
        and not re.search(r"#\s*(noqa: [A-Z0-9, ]+|type: ignore\[[a-z, -]+\]) - \S", line)
        and "re.search" not in line
    ]

    assert silent == []


def test_most_modules_have_a_test_file_of_their_name() -> None:
    tested = {path.name for path in (ROOT / "tests").rglob("test_*.py")}
    modules = [module for module in MODULES if not module.stem.startswith("__")]
    untested = [name_of(m) for m in modules if f"test_{m.stem}.py" not in tested]

    assert len(untested) <= MAX_UNTESTED_BY_NAME_SHARE * len(modules), untested


def test_what_every_run_imports_is_light() -> None:
    """A regression's scipy came with every analysis, and cost half a second of each."""
    code = (
        "import sys, traceenergy.analysis, traceenergy.read, traceenergy.report;"
        "heavy = {'scipy.linalg', 'scipy.sparse', 'scipy.optimize', 'scipy.stats', 'scipy.special',"
        " 'plotly', 'narwhals', 'jinja2', 'sqlite_utils', 'pandas', 'dask', 'sklearn', 'lark'};"
        "print(*sorted(heavy & set(sys.modules)))"
    )

    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert found.stdout.split() == []
