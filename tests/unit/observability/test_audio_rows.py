"""Audio is put together in rows where it is told, with one reader or several."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from turnstile.observability.audio_rows import AudioRow, InRows, base64_size
from turnstile.observability.journal_entries import AudioEntry
from turnstile.testing import session_journal

if TYPE_CHECKING:
    from turnstile.observability.journal_entries import JournalEntry


@pytest.mark.parametrize("others", [0, 1])
def test_audio_is_one_row_until_a_frame_of_its_place(others: int) -> None:
    got: list[JournalEntry | AudioRow] = []
    journal = session_journal()
    heard: list[JournalEntry] = []
    journal.read_by([InRows(got.append), *[heard.append] * others])

    for pieces in ([b"ab", b"cd"], ["AAAA", "AA=="], ["AAA="]):
        journal.audio("upstream", "in", pieces, 1)
    journal.frame("upstream", "in", b"{}", 1)
    journal.audio("upstream", "in", [b"ab"], 1)

    rows = [(one.audio, one.frames) for one in got if isinstance(one, AudioRow)]
    assert rows == [(4 + 3 + 1 + 2, 5), (2, 1)]
    assert [*map(type, heard)].count(AudioEntry) == 4 * others


def test_audio_of_another_link_is_another_row() -> None:
    got: list[JournalEntry | AudioRow] = []
    journal = session_journal()
    journal.read_by([InRows(got.append)])

    journal.audio("upstream", "out", [b"ab"], 1)
    journal.audio("upstream", "out", [b"ab"], 2)

    assert [one.link for one in got if isinstance(one, AudioRow)] == [1, 2]


@pytest.mark.parametrize(("text", "size"), [("", 0), ("AAAA", 3), ("AAA=", 2), ("AA==", 1)])
def test_the_size_of_base64_is_that_of_its_bytes(text: str, size: int) -> None:
    assert base64_size(text) == size
