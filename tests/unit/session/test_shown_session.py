"""A link is open with what its first event shows of the session: whether it shows one, its voice, its end."""

from __future__ import annotations

import math

import pytest

from turnstile.session.link_events import LinkOpened
from turnstile.session.shown_session import opened_by, shows_session

NOW = 1_800_000_000.0


def created(**session):
    return {"type": "session.created", "session": session}


def test_the_voice_the_lifetime_and_the_modalities_are_those_that_the_session_shows():
    session = {
        "expires_at": 1_800_003_600,
        "output_modalities": ["text"],
        "audio": {"output": {"voice": "marin"}},
    }
    opened = opened_by(created(**session), NOW)
    assert (opened.shows_session, opened.voice) == (True, "marin")
    assert (opened.lifetime, opened.modalities) == (3600.0, ["text"])


@pytest.mark.parametrize(
    "expires_at",
    [None, True, "1800003600", 0, -1, NOW, NOW - 1, NOW + 86_401, 10**400, math.nan, math.inf, [NOW + 1], {}],
)
def test_an_end_that_is_no_time_of_the_next_day_is_not_believed(expires_at):
    assert opened_by(created(expires_at=expires_at), NOW).lifetime is None


def test_the_end_may_be_a_fraction_and_a_day_away():
    assert opened_by(created(expires_at=NOW + 0.5), NOW).lifetime == 0.5
    assert opened_by(created(expires_at=NOW + 86_400), NOW).lifetime == 86_400.0


@pytest.mark.parametrize("event", [{"type": "session.created"}, {"type": "conversation.created"}])
def test_a_link_may_open_without_a_session(event):
    opened = opened_by(event, NOW)
    assert opened == LinkOpened(shows_session=False)
    assert (opened.lifetime, opened.modalities) == (None, None)


def test_only_events_of_the_session_show_it():
    assert shows_session({"type": "session.updated", "session": {}})
    assert not shows_session({"type": "session.updated", "session": []})
    assert not shows_session({"type": "conversation.created", "session": {}})
