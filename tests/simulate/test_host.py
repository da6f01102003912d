"""Ids are packed as nsys packs them."""

from __future__ import annotations

import re

import numpy as np

from traceenergy.simulate.host import make_host, time_text

LOW_BITS = 0xFFFFFF


def test_thread_ids_hold_machine_process_thread() -> None:
    host = make_host(2, np.random.default_rng(1))

    tid = host.global_tid(1)
    assert tid >> 48 == 1
    assert tid >> 24 & LOW_BITS == host.pid(1)
    assert tid & LOW_BITS == host.pid(1)
    assert host.global_pid(1) == tid & ~LOW_BITS
    assert host.pid(0) != host.pid(1)


def test_uuids_look_like_uuids_and_differ() -> None:
    uuids = make_host(8, np.random.default_rng(1)).uuids

    assert len(set(uuids)) == 8
    form = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
    assert all(form.fullmatch(uuid) for uuid in uuids)


def test_local_time_is_off_by_the_zone() -> None:
    # 1771234567 s after 1970 is 2026-02-16 09:36:07 UTC (`date -u -d @1771234567`).
    assert time_text(0.0) == "2026-02-16T09:36:07"
    assert time_text(-10.0) == "2026-02-15T23:36:07"
    assert time_text(5.5) == "2026-02-16T15:06:07"
