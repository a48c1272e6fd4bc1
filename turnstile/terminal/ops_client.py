"""A client of a running proxy's ops listener, for the commands of a terminal."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import httpcore2

from turnstile.errors import ConfigError, SessionError
from turnstile.protocol.jsontext import loads
from turnstile.server.addresses import peer_of

if TYPE_CHECKING:
    from collections.abc import Callable

_TIMEOUT: Final = 10.0  # seconds: more than the listener takes, whatever its workers do
_EVERYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - asked for where others listen there
# What is wrong with the request, and would be wrong at the next try.
_MISUSED: Final = frozenset(
    {
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        HTTPStatus.MISDIRECTED_REQUEST,
        HTTPStatus.UNPROCESSABLE_ENTITY,
    }
)


class OpsClient:
    """Asks the ops listener at an address.

    Args:
        host: What it listens on (``ops.host``); for all addresses, that of this machine is asked.
        port: Its port (``ops.port``).
        token: Returns the token, or raises a `ConfigError`; called only where it is asked for: whatever else may listen
            there is not told.
    """

    def __init__(self, host: str, port: int, token: Callable[[], str]) -> None:
        host = host.strip("[]")
        self._host = _EVERYWHERE.get(host, host)
        self._port = port
        self._token = token

    def get(self, path: str) -> Any:
        """Return what is at a path.

        Raises:
            SessionError: It cannot be had now.
            ConfigError: It cannot be had this way.
        """
        status, answer = self._exchange("GET", path)
        if status == HTTPStatus.UNAUTHORIZED:
            status, answer = self._exchange("GET", path, token=self._token())
        return self._checked(status, answer)

    def sessions(self) -> list[dict[str, Any]]:
        """Return the open sessions; raises as `get` does."""
        answer = self.get("/sessions")
        sessions: Any = answer.get("sessions") if isinstance(answer, dict) else None
        if not isinstance(sessions, list):
            raise _strange(peer_of(self._host, self._port))
        return sessions

    def post(self, path: str, body: bytes, timeout: float) -> Any:
        """Give what is at a path a message; return the answer.

        Args:
            path: The path, and its query.
            body: JSON.
            timeout: Seconds that the answer may take, beyond those of any other.

        Raises:
            SessionError: It was refused, or is not in force.
            ConfigError: It is no message, or the token is wrong.
        """
        return self._checked(*self._exchange("POST", path, body, timeout, self._token()))

    def _exchange(
        self, method: str, path: str, body: bytes | None = None, timeout: float = 0.0, token: str = ""
    ) -> tuple[int, Any]:
        """Return the status and the JSON of the answer to a request.

        Raises:
            SessionError: There is none.
        """
        where = peer_of(self._host, self._port)
        headers: dict[bytes | str, bytes | str] = {"Host": where, "Connection": "close"}
        if body is not None:
            headers |= {"Content-Type": "application/json", "Content-Length": str(len(body))}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        origin = httpcore2.Origin(b"http", self._host.encode("idna"), self._port)
        url = httpcore2.URL(scheme=b"http", host=origin.host, port=self._port, target=path.encode())
        limits = dict.fromkeys(("connect", "read", "write"), _TIMEOUT + timeout)
        try:
            with httpcore2.HTTPConnection(origin) as connection:
                answer = connection.request(method, url, headers=headers, content=body, extensions={"timeout": limits})
                return answer.status, loads(answer.content)
        except httpcore2.ConnectError:
            words = f"Nothing listens at {where}: is `turnstile serve` running, with this ops.host and ops.port?"
            raise SessionError("nothing_listens", words) from None
        except httpcore2.TimeoutException:
            words = f"What listens at {where} did not answer within {_TIMEOUT + timeout:g} s."
            raise SessionError("timeout", words) from None
        except (httpcore2.NetworkError, httpcore2.ProtocolError, ValueError):
            raise _strange(where) from None

    def _checked(self, status: int, answer: Any) -> Any:
        """Return what an answer says if it is one of success; raise what it says otherwise."""
        if status == HTTPStatus.OK:
            return answer
        try:
            code, words = str(answer["error"]["code"]), str(answer["error"]["message"])
        except (LookupError, TypeError):
            raise _strange(peer_of(self._host, self._port)) from None
        if status == HTTPStatus.UNAUTHORIZED:
            words = f"ops.token: {peer_of(self._host, self._port)} does not accept it. {words}"
        raise (ConfigError if status in _MISUSED else SessionError)(code, words)


def _strange(where: str) -> SessionError:
    return SessionError("no_ops_listener", f"What listens at {where} is not the ops listener of a Turnstile.")
