"""JSON that is nested too deeply gets its error in words, and the session goes on: also where all frames are logged."""

from __future__ import annotations

import json
import logging

import pytest
import websocket

from turnstile.testing import patience

LEVELS = (129, 255, 1_000, 10_000)
DEEP = {
    "/openai": '{"type":"FunctionCallResponse","id":"c","url":"x","content":%s}',
    "/v1/realtime": '{"type":"session.update","session":{"url":"x","deep":%s}}',
}
USUAL = {
    "/openai": ({"type": "Settings", "agent": {}}, "SettingsApplied"),
    "/v1/realtime": ({"type": "session.update", "session": {"type": "realtime"}}, "session.updated"),
}


@pytest.mark.parametrize("path", DEEP)
@pytest.mark.parametrize("level", ["info", "debug"])
def test_a_message_that_is_nested_too_deeply_is_refused_and_the_session_goes_on(start_proxy, caplog, path, level):
    caplog.set_level(level.upper())
    proxy = start_proxy({"log.level": level})
    client = websocket.create_connection(proxy.url(path), timeout=patience())
    try:
        for levels in LEVELS:
            client.send(DEEP[path] % ("[" * levels + "]" * levels))
            error = hear(client, "Error", "error")
            assert "more than 128 levels" in json.dumps(error)
        message, answer = USUAL[path]
        client.send(json.dumps(message))
        hear(client, answer)
    finally:
        client.close()
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


def hear(client, *kinds):
    """Return the next message of one of these types."""
    while True:
        message = json.loads(client.recv())
        if message["type"] in kinds:
            return message
