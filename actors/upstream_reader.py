"""What the UpstreamActor does about what upstream says: the client is shown it, the session is told the fact in it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from turnstile.observability.journal import NullJournal
from turnstile.session.config_patch import at
from turnstile.session.events import (
    CLOSING_FACTS,
    ConfigAnswered,
    FunctionCalled,
    LinkOpened,
    ResponseProgressed,
    SpeechStarted,
    TurnCommitted,
)
from turnstile.session.shortfalls import VOICE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from actors.audio_uplink import AudioUplink
    from actors.function_runner import FunctionCalls
    from actors.reports import Reports
    from actors.upstream_events import UpstreamEvents
    from turnstile.audio.confirmed import ConfirmedFormats
    from turnstile.observability.journal import Journal
    from turnstile.ports import Clock
    from turnstile.protocol.frames import Frame
    from turnstile.session.events import Fact, Json
    from turnstile.translate.translator import Translator

# Some servers begin with another event than OpenAI's.
_SAY_THAT_IT_IS_UP = frozenset({"session.created", "conversation.created", "session.updated"})
_SHOW_THE_SESSION = frozenset({"session.created", "session.updated"})
# How often, in seconds, the session hears that a response is alive.
_PROGRESS_EVERY = 1.0


class Hearing:
    """Acts on each event of upstream's, in its order.

    Args:
        session_id: Names the session in the journal.
        events: Reads them.
        reports: Tells the other two.
        translator: Is told what of the session has changed.
        audio: Likewise.
        formats: Likewise.
        calls: Knows who calls a function.
        clock: Seconds.
        journal: Who is shown what came.
    """

    def __init__(
        self,
        session_id: str,
        *,
        events: UpstreamEvents,
        reports: Reports,
        translator: Translator,
        audio: AudioUplink,
        formats: ConfirmedFormats,
        calls: FunctionCalls,
        clock: Clock,
        journal: Journal,
    ) -> None:
        self._session_id = session_id
        self._events = events
        self._reports = reports
        self._translator = translator
        self._audio = audio
        self._formats = formats
        self._calls = calls
        self._clock = clock
        self._journal = journal
        self._is_watched = not isinstance(journal, NullJournal)
        self._is_up = False
        self._now = self._progress_at = 0.0
        self.epoch = 0
        """How many facts that close the gate there were."""

    def begin_link(self) -> None:
        """From now on a new link is heard, which has not said yet that it is up."""
        self._is_up = False
        self._events.begin_link()

    def hear(self, frames: Sequence[Frame]) -> None:
        """Take the frames that one read has completed."""
        self._now = self._clock()
        self._events.read(frames, self._now, self._take)

    def _take(self, event: Json, fact: Fact | None, frames: list[Frame], data: bytes | None) -> None:
        """Show the client first, then tell the session: what it answers must come behind.

        But for a function call: its result may come at once, and must find the call known.
        """
        if self._is_watched and data is not None:
            self._journal.frame(self._session_id, "upstream", "in", data)
        if isinstance(fact, FunctionCalled):
            self._reports.tell(replace(fact, endpoint=self._calls.endpoint(fact.name)))
            fact = None
        if frames:
            self._reports.show(frames)
        if event["type"] in _SAY_THAT_IT_IS_UP:
            self._show_session(event)
        if fact is not None:
            self._tell(fact)
        elif self._now - self._progress_at >= _PROGRESS_EVERY and isinstance(event.get("response_id"), str):
            self._progress_at = self._now
            self._reports.tell(ResponseProgressed(event["response_id"]))

    def _show_session(self, event: Json) -> None:
        """Show the client the session, where upstream does, and tell the session once that the link is up."""
        shows_session = event["type"] in _SHOW_THE_SESSION and isinstance(event.get("session"), dict)
        if shows_session:
            self._reports.show_session(event)
        if not self._is_up:
            self._is_up = True
            self._reports.tell(LinkOpened(shows_session, at(event, "session", *VOICE)))

    def _tell(self, fact: Fact) -> None:
        if isinstance(fact, CLOSING_FACTS):
            self.epoch += 1
        elif isinstance(fact, SpeechStarted):
            fact = SpeechStarted(self._translator.take_truncations())
        self._reports.tell(fact)
        if isinstance(fact, TurnCommitted):
            self._audio.committed()
        elif isinstance(fact, ConfigAnswered):
            self._configured(fact.session)

    def _configured(self, session: Json) -> None:
        self._formats.updated(session)
        self._audio.upstream_hears(self._formats.input)
        self._translator.set_upstream_format(self._formats.output)
        endpoints = self._calls.confirm()
        if endpoints is not None:
            self._translator.set_proxy_functions(endpoints)
