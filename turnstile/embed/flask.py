"""A Flask application as a host."""

from __future__ import annotations

from typing import Any

import flask

from turnstile.embed.wsgi import Adopts, NoAnswer, hand_over
from turnstile.server.requests import Rejection


class Conversation(flask.Response):
    """What a route returns that has handed its WebSocket over.

    Args:
        session: What the session is known by.
    """

    def __init__(self, session: Any) -> None:
        super().__init__(NoAnswer())
        self.session = session


def converse(proxy: Adopts[Any], **decided: Any) -> flask.Response:
    """Hand the WebSocket of the current request to the proxy, and return what the route returns.

    Args:
        proxy: As for `turnstile.embed.wsgi.hand_over`.
        decided: The rest of its arguments: ``prompt``, ``functions``, ``tags``, ``origins``, ``on_event``, ...

    Returns:
        A `Conversation`, whose `session` may be kept; or an answer in words, where the request is no WebSocket, comes
        from a page of another web site, or there is no place for it.
    """
    outcome = hand_over(proxy, flask.request.environ, **decided)
    if isinstance(outcome, Rejection):
        return flask.Response(outcome.text, outcome.status, dict(outcome.headers), "text/plain")
    return Conversation(outcome)
