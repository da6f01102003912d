"""Caveats that differ by device and numbers share a line; all others keep their own."""

from __future__ import annotations

from traceenergy.caveats import Caveat
from traceenergy.report.view_caveats import Note, caveat_notes, note_text


def on_device(slug: str, text: str, device_id: int, n: int | None = None) -> Caveat:
    return Caveat(slug, text, f"rank 0, device {device_id}", n)


def test_alike_caveats_of_many_devices_are_one_line_with_the_span_of_their_numbers() -> None:
    notes = caveat_notes(
        [
            on_device("few", "only 7 samples of 1,200.5 J lie inside", 0, 7),
            Caveat("open-ranges", "some ranges never end"),
            on_device("few", "only 5 samples of 900.0 J lie inside", 1, 5),
            on_device("few", "only 7 samples of 1,200.5 J lie inside", 2, 7),
        ]
    )

    # 7 + 5 + 7 = 19
    assert notes == (
        Note("few", "only 5 to 7 samples of 900.0 to 1,200.5 J lie inside", "on 3 devices", "19"),
        Note("open-ranges", "some ranges never end", "", ""),
    )


def test_caveats_of_other_words_or_names_keep_their_own_line() -> None:
    notes = caveat_notes(
        [
            on_device("source", "read from power.draw", 0),
            on_device("source", "read from power.draw.instant", 1),
            on_device("source", "see gpu1.csv of 2026-01-02", 0),
            on_device("source", "see gpu2.csv of 2026-01-02", 1),
        ]
    )

    assert [note.where for note in notes] == ["rank 0, device 0", "rank 0, device 1"] * 2


def test_caveats_of_files_are_counted_as_places() -> None:
    (note,) = caveat_notes(
        [Caveat("open-ranges", "never closed", f"rank{i}.sqlite", i) for i in range(3)]
    )

    assert note == Note("open-ranges", "never closed", "in 3 places", "3")


def test_what_concerns_no_place_is_not_merged_by_numbers() -> None:
    notes = caveat_notes([Caveat("a", "5 of them"), Caveat("a", "6 of them")])

    assert [note.text for note in notes] == ["5 of them", "6 of them"]


def test_a_note_is_one_line_that_begins_with_its_name() -> None:
    (note,) = caveat_notes([on_device("power-gap", "samples\x1b[31m are missing", 1)])

    assert note_text(note) == (
        "power-gap, rank 0, device 1: samples\N{REPLACEMENT CHARACTER}[31m are missing"
    )
