"""One HTTP request that asks for no WebSocket, and its answer (RFC 9112), by the library h11.

A connection has one exchange: what follows the request is ignored, and the answer says that the connection closes.
"""

from __future__ import annotations

import http
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import h11
import orjson

from turnstile.server.request_head import ambiguity, own_target
from turnstile.server.requests import Rejection, UpgradeRequest, split_target

if TYPE_CHECKING:
    from turnstile.server.requests import ClientGone

MOST_BODY_BYTES: Final = 64 * 1024
"""The longest body of a request that is read."""

_MOST_HEAD_BYTES: Final = 16 * 1024
# Each takes a hundred times as long as a byte of a long one.
_MOST_CHUNKS: Final = 1_000
# With the framing of the chunks, which may have extensions: all of it is kept while the request is decided.
_MOST_BYTES: Final = _MOST_HEAD_BYTES + MOST_BODY_BYTES + 16 * _MOST_CHUNKS
_SERVER_ERROR: Final = 500
_NO_STORE: Final = {"Content-Type": "application/json", "Cache-Control": "no-store"}


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to a request that was read to its end.

    Args:
        status: The HTTP status.
        content: What is sent as JSON. May hold a credential: never logged.
    """

    status: int
    content: Any = field(repr=False)


@dataclass(frozen=True, slots=True)
class BodyWanted:
    """The decision to read a request's body.

    Args:
        respond: Returns the answer to the body, on the I/O thread, without blocking.
    """

    respond: Callable[[bytes], Reply]


Answered = Callable[[BodyWanted | Rejection], None]
"""Takes the decision about a request, once, on the I/O thread."""
Endpoint = Callable[[str, UpgradeRequest, Answered], "ClientGone | None"]
"""Decides about a request that asks for no WebSocket, by its method, path and headers; like `Accept`."""


def error_content(message: str, code: str | None, param: str | None = None, *, status: int = 400) -> Any:
    """Return an error as OpenAI's API gives it.

    Args:
        message: The reason, for people.
        code: The reason, for programs.
        param: The field that it is about.
        status: The HTTP status that it goes with.
    """
    kind = "server_error" if status >= _SERVER_ERROR else "invalid_request_error"
    return {"error": {"message": message, "type": kind, "code": code, "param": param}}


def _malformed(error: h11.RemoteProtocolError) -> Rejection:
    if error.error_status_hint == http.HTTPStatus.NOT_IMPLEMENTED:
        words = "the only Transfer-Encoding that is known here is chunked, once"
    else:
        words = str(error).partition(":")[0]  # behind it is what the client has sent, which may hold its key
    return Rejection(error.error_status_hint, f"This is no valid HTTP request: {words}.\n", reason="malformed")


class HttpExchange:
    """Reads the request, and writes the answer.

    Args:
        peer: The client's address, as ``host:port``.
        endpoint: Decides about the request.
        send: Takes what goes to the client.
        refused: Is told of each rejection before it is sent.
    """

    def __init__(
        self,
        peer: str,
        endpoint: Endpoint,
        send: Callable[[bytes], None],
        refused: Callable[[Rejection], None],
    ) -> None:
        self._peer = peer
        self._endpoint = endpoint
        self._send = send
        self._refused = refused
        self._connection = h11.Connection(h11.SERVER, max_incomplete_event_size=_MOST_HEAD_BYTES)
        self._method = ""
        self._size = self._chunks = 0
        self._body = bytearray()
        self._is_reading = False
        self._is_deciding = False
        self._client_gone: ClientGone | None = None
        self._respond: Callable[[bytes], Reply] = lambda _: Reply(http.HTTPStatus.NO_CONTENT, None)
        self.is_answered = False
        """Whether the answer has been sent."""

    def receive(self, data: bytes) -> None:
        """Take what the client has sent; ignore what follows its request."""
        if self.is_answered:
            return
        self._size += len(data)
        self._connection.receive_data(data)
        self._read()
        if self._size > _MOST_BYTES and not self.is_answered:
            self._refuse_size()

    def client_gone(self) -> None:
        """Tell what decides about the request that the client has gone."""
        if self._client_gone is not None:
            self._client_gone()
            self._client_gone = None

    def _read(self) -> None:
        """Read on, unless the decision about the request is still to come."""
        if self._is_reading:
            return
        self._is_reading = True
        try:
            while not (self.is_answered or self._is_deciding) and self._take(self._connection.next_event()):
                pass
        except h11.RemoteProtocolError as error:
            self._refuse(_malformed(error))
        finally:
            self._is_reading = False

    def _take(self, event: object) -> bool:
        """Take a part of the request; return whether there may be more of it."""
        if isinstance(event, h11.Request):
            self._ask(event)
        elif isinstance(event, h11.Data):
            self._body += event.data
            self._chunks += event.chunk_start
            if len(self._body) > MOST_BODY_BYTES or self._chunks > _MOST_CHUNKS:
                self._refuse_size()
        elif isinstance(event, h11.EndOfMessage):
            self._reply(self._respond(bytes(self._body)))
        return event is not h11.NEED_DATA

    def _ask(self, head: h11.Request) -> None:
        self._method = head.method.decode("ascii")
        named: dict[str, list[str]] = {}
        for name, value in head.headers:
            named.setdefault(name.decode("ascii"), []).append(value.decode("ascii", "surrogateescape"))
        target, authority = own_target(head.target)
        fault = ambiguity(lambda name: named.get(name.lower(), []), authority)
        if fault is not None:
            self._refuse(fault)
        elif any(int(length) > MOST_BODY_BYTES for length in named.get("content-length", ())):
            self._refuse_size()
        else:
            if authority is not None:
                named["host"] = [authority]
            self._decide(target, named)

    def _decide(self, target: str, named: dict[str, list[str]]) -> None:
        path, query = split_target(target)
        headers = {name: ", ".join(values) for name, values in named.items()}
        self._is_deciding = True
        request = UpgradeRequest(path, query, headers, self._peer, ())
        client_gone = self._endpoint(self._method, request, self._decided)
        if self._is_deciding:
            self._client_gone = client_gone

    def _decided(self, decision: BodyWanted | Rejection) -> None:
        self._is_deciding = False
        self._client_gone = None
        if self.is_answered:  # what the client has sent since is too long
            return
        if isinstance(decision, Rejection):
            self._refuse(decision)
            return
        self._respond = decision.respond
        if self._connection.they_are_waiting_for_100_continue:
            self._send(self._connection.send(h11.InformationalResponse(status_code=100, headers=[])) or b"")
        self._read()

    def _refuse_size(self) -> None:
        words = f"The request's body is longer than {MOST_BODY_BYTES} bytes, or in more than {_MOST_CHUNKS} chunks.\n"
        self._refuse(Rejection(http.HTTPStatus.REQUEST_ENTITY_TOO_LARGE, words, reason="size"))

    def _refuse(self, rejection: Rejection) -> None:
        self._refused(rejection)
        code = rejection.reason or http.HTTPStatus(rejection.status).name.lower()
        content = error_content(rejection.text.rstrip(), code, status=rejection.status)
        self._reply(Reply(rejection.status, content), rejection.headers)

    def _reply(self, reply: Reply, headers: Mapping[str, str] | None = None) -> None:
        self.is_answered = True
        self.client_gone()
        body = orjson.dumps(reply.content)
        named = {**_NO_STORE, **(headers or {}), "Content-Length": str(len(body)), "Connection": "close"}
        answer = h11.Response(status_code=reply.status, headers=[*named.items()])
        # The answer to HEAD is the head of the answer.
        events = (answer, *([h11.Data(data=body)] if self._method != "HEAD" else []), h11.EndOfMessage())
        self._send(b"".join(self._connection.send(event) or b"" for event in events))
