"""What a test says to and hears from a Realtime API by a WebSocket of its own."""

from __future__ import annotations

import json


def say(link, kind, **fields):
    """Send an event."""
    link.send(json.dumps({"type": kind, **fields}))


def heard(link, *kinds):
    """Receive until an event of one of these types has come; return that."""
    while (event := json.loads(link.recv()))["type"] not in kinds:
        pass
    return event
