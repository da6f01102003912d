"""A step is laid out as the model runs."""

from __future__ import annotations

import pytest

from traceenergy.simulate.template import STEP_KINDS, step_template


@pytest.mark.parametrize("kind", STEP_KINDS)
@pytest.mark.parametrize(("n_layers", "n_dense"), [(1, 0), (8, 2), (61, 3)])
def test_the_first_layers_are_dense_the_others_route(
    kind: str, n_layers: int, n_dense: int
) -> None:
    slots = step_template(kind, n_layers).slots

    dense = {slot.layer for slot in slots if slot.part == "mlp"}
    routed = {slot.layer for slot in slots if slot.part == "moe"}
    assert dense == set(range(n_dense))
    assert routed == set(range(n_dense, n_layers))


def test_only_a_mixed_step_attends_both_ways() -> None:
    used = {kind: {s.kernel for s in step_template(kind, 4).slots} for kind in STEP_KINDS}

    assert {kind for kind in STEP_KINDS if "mla" in used[kind]} == {"decode", "mixed"}
    assert {kind for kind in STEP_KINDS if "fmha" in used[kind]} == {"prefill", "mixed"}


def test_side_work_is_joined_in_its_layer() -> None:
    template = step_template("decode", 8)

    assert template.joins.sum() == 6
    for slot in template.slots:
        assert not (slot.side and slot.joins)
        assert slot.part == "moe" or not slot.side
