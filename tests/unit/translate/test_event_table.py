from __future__ import annotations

from typing import get_args

import pytest
from openai.types.realtime import RealtimeServerEvent

from turnstile.protocol.voice_agent.profile import COMPONENT
from turnstile.session.facts import READERS
from turnstile.translate.event_table import SERVER_EVENTS, SIGN_OF_LIFE
from turnstile.translate.to_voice_agent import VoiceAgentTranslator
from turnstile.translate.user_turns import USER_HANDLERS

# The link's own business, and what only tells the reader of facts which item another event will name.
NO_FACT = {"session.created", "response.output_item.added"}


def _fields():
    union, _ = get_args(RealtimeServerEvent)
    return [kind.model_fields["type"] for kind in get_args(union)]


def test_every_event_of_the_api_has_its_row():
    types = {name for field in _fields() for name in get_args(field.annotation)}
    assert types == set(SERVER_EVENTS)


def test_every_row_says_what_becomes_of_the_event():
    assert [name for name, row in SERVER_EVENTS.items() if not row.session and not row.client] == []


@pytest.mark.parametrize("name", [name for name, row in SERVER_EVENTS.items() if row.handling != "translated"])
def test_the_client_hears_nothing_of_an_event_that_is_not_translated(name):
    event = {"type": name, "session": {}, "item_id": "item_1"}
    assert VoiceAgentTranslator(COMPONENT).translate(event, 0.0) == []


def test_an_event_has_a_handler_where_its_row_says_that_it_is_translated():
    translated = {name for name, row in SERVER_EVENTS.items() if row.handling == "translated"}
    assert translated <= {*VoiceAgentTranslator._HANDLERS, *USER_HANDLERS}


def test_the_session_learns_of_an_event_where_its_row_says_so():
    learnt = {name for name, row in SERVER_EVENTS.items() if row.session not in {"", SIGN_OF_LIFE}}
    assert learnt - NO_FACT == {*READERS} - NO_FACT
