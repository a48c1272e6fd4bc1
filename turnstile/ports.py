"""Interfaces between the actors and the outside, as typing Protocols; `actors/system.py` supplies the real ones."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import orjson

from turnstile.byte_budget import unlimited_budget

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from turnstile.byte_budget import SessionBudget
    from turnstile.errors import Problem
    from turnstile.protocol.frames import Frame


class Inbox(Protocol):
    """A receiver of messages.

    A dispatched actor's inbox is one; a pykka `ActorRef` is not, since it does not take several messages at once.
    """

    __slots__ = ()

    def tell(self, message: object, /) -> None:
        """Put a message in; never blocks, and never raises for a receiver that is gone."""

    def tell_all(self, messages: Sequence[object], /) -> None:
        """Put several messages in, in their order: those that one read from a socket has completed.

        Puts them in one by one; a class that can take them together at less cost overrides it.
        """
        for message in messages:
            self.tell(message)


class LinkInbox(Inbox, Protocol):
    """Where an upstream link's outcome and messages are put, as long as the link is wanted."""

    __slots__ = ()

    def when_unwanted(self, call: Callable[[], None], /) -> None:
        """Make a call, which never blocks, when the link is not wanted any more: it is then not opened.

        Makes none; a class whose link may become unwanted before it is open overrides it.
        """

    def budget(self) -> SessionBudget:
        """Return the budget that counts what the link holds; by default one without bounds."""
        return unlimited_budget()


class Connection(Protocol):
    """One open WebSocket, either side. All methods may be called from any thread, and after the end."""

    @property
    def buffered(self) -> int:
        """Bytes accepted to be sent that the operating system has not taken yet."""

    @property
    def received_bytes(self) -> int:
        """Bytes of the messages received so far, without the WebSocket's framing."""

    @property
    def sent_bytes(self) -> int:
        """Bytes of the messages accepted to be sent so far, likewise."""

    def send_text(self, data: bytes) -> None:
        """Queue one text message (UTF-8); it leaves with the next `flush`. Nothing after `close`."""

    def send_binary(self, data: bytes) -> None:
        """Queue one binary message; it leaves with the next `flush`. Nothing after `close`."""

    def send_all(self, frames: Iterable[Frame]) -> None:
        """Queue several messages of either kind, in their order; they leave with the next `flush`."""

    def flush(self) -> None:
        """Hand everything queued to the operating system in one write; what it does not take is written later."""

    def close(self, code: int, reason: str = "") -> None:
        """Flush, then start the closing handshake; abort the connection if the peer does not answer in time."""

    def drop_unsent(self) -> None:
        """Drop the messages that have not begun to leave."""

    def handled(self, size: int, messages: int = 1) -> None:
        """Give back the credit for `size` received bytes in so many messages, which have been handled.

        A connection whose frames wait unhandled past its high water mark is not read until they are under the low one.
        """

    def holds_back(self, source: Connection) -> None:
        """Stop reading `source` while this one has more than its high water mark to write."""

    def pause_reading(self) -> None:
        """Stop reading from the socket until `resume_reading`; pauses are counted."""

    def resume_reading(self) -> None:
        """Take one `pause_reading` back."""


@dataclass(frozen=True, slots=True)
class UpstreamTarget:
    """The address of an upstream link.

    Args:
        url: The whole WebSocket address, query included; ``simulator:`` stands for the simulator in this process.
        headers: Headers of the handshake, credentials included. Never logged.
        is_beta: Whether the API uses the beta's event names.
        secrets: The credentials in them, and the operator's ids: what upstream says of them is masked for clients.
        model: The model that the address asks for; None where it names none.
    """

    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    is_beta: bool = False
    secrets: tuple[str, ...] = field(default=(), repr=False)
    model: str | None = None


@dataclass(frozen=True, slots=True)
class LinkReady:
    """The upstream link is open; its frames follow in the same inbox."""

    connection: Connection


@dataclass(frozen=True, slots=True)
class LinkFailed:
    """The upstream link could not be opened.

    Args:
        problem: The reason, for the client (code ``upstream_unreachable``, ``upstream_refused``, ...); no secret.
        retryable: Whether another try may help (not after a refused key).
        retry_after: How many seconds upstream asks to wait before it, if it does.
    """

    problem: Problem
    retryable: bool
    retry_after: float | None = None


class Connector(Protocol):
    """Opens upstream links."""

    def connect(self, target: UpstreamTarget, inbox: LinkInbox) -> None:
        """Open a link without blocking; put `LinkReady` or `LinkFailed` into `inbox`, then frames, then `Closed`."""


@dataclass(frozen=True, slots=True)
class FunctionRequest:
    """A function to call over HTTP.

    Args:
        call_id: The call's id.
        arguments: A JSON object, or "" for none; the body, or for a GET the query.
        url: Its address: http or https.
        method: The HTTP method, in capitals.
        headers: Headers that the client gave, credentials included. Never logged.
    """

    call_id: str
    arguments: str
    url: str
    method: str = "POST"
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class FunctionReturned:
    """A function that the proxy called returned its result, or failed.

    Args:
        call_id: The call's id.
        output: The result for the model: the answer's text, or ``{"error": ...}``.
    """

    call_id: str
    output: str


def sendable(text: str) -> str:
    """Return a text that JSON can carry: with a question mark for each lone surrogate (half a character)."""
    return text.encode(errors="replace").decode()


def failed_call(words: str) -> str:
    """Return the result of a failed call for the model."""
    return orjson.dumps({"error": words}).decode()


class FunctionCall(Protocol):
    """One function call that the proxy makes."""

    def cancel(self) -> None:
        """Cancel the call: its result is dropped. It does not begin if it has not yet; one over HTTP is ended."""


class FunctionCaller(Protocol):
    """Calls functions over HTTP."""

    def call(self, request: FunctionRequest, inbox: Inbox, identity: str = "") -> FunctionCall:
        """Call without blocking; put one `FunctionReturned` into `inbox`, unless it is cancelled. Never raises.

        Calls with the same inbox are one session's: sessions share the threads in turn, those of one identity a part of
        them; "" is none.
        """


class HostFunctionCaller(Protocol):
    """Calls host functions, which may block."""

    def call(
        self, function: Callable[[str], str], call_id: str, arguments: str, inbox: Inbox, identity: str = ""
    ) -> FunctionCall:
        """Call without blocking; put one `FunctionReturned` into `inbox`, unless it is cancelled. Never raises.

        Calls with the same inbox are one session's: sessions share the threads in turn, those of one identity a part of
        them; "" is none.
        """


class Timer(Protocol):
    """One started timer."""

    def cancel(self) -> None:
        """Cancel the timer; without effect on one that has fired or was cancelled."""


class Timers(Protocol):
    """Starts timers, whose callbacks all run on one thread."""

    def start(self, delay: float, callback: Callable[[], None]) -> Timer:
        """Call `callback` once in `delay` seconds. It must not block and must not raise."""


class Clock(Protocol):
    """A monotonic clock, in seconds from an arbitrary zero."""

    def __call__(self) -> float:
        """Return the time now."""
