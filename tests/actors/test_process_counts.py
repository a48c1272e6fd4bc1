"""What a proxy has counted once a whole session of each dialect is over; nothing goes back meanwhile."""

from __future__ import annotations

import json

import pytest

from actors.system import ProxySystem
from turnstile.config import load_config
from turnstile.protocol.frames import Closed, TextFrame
from turnstile.testing import RecordingInbox, patience

MESSAGES = {
    "component": [
        {"type": "Settings", "agent": {"think": {"prompt": "Be brief."}}},
        {"type": "InjectUserMessage", "content": "hello"},
    ],
    "realtime": [
        {
            "type": "conversation.item.create",
            "item": {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hello"}]},
        },
        {"type": "response.create"},
    ],
}
ENDS = {"component": "AgentAudioDone", "realtime": "response.done"}


def said(inbox):
    return [frame for frame in inbox.messages if isinstance(frame, TextFrame)]


@pytest.mark.parametrize("dialect", MESSAGES)
def test_a_session_is_counted_while_it_is_open_and_when_it_has_ended(dialect):
    inbox = RecordingInbox()
    config = load_config(flags={"upstream.url": "simulator:", "dispatcher.workers": "0"})
    with ProxySystem(config, listens=False) as system:
        connection, _ = system.connect(inbox, dialect)
        for message in MESSAGES[dialect]:
            connection.send_text(json.dumps(message).encode())
        connection.flush()
        is_over = f'"type":"{ENDS[dialect]}"'.encode()
        inbox.wait_for(lambda frame: isinstance(frame, TextFrame) and is_over in frame.data.replace(b" ", b""))
        before = system.counts()
        connection.close(1000)
        assert inbox.wait_for(Closed)
        assert system.wait_until_empty(patience())
        after = system.counts()
    assert (before["sessions_open"], before["sessions_started"][dialect]) == (1, 1)
    assert before["client_bytes"]["in"] == sum(len(json.dumps(message)) for message in MESSAGES[dialect])
    assert (after["sessions_open"], after["sessions_ended"]["client"]) == (0, 1)
    assert (after["turns"], after["responses"]["completed"], after["links_opened"]) == (1, 1, 1)
    assert sum(after["first_audio_seconds"]["buckets"]) == 1
    for name in ("client_bytes", "upstream_bytes"):
        assert before[name]["in"] <= after[name]["in"]
        assert 1_000 < before[name]["out"] + before[name]["in"] <= after[name]["out"] + after[name]["in"]
    assert after["refusals"] == {}


def test_a_session_that_an_operator_ends_is_counted_as_such():
    config = load_config(flags={"upstream.url": "simulator:", "dispatcher.workers": "0"})
    with ProxySystem(config, listens=False) as system:
        inbox = RecordingInbox()
        _, handle = system.connect(inbox)
        assert system.view.give(handle.session_id, {"type": "End"}, patience()) == {"done": True}
        assert inbox.wait_for(Closed)
        assert system.wait_until_empty(patience())
        assert system.counts()["sessions_ended"]["operator"] == 1
