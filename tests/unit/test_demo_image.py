"""The picture of the race in README: what it shows is read from the lines of a journal."""

from __future__ import annotations

from pathlib import Path

import pytest

from demo_image import picture
from demo_race import Wait, find_race

FILE = Path(__file__).parents[2] / "docs/images/demo.svg"
REQUESTS = ("UpdatePrompt", "UpdateSpeak", "InjectUserMessage")
MESSAGES = (("ConfigRequested", 3), ("ConfigRequested", 4), ("UserMessageGiven", 5))


def came(name):
    return {"wire": "client", "way": "in", "type": name, "ids": {}}


def told(name):
    return {"wire": "client", "way": "out", "type": name, "ids": {}}


def went(name, event_id):
    return {"wire": "upstream", "way": "out", "type": name, "ids": {"event_id": event_id}}


def said(name, **ids):
    return {"wire": "upstream", "way": "in", "type": name, "ids": ids}


def decided(number, *effects):
    kind, ref = MESSAGES[number]
    return {"event": {"!": kind, "ref": ref, "message": REQUESTS[number]}, "effects": list(effects)}


def followed(*effects):
    return {"event": {"!": "ResponseFinished"}, "effects": list(effects)}


def sends(kind, event_id):
    return {"!": kind, "event_id": event_id}


def answered(ref):
    return {"!": "Answered", "ref": ref}


def held(ref, waits, which):
    return {"!": "Held", "refs": [ref], "reason": {"!": "Reason", "waits": waits, "which": which}}


def released(ref):
    return {"!": "Noted", "kind": "released", "detail": f"#{ref}"}


UNGATED = [
    {"turnstile": "0.1.0"},
    said("response.created"),
    *map(came, REQUESTS),
    decided(0, sends("SendUpdate", "ts_1"), answered(3)),
    decided(1, sends("SendUpdate", "ts_2"), answered(4)),
    decided(2, sends("SendItem", "ts_3"), sends("SendCreate", "ts_4"), answered(5)),
    went("session.update", "ts_1"),
    went("session.update", "ts_2"),
    went("conversation.item.create", "ts_3"),
    went("response.create", "ts_4"),
    told("PromptUpdated"),
    told("SpeakUpdated"),
    said("session.updated"),
    said("error", code="invalid_value", about="ts_2"),
    said("error", code="conversation_already_has_active_response", about="ts_4"),
    said("response.done"),
    came("InjectUserMessage"),
    said("response.created"),
]

GATED = [
    {"turnstile": "0.1.0"},
    said("response.created"),
    *map(came, REQUESTS),
    *(decided(number, held(number + 3, "response", "resp_1")) for number in range(3)),
    said("response.done"),
    followed(released(3), released(4), sends("SendUpdate", "ts_1"), held(5, "update", "ts_1")),
    went("session.update", "ts_1"),
    said("session.updated"),
    followed(answered(3), answered(4), released(5), sends("SendItem", "ts_2")),
    told("PromptUpdated"),
    told("SpeakUpdated"),
    went("conversation.item.create", "ts_2"),
    followed(answered(5), sends("SendCreate", "ts_3")),
    went("response.create", "ts_3"),
    said("response.created"),
    came("FunctionCallResponse"),
]


def test_the_picture_of_readme_is_what_its_generator_draws():
    assert FILE.read_text() == picture(UNGATED, GATED), "make images"


def test_a_request_is_refused_and_answered_all_the_same_when_nothing_holds_it():
    race = find_race(UNGATED)
    assert [request.refused and request.refused[1] for request in race.requests] == [
        None,
        "invalid_value",
        "conversation_already_has_active_response",
    ]
    assert [request.answer for request in race.requests] == ["PromptUpdated", "SpeakUpdated", ""]
    assert [request.waits for request in race.requests] == [(), (), ()]
    assert race.next_response is None


def test_a_request_is_sent_after_the_end_of_what_it_waited_for_when_it_was_held():
    race = find_race(GATED)
    *_, question = race.requests
    assert question.waits == (
        Wait(4, 9, "the end of a response"),
        Wait(9, 12, "upstream's answer to a session.update"),
    )
    assert [kind for _, kind in question.sent] == ["conversation.item.create", "response.create"]
    assert all(place > race.done for request in race.requests for place, _ in request.sent)
    assert race.next_response == 18


@pytest.mark.parametrize("words", ["prefers-color-scheme: dark", "<title>"])
def test_the_picture_says_what_it_is_and_fits_light_and_dark(words):
    assert words in FILE.read_text()
