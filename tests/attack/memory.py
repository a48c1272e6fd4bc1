"""Section 2: memory that clients fill, and who pays for it."""

from __future__ import annotations

import itertools
from functools import partial
from typing import TYPE_CHECKING, Any

from loopback import COMPONENT, REALTIME, VOICE_AGENT, Client
from raw_frames import BINARY, CONTINUATION, TEXT, frame, text
from served import pause
from stand import SETTINGS, Attack, Stand, flood, outcome, request_for, tally

if TYPE_CHECKING:
    from collections.abc import Callable

_MIB = 1024 * 1024
_ONE = "x" * (_MIB - 1024)
_COUNT = 96  # three times what a session may hold, and more than the process may
_MUTE = f"{REALTIME}-mute"


def _said(client: Client, timeout: float = 1.0) -> str:
    """Return in words what a client was told that is no good news, and how it ended."""
    bad = (message for message in client.messages(timeout) if message["type"] in {"Error", "Warning", "error"})
    errors = tally(str(message.get("code") or (message.get("error") or {}).get("code")) for message in bad)
    return "; ".join(filter(None, (errors, client.ended))) or "nothing"


def _held(path: str, message: Callable[[int], dict[str, Any]], *, in_response: bool = False) -> Callable[[Stand], str]:
    """Have so many messages of 1 MiB held: before the session is configured, or while a response goes on."""

    def run(stand: Stand) -> str:
        if in_response:
            client = stand.session(path)
            client.send(*request_for(path, "stay"))
            client.wait_for("response.created")
            client.send({"type": "response.create"})  # held, and all that is behind it
        else:
            client = stand.connect(path)
        for number in range(_COUNT):
            if not client.send(message(number)):
                break
        return _said(client, 0.3)

    return run


def _user_message(number: int) -> dict[str, Any]:
    return {"type": "InjectUserMessage", "content": f"{number} {_ONE}"}


def _item(number: int) -> dict[str, Any]:
    content = [{"type": "input_text", "text": f"{number} {_ONE}"}]
    return {"type": "conversation.item.create", "item": {"type": "message", "role": "user", "content": content}}


def _create(number: int) -> dict[str, Any]:
    return {"type": "response.create", "response": {"instructions": f"{number} {_ONE}"}}


def _update(number: int) -> dict[str, Any]:
    return {"type": "session.update", "session": {"type": "realtime", "instructions": f"{number} {_ONE}"}}


def _thinking(number: int) -> dict[str, Any]:
    return {
        "type": "UpdateThink",
        "think": {"prompt": f"{number}", "functions": [{"name": "f", "parameters": {"x": _ONE}}]},
    }


def _audio_first(path: str, piece: bytes) -> Callable[[Stand], str]:
    """Send 64 MiB of audio that no session takes yet, on four connections."""

    def run(stand: Stand) -> str:
        clients = [stand.connect(path) for _ in range(4)]
        for client in clients:
            client.send_raw(piece * 16)
        return tally(_said(client, 0.1) for client in clients)

    return run


def _results(stand: Stand) -> str:
    """Hold the results of 63 calls of 64, of 1 MiB each."""
    client = stand.connect(COMPONENT)
    functions = [{"name": "f", "description": "f", "parameters": {"type": "object"}}]
    client.send({"type": "Settings", "agent": {"think": {"prompt": "x", "functions": functions}}})
    client.wait_for("SettingsApplied")
    client.send(*request_for(COMPONENT, "call 64"))
    calls = []
    for message in client.messages(2.0):
        if message["type"] == "FunctionCallRequest":
            calls += [one["id"] for one in message["functions"]]
        if len(calls) == 64:
            break
    for call in calls[1:]:
        client.send({"type": "FunctionCallResponse", "id": call, "name": "f", "content": _ONE})
    return f"{len(calls)} calls; {_said(client, 0.3)}"


def _out_of_band(stand: Stand) -> str:
    """Have the simulator answer 3 MB of creates out of band."""
    client = stand.session(REALTIME)
    content = [{"type": "input_text", "text": "x" * 15_000}]
    given = {"conversation": "none", "input": [{"type": "message", "role": "user", "content": content}]}
    create = {"type": "response.create", "response": {**given, "output_modalities": ["text"]}}
    client.send(*[create] * 200)
    ends = (message["type"] for message in client.messages(3.0) if message["type"] in {"response.done", "error"})
    return f"{tally(itertools.islice(ends, 200))}, {outcome(client)}"


