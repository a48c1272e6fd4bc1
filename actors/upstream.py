"""The Realtime side of a session: commands out, facts and the agent's voice in."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from actors.lifecycle import SessionActor
from actors.messages import AudioAgreed, ClientAudio, End, FromLink, ToClient
from turnstile.errors import Problem, UpstreamProtocolError
from turnstile.ports import LinkFailed, LinkReady
from turnstile.protocol import realtime
from turnstile.protocol.frames import Closed, TextFrame
from turnstile.session import effects
from turnstile.session.events import (
    CLOSING_FACTS,
    AudioHeard,
    FunctionCalled,
    HandedBack,
    LinkLost,
    LinkOpened,
    Refused,
    ResponseProgressed,
)
from turnstile.session.facts import FactReader
from turnstile.translate.table import SERVER_EVENTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from actors.dispatch import Dispatcher
    from actors.messages import Introduction
    from turnstile.audio.uplink import InputAudio
    from turnstile.observability.journal import Journal
    from turnstile.ports import Clock, Connection, Connector, Inbox, UpstreamTarget
    from turnstile.session.events import Json
    from turnstile.translate.to_voice_agent import VoiceAgentTranslator

_log = logging.getLogger(__name__)

_AUDIO_DELTA = "response.output_audio.delta"
# How often, in seconds, the session hears that a response is alive.
_PROGRESS_EVERY = 1.0
# So many types of events that are new are noted.
_UNKNOWN_NOTED = 32
# Errors after which the API closes, or might as well: another link would not help.
_ENDING = frozenset(
    {
        "beta_api_shape_disabled",
        "credit_balance_exhausted",
        "insufficient_quota",
        "invalid_api_key",
        "invalid_model",
        "missing_model",
        "session_expired",
    }
)
# Close codes of the API that say the same: refused key, refused request.
_FINAL_CLOSES = frozenset({3000, 4000})


class _Link:
    """One upstream link, as a name for what it says."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox

    def tell(self, message: object, /) -> None:
        """Put in what the link says."""
        self._inbox.tell(FromLink(self, message))


