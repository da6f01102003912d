"""Kernel classes of drawn runs: what is apart, what is joined, how many there are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.build import Work, build_trace
from traceenergy.analysis.classes import MOST_CLASSES, RARE_SHARE, class_work
from traceenergy.energy.prior import CATEGORY_SHARE, category_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from traceenergy.analysis.classes import KernelClasses
    from traceenergy.trace.model import Trace

US = 1000
# Of a run of 1 s, less than 0.5 ms is rare.
LONG_US, RARE_US = 1_000_000, 400


def in_turn(*turns: tuple[str, int, int]) -> list[Work]:
    """Let pieces follow each other: name, length in us, blocks."""
    works, at_ns = [], 0
    for name, length_us, blocks in turns:
        works.append(Work(name, at_ns, at_ns + length_us * US, blocks=blocks))
        at_ns += length_us * US
    return works


def classed(works: Iterable[Work]) -> KernelClasses:
    trace = build_trace(works)
    return class_work(trace.gpu_work, trace.names)


def names_of(classes: KernelClasses) -> list[str]:
    return [classes.names[code] for code in classes.of_work]


def test_no_work_has_no_classes() -> None:
    classes = classed([])

    assert len(classes.of_work) == len(classes.names) == len(classes.kernel) == 0


def test_pieces_of_a_kernel_with_one_grid_and_one_duration_are_one_class() -> None:
    classes = classed(in_turn(("gemm", 100, 64), ("fill", 50, 64), ("gemm", 104, 64)))

    assert classes.of_work.tolist() == [0, 1, 0]
    assert classes.names == ["gemm", "fill"]


def test_kernels_are_told_by_their_full_name() -> None:
    works = [
        Work("gemm", 0, 100, full_name="gemm<64>"),
        Work("gemm", 100, 200, full_name="gemm<128>"),
    ]

    assert classed(works).names == ["gemm<64>", "gemm<128>"]


def test_grids_are_told_by_their_nearest_power_of_two() -> None:
    # log2 of 100 is 6.6, of 128 is 7, of 90 is 6.5 less a little, of 64 is 6
    turns = [("gemm", 100, blocks) for blocks in (100, 128, 90, 64)]

    classes = classed(in_turn(*turns))

    assert classes.of_work.tolist() == [0, 0, 1, 1]
    assert classes.kernel.tolist() == [0, 0]


def test_persistent_kernels_are_told_by_duration() -> None:
    # one grid for all sizes: 132 blocks for 10 us, and for 100 us
    classes = classed(in_turn(("gemm", 10, 132), ("gemm", 100, 132), ("gemm", 10, 132)))

    assert classes.of_work.tolist() == [0, 1, 0]
    assert classes.names == ["gemm", "gemm"]
    assert classes.kernel.tolist() == [0, 0]


def test_copies_have_no_grid_and_pieces_of_no_length_have_a_class() -> None:
    works = [
        Work("[CUDA memcpy Host-to-Device]", 0, 100, table="MEMCPY", n_bytes=8),
        Work("fill", 100, 100),
    ]

    classes = classed(works)

    assert names_of(classes) == ["[CUDA memcpy Host-to-Device]", "fill"]


def test_a_rare_class_joins_the_nearest_duration_of_its_kernel() -> None:
    # gemm of 0.5 s and of 1 ms, often; once of 0.4 ms, which is nearer to 1 ms; and other work
    often = [("gemm", 1000, 8)] * 20
    turns = [("gemm", LONG_US // 2, 64), *often, ("fill", LONG_US // 2, 64), ("gemm", RARE_US, 1)]

    classes = classed(in_turn(*turns))

    assert classes.of_work.tolist() == [0, *[1] * 20, 2, 1]
    assert classes.names == ["gemm", "gemm", "fill"]


def test_a_kernel_whose_classes_are_all_rare_keeps_the_longest_running() -> None:
    # four sizes of 0.1 to 0.4 ms, together 1 ms of 1 s
    sizes = [("gemm", 100 * turn, 4**turn) for turn in range(1, 5)]

    classes = classed(in_turn(("fill", LONG_US, 1), *sizes))

    assert classes.of_work.tolist() == [0, 1, 1, 1, 1]
    assert classes.names == ["fill", "gemm"]


def test_rare_kernels_join_the_rest_of_their_category() -> None:
    rare = [("gemm_a", 300, 1), ("norm", 200, 1), ("gemm_b", 400, 1), ("flash_fwd", 200, 1)]

    classes = classed(in_turn(("gemm_c", LONG_US, 1), *rare))

    # not with gemm_c: what is often and known is not to be blurred by what is not
    assert names_of(classes) == ["gemm_c", "gemm_b", "norm", "gemm_b", "flash_fwd"]
    assert len(set(classes.kernel.tolist())) == 4


def test_as_many_classes_as_fit_are_kept_where_all_last_as_long() -> None:
    # a thousand kernels alike: no duration tells which to keep
    turns = [(f"gemm_{turn}", 1, 1) for turn in range(1000)]

    classes = classed(in_turn(*turns))

    assert len(classes.names) == MOST_CLASSES + 1


def test_what_is_kept_is_what_runs_longest() -> None:
    # 300 kernels that are not rare, the last the longest
    turns = [(f"gemm_{turn}", 1000 + turn, 1) for turn in range(300)]

    classes = classed(in_turn(*turns))

    n_joined = 300 - MOST_CLASSES
    rest = classes.of_work[:n_joined]
    assert (rest == rest[0]).all()
    assert len(np.unique(classes.of_work[n_joined:])) == MOST_CLASSES
    # named after the longest-running of those that were joined
    assert classes.names[rest[0]] == f"gemm_{n_joined - 1}"


def test_a_kernel_of_many_sizes_counts_as_one_among_many() -> None:
    # 260 kernels of 1 ms; one of 30 sizes of 0.1 ms, together 3 ms: the longest of all
    turns = [(f"gemm_{turn}", 1000, 1) for turn in range(260)]
    sizes = [("flash_fwd", 100, 2**size) for size in range(30)]

    classes = classed(in_turn(*turns, *sizes))

    assert len(np.unique(classes.of_work[260:])) == 1
    assert names_of(classes)[-1] == "flash_fwd"
    assert len(classes.names) == MOST_CLASSES + 1


NAMES = ["gemm_a", "gemm_b", "flash_fwd", "norm", "fill", "nccl_all_reduce"]
TURNS = st.lists(
    st.tuples(
        st.sampled_from(NAMES),
        st.one_of(st.integers(0, 10), st.integers(1000, 200_000)),
        st.sampled_from([1, 2, 4, 64, 132]),
    ),
    min_size=1,
    max_size=60,
)


def run_of(turns: list[tuple[str, int, int]]) -> tuple[Trace, KernelClasses]:
    trace = build_trace(in_turn(*turns))
    return trace, class_work(trace.gpu_work, trace.names)


@settings(max_examples=50)
@given(TURNS)
def test_every_class_is_of_one_kernel_or_the_rare_rest_of_a_category(
    turns: list[tuple[str, int, int]],
) -> None:
    trace, classes = run_of(turns)

    of_piece = trace.names.gather(trace.gpu_work["full_name_id"]).to_list()
    length_ns = (trace.gpu_work["end_ns"] - trace.gpu_work["start_ns"]).clip(1).to_numpy()
    assert len(classes.of_work) == len(of_piece)
    assert sorted(set(classes.of_work.tolist())) == list(range(len(classes.names)))
    for code, name in enumerate(classes.names):
        members = {of_piece[row] for row in np.flatnonzero(classes.of_work == code)}
        assert name in members
        if len(members) > 1:
            assert {category_of(member) for member in members} == {category_of(name)}
            for member in members:
                mine = np.array([piece == member for piece in of_piece])
                assert length_ns[mine].sum() < RARE_SHARE * length_ns.sum()


@settings(max_examples=50)
@given(TURNS)
def test_pieces_that_look_alike_are_in_one_class(turns: list[tuple[str, int, int]]) -> None:
    trace, classes = run_of(turns)

    work = trace.gpu_work
    seen: dict[tuple[object, ...], int] = {}
    for row, code in zip(
        work.select(
            "full_name_id", "grid_blocks", length=work["end_ns"] - work["start_ns"]
        ).iter_rows(),
        classes.of_work.tolist(),
        strict=True,
    ):
        assert seen.setdefault(row, code) == code


@settings(max_examples=20)
@given(st.integers(1, 600), st.integers(1, 8), st.integers(0, 2**32))
def test_there_are_never_more_classes_than_a_fit_can_take(
    n_kernels: int, n_sizes: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    turns = [
        (f"{NAMES[kernel % len(NAMES)]}_{kernel}", int(rng.integers(1, 2000)), 2**size)
        for kernel in range(n_kernels)
        for size in range(n_sizes)
    ]

    _, classes = run_of(turns)

    assert len(classes.names) <= MOST_CLASSES + len(CATEGORY_SHARE)
