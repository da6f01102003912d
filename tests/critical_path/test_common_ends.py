"""Sequences whose ends lie together, drawn by hand."""

from __future__ import annotations

import numpy as np
import pytest

from traceenergy.critical_path.common_ends import NONE, match_sequences

MS = 1_000_000
LONG = np.arange(8) * MS


@pytest.mark.parametrize(("n_met", "is_one"), [(4, True), (2, True), (1, False), (0, False)])
def test_half_of_the_shorter_sequence_must_end_with_the_other(n_met: int, is_one: bool) -> None:  # noqa: FBT001 - a case
    # Four calls beside eight; those that are not met end half way between two.
    short = LONG[[1, 3, 4, 6]] + np.where(np.arange(4) < n_met, 1_000, MS // 2)

    (along, found), n_codes = match_sequences(
        [LONG, short], np.zeros(2, dtype=np.int64), 0.0, same_time=True, whole=False
    )

    assert along.tolist() == list(range(8))
    met = [1, 3, 4, 6][:n_met] + [NONE] * (4 - n_met)
    assert found.tolist() == (met if is_one else [8, 9, 10, 11])
    assert n_codes == (8 if is_one else 12)
