"""Two ways to find shortest ways agree, with each other and with what is drawn."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from traceenergy.critical_path.shortest_ways import (
    Ways,
    least_by_distance,
    least_by_rounds,
    least_to_last,
)


def ways_of(drawn: list[tuple[int, int, int]], n_nodes: int) -> Ways:
    origin, target, length_ns = np.array(drawn, dtype=np.int64).reshape(-1, 3).T
    return Ways(origin, target, length_ns, n_nodes)


def test_a_detour_may_be_shorter() -> None:
    ways = ways_of([(0, 3, 10), (0, 1, 2), (1, 2, 3), (2, 3, 4), (1, 0, 0)], 5)

    assert least_by_rounds(ways).tolist() == [np.inf, np.inf, np.inf, np.inf, 0.0]
    ways = ways_of([(0, 4, 10), (0, 1, 2), (1, 2, 3), (2, 4, 4), (1, 0, 0)], 5)
    assert least_to_last(ways).tolist() == [9.0, 7.0, 4.0, np.inf, 0.0]


def test_of_two_ways_between_the_same_nodes_the_shorter_counts() -> None:
    ways = ways_of([(0, 1, 7), (0, 1, 3), (0, 1, 5)], 2)

    assert least_by_rounds(ways).tolist() == least_by_distance(ways).tolist() == [3.0, 0.0]


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(0, 2**40)), max_size=40)
)
def test_rounds_find_what_dijkstra_finds(drawn: list[tuple[int, int, int]]) -> None:
    ways = ways_of(drawn, 10)

    assert least_by_rounds(ways).tolist() == least_by_distance(ways).tolist()


def test_a_long_chain_takes_both() -> None:
    n_nodes = 1500
    chain = [(node, node + 1, 2) for node in range(n_nodes - 1)]

    expected = [2.0 * (n_nodes - 1 - node) for node in range(n_nodes)]
    assert least_to_last(ways_of(chain, n_nodes)).tolist() == expected
    assert least_by_rounds(ways_of(chain, n_nodes)).tolist() == expected
