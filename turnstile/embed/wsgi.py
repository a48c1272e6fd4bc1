"""Hosts sessions in any WSGI application: a route hands its request's WebSocket over."""

from __future__ import annotations

import errno
import http
import inspect
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from turnstile.embed.function_schema import host_functions
from turnstile.embed.upgrade import Environ, Upgrade
from turnstile.errors import ConfigError
from turnstile.server.requests import Rejection
from turnstile.translate.host_overrides import HostOverrides, is_sendable
from turnstile.translate.session_start import TAGS_SIZE, tags_to_labels

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from turnstile.translate.host_overrides import HostFunction

S_co = TypeVar("S_co", covariant=True)


class Adopter(Protocol[S_co]):
    """Takes a client over from its host; `actors.ProxySystem` is one."""

    def adopt(
        self,
        upgrade: Upgrade,
        dialect: Any = ...,
        *,
        overrides: HostOverrides | None = ...,
        on_event: Callable[[Any, dict[str, Any]], object] | None = ...,
    ) -> S_co | Rejection:
        """Begin a session for the client, or return why not."""


class HandedOverBody:
    """The body of a response that must not be sent, since the connection is a WebSocket of the proxy's now.

    A server that begins to send it gets the error of a connection that is gone, with the type and number that gunicorn,
    werkzeug and wsgiref ignore silently.
    """

    def __iter__(self) -> HandedOverBody:
        """Return the iterator for the server."""
        return self

    def __next__(self) -> bytes:
        """Raise the error of a connection that is gone."""
        raise ConnectionResetError(errno.ECONNRESET, "the WebSocket was handed over")


def hand_over(
    proxy: Adopter[S_co],
    environ: Environ,
    *,
    dialect: str = "component",
    prompt: str | None = None,
    voice: str | None = None,
    model: str | None = None,
    functions: Iterable[Callable[..., Any] | HostFunction] = (),
    tags: Sequence[str] = (),
    origins: Sequence[str] | None = None,
    on_event: Callable[[S_co, dict[str, Any]], object] | None = None,
) -> S_co | Rejection:
    """Hand a request's WebSocket to the proxy, which runs its session from then on.

    Returns at once. The client cannot change what is set here, only what is not.

    Args:
        proxy: Takes the WebSocket; starts with the first one.
        environ: The request, as the server gave it to the application.
        dialect: The client's: ``component`` or ``deepgram`` (the Voice Agent protocol), or ``realtime``.
        prompt: The agent's instructions.
        voice: The agent's voice.
        model: The model that answers.
        functions: Functions that the agent may call, as `host_function` takes them.
        tags: Labels of the responses in the upstream's logs; 512 characters together.
        origins: The web sites whose pages may connect besides the host's own, such as ``https://app.example.com``, or
            ``*`` for any. Others are answered 403, since a browser lets any page connect with the user's cookies.
        on_event: Called with the session and each message sent to its client, one after the other, on one of the
            threads for callbacks; it may block.

    Returns:
        The session's handle; or why there is none, for the route to answer.

    Raises:
        ConfigError: An argument is not what it should be, a function cannot be called by the agent, or the server does
            not expose its sockets.
    """
    _check_callback(on_event)
    labels = _labels(tags)
    overrides = HostOverrides(prompt, voice, model, host_functions(functions), labels)
    return proxy.adopt(Upgrade(environ, origins), dialect, overrides=overrides, on_event=on_event)


def _check_callback(on_event: object) -> None:
    """Raise a `ConfigError` for what cannot be called with each message."""
    if inspect.iscoroutinefunction(on_event) or not (on_event is None or callable(on_event)):
        words = "on_event: must be a function of the session and a message, not an asynchronous one, or None."
        raise ConfigError("invalid_on_event", words)


def _labels(tags: Sequence[str]) -> dict[str, str]:
    """Return the labels that hold a session's tags.

    Raises:
        ConfigError: They are no list of texts, or too long.
    """
    if not _are_texts(tags):
        raise ConfigError("invalid_tags", f"tags: must be a list of texts, not {tags!r}.")
    labels = tags_to_labels(tags)
    if len(labels.get("tags", "")) > TAGS_SIZE:
        raise ConfigError("invalid_tags", f"tags: must have at most {TAGS_SIZE} characters together.")
    return labels


def _are_texts(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str) and all(map(is_sendable, value))


def converse(
    proxy: Adopter[Any], environ: Environ, start_response: Callable[..., Any], **decided: Any
) -> Iterable[bytes]:
    """Answer a request as a WSGI application does: by a session, or an HTTP error.

    Args:
        proxy: As for `hand_over`.
        environ: The request.
        start_response: The server's.
        decided: The other arguments of `hand_over`.
    """
    outcome = hand_over(proxy, environ, **decided)
    if isinstance(outcome, Rejection):
        status = f"{outcome.status} {http.HTTPStatus(outcome.status).phrase}"
        start_response(status, [("Content-Type", "text/plain; charset=utf-8"), *outcome.headers.items()])
        return [outcome.text.encode()]
    start_response("200 OK", [])
    return HandedOverBody()
