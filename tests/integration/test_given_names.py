"""What a client of the Realtime API names, upstream sees, and the client gets back: over a real socket."""

from __future__ import annotations

import pytest

from turnstile.protocol.realtime import MARK

TEXT = {"output_modalities": ["text"]}
FULL = {f"name_{number}": str(number) for number in range(16)}


@pytest.fixture
def client(proxy):
    with proxy.dialogue("/v1/realtime") as client:
        assert client.wait_for("session.created")
        yield client


def ask(client, **response):
    """Have a response; return what is told of it at its beginning and at its end."""
    client.send("response.create", response={**TEXT, **response})
    done = client.wait_for("response.done")
    return [client.wait_for("response.created")["response"], done["response"]]


@pytest.mark.parametrize("metadata", [{"client_event_id": "abc"}, {"tags": "mine"}, FULL, {}, None])
@pytest.mark.parametrize("conversation", ["auto", "none"])
def test_a_clients_metadata_reach_upstream_and_come_back(client, proxy, metadata, conversation):
    told = ask(client, metadata=metadata, conversation=conversation)
    assert [response["metadata"] for response in told] == [metadata, metadata]
    (record,) = proxy.log.responses
    assert {**(record.metadata or {}), **(metadata or {})} == (record.metadata or {})


def test_no_metadata_come_back_where_none_were_given(client):
    assert [response["metadata"] for response in ask(client)] == [None, None]


def test_a_client_that_has_our_mark_for_its_own_metadata_is_served(client):
    told = ask(client, metadata={MARK: "abc"})
    assert [response["metadata"] for response in told] == [{MARK: "abc"}, {MARK: "abc"}]


def test_an_item_keeps_the_id_that_the_client_gave_it(client, proxy):
    content = [{"type": "input_text", "text": "Hello."}]
    client.send(
        "conversation.item.create", item={"id": "mine_1", "type": "message", "role": "user", "content": content}
    )
    assert client.wait_for("conversation.item.done")["item"]["id"] == "mine_1"
    assert [item.id for item in proxy.log.items] == ["mine_1"]


@pytest.mark.parametrize("event_id", ["mine_1", "passed_1", "ts_1", "event_1"])
@pytest.mark.parametrize(
    "event",
    [
        {"type": "session.update", "session": {"type": "realtime", "speed": "quick"}},
        {"type": "response.create", "response": {"output_modalities": ["smell"]}},
        {"type": "conversation.item.delete", "item_id": "nobody"},
        {"type": "input_audio_buffer.commit"},
        {"type": "response.cancel", "response_id": "nobody"},
    ],
    ids=lambda event: event["type"],
)
def test_an_error_names_the_clients_event(client, event, event_id):
    client.send(event["type"], event_id=event_id, **{name: value for name, value in event.items() if name != "type"})
    assert client.wait_for("error")["error"]["event_id"] == event_id


def test_an_error_about_an_event_without_an_id_names_none(client):
    client.send("conversation.item.delete", item_id="nobody")
    assert client.wait_for("error")["error"]["event_id"] is None
