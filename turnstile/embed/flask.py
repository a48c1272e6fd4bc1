"""Hosts sessions in a Flask application."""

from __future__ import annotations

from typing import Any

import flask

from turnstile.embed.wsgi import Adopter, HandedOverBody, hand_over
from turnstile.server.requests import Rejection


class SessionResponse(flask.Response):
    """The response of a route that has handed its WebSocket over.

    Args:
        session: The session's handle.
    """

    def __init__(self, session: Any) -> None:
        super().__init__(HandedOverBody())
        self.session = session


def converse(proxy: Adopter[Any], **decided: Any) -> flask.Response:
    """Hand the WebSocket of the current request to the proxy, and return the route's response.

    Args:
        proxy: As for `turnstile.embed.wsgi.hand_over`.
        decided: Its other arguments: ``prompt``, ``functions``, ``tags``, ``origins``, ``on_event``, ...

    Returns:
        A `SessionResponse`, whose `session` may be kept; or an HTTP error, where the request is no WebSocket upgrade,
        comes from a page of another web site, or the proxy is full.
    """
    outcome = hand_over(proxy, flask.request.environ, **decided)
    if isinstance(outcome, Rejection):
        return flask.Response(outcome.text, outcome.status, dict(outcome.headers), "text/plain")
    return SessionResponse(outcome)
