"""The ops listener's WSGI application: finds what a request is for, and answers it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from werkzeug import Request, Response
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound, RequestEntityTooLarge
from werkzeug.routing import Map, Rule

from turnstile.errors import SessionError
from turnstile.inspector.guard import FREE
from turnstile.inspector.ops_answers import EVERY_ANSWER, RequestRefusedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from wsgiref.types import StartResponse, WSGIEnvironment

    from turnstile.inspector.guard import Guard

log = logging.getLogger(__name__)

Endpoint = Callable[..., Response]

MESSAGE_BYTES: Final = 1024 * 1024
"""The largest body of a request."""


class Route(NamedTuple):
    """A resource of the listener.

    Args:
        path: Its path, with what is variable in angle brackets, as werkzeug has it.
        method: ``GET``, which answers ``HEAD`` as well, or ``POST``.
        endpoint: Called with the request and what is variable; returns the answer.
    """

    path: str
    method: Literal["GET", "POST"]
    endpoint: Endpoint


class OpsRequest(Request):
    """A request whose body is bounded."""

    max_content_length = MESSAGE_BYTES


class OpsApp:
    """Answers the requests that the guard lets pass, by the first route that fits.

    Args:
        routes: All that can be asked for.
        guard: Checks each request.
    """

    def __init__(self, routes: Sequence[Route], guard: Guard) -> None:
        rules = [Rule(path, methods=[method], endpoint=endpoint) for path, method, endpoint in routes]
        self._routes = Map(rules, merge_slashes=False).bind("ops")
        self._guard = guard

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request (PEP 3333)."""
        response = self._answer(OpsRequest(environ))
        response.headers.extend((name, value) for name, value in EVERY_ANSWER.items() if name not in response.headers)
        return response(environ, start_response)

    def _answer(self, request: Request) -> Response:
        try:
            self._guard.check(request)
            return self._routed(request)
        except RequestRefusedError as refused:
            return refused.response()
        except SessionError as error:  # such as where a worker that may have the session does not answer
            words, again = error.problem.description, {"Retry-After": "1"}
            return RequestRefusedError(HTTPStatus.SERVICE_UNAVAILABLE, error.problem.code, words, again).response()
        except HTTPException as error:
            return _refusal_of(error, request).response()
        except Exception:
            log.exception("The ops listener failed to answer %s %s", request.method, request.path)
            words = "The ops listener has failed; its log says why."
            return RequestRefusedError(HTTPStatus.INTERNAL_SERVER_ERROR, "internal_error", words).response()

    def _routed(self, request: Request) -> Response:
        asks = request.method == "OPTIONS"
        if asks and request.path not in FREE:
            allowed = self._routes.allowed_methods(request.path)
            if not allowed:
                raise NotFound
            return Response(status=HTTPStatus.NO_CONTENT, headers={"Allow": _allow(allowed)})
        # Some load balancers, such as HAProxy, ask for health by OPTIONS unless they are told otherwise.
        endpoint, values = self._routes.match(request.path, "GET" if asks else request.method)
        response: Response = endpoint(request, **values)
        return response


def _refusal_of(error: HTTPException, request: Request) -> RequestRefusedError:
    """Return the refusal that says what of a request is wrong, in this listener's words."""
    match error:
        case MethodNotAllowed():
            allow = _allow(error.valid_methods or ())
            words = f"{request.method} is not what {request.path} answers; use {allow}."
            return RequestRefusedError(HTTPStatus.METHOD_NOT_ALLOWED, "wrong_method", words, {"Allow": allow})
        case NotFound():
            words = f"There is no {request.path} here; see /, /sessions, /metrics, /healthz, /readyz and /version."
            return RequestRefusedError(HTTPStatus.NOT_FOUND, "not_found", words)
        case RequestEntityTooLarge():
            words = f"The body has more than {MESSAGE_BYTES} bytes: send less."
            return RequestRefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large", words)
        case _:
            status = error.code or HTTPStatus.BAD_REQUEST
            return RequestRefusedError(status, "bad_request", f"The request cannot be read: {error.description}")


def _allow(methods: Iterable[str]) -> str:
    return ", ".join(sorted({*methods, "OPTIONS"}))
