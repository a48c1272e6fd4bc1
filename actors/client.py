"""The client's side of a session: reads what the client sends, and owns every write to it."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Any

from actors.dispatch import takes
from actors.lifecycle import SessionActor
from actors.messages import (
    AnswersGiven,
    AudioEvent,
    End,
    HostAsked,
    HostDecided,
    Inspect,
    Mark,
    SessionSnapshot,
    ToClient,
)
from turnstile.errors import ClientProtocolError
from turnstile.observability.journal import NullJournal
from turnstile.protocol.frames import BinaryFrame, Closed, TextFrame
from turnstile.session.effects import Answered, Reported, SessionAssumed
from turnstile.session.events import AudioFollows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from actors.dialects.base import Dialect
    from actors.dispatch import Dispatcher
    from actors.messages import Peers
    from turnstile.observability.journal import Journal
    from turnstile.ports import Connection, Inbox
    from turnstile.protocol.frames import Frame


_log = logging.getLogger(__name__)

_ALL_ANSWERS = AnswersGiven(sys.maxsize)
# The code of a close for a message that is too large (RFC 6455, 7.4.1).
_TOO_LARGE = 1009


class ClientActor(SessionActor):
    """Parses and translates what the client sends, but for binary audio, which `AudioRouter` takes past it.

    Args:
        connection: The client's socket.
        dialect: Reads what the client sends, and writes its answers.
        journal: Who is shown both directions of the wire.
        host: Hears what becomes of the requests that are the host's own.
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
        host: Inbox | None = None,
    ) -> None:
        super().__init__(session_id, dispatcher, on_end)
        self._host = host
        self._connection = connection
        self._dialect = dialect
        self._journal = journal
        self._is_watched = not isinstance(journal, NullJournal)
        self._answers = 0
        self._waiting: list[ToClient | SessionSnapshot] = []
        self._is_shown = False
        self._marks = 0
        self._audio_follows = False
        self._coordinator: Inbox
        self._upstream: Inbox

    def meet(self, others: Peers) -> None:
        """Keep the two that hear of the client, and welcome it."""
        self._coordinator, self._upstream = others.coordinator, others.upstream
        self._tell(self._dialect.opening())

    # From the client.

    @takes(TextFrame)
    def _text(self, frame: TextFrame) -> None:
        row = self.inbox.row(frame)
        for text in row:
            self._read(text.data)
        self._connection.handled(sum([len(text.data) for text in row]), len(row))

    @takes(BinaryFrame)
    def _binary(self, frame: BinaryFrame) -> None:
        self._tell(self._dialect.binary())
        self._connection.handled(len(frame.data))

    @takes(AudioFollows)
    def _audio_comes(self, mark: AudioFollows) -> None:
        self._coordinator.tell(mark)

    @takes(Closed)
    def _closed(self, closed: Closed) -> None:
        code, reason, by_us = closed
        if by_us and code == _TOO_LARGE:
            _log.warning("The client sent a message larger than %s: %s", self._dialect.message_limit, reason)
        self._journal.note(self.session_id, "client", "in", "closed", f"{code} {reason}".strip())
        self.end_session(End(code, reason))

    # From its host.

    @takes(HostDecided)
    def _decided(self, decided: HostDecided) -> None:
        request = self._dialect.decided(decided.ref, decided.overrides)
        if request is None:
            self._answer_host(Answered(decided.ref))
        else:
            self._coordinator.tell(request)

    @takes(HostAsked)
    def _asked(self, asked: HostAsked) -> None:
        self._coordinator.tell(asked.request)

    @takes(Inspect)
    def _has_come_as_far(self, _: Inspect) -> None:
        """Say nothing: that it was taken is the answer."""

    # For the client.

    @takes(ToClient, SessionSnapshot)
    def _say(self, said: ToClient | SessionSnapshot) -> None:
        """Show what upstream says, in its place between the answers: it comes by a shorter way than they do."""
        if said.behind > self._answers:
            self._waiting.append(said)  # as does all that comes behind it, since the numbers only grow
        elif isinstance(said, ToClient):
            self._write(said.frames)
        else:
            self._is_shown = True
            self._tell(self._dialect.shown(said.event))

    @takes(AnswersGiven)
    def _answers_given(self, given: AnswersGiven) -> None:
        self._answers = given.facts
        waiting, self._waiting = self._waiting, []
        for said in waiting:
            self._say(said)

    @takes(Answered)
    def _answered(self, answered: Answered) -> None:
        if answered.ref < 0:
            self._answer_host(answered)
        else:
            self._tell(self._dialect.answer(answered))

    @takes(SessionAssumed)
    def _assume(self, assumed: SessionAssumed) -> None:
        if not self._is_shown:  # otherwise upstream has shown it since
            self._tell(self._dialect.shown({"type": "session.created", "session": assumed.session}))

    @takes(Reported)
    def _report(self, reported: Reported) -> None:
        self._write([self._dialect.problem(reported.problem, fatal=False, event_id=reported.event_id)])

    def run_ended(self) -> None:
        """Let what was written leave."""
        self._connection.flush()

    def release(self, end: End) -> None:
        """Tell the client what it was still to hear, and why if there is a problem, and close its socket."""
        self._answers_given(_ALL_ANSWERS)
        if end.problem is not None:
            self._write([self._dialect.problem(end.problem, fatal=True)])
        self._connection.close(end.code, end.reason)

    def _answer_host(self, answered: Answered) -> None:
        if self._host is not None:
            self._host.tell(answered)

    def _read(self, data: bytes) -> None:
        if self._is_watched:
            self._journal.frame(self.session_id, "client", "in", data)
        try:
            self._tell(self._dialect.read(data))
        except ClientProtocolError as error:
            self._write([self._dialect.problem(error.problem, fatal=False)])

    def _tell(self, things: Iterable[Any]) -> None:
        """Give each thing to the one that it is for."""
        for told in things:
            kind = told.__class__
            if kind is TextFrame or kind is BinaryFrame:
                self._write([told])
            elif kind is AudioEvent:
                if self._audio_follows:
                    self._set_mark()
                self._upstream.tell(told)
            elif kind is End:
                self.end_session(told)
            else:
                self._audio_follows = True
                self._coordinator.tell(told)

    def _set_mark(self) -> None:
        """Have the audio that comes now wait upstream for all that the coordinator was told before it."""
        self._audio_follows = False
        self._marks += 1
        self._upstream.tell(Mark(self._marks))
        self._coordinator.tell(AudioFollows(self._marks))

    def _write(self, frames: Sequence[Frame]) -> None:
        if self._is_watched:
            for frame in frames:
                if isinstance(frame, TextFrame):
                    self._journal.frame(self.session_id, "client", "out", frame.data)
        self._connection.send_all(frames)
