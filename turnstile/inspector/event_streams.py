"""The event streams that a listener answers with: bounded, and ended with it."""

from __future__ import annotations

import threading
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from werkzeug import Response

from turnstile.errors import SessionError
from turnstile.inspector.event_body import EventBody
from turnstile.inspector.ops_answers import RequestRefusedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from werkzeug import Request

    from turnstile.inspector.view import EventStream

WHEN_LEFT: Final = "turnstile.when_left"
"""The key, in the WSGI environment, of a function that takes what is called when the client has left."""
_AGAIN: Final = {"Retry-After": "1"}


class EventStreams:
    """The open streams; methods may be called on any thread.

    Args:
        most: How many may be open.
        clock: A monotonic clock, in seconds.
    """

    def __init__(self, most: int, clock: Callable[[], float]) -> None:
        self._most = most
        self._clock = clock
        self._room = threading.BoundedSemaphore(most)
        self._changing = threading.Lock()
        self._open: set[EventBody] = set()
        self._is_ending = False

    def answer(self, request: Request, make: Callable[[], EventStream]) -> Response:
        """Answer with a stream, which lasts as long as it and its reader are there.

        Args:
            request: Whose answer it is.
            make: Makes the stream, if there is room for it.

        Raises:
            RequestRefusedError: As many are open as may be.
        """
        if not self._room.acquire(blocking=False):
            raise busy(f"{self._most} event streams are open: end one of them.")
        try:
            body = EventBody(make(), lambda: self._is_ending, lambda: self._forget(body), self._clock)
        except SessionError as error:
            self._room.release()
            raise busy(error.problem.description) from None
        except BaseException:
            self._room.release()
            raise
        with self._changing:
            self._open.add(body)
            is_ending = self._is_ending
        if is_ending:
            body.stop()
        request.environ.get(WHEN_LEFT, _never)(body.stop)
        # Servers in front of this one are to pass on each event at once.
        headers = {"X-Accel-Buffering": "no"}
        return Response(body, headers=headers, content_type="text/event-stream", direct_passthrough=True)

    def close(self) -> None:
        """End the open streams; those that begin from now on end at once."""
        with self._changing:
            self._is_ending = True
            streams = list(self._open)
        for stream in streams:
            stream.stop()

    def _forget(self, body: EventBody) -> None:
        with self._changing:
            self._open.discard(body)
        self._room.release()


def busy(words: str) -> RequestRefusedError:
    """Return the refusal of what there is no room for now."""
    return RequestRefusedError(HTTPStatus.SERVICE_UNAVAILABLE, "busy", words, _AGAIN)


def _never(_: Callable[[], None]) -> None:
    """Call nothing: the server does not say when a client has left."""
