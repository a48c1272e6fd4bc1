"""What may come out of a session: frames that its client knows, effects that upstream can be sent, and no secret."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, get_args

from deepgram.agent.v1.socket_client import V1SocketClientResponse
from deepgram.agent.v1.types import AgentV1HistoryContent, AgentV1HistoryFunctionCalls
from pydantic import BaseModel
from values import SECRET

from turnstile.protocol import realtime
from turnstile.protocol.frames import BinaryFrame, TextFrame
from turnstile.session import effects
from turnstile.translate.event_table import SERVER_EVENTS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from turnstile.protocol.frames import Frame

# What a client's message may be refused with; nothing else is documented.
CLIENT_CODES = frozenset(
    {
        "invalid_json",
        "invalid_message",
        "missing_type",
        "unknown_message_type",
        "unsupported_encoding",
        "unsupported_sample_rate",
    }
)
# What a client of the Realtime API may be refused with.
REALTIME_CODES = frozenset({"invalid_json", "invalid_event"})
# What an upstream event may be refused with.
UPSTREAM_CODES = frozenset({"invalid_json", "invalid_event"})

_EXTRAS: dict[str, dict[str, type]] = {
    "AgentDone": {},
    "Transcript": {"transcript": str, "is_final": bool},
    "UtteranceEnd": {"channel": list, "last_word_end": int},
}
_SDK: dict[str, type[BaseModel]] = {
    kind.model_fields["type"].default: kind
    for kind in get_args(V1SocketClientResponse)
    if isinstance(kind, type) and issubclass(kind, BaseModel) and "type" in kind.model_fields
}


def check_frames(frames: Iterable[Frame]) -> None:
    """Check that a Voice Agent client can read each frame: the stock SDK's type, strictly, where it has one."""
    for frame in frames:
        if isinstance(frame, TextFrame):
            _check_message(json.loads(frame.data))
        else:
            assert isinstance(frame, BinaryFrame)
            assert isinstance(frame.data, bytes)


def _check_message(message: dict[str, Any]) -> None:
    kind = message["type"]
    if kind in _EXTRAS:
        fields = {name: type(value) for name, value in message.items() if name != "type"}
        assert fields == _EXTRAS[kind], message
        return
    model = _SDK[kind]
    if kind == "History":
        model = AgentV1HistoryContent if "content" in message else AgentV1HistoryFunctionCalls
    read = model.model_validate(message, strict=True)
    assert not read.model_extra, message
    if kind in {"Error", "Warning"}:
        assert message["code"]
        assert message["description"]
        assert SECRET not in message["code"] + message["description"], message


def check_events(frames: Iterable[Frame]) -> None:
    """Check that a client of the Realtime API can read each frame: an object with a type."""
    for frame in frames:
        event = json.loads(frame.data)
        assert isinstance(event["type"], str)
        if event["type"] == "error":
            assert SECRET not in str(event["error"].get("message"))


def sent(effect: object) -> dict[str, Any] | None:
    """Return what upstream is sent for an effect, read back from its bytes; None for what it is not sent."""
    match effect:
        case effects.SendUpdate(event_id, patch):
            data = realtime.session_update(event_id, patch)
        case effects.SendItem(event_id, item):
            data = realtime.item_create(event_id, item)
        case effects.SendCreate(event_id, response):
            data = realtime.response_create(event_id, response)
        case effects.SendCancel(event_id, response_id):
            data = realtime.response_cancel(event_id, response_id)
        case effects.SendTruncate(event_id, item_id, milliseconds):
            data = realtime.item_truncate(event_id, item_id, milliseconds)
        case effects.SendCommit(event_id):
            data = realtime.input_audio_commit(event_id)
        case effects.PassOn(event):
            data = event
        case _:
            return None
    event: dict[str, Any] = json.loads(data)
    assert isinstance(event["type"], str)
    return event


def is_known(kind: str) -> bool:
    """Tell whether the API has events of this type."""
    return kind in SERVER_EVENTS
