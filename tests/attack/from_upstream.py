"""Section 2: memory that an upstream fills, and clients that do not read what it says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loopback import COMPONENT, REALTIME
from raw_frames import PING, frame
from served import pause
from stand import Stand, flood, outcome, request_for

if TYPE_CHECKING:
    from collections.abc import Callable

_SMALL_BUFFER = 16 * 1024
_SHORT_TIMES = {"limits.unread_timeout": "1", "limits.close_timeout": "1"}
_LATE = 20.0


def _never_reads(path: str) -> Callable[[Stand], str]:
    """Have upstream talk for 64 MB, and read nothing of it until it is too late."""

    def run(stand: Stand) -> str:
        client = stand.session(path, receive_buffer=_SMALL_BUFFER)
        client.send(*request_for(path, "audio 1000 48000"), reads=False)
        pause(1.8)
        return client.wait_for_end(4.0) or "goes on"

    return run


def _storm(path: str, words: str, end: str) -> Callable[[Stand], str]:
    """Have upstream send too much of something, to a client that reads."""

    def run(stand: Stand) -> str:
        client = stand.session(path)
        client.send(*request_for(path, words))
        found = client.wait_for(end, timeout=_LATE)
        return f"the response, {outcome(client)}" if found else client.ended or "no end of the response in time"

    return run


def _one_large_event(stand: Stand) -> str:
    client = stand.session(REALTIME)
    client.send(*request_for(REALTIME, "audio 1 9000000"))
    delta = client.wait_for("response.output_audio.delta", timeout=_LATE)
    return f"{'the whole event' if delta else 'nothing'}, {outcome(client)}"


def _unread_pongs(stand: Stand) -> str:
    client = stand.connect(COMPONENT, receive_buffer=_SMALL_BUFFER, timeout=2.0)
    took = client.send_raw(frame(PING, b"x" * 125) * 100_000, reads=False)
    return f"{'all were' if took else 'not all were'} read; {client.wait_for_end(3.0) or 'goes on'}"


ATTACKS = (
    *(
        flood(
            f"{name}: never reads",
            _never_reads(path),
            has_upstream=True,
            settings=_SHORT_TIMES,
            expects=("1008 ",),
        )
        for name, path in (("agent", COMPONENT), ("realtime", REALTIME))
    ),
    flood(
        "agent: 200,000 deltas of new items",
        _storm(COMPONENT, "new_items 66667", "AgentDone"),
        has_upstream=True,
        expects=("goes on",),
    ),
    flood(
        "realtime: 100,000 deltas of new items",
        _storm(REALTIME, "new_items 33333", "response.done"),
        has_upstream=True,
        expects=("goes on",),
    ),
    flood(
        "interim transcripts of 60 MB",
        _storm(COMPONENT, "interim 600 100000", "AgentDone"),
        has_upstream=True,
    ),
    flood(
        "unknown events",
        _storm(COMPONENT, "unknown 20000", "AgentDone"),
        has_upstream=True,
        expects=("goes on",),
    ),
    flood(
        "one event of 12 MB to a client that reads",
        _one_large_event,
        has_upstream=True,
        expects=("the whole event", "goes on"),
    ),
    flood("pings whose pongs are not read", _unread_pongs),
)
