"""The events that a Realtime client gets from the proxy itself: the session as upstream shows it, and errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from turnstile.translate.realtime_errors import error_of, named_by_client
from turnstile.translate.to_realtime_client import encoded

if TYPE_CHECKING:
    from turnstile.errors import Problem
    from turnstile.protocol.frames import Frame
    from turnstile.session.client_requests import Json


class OwnEvents:
    """The proxy's own events for one client.

    Args:
        is_beta: Whether the client uses the names of the beta.
    """

    def __init__(self, *, is_beta: bool) -> None:
        self._is_beta = is_beta
        self.session: Json = {}
        """The session as upstream has shown it last, with the id that it had first."""
        self.is_told = False
        """Whether the client has been told of it."""
        self.kept_bytes = 0
        """The bytes that it takes, about."""
        self._is_created = False
        self._sent = 0

    def shown(self, event: Json, *, is_told: bool) -> list[Frame]:
        """Keep the session that upstream shows; return it as created the first time, and then if it is to be told."""
        is_first, self._is_created = not self._is_created, True
        name = self.session.get("id")
        if name is not None and event["session"].get("id") != name:
            event = {**event, "session": {**event["session"], "id": name}}
        self.session = event["session"]
        self.kept_bytes = len(orjson.dumps(self.session))
        self.is_told = is_first or is_told
        if is_first and "event_id" not in event:  # upstream itself has not shown it
            return self._event("session.created", session=self.session)
        if is_first:
            return encoded({**event, "type": "session.created"}, is_beta=self._is_beta)
        return encoded(event, is_beta=self._is_beta) if is_told else []

    def updated(self) -> list[Frame]:
        """Return the session as the answer to an update."""
        self.is_told = True
        return self._event("session.updated", session=self.session)

    def error(self, problem: Problem, event_id: str | None = None) -> Frame:
        """Return the error event of a problem; `event_id` is the client's name for the event that it is about."""
        if problem.error_event is not None:
            (frame,) = encoded(named_by_client(problem.error_event, event_id), is_beta=self._is_beta)
        else:
            (frame,) = self._event("error", error=error_of(problem, event_id))
        return frame

    def _event(self, kind: str, **fields: Any) -> list[Frame]:
        self._sent += 1
        event = {"type": kind, "event_id": f"event_{self._sent}", **fields}
        return encoded(event, is_beta=self._is_beta)
