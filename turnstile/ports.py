"""What the actors need of the world, as typing Protocols: `actors/system.py` hands them the real ones."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import orjson

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from turnstile.errors import Problem
    from turnstile.protocol.frames import Frame


class Inbox(Protocol):
    """Where messages for somebody are put.

    A dispatched actor's inbox is one; a pykka `ActorRef` is not, since it takes no several messages at once.
    """

    __slots__ = ()

    def tell(self, message: object, /) -> None:
        """Put a message in; never blocks, and never raises for a receiver that is gone."""

    def tell_all(self, messages: Sequence[object], /) -> None:
        """Put several messages in, in their order: those that one read from a socket has completed.

        Here one by one; who can take them at less cost at once overrides it.
        """
        for message in messages:
            self.tell(message)


class LinkInbox(Inbox, Protocol):
    """Where an upstream link's outcome and messages are put, as long as the link is wanted."""

    __slots__ = ()

    def is_wanted(self) -> bool:
        """Return whether the link is to be opened; one that is not is closed, and nothing more is put in."""
        return True


class Connection(Protocol):
    """One open WebSocket, either side. All methods may be called from any thread, and after the end."""

    @property
    def buffered(self) -> int:
        """Bytes accepted to be sent that the operating system has not taken yet."""

    def send_text(self, data: bytes) -> None:
        """Queue one text message (UTF-8); it leaves with the next `flush`. Nothing after `close`."""

    def send_binary(self, data: bytes) -> None:
        """Queue one binary message; it leaves with the next `flush`. Nothing after `close`."""

    def send_all(self, frames: Iterable[Frame]) -> None:
        """Queue several messages of either kind, in their order; they leave with the next `flush`."""

    def flush(self) -> None:
        """Hand everything queued to the operating system in one write; what it does not take is written later."""

    def close(self, code: int, reason: str = "") -> None:
        """Flush, then start the closing handshake; the link is cut if the peer does not answer it in time."""

    def handled(self, size: int, messages: int = 1) -> None:
        """Give back the credit for `size` received bytes in so many messages, which have been worked on.

        A connection whose frames wait unhandled past its high water mark is not read until they are under the low one.
        """

    def holds_back(self, source: Connection) -> None:
        """While this one has more than its high water mark to write, `source` is not read."""

    def pause_reading(self) -> None:
        """Do not read from the socket until `resume_reading`; pauses are counted."""

    def resume_reading(self) -> None:
        """Take one `pause_reading` back."""


@dataclass(frozen=True, slots=True)
class UpstreamTarget:
    """Where an upstream link goes.

    Args:
        url: The whole WebSocket address, query included; ``simulator:`` stands for the one in this process.
        headers: What the handshake sends, credentials included. Never logged.
        is_beta: The words of the beta are spoken there.
    """

    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    is_beta: bool = False


@dataclass(frozen=True, slots=True)
class LinkReady:
    """The upstream link is open; its frames follow in the same inbox."""

    connection: Connection


@dataclass(frozen=True, slots=True)
class LinkFailed:
    """The upstream link could not be opened.

    Args:
        problem: Why, in words for the client (code ``upstream_unreachable``, ``upstream_refused``, ...); no secret.
        retryable: Whether another try may help (a refused key does not get better).
    """

    problem: Problem
    retryable: bool


class Connector(Protocol):
    """Opens upstream links."""

    def connect(self, target: UpstreamTarget, inbox: LinkInbox) -> None:
        """Open a link without blocking; tells `inbox` `LinkReady` or `LinkFailed`, then the frames, then `Closed`."""


@dataclass(frozen=True, slots=True)
class FunctionRequest:
    """A function that is called over HTTP.

    Args:
        call_id: Names the call.
        arguments: A JSON object, or "" for none; the body, or for a GET the query.
        url: Where: http or https.
        method: The HTTP method, in capitals.
        headers: What the client gave to be sent along, credentials included. Never logged.
    """

    call_id: str
    arguments: str
    url: str
    method: str = "POST"
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class FunctionReturned:
    """A function that the proxy called gave its result, or failed.

    Args:
        call_id: Names the call.
        output: The result as the model shall read it: the answer's text, or ``{"error": ...}``.
    """

    call_id: str
    output: str


def sendable(text: str) -> str:
    """Return a text as JSON can carry it: for each surrogate that stands alone, half a character, a question mark."""
    return text.encode(errors="replace").decode()


def failed_call(words: str) -> str:
    """Return the result of a call that has failed, as the model shall read it."""
    return orjson.dumps({"error": words}).decode()


class FunctionCaller(Protocol):
    """Calls functions over HTTP."""

    def call(self, request: FunctionRequest, inbox: Inbox) -> None:
        """Call without blocking; tells `inbox` one `FunctionReturned`, whatever happens. Never raises."""


class HostCall(Protocol):
    """One call of a function of a session's host."""

    def cancel(self) -> None:
        """Nobody wants the result any more: it is not told, and a call that has not begun never does."""


class HostFunctionCaller(Protocol):
    """Calls functions of a session's host, which may block."""

    def call(self, function: Callable[[str], str], call_id: str, arguments: str, inbox: Inbox) -> HostCall:
        """Call without blocking; tells `inbox` one `FunctionReturned`, unless it is cancelled. Never raises."""


class Timer(Protocol):
    """One started timer."""

    def cancel(self) -> None:
        """Take it back; a timer that has fired or was cancelled takes no notice."""


class Timers(Protocol):
    """Calls back later, all on one thread."""

    def start(self, delay: float, callback: Callable[[], None]) -> Timer:
        """Call `callback` once in `delay` seconds. It must not block and must not raise."""


class Clock(Protocol):
    """Seconds that only go forward, from an arbitrary zero."""

    def __call__(self) -> float:
        """Now."""


class Meter(Protocol):
    """Counts what happens."""

    def count(self, name: str, by: int = 1) -> None:
        """Add to the counter called `name`."""
