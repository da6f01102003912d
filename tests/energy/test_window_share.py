"""Energy of cells, shared over the work in them."""

from __future__ import annotations

import numpy as np
import pytest

from tests.energy.test_attribute import attribute, closes, constant, work


def test_work_beyond_what_is_shared_at_once_has_its_energy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # 10 s at 300 W, 100 W of it idle; kernels run the first half of each second; 3 at once
    monkeypatch.setattr("traceenergy.energy.window_share.PIECES_AT_ONCE", 3)

    energy = attribute(work(*((t, t + 0.5) for t in range(10))), constant(300.0))

    assert energy.static_j.tolist() == pytest.approx([50.0] * 10)
    assert energy.dynamic_j.tolist() == pytest.approx([200.0] * 10)
    assert closes(energy)


def test_work_without_length_is_known_where_samples_are() -> None:
    # samples up to 11 s cover the first two kernels; the second has no length, so no energy
    energy = attribute(work((1, 2), (5, 5), (14, 15)), constant(300.0), until_s=20.0)

    assert energy.static_j[1] == 0
    assert energy.dynamic_j[1] == 0
    assert np.isnan(energy.static_j[2])
    assert energy.static_j[0] == pytest.approx(100.0)
