"""Questions to workers, and their answers: lines of JSON, each on a socket of its own."""

from __future__ import annotations

import selectors
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, Self

import orjson

from turnstile.errors import SessionError
from turnstile.inspector.view_server import LINE_BYTES

if TYPE_CHECKING:
    import socket
    from collections.abc import Collection, Iterator
    from types import TracebackType, UnionType

_CHUNK: Final = 256 * 1024  # bytes


class Unanswered(Exception):  # noqa: N818 - it is no fault of who asks
    """A worker has not answered, or not with what is an answer; its text says how."""


class HasEnded(Unanswered):
    """A worker has ended before it has answered."""

    def __init__(self) -> None:
        super().__init__("it has ended meanwhile")


class Question:
    """One request to a worker, and its answer; a context manager, which closes it.

    Args:
        sock: Where the answer comes; it does not block.
        shape: What the answer is.
    """

    def __init__(self, sock: socket.socket, shape: type | UnionType) -> None:
        self.socket = sock
        self._shape = shape
        self._received = bytearray()
        self._has_ended = False

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close it."""
        self.socket.close()

    def receive(self) -> bool:
        """Receive what has come, without waiting; return whether it is all."""
        try:
            data = self.socket.recv(_CHUNK)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        self._received += data
        self._has_ended = not data or len(self._received) > LINE_BYTES
        return self._has_ended or b"\n" in data

    def value(self) -> Any:
        """Return the answer's value.

        Raises:
            SessionError: The answer is that it cannot be done.
            Unanswered: None has come, or none that can be read.
        """
        line, end, _ = self._received.partition(b"\n")
        if not end:
            raise HasEnded if self._has_ended else Unanswered("it does not answer")
        error = None
        with suppress(ValueError, TypeError, KeyError):
            answer = orjson.loads(line)
            if "error" in answer:
                error = SessionError(answer["error"]["code"], answer["error"]["description"])
            elif isinstance(answer["is"], self._shape):
                return answer["is"]
        raise error or Unanswered("it answers with what cannot be read")

    def rest(self) -> bytes:
        """Return what has come behind the answer."""
        return bytes(self._received.partition(b"\n")[2])


def answered(questions: Collection[Question], timeout: float) -> Iterator[Question]:
    """Yield each question as soon as its answer has come, or its worker has ended.

    Args:
        questions: They are asked already.
        timeout: Seconds to wait for all of them together.
    """
    until = time.monotonic() + timeout
    with selectors.PollSelector() as selector:
        for question in questions:
            selector.register(question.socket, selectors.EVENT_READ, question)
        left = timeout
        while selector.get_map() and left >= 0:
            for key, _ in selector.select(left):
                if key.data.receive():
                    selector.unregister(key.fileobj)
                    yield key.data
            left = until - time.monotonic()


def answer_to(question: Question, timeout: float) -> Any:
    """Return the answer to one question.

    Raises:
        SessionError: The answer is that it cannot be done.
        Unanswered: None has come within so many seconds, or none that can be read.
    """
    for _ in answered([question], timeout):
        pass
    return question.value()
