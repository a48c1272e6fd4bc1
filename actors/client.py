"""The client's side of a session: reads what the client sends, and owns every write to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from actors.lifecycle import SessionActor
from actors.messages import ClientAudio, End, ToClient
from turnstile.errors import ClientProtocolError
from turnstile.protocol.frames import BinaryFrame, Closed, TextFrame
from turnstile.session.effects import Answered, Reported

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from actors.dispatch import Dispatcher
    from actors.messages import AudioAgreed, Introduction
    from turnstile.errors import Problem
    from turnstile.observability.journal import Journal
    from turnstile.ports import Connection, Inbox
    from turnstile.protocol.frames import Frame
    from turnstile.session.events import Request


class Dialect(Protocol):
    """A client's language, and what a session of it remembers."""

    def opening(self) -> Iterable[Frame]:
        """What the client hears first."""

    def read(self, data: bytes) -> Iterable[Frame | Request]:
        """Read a text message: requests for the coordinator, and what the client is told at once.

        Raises:
            ClientProtocolError: The message is not of the language.
        """

    def answer(self, answered: Answered) -> Iterable[Frame | AudioAgreed]:
        """Tell the client what became of a request, and upstream what was agreed by it."""

    def problem(self, problem: Problem, *, fatal: bool) -> Frame:
        """Tell the client that something went wrong; `fatal` when the session ends with it."""


class ClientActor(SessionActor):
    """Parses and translates what the client sends; audio passes the coordinator by.

    Args:
        connection: The client's socket.
        dialect: Its language.
        journal: Who is shown both directions of the wire.
    """

    def __init__(
        self,
        session_id: str,
        dispatcher: Dispatcher,
        on_end: Callable[[], None],
        *,
        connection: Connection,
        dialect: Dialect,
        journal: Journal,
    ) -> None:
        super().__init__(session_id, dispatcher, on_end)
        self._connection = connection
        self._dialect = dialect
        self._journal = journal
        self._coordinator: Inbox
        self._upstream: Inbox

    def meet(self, others: Introduction) -> None:
        """Keep the two that hear of the client, and welcome it."""
        self._coordinator, self._upstream = others.coordinator, others.upstream
        for frame in self._dialect.opening():
            self._write(frame)

    def receive(self, message: object) -> None:
        """Take a frame of the client's, or something for it."""
        match message:
            case BinaryFrame(data):
                self._upstream.tell(ClientAudio(data))
            case ToClient(frames):
                for frame in frames:
                    self._write(frame)
            case TextFrame(data):
                self._read(data)
                self._connection.handled(len(data))
            case Answered():
                self._answer(message)
            case Reported(problem):
                self._write(self._dialect.problem(problem, fatal=False))
            case Closed(code, reason):
                self._journal.note(self.session_id, "client", "in", "closed", f"{code} {reason}".strip())
                self.end_session(End(code, reason))
            case _:
                raise TypeError(f"A ClientActor was told {message!r}")

    def run_ended(self) -> None:
        """Let what was written leave."""
        self._connection.flush()

    def release(self, end: End) -> None:
        """Tell the client why, if there is a problem, and close its socket."""
        if end.problem is not None:
            self._write(self._dialect.problem(end.problem, fatal=True))
        self._connection.close(end.code, end.reason)

    def _read(self, data: bytes) -> None:
        self._journal.frame(self.session_id, "client", "in", data)
        try:
            for told in self._dialect.read(data):
                if isinstance(told, TextFrame | BinaryFrame):
                    self._write(told)
                else:
                    self._coordinator.tell(told)
        except ClientProtocolError as error:
            self._write(self._dialect.problem(error.problem, fatal=False))

    def _answer(self, answered: Answered) -> None:
        for told in self._dialect.answer(answered):
            if isinstance(told, TextFrame | BinaryFrame):
                self._write(told)
            else:
                self._upstream.tell(told)

    def _write(self, frame: Frame) -> None:
        if isinstance(frame, BinaryFrame):
            self._connection.send_binary(frame.data)
        else:
            self._journal.frame(self.session_id, "client", "out", frame.data)
            self._connection.send_text(frame.data)
