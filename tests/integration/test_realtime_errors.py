"""Errors and ends as a Realtime client hears them: those of upstream as they were, and codes that clients know."""

from __future__ import annotations

import json
import time

import pytest
from links import heard, say
from openai import OpenAI
from websocket import ABNF, create_connection

from actors.timers import TimerThread
from turnstile.simulator.faults import Faults, RefusedEvent
from turnstile.simulator.simulator import Simulator
from turnstile.testing import patience

# The stock SDK tries a lost connection again after these.
RECOVERABLE = {1001, 1005, 1006, 1011, 1012, 1013, 1015}


@pytest.fixture
def serve(start_proxy):
    """Start a proxy before a simulator with these faults; it looks for no other link where one is lost."""
    timers = TimerThread()

    def start(faults=None, **options):
        faults = Faults() if faults is None else faults
        simulator = Simulator(clock=time.monotonic, timers=timers, faults=faults, **options)
        return start_proxy({"upstream.reconnect_for": "0"}, simulator=simulator)

    yield start
    assert timers.stop(patience())


@pytest.fixture
def connect(serve):
    links = []

    def open_link(faults=None, **options):
        link = create_connection(serve(faults, **options).url("/v1/realtime"), timeout=patience())
        links.append(link)
        return link

    yield open_link
    for link in links:
        link.shutdown()


def ending(link):
    """Receive to the end; return the errors before it, its code and its reason."""
    errors = []
    while True:
        opcode, data = link.recv_data()
        if opcode == ABNF.OPCODE_CLOSE:
            return errors, int.from_bytes(data[:2], "big"), data[2:].decode()
        event = json.loads(data)
        if event["type"] == "error":
            errors.append(event["error"])


def refusing(event, **fields):
    return Faults(refused=(RefusedEvent(event, **fields),))


CREATE = ("response.create", {})
UPDATE = ("session.update", {"session": {"type": "realtime", "instructions": "Rhyme."}})
ITEM = ("conversation.item.create", {"item": {"type": "message", "role": "user", "content": []}})


@pytest.mark.parametrize(("kind", "fields"), [CREATE, UPDATE, ITEM])
@pytest.mark.parametrize(
    "refused",
    [
        {"code": None, "type": "server_error"},
        {"code": "invalid_value", "type": "invalid_request_error"},
        {"code": None, "type": "server_error", "echoes": False},
    ],
)
@pytest.mark.parametrize("event_id", ["mine", None])
def test_an_error_keeps_what_upstream_said_and_the_clients_name(connect, kind, fields, refused, event_id):
    link = connect(refusing(kind, **refused))
    heard(link, "session.created")
    say(link, kind, **fields, **({"event_id": event_id} if event_id else {}))
    error = heard(link, "error")["error"]
    assert (error["type"], error["code"]) == (refused["type"], refused["code"])
    assert error["message"] == "Refused on demand."
    if refused.get("echoes", True):
        assert error["event_id"] == event_id
    else:
        assert not str(error["event_id"]).startswith("ts")


def test_an_error_names_no_credential(connect):
    text = "Incorrect API key provided: sk-proj-abcdefgh12345678. Find your key in organization org-abcdefgh12345678."
    link = connect(refusing("session.update", message=text))
    heard(link, "session.created")
    say(link, "session.update", event_id="mine", session={"type": "realtime", "instructions": "Rhyme."})
    error = heard(link, "error")["error"]
    assert error["message"] == "Incorrect API key provided: *** Find your key in organization ***."
    assert error["event_id"] == "mine"


def test_an_error_keeps_the_field_that_it_names(connect):
    link = connect()
    heard(link, "session.created")
    say(link, "session.update", event_id="mine", session={"type": "realtime", "bogus": 1})
    error = heard(link, "error")["error"]
    assert (error["code"], error["param"], error["event_id"]) == ("unknown_parameter", "session.bogus", "mine")


def test_a_refused_key_ends_as_it_does_at_the_api(connect):
    errors, code, reason = ending(connect(Faults(refused_key=True)))
    assert [error["code"] for error in errors] == ["invalid_api_key"]
    assert errors[0]["type"] == "invalid_request_error"
    assert (code, reason) == (3000, "invalid_request_error.invalid_api_key")


def test_a_missing_key_ends_as_it_does_at_the_api_though_its_error_has_no_code(connect):
    errors, code, reason = ending(connect(api_key="wanted"))
    assert errors[0] == {
        "type": "invalid_request_error",
        "code": None,
        "message": "Missing bearer or basic authentication in header",
        "param": None,
        "event_id": None,
    }
    assert (code, reason) == (3000, "invalid_request_error")


def test_a_session_that_expires_ends_as_it_does_at_the_api(serve):
    proxy = serve()
    link = create_connection(proxy.url("/v1/realtime"), timeout=patience())
    heard(link, "session.created")
    proxy.system.simulator.links.open[0].expire()
    errors, code, _ = ending(link)
    link.shutdown()
    assert [error["code"] for error in errors] == ["session_expired"]
    assert code == 1001


@pytest.mark.parametrize(
    ("closed", "told"),
    [(1001, 1001), (1008, 1008), (1012, 1012), (3333, 3333), (4002, 4002), (1006, 1011), (1014, 1011)],
)
def test_a_lost_upstream_is_a_server_error_and_closes_as_it_did_where_that_may_be_sent(connect, closed, told):
    link = connect(Faults(disconnect_after_events=1, disconnect_code=closed))
    heard(link, "session.created")
    say(link, "conversation.item.create", item=ITEM[1]["item"])
    errors, code, _ = ending(link)
    assert [(error["type"], error["code"]) for error in errors] == [("server_error", "upstream_closed")]
    assert code == told


def test_an_upstream_that_cannot_be_reached_ends_with_a_code_after_which_clients_try_again(start_proxy):
    proxy = start_proxy({"upstream.url": "ws://127.0.0.1:1/v1/realtime", "upstream.kind": "compatible"})
    link = create_connection(proxy.url("/v1/realtime"), timeout=patience())
    errors, code, _ = ending(link)
    link.shutdown()
    assert [(error["type"], error["code"]) for error in errors] == [("server_error", "upstream_unreachable")]
    assert code in RECOVERABLE


def test_a_stock_client_comes_back_each_time_that_upstream_is_lost(serve):
    lost = Faults(disconnect_after_events=1, disconnect_code=1006)
    proxy = serve(lambda number: lost if number < 5 else Faults())
    codes = []
    with (
        OpenAI(api_key="made-up", websocket_base_url=proxy.url("/v1")) as client,
        client.realtime.connect(
            model="gpt-realtime",
            on_reconnecting=lambda event: codes.append(event.close_code),
            initial_delay=0.001,
            max_delay=0.001,
        ) as connection,
    ):
        for event in connection:
            if event.type == "session.created":
                connection.conversation.item.create(item=ITEM[1]["item"])
            if event.type == "conversation.item.done" and len(codes) == 5:
                break
    assert codes == [1011] * 5
