"""Without the gate everything goes at once, and is said to be in force."""

from __future__ import annotations

import pytest

from turnstile.session.client_requests import (
    AgentMessageGiven,
    AudioFollows,
    ConfigRequested,
    FunctionAnswered,
    TurnEndForced,
    UserMessageGiven,
)
from turnstile.session.effects import (
    Answered,
    ApplyLocal,
    EndSession,
    LetAudioGo,
    OpenAudio,
    OpenLink,
    Reported,
    SendCommit,
    SendCreate,
    SendItem,
    SendUpdate,
)
from turnstile.session.events import Refused, ResponseFinished, ResponseStarted
from turnstile.session.journal_notes import Noted
from turnstile.session.link_events import LinkLost, LinkOpened
from turnstile.session.policy import Policy
from turnstile.terminal.ungated_session import UngatedSession


@pytest.fixture
def session() -> UngatedSession:
    session = UngatedSession()
    session.handle(ConfigRequested(1, {"instructions": "Be brief.", "model": "gpt-realtime"}))
    session.handle(LinkOpened())
    session.handle(ResponseStarted("resp_1"))
    return session


def test_an_update_goes_and_is_acknowledged_at_once_while_a_response_runs(session):
    sent, acknowledged = session.handle(ConfigRequested(2, {"audio": {"output": {"speed": 1.2}}}))
    assert isinstance(sent, SendUpdate)
    assert sent.patch == {"audio": {"output": {"speed": 1.2}}}
    assert acknowledged == Answered(2)


def test_an_added_prompt_is_joined_to_the_last_one_sent(session):
    sent, _ = session.handle(ConfigRequested(2, {}, "Rhyme."))
    assert sent.patch == {"instructions": "Be brief.\n\nRhyme."}


def test_a_message_and_its_create_go_at_once_while_a_response_runs(session):
    item, create, _ = session.handle(UserMessageGiven(2, {"type": "message"}))
    assert isinstance(item, SendItem)
    assert isinstance(create, SendCreate)


def test_a_function_result_an_agent_message_and_a_commit_go_at_once(session):
    kinds = [
        [type(effect) for effect in session.handle(request)]
        for request in (FunctionAnswered(2, "call_1", "4"), AgentMessageGiven(3, {}), TurnEndForced(4))
    ]
    assert kinds == [[SendItem, SendCreate, Answered], [SendCreate, Answered], [SendCommit, SendCreate, Answered]]


def test_a_collision_is_counted_and_left_as_it_is(session):
    error = Refused("ts_5", "conversation_already_has_active_response", "busy")
    assert [type(effect) for effect in session.handle(error)] == [Noted, Reported]


def test_another_refusal_is_reported(session):
    assert [type(effect) for effect in session.handle(Refused("ts_5", "invalid_value", "bad"))] == [Reported]


def test_the_end_of_a_response_lets_nothing_go(session):
    assert session.handle(ResponseFinished("resp_1")) == []


def test_a_lost_link_ends_the_session(session):
    assert [type(effect) for effect in session.handle(LinkLost("upstream_closed", "gone"))] == [EndSession]


def test_what_comes_before_the_link_waits_for_it_up_to_a_limit():
    session = UngatedSession(Policy(max_held=2))
    effects = [session.handle(UserMessageGiven(ref, {"type": "message"})) for ref in (1, 2, 3)]
    assert effects == [[OpenLink(None)], [], []]
    sent = [effect for effect in session.handle(LinkOpened()) if isinstance(effect, SendItem)]
    assert len(sent) == 2


def test_a_link_that_says_again_that_it_is_up_changes_nothing(session):
    assert session.handle(LinkOpened()) == []
    assert repr(session)


def test_audio_keeps_its_place_among_what_waits_for_the_link_and_then_goes_at_once():
    session = UngatedSession()
    session.handle(ConfigRequested(1, {}, local="formats"))
    for mark in (1, 2):
        assert session.handle(AudioFollows(mark)) == []
    session.handle(TurnEndForced(2))
    assert session.handle(AudioFollows(3)) == []
    kinds = [type(effect) for effect in session.handle(LinkOpened())]
    config = [OpenAudio, SendUpdate, ApplyLocal, Answered]
    assert kinds == [*config, LetAudioGo, SendCommit, SendCreate, Answered, LetAudioGo]
    assert session.handle(AudioFollows(4)) == [LetAudioGo(4)]
