"""The shipped rules on the kernels of four frameworks."""

from __future__ import annotations

import pytest

from tests.phases.frameworks import FRAMEWORKS
from tests.phases.naming import Launched, subphases


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_kernels_are_what_the_table_says(framework: str) -> None:
    table = FRAMEWORKS[framework]

    found = dict(zip(table, subphases([Launched(name) for name in table]), strict=True))

    assert {name: (found[name], table[name]) for name in table if found[name] != table[name]} == {}


def test_enough_names_are_in_the_tables() -> None:
    assert len({name for table in FRAMEWORKS.values() for name in table}) >= 180
    assert min(map(len, FRAMEWORKS.values())) >= 40


def test_no_kernel_of_a_framework_is_unclassified() -> None:
    assert all("unclassified" not in table.values() for table in FRAMEWORKS.values())
