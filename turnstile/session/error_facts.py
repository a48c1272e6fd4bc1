"""What upstream says of errors: in ``error`` events, and at the end of a response that failed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from turnstile.errors import Problem
from turnstile.session.events import Refused

if TYPE_CHECKING:
    from turnstile.session.client_requests import Json

# The API names the winner of a race in words only: "... active response in progress: resp_abc."
_RUNNING = re.compile(r"in progress: ([\w-]+)")


def failure(details: Json | None) -> Problem:
    """Return the reason why a response failed, as far as upstream reports it."""
    error = (details or {}).get("error") or {}
    code = error.get("code") or error.get("type") or "response_failed"
    return Problem(code, error.get("message") or "The response failed.")


def refused(event: Json) -> Refused:
    """Return what an ``error`` event refuses, as far as it says; what is no text in it counts as missing."""
    error = event.get("error")
    if not isinstance(error, dict):
        text = _text(error) or _text(event.get("message")) or "Upstream sent an error without words."
        return Refused(None, "error", text)
    code = _text(error.get("code")) or _text(error.get("type")) or "error"
    message, param = _text(error.get("message")) or code, _text(error.get("param"))
    running = _RUNNING.search(message)
    return Refused(_text(error.get("event_id")), code, message, param, event, running[1] if running else None)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
