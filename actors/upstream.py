"""The Realtime side of a session: the actor that owns the upstream link."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, get_args

from actors.dispatch import takes
from actors.function_runner import FunctionRunner
from actors.lifecycle import KEPT_COUNT_RUNS, SessionActor
from actors.messages import AudioEvent, End, FromLink, Mark
from actors.standby_link import FRAMES
from actors.upstream_commands import Command, UpstreamCommands
from actors.upstream_link import UpstreamLink
from actors.upstream_links import UpstreamLinks, close_late
from actors.upstream_output import UpstreamOutput
from actors.upstream_parts import UpstreamParts
from actors.upstream_reader import UpstreamReader
from turnstile.audio.confirmed_formats import ConfirmedFormats
from turnstile.byte_budget import unlimited_budget
from turnstile.ports import FunctionReturned
from turnstile.protocol.frames import BinaryFrame
from turnstile.session.effects import (
    ApplyLocal,
    CallFunction,
    CallsCancelled,
    LetAudioGo,
    ObserveAudio,
    OpenAudio,
    OpenLink,
)
from turnstile.session.ending import DrainRequested, MeasureSilence, SilenceMeasured
from turnstile.session.link_effects import (
    CloseStandby,
    OnStandby,
    OpenStandby,
    PauseAudio,
    TakeOver,
)
from turnstile.session.turn_events import AudioHeard

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from actors.audio_uplink import AudioUplink
    from actors.dispatch import Dispatcher
    from actors.messages import LocalSettings, Peers
    from actors.upstream_links import LinkCommand
    from turnstile.byte_budget import SessionBudget
    from turnstile.observability.journal import SessionJournal
    from turnstile.ports import (
        Clock,
        Connection,
        Connector,
        FunctionCaller,
        HostFunctionCaller,
        UpstreamTarget,
    )
    from turnstile.translate.translator import Translator


class UpstreamActor(SessionActor):
    """Owns the upstream link: writes the session's commands and the client's audio, reads upstream's events.

    It reads what has come before it writes a gated command, or uses another link.

    Args:
        connector: Opens links.
        target: Returns the address for a model.
        audio: The input audio on its way up.
        translator: Writes events in the client's dialect.
        shows_session: The client's dialect shows the session's configuration.
        functions: Calls functions that have an endpoint.
        host_functions: Calls functions of the session's host.
        labels: Metadata of each response that the proxy begins, whatever the client names.
        source: The client's connection: gets the credit for its audio, and is held back while the link is full.
        budget: Counts what the link and the translator keep; by default without bounds.
        clock: Seconds.
        wall_clock: Seconds since 1970, as upstream counts them.
        journal: Is told of both directions of the links, and of the client's audio.
    """

    def __init__(
        self,
        session_id: str,
        dispatcher: Dispatcher,
        on_end: Callable[[End], None],
        *,
        connector: Connector,
        target: Callable[[str | None], UpstreamTarget],
        audio: AudioUplink,
        translator: Translator,
        shows_session: bool,
        functions: FunctionCaller,
        host_functions: HostFunctionCaller,
        labels: Mapping[str, str],
        source: Connection,
        budget: SessionBudget | None = None,
        clock: Clock,
        wall_clock: Clock,
        journal: SessionJournal,
    ) -> None:
        super().__init__(session_id, dispatcher, on_end)
        budget = budget or unlimited_budget()
        self._runs = 0
        self._kept = budget.charge()
        self._journal = journal
        self._audio = audio
        self._translator = translator
        self._source = source
        self._clock = clock
        self._output = output = UpstreamOutput(shows_session=shows_session)
        make_slot = partial(UpstreamLink, connector, target, budget=budget, journal=journal)
        self._link = make_slot(source)
        self._functions = FunctionRunner(functions, host_functions, translator, output, budget.identity)
        parts = UpstreamParts(
            journal, translator, audio, self._functions, ConfirmedFormats(), output, clock, wall_clock
        )
        self._reader = UpstreamReader(parts)
        self._commands = UpstreamCommands(self._link, self._reader, labels, parts)
        self._links = UpstreamLinks(self._link, partial(make_slot, None), self._reader, parts)

    def meet(self, others: Peers) -> None:
        """Send to the other two from now on."""
        self._output.connect(others.client, others.coordinator)

    def run_ended(self) -> None:
        """Report the audio that was observed, and let all output of the run leave."""
        if self._audio.observed:
            self._output.send_fact(AudioHeard(self._audio.take_observed()))
        self._runs += 1
        if not self._runs % KEPT_COUNT_RUNS:
            self._kept.set(self._translator.kept_bytes + self._reader.kept_bytes)
        if self._output.frames:
            self._output.flush()
        self._link.flush()
        if self._links.standby is not None:
            self._links.standby.link.flush()

    @staticmethod
    def dropped(message: object) -> None:
        """Close a link that opened too late to be used."""
        if isinstance(message, FromLink):
            close_late(message.received)

    def release(self, end: End) -> None:
        """Close the link, let go of all that is held, and end the functions that are being called."""
        self._kept.set(0)
        self._links.close(drops_unsent=end.drops_unsent)
        self._audio.end()
        self._functions.cancel_all()

    # The link.

    @takes(OpenLink, OpenStandby, OnStandby, TakeOver, CloseStandby, PauseAudio)
    def _change_link(self, command: LinkCommand) -> None:
        self._links.perform(command, self.inbox)

    @takes(FromLink)
    def _from_link(self, message: FromLink) -> None:
        link, received = message
        self.inbox.left -= len(received) - 1
        if link is self._link.current and isinstance(received[0], FRAMES):
            self._reader.read(received)
            self._link.handled(received)
            if self._reader.expired is not None:
                self._links.expired(self._reader.expired)
        else:
            self._links.take(link, received)

    @takes(DrainRequested)
    def _drain(self, request: DrainRequested) -> None:
        """Pass the request on behind all that upstream has sent."""
        self._output.send_fact(request)

    @takes(MeasureSilence)
    def _measure_silence(self, asked: MeasureSilence) -> None:
        """Report since when nothing plays; where any audio counts, that it was heard just now if it was at all."""
        seconds = self._clock() - self._translator.played_until
        if self._audio.take_heard() and asked.hears_audio:
            seconds = min(seconds, 0.0)
        self._output.send_fact(SilenceMeasured(asked.token, seconds))

    # The session's commands.

    @takes(*get_args(Command))
    def _send(self, command: Command) -> None:
        self._commands.send(command)

    @takes(ApplyLocal)
    def _apply(self, effect: ApplyLocal) -> None:
        settings: LocalSettings = effect.local
        self._translator.configure_output(settings.output, settings.container, keeps_history=settings.keeps_history)
        self._commands.set_labels(settings.labels)
        self._audio.set_client_format(settings.input)

    @takes(CallFunction, CallsCancelled, FunctionReturned)
    def _run_function(self, message: CallFunction | CallsCancelled | FunctionReturned) -> None:
        match message:
            case CallFunction():
                self._functions.call(message, self.inbox)
            case CallsCancelled():
                self._functions.cancelled(message)
            case FunctionReturned():
                self._functions.returned(message)

    # The client's audio.

    @takes(BinaryFrame)
    def _append_frames(self, frame: BinaryFrame) -> None:
        """Send frames that wait in a row in one piece."""
        frames = [binary.data for binary in self.inbox.row(frame)]
        self._source.handled(sum(map(len, frames)), len(frames))  # first: what waits of them is counted there
        if self._journal.tell is not None:
            self._journal.audio("client", "in", frames)
        loss = self._audio.append(frames)
        if loss is not None:
            self._output.send_problem(loss)

    @takes(AudioEvent)
    def _append_events(self, event: AudioEvent) -> None:
        loss = self._audio.append([audio.event for audio in self.inbox.row(event)])
        if loss is not None:
            self._output.send_problem(loss)

    @takes(Mark, LetAudioGo, OpenAudio, ObserveAudio)
    def _steer_audio(self, message: Mark | LetAudioGo | OpenAudio | ObserveAudio) -> None:
        match message:
            case Mark():
                self._audio.set_mark(message)
            case LetAudioGo(mark):
                self._audio.pass_mark(mark)
            case OpenAudio():
                self._audio.open()
            case ObserveAudio(on, counts_buffer):
                self._audio.observe(on=on, counts_buffer=counts_buffer)
