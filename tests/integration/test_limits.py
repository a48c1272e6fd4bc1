"""Everything is bounded, each bound is a setting, and each excess has a named answer."""

from __future__ import annotations

import pytest
import websocket

from turnstile.simulator.faults import Faults
from turnstile.testing import patience

SETTINGS = {"agent": {"think": {"prompt": "Be brief."}}}


def test_more_requests_than_may_wait_are_refused_by_name(start_proxy):
    proxy = start_proxy({"session.max_held": "2"})
    with proxy.dialogue() as dialogue:
        for text in ("one", "two", "three"):
            dialogue.send("InjectUserMessage", content=text)
        assert dialogue.wait_for("Error")["code"] == "too_many_held"


def test_audio_beyond_what_may_wait_is_dropped_and_said(start_proxy):
    proxy = start_proxy({"limits.held_audio_bytes": "1000"})
    with proxy.dialogue() as dialogue:
        for _ in range(4):
            dialogue.send_binary(bytes(640))
        assert dialogue.wait_for("Error")["code"] == "audio_dropped"
        assert len(dialogue.received("Error")) == 1


def test_a_message_that_is_too_large_ends_the_connection_with_1009(start_proxy):
    proxy = start_proxy({"limits.client_message_bytes": "2000"})
    with proxy.dialogue() as dialogue:
        dialogue.send("InjectUserMessage", content="x" * 5_000)
        dialogue.wait_until(lambda: None)
        assert dialogue.closed.startswith("1009")


def test_one_session_more_than_allowed_is_answered_503(start_proxy):
    proxy = start_proxy({"server.max_sessions": "1"})
    with proxy.dialogue() as dialogue:
        dialogue.send("Settings", **SETTINGS)
        assert dialogue.wait_for("SettingsApplied")
        with pytest.raises(websocket.WebSocketBadStatusException, match="503"):
            websocket.create_connection(proxy.url(), timeout=patience())


def test_a_path_that_is_not_there_is_answered_404(proxy):
    with pytest.raises(websocket.WebSocketBadStatusException, match="404"):
        websocket.create_connection(proxy.url("/nothing"), timeout=patience())


def test_more_open_calls_than_allowed_are_said(start_proxy):
    proxy = start_proxy({"session.max_open_calls": "1"})
    proxy.system.simulator.faults = Faults()
    functions = [{"name": name, "description": f"{name} weather"} for name in ("get_weather", "get_time")]
    with proxy.dialogue() as dialogue:
        dialogue.send("Settings", agent={"think": {"prompt": "Be brief.", "functions": functions}})
        dialogue.send("InjectUserMessage", content="Call get_weather and then say the weather.")
        assert dialogue.wait_for("FunctionCallRequest")
        dialogue.send("InjectUserMessage", content="Call get_weather again, the weather please.")
        assert dialogue.wait_for("Error")["code"] == "too_many_calls"
