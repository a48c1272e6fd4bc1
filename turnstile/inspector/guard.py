"""Decides who may make which request to the ops listener: by its Host, its origin, and its token."""

from __future__ import annotations

import hmac
import logging
import re
import threading
from http import HTTPStatus
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final

from turnstile.inspector.ops_answers import RequestRefusedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from werkzeug import Request

log = logging.getLogger(__name__)

FREE: Final = frozenset({"/healthz", "/readyz"})
"""The paths that ask for no token, and for no Host: who checks a process's health has none."""
PAGE_FILES: Final = "/page/"
"""Under this path are the files of the page. They ask for no token, as the page itself at ``/``: a browser that opens
it has none, and nothing of any session is in them."""
LOCAL_ADDRESS: Final = "turnstile.local_address"
"""The key, in the WSGI environment, of the address of this machine that a request has come in at."""

_HOST: Final = re.compile(r"(?P<name>\[[0-9a-fA-F:.]+\]|[a-zA-Z0-9._-]+)(?::\d{1,5})?")
# Of a page of another site, also on another port of this machine; what is typed or bookmarked is "none".
_OWN_PAGES: Final = frozenset({"", "same-origin", "none"})
# What servers in front of this one say of others: who comes through them need not be of this machine.
_PASSED_ON: Final = frozenset({"forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-real-ip"})
# Seconds between two lines of the log about wrong tokens.
_LOG_EVERY: Final = 60.0


class Guard:
    """Checks each request before anything else is done with it.

    A browser reaches this listener in the name of any page that is open in it. So a page's requests count for nothing:
    its `Host` may be a name of the page's own that leads here (DNS rebinding), and its origin is another one.

    Args:
        token: What ``Authorization: Bearer`` must have.
        host: The host that is listened on, as configured.
        names: More names that a request's `Host` may have, with or without a port.
        is_local: Whether only this machine can connect: no token is asked then to look, but of who comes by one of the
            names, or through a server that says so: a proxy on this machine brings others.
        clock: A monotonic clock, in seconds.
    """

    def __init__(
        self, token: str, host: str, names: Iterable[str], *, is_local: bool, clock: Callable[[], float]
    ) -> None:
        self._token = token.encode()
        self._host = _without_brackets(host.lower())
        self._names = frozenset(name.lower().removesuffix(".") for name in names)
        self._is_local = is_local
        self._clock = clock
        self._counting = threading.Lock()
        self._said_at: float | None = None
        self._unsaid = 0
        self.wrong_tokens = 0
        """How many requests had a token that is not the right one."""

    def check(self, request: Request) -> None:
        """Let a request pass.

        Raises:
            RequestRefusedError: It may not be made.
        """
        host = request.headers.get("Host", "")
        changes = request.method == "POST"  # no route answers another method that could
        is_free = request.path in FREE and not changes
        # Load balancers check with HTTP/1.0 and without a Host, which no browser does.
        is_named = bool(host or not is_free) and self._check_host(host, request.environ.get(LOCAL_ADDRESS, ""))
        is_page = (request.path == "/" or request.path.startswith(PAGE_FILES)) and not changes
        if not (is_page and _is_opened(request)):
            self._check_origin(request, host, is_named=is_named)
        is_near = self._is_local and not _PASSED_ON.intersection(request.headers.keys(lower=True))
        is_near = is_near and (not is_named or _is_loopback(_name_in(host)))
        authorization = request.headers.get("Authorization", "")
        # A wrong one is refused even where none is asked for: so the page learns whether it has the right one.
        is_asked = changes or not is_near or authorization[:7].lower() == "bearer "
        if is_asked and not (is_free or is_page):
            self._check_token(authorization)
        if changes and request.mimetype != "application/json":
            raise RequestRefusedError(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
                "not_json",
                "Content-Type: must be application/json, and the body JSON.",
                {"Accept": "application/json"},
            )

    def _check_host(self, host: str, local: str) -> bool:
        """Return whether a Host is one of the configured names.

        Raises:
            RequestRefusedError: It is no name of this listener.
        """
        name = _name_in(host)
        is_named = bool(name) and not self._names.isdisjoint({name, f"[{name}]", host.lower()})
        if is_named or _is_loopback(name) or (name and name in {self._host, local}):
            return is_named
        raise RequestRefusedError(
            HTTPStatus.MISDIRECTED_REQUEST,
            "unknown_host",
            "Host: is no name of this listener; connect to its address, or add the name to ops.hosts.",
        )

    def _check_origin(self, request: Request, host: str, *, is_named: bool) -> None:
        origin = request.headers.get("Origin", "").lower()
        own = {f"{request.scheme}://{host}".lower()}
        if is_named:  # what the operator has named may be reached through a server that speaks TLS
            own.add(f"https://{host}".lower())
        # A second one would have joined the first.
        if (origin and origin not in own) or request.headers.get("Sec-Fetch-Site", "").lower() not in _OWN_PAGES:
            raise RequestRefusedError(
                HTTPStatus.FORBIDDEN,
                "foreign_origin",
                "Origin: pages of other sites may not make requests here; make it from a program.",
            )

    def _check_token(self, authorization: str) -> None:
        scheme, _, token = authorization.partition(" ")
        is_given = bool(authorization)
        if scheme.lower() == "bearer" and hmac.compare_digest(token.strip().encode(), self._token):
            return
        if is_given:
            self._note_wrong_token()
        raise RequestRefusedError(
            HTTPStatus.UNAUTHORIZED,
            "wrong_token" if is_given else "no_token",
            "Authorization: must be `Bearer` and the token that is configured as ops.token, or written to the token "
            "file that is named at the start.",
            {"WWW-Authenticate": 'Bearer realm="turnstile ops"'},
        )

    def _note_wrong_token(self) -> None:
        """Count a wrong token, and log how many there were, at most once a minute: it may be an attack, or a typo."""
        with self._counting:
            self.wrong_tokens += 1
            self._unsaid += 1
            now = self._clock()
            if self._said_at is not None and now - self._said_at < _LOG_EVERY:
                return
            self._said_at, count, self._unsaid = now, self._unsaid, 0
        log.warning("%s requests to the ops listener had a wrong token", count)


def _is_opened(request: Request) -> bool:
    """Return whether a browser opens an address in a window of its own, as by a link from a page of another site."""
    mode, target = request.headers.get("Sec-Fetch-Mode", ""), request.headers.get("Sec-Fetch-Dest", "")
    return (request.method, mode, target) == ("GET", "navigate", "document")


def _name_in(host: str) -> str:
    """Return the name or the address in a `Host`; empty where there is none."""
    given = _HOST.fullmatch(host)
    return _without_brackets(given["name"].lower().removesuffix(".")) if given else ""


def _without_brackets(host: str) -> str:
    return host.removeprefix("[").removesuffix("]")


def _is_loopback(name: str) -> bool:
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False
