"""A Django application as a host."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse

from turnstile.embed.wsgi import Adopts, NoAnswer, hand_over
from turnstile.server.requests import Rejection


class Conversation(StreamingHttpResponse):  # type: ignore[misc] # Django has no types
    """What a view returns that has handed its WebSocket over.

    Args:
        session: What the session is known by.
    """

    def __init__(self, session: Any) -> None:
        super().__init__(NoAnswer())
        self.session = session


def converse(proxy: Adopts[Any], request: HttpRequest, **decided: Any) -> HttpResponse | Conversation:
    """Hand the WebSocket of a request to the proxy, and return what the view returns.

    Args:
        proxy: As for `turnstile.embed.wsgi.hand_over`.
        request: The view's.
        decided: The rest of its arguments: ``prompt``, ``functions``, ``tags``, ``origins``, ``on_event``, ...

    Returns:
        A `Conversation`, whose `session` may be kept; or an answer in words, where the request is no WebSocket, comes
        from a page of another web site, or there is no place for it.
    """
    outcome = hand_over(proxy, request.META, **decided)
    if isinstance(outcome, Rejection):
        return HttpResponse(outcome.text, "text/plain", outcome.status, headers=dict(outcome.headers))
    return Conversation(outcome)
