"""Hosts sessions in a Django application."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse

from turnstile.embed.wsgi import Adopter, HandedOverBody, hand_over
from turnstile.server.requests import Rejection


class SessionResponse(StreamingHttpResponse):  # type: ignore[misc] # Django has no types
    """The response of a view that has handed its WebSocket over.

    Args:
        session: The session's handle.
    """

    def __init__(self, session: Any) -> None:
        super().__init__(HandedOverBody())
        self.session = session


def converse(proxy: Adopter[Any], request: HttpRequest, **decided: Any) -> HttpResponse | SessionResponse:
    """Hand the WebSocket of a request to the proxy, and return the view's response.

    Args:
        proxy: As for `turnstile.embed.wsgi.hand_over`.
        request: The view's.
        decided: Its other arguments: ``prompt``, ``functions``, ``tags``, ``origins``, ``on_event``, ...

    Returns:
        A `SessionResponse`, whose `session` may be kept; or an HTTP error, where the request is no WebSocket upgrade,
        comes from a page of another web site, or the proxy is full.
    """
    outcome = hand_over(proxy, request.META, **decided)
    if isinstance(outcome, Rejection):
        return HttpResponse(outcome.text, "text/plain", outcome.status, headers=dict(outcome.headers))
    return SessionResponse(outcome)
