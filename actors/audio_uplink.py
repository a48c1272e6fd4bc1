"""The client's input audio on its way upstream: held, appended, committed, and counted where that is observed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.waiting_audio import WaitingAudio
from turnstile.byte_budget import unlimited_budget
from turnstile.errors import Problem
from turnstile.protocol import realtime
from turnstile.protocol.appends import audio_size
from turnstile.protocol.frames import TextFrame

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from actors.messages import Mark
    from turnstile.audio.formats import AudioFormat
    from turnstile.audio.input_audio import InputAudio
    from turnstile.byte_budget import SessionBudget
    from turnstile.observability.journal import SessionJournal
    from turnstile.ports import Connection

# Half a sample gone would swap the bytes of all that come behind it.
_SAMPLE = 2
_DROPPED = Problem(
    "audio_dropped",
    "The session is not ready yet: audio beyond what can be held is dropped, the oldest first.",
)


class AudioUplink:
    """Appends input audio upstream; it waits for the link, for the session to be ready, and at each mark.

    Args:
        audio: The input audio of the session.
        max_held: How many bytes wait; past it the oldest are dropped.
        budget: Counts the audio that waits; past its room the oldest is dropped, too. By default without bounds.
        takes_events: The client sends its audio in events of the API's own, which go on as they are.
        journal: Is told what goes upstream; None: nobody is.
    """

    def __init__(
        self,
        audio: InputAudio,
        max_held: int,
        budget: SessionBudget | None = None,
        *,
        takes_events: bool = False,
        journal: SessionJournal | None = None,
    ) -> None:
        self._audio = audio
        self._takes_events = takes_events
        self._held = WaitingAudio(max_held, 1 if takes_events else _SAMPLE)
        self._budget = budget or unlimited_budget()
        self._charge = self._budget.charge()
        self._journal = journal
        self._connection: Connection | None = None
        self._link = 0
        self._is_open = False
        self._flows = False  # what comes now goes at once
        self._observes = False
        self._commits = 0  # of ours or the client's, without an answer
        self._dropped = 0  # until the audio flowed the last time
        self._has_dropped = False
        self._has_heard = False
        self.observed = 0.0
        """Milliseconds of audio that went upstream while observed, and were not yet taken by `take_observed`."""

    def connect(self, connection: Connection, link: int = 0) -> None:
        """Send to this connection from now on, once the session is ready; `link` is its number in the journal."""
        self._connection, self._link = connection, link

    def disconnect(self) -> None:
        """Hold audio until the next link; what the lost one had and not committed is gone with it."""
        self._connection = None
        self._is_open = self._flows = False
        self._commits = 0
        self._audio.committed()

    def end(self) -> None:
        """Drop what waits: the session has ended."""
        self.disconnect()
        self._held.clear()
        self._charge.set(0)

    def open(self) -> None:
        """Send on this link from now on: the session is ready for audio."""
        self._is_open = True
        self._dropped, self._has_dropped = self._held.dropped, False
        self._let_go()

    def pause(self) -> None:
        """Hold what comes from now on, until the next `open`."""
        self._is_open = self._flows = False

    @property
    def uncommitted(self) -> float:
        """How many milliseconds went on this link that are not committed yet."""
        return self._audio.uncommitted

    def set_client_format(self, source: AudioFormat) -> None:
        """Set the format of the client's audio."""
        self._audio.set_client_format(source)
        self._let_go()

    def set_upstream_format(self, shown: object) -> None:
        """Set upstream's input format, as its session shows it."""
        self._audio.set_upstream_format(shown)

    def set_mark(self, mark: Mark) -> None:
        """Hold what comes from now on until the mark is passed."""
        self._held.set_mark(mark)
        self._flows = self._flows and not self._held.is_closed

    def pass_mark(self, number: int) -> None:
        """Send the audio behind a mark, up to the next: the messages before it have gone."""
        self._held.pass_mark(number)
        self._let_go()

    def observe(self, *, on: bool, counts_buffer: bool = False) -> None:
        """Begin or stop to count what goes upstream; with `counts_buffer` what is there uncommitted, too."""
        self._observes = on
        if counts_buffer:
            self.observed += self._audio.uncommitted

    def take_observed(self) -> float:
        """Return the milliseconds of audio that went upstream since the last time."""
        observed, self.observed = self.observed, 0.0
        return observed

    def take_heard(self) -> bool:
        """Return whether any audio has come since the last time."""
        heard, self._has_heard = self._has_heard, False
        return heard

    def append(self, pieces: Sequence[bytes]) -> Problem | None:
        """Send frames of the client's in one piece, or its events as they are; what cannot go yet waits.

        Returns:
            The problem to report, where audio was dropped because too much waits; once until it goes again.
        """
        self._has_heard = True
        if self._flows:
            self._send(pieces)
            return None
        for piece in pieces:
            self._held.put(piece)
        self._held.shrink(self._charge.size + self._budget.room)
        self._charge.set(self._held.taken)
        if self._held.dropped == self._dropped or self._has_dropped:
            return None
        self._has_dropped = True
        return _DROPPED

    def commit(self, event_id: str) -> bytes | None:
        """Send what is left, padded to the API's minimum; return the commit, or None where there is no audio."""
        events = [*self._appends(self._audio.finish())] if self._may_send() else []
        if not self._audio.uncommitted:
            return None
        padding = self._audio.padding()
        if padding:
            events.append(realtime.input_audio_append(padding))
            if self._journal is not None and self._journal.tell is not None:
                self._journal.audio("upstream", "out", [padding], self._link)
        self._send_events(events)
        self.input_ended()
        return realtime.input_audio_commit(event_id)

    def input_ended(self, *, is_committed: bool = True) -> None:
        """Count nothing as uncommitted any more: a commit goes upstream, or a client's event that clears the buffer."""
        self._commits += is_committed
        self._audio.committed()

    def committed(self) -> None:
        """Note that upstream has committed: by itself, or at a command, behind which more audio may have gone."""
        if self._commits:
            self._commits -= 1
        else:
            self._audio.committed()

    def _may_send(self) -> bool:
        return self._is_open and self._connection is not None and (self._takes_events or self._audio.has_format)

    def _let_go(self) -> None:
        if self._may_send():
            pieces = tuple(self._held.take())
            self._flows = not self._held.is_closed
            self._charge.set(self._held.taken)
            if pieces:
                self._send(pieces)

    def _send(self, pieces: Sequence[bytes]) -> None:
        if self._takes_events:
            self._audio.count(sum(map(audio_size, pieces)))
            if self._journal is not None and self._journal.tell is not None:
                for piece in pieces:
                    self._journal.frame("upstream", "out", piece, self._link)
            self._send_events(pieces)
        else:
            self._send_events(self._appends(self._audio.feed(*pieces)))

    def _send_events(self, events: Iterable[bytes]) -> None:
        if self._connection is not None:
            self._connection.send_all(map(TextFrame, events))

    def _appends(self, pieces: Sequence[bytes]) -> Iterable[bytes]:
        """Return the events that append pieces, which are counted where that is observed."""
        if self._observes:
            self.observed += sum(map(self._audio.milliseconds, pieces))
        if pieces and self._journal is not None and self._journal.tell is not None:
            self._journal.audio("upstream", "out", pieces, self._link)
        return map(realtime.input_audio_append, pieces)
