from __future__ import annotations

import pytest

from turnstile.audio.confirmed_formats import ConfirmedFormats

PCM = {"type": "audio/pcm", "rate": 24_000}
PCMU = {"type": "audio/pcmu"}


def _session(**formats):
    return {"audio": {side: {"format": name} for side, name in formats.items()}}


@pytest.mark.parametrize(
    ("asked", "session", "confirmed"),
    [
        (_session(output=PCMU), _session(output=PCM), (None, PCM)),
        (_session(input=PCMU), _session(input=PCM), (PCM, None)),
        (_session(input=PCMU, output=PCMU), {}, (PCMU, PCMU)),
        (_session(output=PCMU), {"audio": {"output": None}}, (None, PCMU)),
        ({}, _session(output=PCMU), (None, PCMU)),
        ({}, {"audio": None}, (None, None)),
    ],
)
def test_what_is_shown_is_in_force_and_else_what_was_asked_for(asked, session, confirmed):
    formats = ConfirmedFormats()
    formats.requested(asked)
    formats.updated(session)
    assert (formats.input, formats.output) == confirmed


def test_an_update_of_something_else_leaves_the_formats():
    formats = ConfirmedFormats()
    formats.requested(_session(output=PCMU))
    formats.updated(_session(output=PCM))
    formats.requested({"instructions": "Rhyme."})
    formats.updated({"instructions": "Rhyme."})
    assert formats.output == PCM


def test_what_was_asked_for_before_is_not_confirmed_by_the_answer_to_something_else():
    formats = ConfirmedFormats()
    formats.requested(_session(output=PCMU))
    formats.requested({"instructions": "Rhyme."})
    formats.updated({})
    assert formats.output is None