def _many_sessions(stand: Stand) -> str:
    """Open sessions of one address that hold 12 MiB each until there is no more room, then have each hold more."""
    small = stand.connect(COMPONENT, source="127.0.0.3")
    small.send(_user_message(0))
    clients: list[Client] = []
    refused = ""
    while not refused and len(clients) < 12:
        client = stand.connect(COMPONENT)
        refused = client.ended
        if not refused:
            client.send(*map(_user_message, range(12)))
            clients.append(client)
            pause(0.05)  # it is admitted by what is held by then
    for client in clients:
        client.send(*map(_user_message, range(14)))
    ends = tally(client.wait_for_end(0.3)[:4].strip() or "open" for client in clients)
    small.send(SETTINGS)
    stays = "stays" if small.wait_for("SettingsApplied") else f"lost ({small.ended})"
    return f"{refused[:3] or 'no refusal'} after {len(clients)}; {ends}; a small one {stays}"


def _announced(path: str) -> Callable[[Stand], str]:
    """Announce a frame of 2^62 bytes."""

    def run(stand: Stand) -> str:
        client = stand.connect(path)
        client.send_raw(frame(TEXT, b"x" * 1000, size=1 << 62))
        return client.wait_for_end(2.0) or "waits for the rest"

    return run


def _fragments(path: str, size: int) -> Callable[[Stand], str]:
    """Send a message in fragments, and never end it."""

    def run(stand: Stand) -> str:
        client = stand.connect(path)
        client.send_raw(frame(TEXT, b"x", is_final=False))
        piece = frame(CONTINUATION, b"x" * size, is_final=False)
        for _ in range(64):
            if not client.send_raw(piece * (_MIB // size)):
                break
        return client.wait_for_end(1.0) or "waits for the rest"

    return run


def _almost(stand: Stand) -> str:
    """Send twenty messages of 21 MiB but for the last byte."""
    whole = text(b"x" * (21 * _MIB))
    clients = [stand.connect(REALTIME) for _ in range(20)]
    for client in clients:
        client.send_raw(whole[:-1])
    return tally(client.wait_for_end(0.05) or "waits for the rest" for client in clients)


_APPEND = text({"type": "input_audio_buffer.append", "audio": "A" * (_MIB - 1024)})
_hold_agent = partial(_held, COMPONENT)
_hold_api = partial(_held, REALTIME, in_response=True)

ATTACKS = (
    flood("audio before Settings", _audio_first(COMPONENT, frame(BINARY, bytes(_MIB - 64)))),
    flood("realtime: audio before the session", _audio_first(_MUTE, _APPEND), has_upstream=True),
    flood("held user messages of 1 MiB", _hold_agent(_user_message)),
    flood("held updates of 1 MiB", _hold_agent(_thinking)),
    flood("held results of 1 MiB", _results, has_upstream=True, expects=("64 calls",)),
    flood("realtime: held items of 1 MiB", _hold_api(_item), has_upstream=True),
    flood("realtime: held creates of 1 MiB", _hold_api(_create), has_upstream=True),
    flood("realtime: held updates of 1 MiB", _hold_api(_update), has_upstream=True),
    flood("out of band, 3 MB a round", _out_of_band, expects=("goes on",)),
    flood("sessions of one address to total_bytes", _many_sessions, expects=("503", "1013", "one stays")),
    *(
        Attack(f"{name}: a frame of 2^62 bytes", _announced(path), expects=("1009 ",))
        for name, path in (("agent", VOICE_AGENT), ("realtime", REALTIME))
    ),
    *(
        flood(f"{name}: {kind} without end", _fragments(path, size), expects=("1009 ",))
        for name, path in (("agent", VOICE_AGENT), ("realtime", REALTIME))
        for kind, size in (("fragments of 64 KB", 64 * 1024), ("fragments of 64 bytes", 64))
    ),
    flood("realtime: 20 messages of 21 MiB but a byte", _almost),
)
