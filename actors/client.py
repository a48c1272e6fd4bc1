"""The client's side of a session: the actor that reads the client's messages, and does every write to it."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Any

from actors.audio_marks import AudioMarks
from actors.dialects.wishes import asked_of
from actors.dispatch import takes
from actors.host_messages import HostAsked, HostDecided, PromptAdded
from actors.lifecycle import KEPT_COUNT_RUNS, SessionActor
from actors.messages import AnswersGiven, AudioEvent, End, Inspect, SessionSnapshot, ToClient
from turnstile.byte_budget import unlimited_budget
from turnstile.errors import ClientProtocolError
from turnstile.protocol.frames import BinaryFrame, Closed, TextFrame
from turnstile.session.client_requests import AudioFollows
from turnstile.session.effects import Answered, Reported, SessionAssumed, Unlocked
from turnstile.session.ending import DrainRequested

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from actors.dialects.base import Dialect
    from actors.dispatch import Dispatcher
    from actors.host_messages import Wish
    from actors.invalid_messages import InvalidMessages
    from actors.messages import Peers
    from turnstile.byte_budget import SessionBudget
    from turnstile.observability.journal import SessionJournal
    from turnstile.ports import Connection, Inbox
    from turnstile.protocol.frames import Frame


_log = logging.getLogger(__name__)

_ALL_ANSWERS = AnswersGiven(sys.maxsize)
_TOO_MANY_INVALID = End(1008, "too many invalid messages")


class ClientActor(SessionActor):
    """Owns the client's connection; binary audio goes past it (`AudioRouter`).

    Args:
        connection: The client's.
        dialect: Reads what the client sends, and writes its answers.
        budget: Counts what the dialect keeps; by default without bounds.
        invalid: Counts the client's invalid messages; by default nothing does.
        journal: Is told of both directions of the wire.
        feed: Called with each text frame to the client, for its host.
    """

    def __init__(
        self,
        session_id: str,
        dispatcher: Dispatcher,
        on_end: Callable[[End], None],
        *,
        connection: Connection,
        dialect: Dialect,
        budget: SessionBudget | None = None,
        invalid: InvalidMessages | None = None,
        journal: SessionJournal,
        feed: Callable[[bytes], object] | None = None,
    ) -> None:
        super().__init__(session_id, dispatcher, on_end)
        self._asker: Inbox | None = None
        self._connection = connection
        self._dialect = dialect
        self._invalid = invalid
        self._runs = 0
        self._kept = (budget or unlimited_budget()).charge()
        self._journal = journal
        journal.counts.client_wire = journal.counts.client_wire.with_opened(connection)
        self._feed = feed
        self._answers = 0
        self._waiting: list[ToClient | SessionSnapshot] = []
        self._is_shown = False
        self._coordinator: Inbox
        self._upstream: Inbox
        self._marks: AudioMarks

    def meet(self, others: Peers) -> None:
        """Send to the other two from now on, beginning with the dialect's opening."""
        self._coordinator, self._upstream = others.coordinator, others.upstream
        self._marks = AudioMarks(others.upstream, others.coordinator)
        self._send_each(self._dialect.opening())

    def run_ended(self) -> None:
        """Let what was written leave."""
        self._runs += 1
        if not self._runs % KEPT_COUNT_RUNS:
            self._kept.set(self._dialect.kept_bytes)
        self._connection.flush()

    def release(self, end: End) -> None:
        """Write what still waits, and the problem if there is one, and close the connection."""
        self._kept.set(0)
        if end.drops_unsent:
            self._waiting.clear()
            self._connection.drop_unsent()
        self._answers_given(_ALL_ANSWERS)
        if end.problem is not None:
            self._write([self._dialect.problem(end.problem, fatal=True)])
        self._connection.close(end.code, end.reason)

    # From the client.

    @takes(TextFrame)
    def _read_texts(self, frame: TextFrame) -> None:
        row = self.inbox.row(frame)
        # Before they are read: the session may run on another thread, and must not count a request beside its text.
        self._connection.handled(sum([len(text.data) for text in row]), len(row))
        for text in row:
            self._read(text.data)

    def _read(self, data: bytes) -> None:
        if self._journal.tell is not None:
            self._journal.frame("client", "in", data)
        try:
            self._send_each(self._dialect.read(data))
        except ClientProtocolError as error:
            self._write([self._dialect.problem(error.problem, fatal=False)])
            self._dialect.faults += 1
        if self._dialect.faults:
            self._count_faults()

    def _count_faults(self) -> None:
        """Count an invalid message, which was answered; end the session where too many come."""
        self._dialect.faults = 0
        if self._invalid is not None and self._invalid.are_too_many():
            self._invalid = None
            _log.warning("The client's connection is closed: %s (limits.invalid_messages)", _TOO_MANY_INVALID.reason)
            self.end_session(_TOO_MANY_INVALID)

    @takes(BinaryFrame)
    def _read_binary(self, frame: BinaryFrame) -> None:
        self._send_each(self._dialect.binary())
        if self._dialect.faults:
            self._count_faults()
        self._connection.handled(len(frame.data))

    @takes(AudioFollows)
    def _audio_follows(self, mark: AudioFollows) -> None:
        self._coordinator.tell(mark)

    @takes(Closed)
    def _closed(self, closed: Closed) -> None:
        code, reason, by_us = closed
        if by_us:
            limit = self._dialect.limit_behind(code, reason)
            _log.warning("The client's connection was closed: %s %s%s", code, reason, f" ({limit})" if limit else "")
        if self._journal.tell is not None:
            self._journal.note("client", "closed", f"{code} {reason}".strip())
        self.end_session(End(code, reason, by="proxy" if by_us else "client"))

    @takes(DrainRequested)
    def _drain(self, request: DrainRequested) -> None:
        """Pass the request on behind all that the client has asked for."""
        self._upstream.tell(request)

    # From its host, and from operators.

    @takes(HostDecided, PromptAdded, HostAsked)
    def _wish(self, wish: Wish) -> None:
        """Have the session do what is wished for; the answer goes to who wished for it."""
        self._asker = wish.asker
        asked = asked_of(self._dialect, wish)
        if isinstance(asked, Answered):
            self._answer(asked)
        elif asked is not None:
            self._coordinator.tell(asked)

    @takes(Inspect)
    def _inspect(self, _: Inspect) -> None:
        """Answer, behind all messages that came before."""

    # For the client.

    @takes(ToClient, SessionSnapshot)
    def _show(self, message: ToClient | SessionSnapshot) -> None:
        """Write what upstream sent, in its place between the answers, which come by a longer way."""
        if message.behind > self._answers:
            self._waiting.append(message)  # as does all that comes behind it, since the numbers only grow
        elif isinstance(message, ToClient):
            self._write(message.frames)
        else:
            self._is_shown = True
            self._send_each(self._dialect.shown(message.event))

    @takes(AnswersGiven)
    def _answers_given(self, given: AnswersGiven) -> None:
        self._answers = given.facts
        waiting, self._waiting = self._waiting, []
        for message in waiting:
            self._show(message)

    @takes(Answered, Unlocked)
    def _answer(self, answered: Answered | Unlocked) -> None:
        if answered.ref < 0:
            if self._asker is not None and isinstance(answered, Answered):
                self._send_each(self._dialect.wish_answered(answered))
                self._asker.tell(answered)
        elif isinstance(answered, Answered):
            self._send_each(self._dialect.answer(answered))
        else:
            self._send_each(self._dialect.unlocked(answered.ref))

    @takes(SessionAssumed)
    def _assume(self, assumed: SessionAssumed) -> None:
        if not self._is_shown:  # otherwise upstream has shown it since
            self._send_each(self._dialect.shown({"type": "session.created", "session": assumed.session}))

    @takes(Reported)
    def _report(self, reported: Reported) -> None:
        self._write([self._dialect.problem(reported.problem, fatal=False, event_id=reported.event_id)])

    def _send_each(self, results: Iterable[Any]) -> None:
        """Send each thing that the dialect returned to its receiver: the client, upstream or the session."""
        for result in results:
            kind = result.__class__
            if kind is TextFrame or kind is BinaryFrame:
                self._write([result])
            elif kind is AudioEvent:
                if self._marks.is_due:
                    self._marks.set_mark()
                self._upstream.tell(result)
            elif kind is End:
                self.end_session(result)
            else:
                self._marks.is_due = True
                self._coordinator.tell(result)

    def _write(self, frames: Sequence[Frame]) -> None:
        if self._journal.tell is not None or self._feed is not None:
            self._show_written(frames)
        self._connection.send_all(frames)

    def _show_written(self, frames: Sequence[Frame]) -> None:
        """Tell the journal and the host what the client is sent."""
        for frame in frames:
            if isinstance(frame, BinaryFrame):
                self._journal.audio("client", "out", (frame.data,))
                continue
            self._journal.frame("client", "out", frame.data)
            if self._feed is not None:
                self._feed(frame.data)
