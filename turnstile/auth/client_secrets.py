"""The endpoint at which a backend makes browser tokens: ``POST /v1/realtime/client_secrets``.

Source: OpenAI's reference of client secrets. Unlike OpenAI's, the session that is given is enforced on the token's
clients, and no field of it is theirs to change.
"""

from __future__ import annotations

import http
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from turnstile.auth.browser_tokens import LONGEST_TOKEN, PREFIX, browser_token_of
from turnstile.auth.client_secret_request import InvalidRequest, parse_client_secret_request
from turnstile.auth.identity import Identity
from turnstile.errors import ConfigError
from turnstile.server.http_exchange import BodyWanted, Reply, error_content
from turnstile.server.requests import Rejection, UpgradeRequest
from turnstile.translate.enforced_session import enforced
from turnstile.translate.host_overrides import HostOverrides

if TYPE_CHECKING:
    from turnstile.auth.authenticator import Decided
    from turnstile.auth.browser_tokens import BrowserTokens
    from turnstile.protocol.json_bounds import JsonBounds
    from turnstile.server.http_exchange import Answered
    from turnstile.server.requests import ClientGone

Json = dict[str, Any]
Identify = Callable[[UpgradeRequest, "Decided"], "ClientGone | None"]
"""Checks who sends a request; see `Authenticator.authenticate`."""

_JSON: Final = "application/json"


class ClientSecrets:
    """Makes a browser token for whom the authenticator knows.

    Args:
        tokens: Makes the tokens.
        identify: Checks the credentials of who asks for one.
        serves_model: Returns whether clients may choose a model, given its name.
        bounds: Those of the request's JSON.
    """

    def __init__(
        self,
        tokens: BrowserTokens,
        identify: Identify,
        serves_model: Callable[[str], bool],
        bounds: JsonBounds,
    ) -> None:
        self._tokens = tokens
        self._identify = identify
        self._serves_model = serves_model
        self._bounds = bounds

    def decide(self, method: str, request: UpgradeRequest, answered: Answered) -> ClientGone | None:
        """Decide whether a request may make a token: by its method, its content type, and its credentials."""
        rejection = _unfit(method, request)
        if rejection is not None:
            answered(rejection)
            return None

        def authenticated(outcome: Identity | Rejection) -> None:
            answered(outcome if isinstance(outcome, Rejection) else BodyWanted(partial(self._respond, outcome)))

        return self._identify(request, authenticated)

    def _respond(self, identity: Identity, body: bytes) -> Reply:
        try:
            asked = parse_client_secret_request(body, self._bounds, self._serves_model)
            overrides = _combined(asked.session, identity.overrides)
        except InvalidRequest as error:
            problem = error.problem
            return Reply(http.HTTPStatus.BAD_REQUEST, error_content(problem.description, problem.code, problem.param))
        token = self._tokens.make(Identity(identity.name, overrides), asked.seconds)
        if len(token.value) > LONGEST_TOKEN:
            words = (
                f"The session makes a token of {len(token.value)} characters, and at most {LONGEST_TOKEN} fit into a "
                "browser's request; shorten its instructions or its tools."
            )
            return Reply(http.HTTPStatus.BAD_REQUEST, error_content(words, "session_too_large", "session"))
        shown = _shown(overrides.session, token.id)
        return Reply(http.HTTPStatus.OK, {"value": token.value, "expires_at": token.expires_at, "session": shown})


def _unfit(method: str, request: UpgradeRequest) -> Rejection | None:
    """Return why a request can make no token, whoever sends it."""
    if method != "POST":
        words = "This address takes POST requests only: it makes tokens for browsers.\n"
        return Rejection(http.HTTPStatus.METHOD_NOT_ALLOWED, words, {"Allow": "POST"}, "method")
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != _JSON:
        words = f"The request's Content-Type must be {_JSON}.\n"
        return Rejection(http.HTTPStatus.UNSUPPORTED_MEDIA_TYPE, words, reason="content_type")
    if browser_token_of(request) is not None:
        words = f"A browser token ({PREFIX}...) makes no other: send the key of the backend.\n"
        return Rejection(http.HTTPStatus.FORBIDDEN, words, reason="browser_token")
    return None


def _combined(session: Json, decided: HostOverrides) -> HostOverrides:
    """Return what a token enforces: the session that was asked for, under what was decided about who asks.

    Raises:
        InvalidRequest: The session cannot be enforced.
    """
    try:
        return HostOverrides(
            session=enforced(HostOverrides(session=session).session, decided.enforced), labels=decided.labels
        )
    except ConfigError as error:
        raise InvalidRequest("invalid_value", error.problem.description, "session") from None


def _shown(session: Json, token_id: str) -> Json:
    is_agent = session["type"] == "realtime"
    kind = "realtime.session" if is_agent else "realtime.transcription_session"
    return {**session, "object": kind, "id": f"sess_{token_id}"}
