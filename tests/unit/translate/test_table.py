from __future__ import annotations

from typing import get_args

import pytest
from openai.types.realtime import RealtimeServerEvent

from turnstile.protocol.voice_agent.profile import COMPONENT
from turnstile.translate.table import SERVER_EVENTS
from turnstile.translate.to_voice_agent import VoiceAgentTranslator


def _fields():
    union, _ = get_args(RealtimeServerEvent)
    return [kind.model_fields["type"] for kind in get_args(union)]


def test_every_event_of_the_api_has_its_row():
    types = {name for field in _fields() for name in get_args(field.annotation)}
    assert types == set(SERVER_EVENTS)


def test_every_row_says_why():
    assert all(row.reason for row in SERVER_EVENTS.values())


@pytest.mark.parametrize("name", [name for name, row in SERVER_EVENTS.items() if row.fate != "translated"])
def test_the_client_hears_nothing_of_an_event_that_is_not_translated(name):
    event = {"type": name, "session": {}, "item_id": "item_1"}
    assert VoiceAgentTranslator(COMPONENT).translate(event, 0.0) == []
