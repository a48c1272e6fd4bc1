"""What a Realtime client asks for in its address, against the running proxy."""

from __future__ import annotations

import http.server
import logging
import threading
from contextlib import closing

import pytest
from links import heard, say
from openai import AzureOpenAI, OpenAI
from websocket import WebSocketBadStatusException, create_connection

from turnstile.protocol.upstreams import KINDS
from turnstile.testing import patience

LOUD = "YWJj" * 8_000


def address(proxy, query=""):
    return f"{proxy.url('/v1/realtime')}?{query}"


@pytest.fixture
def connect(proxy):
    """Open a connection with a query; returns it when its session is there."""
    links = []

    def open_link(query):
        link = create_connection(address(proxy, query), timeout=patience())
        links.append(link)
        link.session = heard(link, "session.created")["session"]
        return link

    yield open_link
    for link in links:
        link.close()


def test_a_call_is_joined_instead_of_a_session_begun(proxy):
    with (
        OpenAI(api_key="made-up", websocket_base_url=proxy.url("/v1")) as client,
        client.realtime.connect(call_id="rtc_1") as connection,
    ):
        assert connection.recv().type == "session.created"
        connection.response.create()
        while (event := connection.recv()).type != "response.done":
            assert event.type != "error"
    assert proxy.log.collisions == 0


def test_a_transcription_session_is_begun_configured_and_hears(connect, proxy):
    link = connect("intent=transcription")
    assert link.session["type"] == "transcription"
    for silence in (300, 400):
        detection = {"type": "server_vad", "silence_duration_ms": silence}
        session = {"type": "transcription", "audio": {"input": {"turn_detection": detection}}}
        say(link, "session.update", session=session)
        updated = heard(link, "session.updated", "error")
        assert updated["session"]["audio"]["input"]["turn_detection"]["silence_duration_ms"] == silence
    say(link, "input_audio_buffer.append", audio=LOUD)
    say(link, "input_audio_buffer.commit")
    heard(link, "input_audio_buffer.committed")
    assert [update["type"] for update in proxy.log.updates] == ["transcription"] * 2


def test_a_transcription_session_speaks_the_words_of_the_beta_to_a_client_of_it(proxy):
    link = create_connection(address(proxy, "intent=transcription&api-version=2025-04-01-preview"), timeout=patience())
    with closing(link):
        assert heard(link, "transcription_session.created")["session"]["input_audio_format"] == "pcm16"
        say(link, "transcription_session.update", session={"input_audio_format": "g711_ulaw", "turn_detection": None})
        updated = heard(link, "transcription_session.updated", "error")
        assert (updated["session"]["input_audio_format"], updated["session"]["turn_detection"]) == ("g711_ulaw", None)


def test_an_update_is_not_held_for_an_answer_that_a_transcription_session_does_not_give(connect, proxy):
    link = connect("intent=transcription")
    (snapshot,) = proxy.system.inspect(patience()).values()
    assert not snapshot.state.api_answers_turns
    say(link, "session.update", session={"type": "realtime"})
    assert "Passing a realtime session update event" in heard(link, "error")["error"]["message"]


def test_azures_way_of_addressing_names_the_model_and_asks_for_the_words_of_the_beta(proxy):
    client = AzureOpenAI(
        api_key="made-up",
        api_version="2024-10-01-preview",
        base_url="http://localhost",
        websocket_base_url=proxy.url("/v1"),
    )
    with client, client.realtime.connect(model="gpt-realtime") as connection:
        session = connection.recv().session.model_dump()
    assert session["model"] == "gpt-realtime"
    assert session["modalities"] == ["audio", "text"]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("call_id=rtc_1&model=gpt-realtime", "call_id: cannot go with a model"),
        ("intent=transcription&model=gpt-realtime", "model: you must not provide one for transcription sessions"),
        ("intent=translation", "intent: must be 'transcription'"),
        ("model=gpt-nope", "model: 'gpt-nope' is not served here."),
        ("deployment=gpt-nope", "model: 'gpt-nope' is not served here."),
    ],
)
def test_what_cannot_be_had_is_refused_in_words(proxy, query, words):
    with pytest.raises(WebSocketBadStatusException) as refused:
        create_connection(address(proxy, query), timeout=patience())
    assert refused.value.status_code == 400
    assert words in refused.value.resp_body.decode()


@pytest.mark.parametrize("kind", ["openai-beta", "azure-preview"])
def test_what_an_upstream_of_the_beta_cannot_do_is_refused_in_words(start_proxy, kind):
    proxy = start_proxy({"upstream.kind": kind})
    with pytest.raises(WebSocketBadStatusException) as refused:
        create_connection(address(proxy, "call_id=rtc_1"), timeout=patience())
    assert "call_id: is not served here" in refused.value.resp_body.decode()


def test_an_ignored_field_is_named_in_the_log_and_its_value_is_not(proxy, caplog):
    with (
        caplog.at_level(logging.DEBUG),
        closing(create_connection(address(proxy, "region=eu&token=sk-secret"))) as link,
    ):
        heard(link, "session.created")
    told = [record.getMessage() for record in caplog.records if "ignored" in record.getMessage()]
    assert told == ["Fields of a client's address are ignored: 'region'"]
    assert "sk-secret" not in caplog.text


@pytest.fixture
def door():
    """An upstream that notes what it is asked for, and lets nobody in."""
    asked = []

    class Door(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *_):
            """Say nothing."""

    with http.server.HTTPServer(("127.0.0.1", 0), Door) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server.server_address[1], asked
        server.shutdown()
        thread.join(patience())


@pytest.mark.parametrize("query", ["call_id=rtc_1", "intent=transcription"])
@pytest.mark.parametrize("kind", [name for name, kind in KINDS.items() if not kind.is_beta])
def test_upstream_is_asked_for_the_same_and_for_no_model(start_proxy, door, kind, query):
    port, asked = door
    path = KINDS[kind].paths[0]
    proxy = start_proxy({"upstream.kind": kind, "upstream.url": f"ws://127.0.0.1:{port}{path}?model=ours"})
    link = create_connection(address(proxy, query), timeout=patience())
    error = heard(link, "error")["error"]
    link.shutdown()
    assert (error["type"], error["code"]) == ("server_error", "upstream_refused")
    assert asked == [f"{path}?{query}"]
