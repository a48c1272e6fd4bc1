"""Clients that go on beyond their quotas: what that costs the others."""

from __future__ import annotations

import os
import signal
import time

from loopback import COMPONENT, VOICE_AGENT
from served import pause
from stand import Stand, flood, tally

_SECONDS = 1.5
_MOST = 1_000
_PATHS = (COMPONENT, VOICE_AGENT)
_QUOTA = {"quotas.address_sessions": "30"}  # the sessions beside have an address of their own, and are fewer
_TWO = {"server.workers": "2"}


def _past_the_quota(stand: Stand) -> str:
    """Open as many sessions as there may be, then ask for more as fast as can be for a while."""
    opened = [stand.connect(COMPONENT) for _ in range(30)]
    until, asked, refused = time.monotonic() + _SECONDS, 0, set()
    while time.monotonic() < until and asked < _MOST:
        client = stand.connect(_PATHS[asked % 2])
        refused.add(client.ended)
        client.close()
        asked += 1
    return f"{tally(str(client.status) for client in opened)}, then {', '.join(sorted(refused))}"


def _parent_that_is_stopped(stand: Stand) -> str:
    """Stop the process that counts, and ask for sessions; have it go on, and ask again."""
    os.kill(stand.served.pid, signal.SIGSTOP)
    try:
        began = time.monotonic()
        refused = [stand.connect(COMPONENT, timeout=5.0) for _ in range(2)]
        took = time.monotonic() - began
    finally:
        os.kill(stand.served.pid, signal.SIGCONT)
    pause(0.3)
    words = f"{tally(str(client.status) for client in refused)} {'in time' if took < 6 else 'late'}"
    return f"{words}, then {stand.connect(COMPONENT).status}"


ATTACKS = (
    flood(
        "handshakes past a quota of two workers", _past_the_quota, has_newcomers=True, settings={**_QUOTA, **_TWO},
        expects=("30 x 101, then 429 quotas.address_sessions: 30 sessions at once from 127.0.0.2",),
    ),
    flood(
        "quotas whose parent process is stopped", _parent_that_is_stopped, settings={**_QUOTA, **_TWO},
        expects=("2 x 503 in time, then 101",),
    ),
)  # fmt: skip