class UpstreamActor(SessionActor):
    """Owns the upstream link; reads its wire first, so that no gated command goes that a fact has overtaken.

    Args:
        connector: Opens links.
        target: Says where to, for the model asked for.
        audio: The input audio on its way.
        translator: Puts events into the client's words.
        source: The client's socket: told what of its audio was handled, and held back while the link is full.
        clock: Seconds.
        journal: Who is shown both directions of the wire.
    """

    def __init__(
        self,
        session_id: str,
        dispatcher: Dispatcher,
        on_end: Callable[[], None],
        *,
        connector: Connector,
        target: Callable[[str | None], UpstreamTarget],
        audio: InputAudio,
        translator: VoiceAgentTranslator,
        source: Connection,
        clock: Clock,
        journal: Journal,
    ) -> None:
        super().__init__(session_id, dispatcher, on_end)
        self._connector = connector
        self._target = target
        self._audio = audio
        self._translator = translator
        self._source = source
        self._clock = clock
        self._journal = journal
        self._client: Inbox
        self._coordinator: Inbox
        self._link: _Link | None = None
        self._connection: Connection | None = None
        self._is_configured = False
        self._reader = FactReader()
        self._epoch = 0
        self._progress_at = 0.0
        self._observes = False
        self._heard = 0.0
        self._unknown: set[str] = set()

    def meet(self, others: Introduction) -> None:
        """Keep the two that hear of upstream."""
        self._client, self._coordinator = others.client, others.coordinator

    def receive(self, message: object) -> None:
        """Take what the link says, the client's audio, or a command."""
        match message:
            case ClientAudio(data):
                self._append(data)
            case FromLink(link, said) if link is self._link:
                self._hear(said)
            case FromLink():
                self.dropped(message)
            case AudioAgreed():
                self._agree(message)
            case effects.OpenLink(model):
                self._open_link(model)
            case effects.ObserveAudio(on):
                self._observes = on
            case effects.CallsCancelled(call_ids):
                self._client.tell(ToClient(self._translator.calls_cancelled(call_ids)))
            case _:
                self._command(message)

    def run_ended(self) -> None:
        """Tell the session what was heard, and let what was written leave."""
        if self._heard:
            self._coordinator.tell(AudioHeard(self._heard))
            self._heard = 0.0
        if self._connection is not None:
            self._connection.flush()

    def dropped(self, message: object) -> None:
        """Close a link that opened too late for anybody to use."""
        if isinstance(message, FromLink) and isinstance(message.message, LinkReady):
            message.message.connection.close(1000)

    def release(self, end: End) -> None:
        """Close the link."""
        del end
        self._close_link()

    def _open_link(self, model: str | None) -> None:
        # A link that opened and then kept silent is given up, not forgotten.
        self._close_link()
        self._link = _Link(self.inbox)
        self._reader = FactReader()
        self._connector.connect(self._target(model), self._link)

    def _close_link(self) -> None:
        connection, self._connection, self._link = self._connection, None, None
        if connection is not None:
            connection.close(1000)
        self._is_configured = False
        self._audio.close()

    # Down: from the link.

    def _hear(self, said: object) -> None:
        match said:
            case TextFrame(data):
                self._event(data)
                if self._connection is not None:
                    self._connection.handled(len(data))
            case LinkReady(connection):
                self._connection = connection
                connection.holds_back(self._source)
            case LinkFailed(problem, retryable):
                self._lose(LinkLost(problem.code, problem.description, retryable))
            case Closed(code, reason):
                words = f"Upstream closed the connection ({code}{f' {reason}' if reason else ''})."
                self._lose(LinkLost("upstream_closed", words, code not in _FINAL_CLOSES))

    def _event(self, data: bytes) -> None:
        try:
            event = realtime.parse_server_event(data)
            if event["type"] == _AUDIO_DELTA:
                frames = self._translator.audio(event, self._clock())
                if frames:
                    self._client.tell(ToClient(frames))
                self._show_progress(event)
            else:
                self._journal.frame(self.session_id, "upstream", "in", data)
                self._translate(event)
        except (UpstreamProtocolError, AttributeError, KeyError, TypeError, ValueError) as error:
            # One event that cannot be read is dropped; the session may well go on without it.
            _log.warning("Upstream sent an event that cannot be read: %s: %s", type(error).__name__, error)

    def _translate(self, event: Json) -> None:
        """Show the client first, then tell the session: what it answers must come behind.

        But for a function call: its result may come at once, and must find the call known.
        """
        frames = self._translator.translate(event, self._clock())
        fact = self._reader.fact(event)
        if isinstance(fact, FunctionCalled):
            self._coordinator.tell(fact)
            fact = None
        if frames:
            self._client.tell(ToClient(frames))
        if event["type"] == "session.created":
            self._coordinator.tell(LinkOpened())
        elif isinstance(fact, Refused) and fact.code in _ENDING:
            self._lose(LinkLost(fact.code, fact.message, retryable=False))
        elif fact is not None:
            self._epoch += isinstance(fact, CLOSING_FACTS)
            self._coordinator.tell(fact)
            self._note_audio(event["type"])
        elif "response_id" in event:
            self._show_progress(event)
        elif event["type"] not in SERVER_EVENTS:
            self._note_unknown(event["type"][:64])

    def _note_unknown(self, kind: str) -> None:
        if kind not in self._unknown and len(self._unknown) < _UNKNOWN_NOTED:
            self._unknown.add(kind)
            _log.info("Upstream sends events of a type that is new: %s", kind)

    def _note_audio(self, kind: str) -> None:
        if kind == "input_audio_buffer.committed":
            self._audio.committed()
        elif kind == "session.updated":
            self._is_configured = True
            self._flow(self._audio.open())

    def _show_progress(self, event: Json) -> None:
        now = self._clock()
        if now - self._progress_at >= _PROGRESS_EVERY:
            self._progress_at = now
            self._coordinator.tell(ResponseProgressed(event["response_id"]))

    def _lose(self, lost: LinkLost) -> None:
        self._close_link()
        self._journal.note(self.session_id, "upstream", "in", "closed", lost.code)
        frames = self._translator.link_lost()
        if frames:
            self._client.tell(ToClient(frames))
        self._coordinator.tell(lost)

    # Up: to the link.

    def _command(self, command: object) -> None:
        match command:
            case effects.SendUpdate(event_id, _, epoch) | effects.SendCreate(event_id, _, epoch) if epoch < self._epoch:
                self._journal.note(self.session_id, "upstream", "note", "handed back", event_id)
                self._coordinator.tell(HandedBack(event_id))
            case effects.SendUpdate(event_id, patch):
                self._send(realtime.session_update(event_id, patch))
            case effects.SendItem(event_id, item):
                self._send(realtime.item_create(event_id, item))
            case effects.SendCreate(event_id, response):
                self._send(realtime.response_create(event_id, response))
            case effects.SendCancel(event_id, response_id):
                self._send(realtime.response_cancel(event_id, response_id))
            case effects.SendCommit(event_id):
                self._commit(event_id)
            case _:
                raise TypeError(f"An UpstreamActor was told {command!r}")

    def _send(self, data: bytes) -> None:
        # Without a link the command is void: the session hears of the loss, and sends what it must again.
        if self._connection is not None:
            self._journal.frame(self.session_id, "upstream", "out", data)
            self._connection.send_text(data)

    def _commit(self, event_id: str) -> None:
        self._flow(self._audio.finish())
        if not self._audio.has_uncommitted:
            text = "There is no input audio to commit."
            self._coordinator.tell(Refused(event_id, "input_audio_buffer_commit_empty", text))
            return
        padding = self._audio.padding()
        if padding and self._connection is not None:
            self._connection.send_text(realtime.input_audio_append(padding))
        self._send(realtime.input_audio_commit(event_id))
        self._audio.committed()

    def _agree(self, agreed: AudioAgreed) -> None:
        self._audio.agree(agreed.input)
        self._translator.configure_output(agreed.output, agreed.container, keeps_history=agreed.keeps_history)
        if self._is_configured:
            self._flow(self._audio.open())

    def _append(self, data: bytes) -> None:
        dropped = self._audio.dropped
        self._flow(self._audio.feed(data))
        self._source.handled(len(data))
        if self._audio.dropped and not dropped:
            text = "The session is not ready yet: audio beyond what can be held is dropped, the oldest first."
            self._client.tell(effects.Reported(Problem("audio_dropped", text)))

    def _flow(self, pieces: Iterable[bytes]) -> None:
        for piece in pieces:
            if self._connection is not None:
                self._connection.send_text(realtime.input_audio_append(piece))
            if self._observes:
                self._heard += self._audio.milliseconds(piece)
