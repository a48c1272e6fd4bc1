"""What can be asked of the ops listener: health, metrics, sessions and their journals, and their steering."""

from __future__ import annotations

import math
import platform
import threading
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, TypeVar

from werkzeug import Response

from turnstile.inspector.app import Route
from turnstile.inspector.event_streams import EventStreams, busy
from turnstile.inspector.ops_answers import RequestRefusedError, json_response
from turnstile.observability.access_log import steered
from turnstile.protocol.jsontext import loads
from turnstile.translate.steering_messages import TYPES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from werkzeug import Request

    from turnstile.inspector.view import Json, View

Found = TypeVar("Found")

STREAMS: Final = 8
"""How many event streams may be open."""
MESSAGES: Final = 4
"""How many messages may wait to be in force, ends aside: what they wait for may be what is to be ended."""
ENDS: Final = 2
"""How many sessions may be ended at a time."""
GIVEN_FOR: Final = 30.0
"""Seconds that a message may take to be in force, unless the request says otherwise."""
_LONGEST: Final = 300.0

# Of the outcomes of a message that are not about where its session stands: that is a conflict.
_STATUS: Final = {
    "timeout": HTTPStatus.GATEWAY_TIMEOUT,
    "invalid_message": HTTPStatus.UNPROCESSABLE_ENTITY,
    "unknown_message_type": HTTPStatus.UNPROCESSABLE_ENTITY,
}


class Resources:
    """Answers what is asked about the sessions of a view; methods may be called on any thread.

    Args:
        view: Has the sessions.
        exposition: Returns the metrics, in Prometheus' format, of what the view counts.
        exposition_type: The content type of that.
        version: This program's.
        is_alive: Returns whether the process does its work; may take seconds.
        clock: A monotonic clock, in seconds.
    """

    def __init__(
        self,
        view: View,
        *,
        exposition: Callable[[Json], bytes],
        exposition_type: str,
        version: str,
        is_alive: Callable[[], bool],
        clock: Callable[[], float],
    ) -> None:
        self._view = view
        self._exposition = exposition
        self._exposition_type = exposition_type
        self._version = version
        self._is_alive = is_alive
        self._streams = EventStreams(STREAMS, clock)
        self._messages = threading.BoundedSemaphore(MESSAGES)
        self._ends = threading.BoundedSemaphore(ENDS)
        # Threads that compute at once keep the interpreter from the I/O thread, for longer the more they are.
        self._rendering = threading.Lock()

    def routes(self) -> Sequence[Route]:
        """Return all that can be asked for."""
        return (
            Route("/healthz", "GET", self.health),
            Route("/readyz", "GET", self.readiness),
            Route("/version", "GET", self.version),
            Route("/metrics", "GET", self.metrics),
            Route("/sessions", "GET", self.sessions),
            Route("/sessions/<session_id>", "GET", self.session),
            Route("/sessions/<session_id>/events", "GET", self.events),
            Route("/sessions/<session_id>/messages", "POST", self.give),
        )

    def close(self) -> None:
        """End the open streams; those that begin from now on end at once."""
        self._streams.close()

    def health(self, _: Request) -> Response:
        """Answer whether this process does its work."""
        if self._is_alive():
            return json_response({"status": "ok"})
        words = "The I/O thread does not go round, or no worker runs: restart this process."
        raise RequestRefusedError(HTTPStatus.SERVICE_UNAVAILABLE, "frozen", words)

    def readiness(self, _: Request) -> Response:
        """Answer whether clients should be sent here now, and if not, why."""
        reasons = self._view.unready() or ([] if self._is_alive() else ["frozen"])
        status = HTTPStatus.SERVICE_UNAVAILABLE if reasons else HTTPStatus.OK
        return json_response({"ready": not reasons, "reasons": reasons}, status)

    def version(self, _: Request) -> Response:
        """Answer which program this is."""
        return json_response({"name": "turnstile", "version": self._version, "python": platform.python_version()})

    def metrics(self, _: Request) -> Response:
        """Answer what is counted."""
        figures = self._view.counts()
        with self._rendering:
            return Response(self._exposition(figures), content_type=self._exposition_type)

    def sessions(self, _: Request) -> Response:
        """Answer which sessions are open."""
        return json_response({"sessions": self._view.sessions()})

    def session(self, _: Request, session_id: str) -> Response:
        """Answer where a session stands."""
        return json_response(_found(self._view.session(session_id), session_id))

    def events(self, request: Request, session_id: str) -> Response:
        """Answer with the journal of a session from now on, as long as it and its reader are there."""
        if request.method == "HEAD":
            _found(self._view.session(session_id), session_id)
            return Response(content_type="text/event-stream")
        return self._streams.answer(request, lambda: _found(self._view.events(session_id), session_id))

    def give(self, request: Request, session_id: str) -> Response:
        """Give a session a message as its host could, and answer once it is in force, or say why not."""
        message, timeout = _message(request), _timeout(request)
        is_end = message["type"] == "End"
        room = self._ends if is_end else self._messages
        if not room.acquire(blocking=False):
            waits = f"{ENDS} sessions are being ended" if is_end else f"{MESSAGES} messages wait to be in force"
            raise busy(f"{waits}: try again when one of them is.")
        try:
            outcome = _found(self._view.give(session_id, message, timeout), session_id)
        finally:
            room.release()
        code = "done" if outcome.get("done") else str(outcome.get("code", "refused"))
        kind = message["type"] if message["type"] in TYPES else "unknown"  # which may be what somebody has said
        steered(session_id, kind, request.remote_addr or "", code)
        if outcome.get("done"):
            return json_response({"done": True})
        raise RequestRefusedError(
            _STATUS.get(code, HTTPStatus.CONFLICT), code, str(outcome.get("description", "The message was refused."))
        )


def _found(found: Found | None, session_id: str) -> Found:
    if found is None:
        words = f"There is no open session {session_id}; GET /sessions lists those that are."
        raise RequestRefusedError(HTTPStatus.NOT_FOUND, "unknown_session", words)
    return found


def _message(request: Request) -> dict[str, Any]:
    """Return the message in a request's body."""
    try:
        message = loads(request.get_data())
    except ValueError:
        words = 'The body is not JSON; send one message, such as {"type": "UpdatePrompt", "prompt": "Be brief."}.'
        raise RequestRefusedError(HTTPStatus.BAD_REQUEST, "invalid_json", words) from None
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        words = "type: must be a text that names the message, such as UpdatePrompt; send one JSON object."
        raise RequestRefusedError(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_message", words)
    return message


def _timeout(request: Request) -> float:
    """Return the seconds that the message of a request may take to be in force."""
    text = request.args.get("timeout", "")
    try:
        timeout = float(text) if text else GIVEN_FOR
    except ValueError:
        timeout = math.nan
    if 0 <= timeout <= _LONGEST:
        return timeout
    words = f"timeout: must be a number of seconds from 0 to {_LONGEST:g}."
    raise RequestRefusedError(HTTPStatus.BAD_REQUEST, "invalid_timeout", words)
