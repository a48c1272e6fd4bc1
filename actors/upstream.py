"""The Realtime side of a session: commands out, facts and the agent's voice in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.dispatch import takes
from actors.function_runner import FunctionCalls
from actors.lifecycle import SessionActor
from actors.messages import AudioEvent, End, FromLink, Mark
from actors.reports import Reports
from actors.upstream_events import UpstreamEvents
from actors.upstream_link import UpstreamLink
from actors.upstream_reader import Hearing
from turnstile.audio.confirmed import ConfirmedFormats
from turnstile.errors import Problem
from turnstile.ports import FunctionReturned, LinkFailed, LinkReady
from turnstile.protocol import realtime
from turnstile.protocol.frames import BinaryFrame, Closed, TextFrame
from turnstile.session import effects
from turnstile.session.events import (
    AudioHeard,
    CallReturned,
    HandedBack,
    LinkConnected,
    LinkLost,
    Refused,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from actors.audio_uplink import AudioUplink
    from actors.dispatch import Dispatcher
    from actors.messages import LocalSettings, Peers
    from turnstile.observability.journal import Journal
    from turnstile.ports import (
        Clock,
        Connection,
        Connector,
        FunctionCaller,
        HostFunctionCaller,
        UpstreamTarget,
    )
    from turnstile.translate.translator import Translator

_FRAMES = (TextFrame, BinaryFrame)
# Close codes of the API that say the same: refused key, refused request.
_FINAL_CLOSES = frozenset({3000, 4000})


class UpstreamActor(SessionActor):
    """Owns the upstream link; reads its wire first, so that no gated command goes that a fact has overtaken.

    Args:
        connector: Opens links.
        target: Says where to, for the model asked for.
        audio: The input audio on its way up.
        translator: Puts events into the client's words.
        functions: Calls functions that have an endpoint.
        host_functions: Calls functions of the session's host.
        labels: Metadata of each response that the proxy begins, besides what the client names.
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
        audio: AudioUplink,
        translator: Translator,
        functions: FunctionCaller,
        host_functions: HostFunctionCaller,
        labels: Mapping[str, str],
        source: Connection,
        clock: Clock,
        journal: Journal,
    ) -> None:
        super().__init__(session_id, dispatcher, on_end)
        self._link = UpstreamLink(session_id, connector, target, source, journal)
        self._audio = audio
        self._translator = translator
        self._calls = FunctionCalls(functions, host_functions)
        self._host_labels = labels
        self._source = source
        self._clock = clock
        self._journal = journal
        self._reports: Reports
        self._hearing: Hearing
        self._has_dropped = False
        self._labels = dict(labels)
        self._formats = ConfirmedFormats()

    def meet(self, others: Peers) -> None:
        """Keep the two that hear of upstream."""
        self._reports = Reports(others.client, others.coordinator)
        self._hearing = Hearing(
            self.session_id,
            events=UpstreamEvents(self._translator),
            reports=self._reports,
            translator=self._translator,
            audio=self._audio,
            formats=self._formats,
            calls=self._calls,
            clock=self._clock,
            journal=self._journal,
        )

    def run_ended(self) -> None:
        """Tell the session what was heard, and let what was written leave."""
        if self._audio.heard:
            self._reports.tell(AudioHeard(self._audio.take_heard()))
        self._reports.flush()
        self._link.flush()

    def dropped(self, message: object) -> None:
        """Close a link that opened too late for anybody to use."""
        if isinstance(message, FromLink) and isinstance(message.said[0], LinkReady):
            message.said[0].connection.close(1000)

    def release(self, end: End) -> None:
        """Close the link, and begin no function that has not begun."""
        del end
        self._close_link()
        self._calls.cancel_all()

    @takes(effects.OpenLink)
    def _open_link(self, command: effects.OpenLink) -> None:
        # A link that opened and then kept silent is given up, not forgotten.
        self._close_link()
        self._hearing.begin_link()
        self._link.open(command.model, self.inbox)

    def _close_link(self) -> None:
        self._link.close()
        self._audio.disconnect()

    # Down: from the link.

    @takes(FromLink)
    def _from_link(self, message: FromLink) -> None:
        link, said = message
        if link is not self._link.current:
            self.dropped(message)
        elif isinstance(said[0], _FRAMES):
            self.inbox.left -= len(said) - 1
            self._hearing.hear(said)
            self._link.handled(said)
        else:
            self._connection_changed(said[0])

    def _connection_changed(self, news: object) -> None:
        match news:
            case LinkReady(connection):
                self._reports.tell(LinkConnected())
                self._link.connected(connection)
                self._audio.connect(connection)
            case LinkFailed(problem, retryable):
                self._lose(LinkLost(problem.code, problem.description, retryable))
            case Closed(code, reason):
                words = f"Upstream closed the connection ({code}{f' {reason}' if reason else ''})."
                self._lose(LinkLost("upstream_closed", words, code not in _FINAL_CLOSES, news))

    def _lose(self, lost: LinkLost) -> None:
        self._close_link()
        self._journal.note(self.session_id, "upstream", "in", "closed", lost.code)
        self._reports.show(self._translator.link_lost())
        self._reports.tell(lost)

    # Up: to the link.

    @takes(effects.SendUpdate)
    def _send_update(self, command: effects.SendUpdate) -> None:
        if not self._is_overtaken(command):
            self._calls.ask(command.endpoints)
            self._formats.asked(command.patch)
            self._link.send(realtime.session_update(command.event_id, command.patch))

    @takes(effects.SendCreate)
    def _send_create(self, command: effects.SendCreate) -> None:
        if not self._is_overtaken(command):
            self._translator.start_latency(self._clock())
            given = command.response.get("metadata")
            metadata = realtime.response_metadata(command.event_id, given, self._labels)
            self._translator.remember_metadata(metadata, given)
            self._link.send(realtime.response_create(command.event_id, {**command.response, "metadata": metadata}))

    def _is_overtaken(self, command: effects.SendUpdate | effects.SendCreate) -> bool:
        """Hand a gated command back if a fact has come that its decision did not know; tell whether it was."""
        if command.epoch >= self._hearing.epoch:
            return False
        self._journal.note(self.session_id, "upstream", "note", "handed back", command.event_id)
        self._reports.tell(HandedBack(command.event_id))
        return True

    @takes(effects.SendItem)
    def _send_item(self, command: effects.SendItem) -> None:
        item = command.item
        self._translator.start_latency(self._clock())
        self._link.send(realtime.item_create(command.event_id, item))
        if item.get("type") == "function_call_output":
            self._reports.show(self._translator.close_call(item["call_id"], item["output"]))

    @takes(effects.PassOn)
    def _pass_on(self, command: effects.PassOn) -> None:
        self._link.send(command.event)

    @takes(effects.SendCancel)
    def _send_cancel(self, command: effects.SendCancel) -> None:
        self._translator.mute(command.response_id)
        self._link.send(realtime.response_cancel(command.event_id, command.response_id))

    @takes(effects.SendTruncate)
    def _send_truncate(self, command: effects.SendTruncate) -> None:
        self._link.send(realtime.item_truncate(command.event_id, command.item_id, command.milliseconds))

    # The client's audio.

    @takes(BinaryFrame)
    def _append_audio(self, frame: BinaryFrame) -> None:
        """Take frames in a row together: they go on in one piece."""
        frames = [binary.data for binary in self.inbox.row(frame)]
        if not self._audio.append(frames):
            self._say_if_dropped()
        self._source.handled(sum(map(len, frames)), len(frames))

    @takes(AudioEvent)
    def _append_events(self, event: AudioEvent) -> None:
        if not self._audio.append([passed.event for passed in self.inbox.row(event)]):
            self._say_if_dropped()

    @takes(Mark)
    def _set_mark(self, mark: Mark) -> None:
        self._audio.set_mark(mark)

    @takes(effects.LetAudioGo)
    def _let_audio_go(self, effect: effects.LetAudioGo) -> None:
        self._audio.pass_mark(effect.mark)

    @takes(effects.OpenAudio)
    def _open_audio(self, _: effects.OpenAudio) -> None:
        self._audio.open()

    @takes(effects.ObserveAudio)
    def _observe_audio(self, effect: effects.ObserveAudio) -> None:
        self._audio.observe(on=effect.on, counts_buffer=effect.counts_buffer)

    @takes(effects.SendCommit)
    def _commit(self, command: effects.SendCommit) -> None:
        commit = self._audio.commit(command.event_id)
        if commit is not None:
            self._link.send(commit)
        else:
            text = "There is no input audio to commit."
            self._reports.tell(Refused(command.event_id, "input_audio_buffer_commit_empty", text))

    @takes(effects.ApplyLocal)
    def _apply(self, effect: effects.ApplyLocal) -> None:
        settings: LocalSettings = effect.local
        self._translator.configure_output(settings.output, settings.container, keeps_history=settings.keeps_history)
        self._labels = {**settings.labels, **self._host_labels}
        self._audio.agree(settings.input)

    def _say_if_dropped(self) -> None:
        """Tell the client, once."""
        if self._audio.dropped and not self._has_dropped:
            self._has_dropped = True
            text = "The session is not ready yet: audio beyond what can be held is dropped, the oldest first."
            self._reports.warn(Problem("audio_dropped", text))

    # Functions.

    @takes(effects.CallFunction)
    def _call(self, function: effects.CallFunction) -> None:
        self._calls.call(function, self.inbox)

    @takes(effects.CallsCancelled)
    def _cancel_calls(self, effect: effects.CallsCancelled) -> None:
        for call_id in effect.call_ids:
            self._calls.cancel(call_id)
        self._reports.show(self._translator.cancel_calls(effect.call_ids))

    @takes(FunctionReturned)
    def _returned(self, returned: FunctionReturned) -> None:
        call_id, output = returned.call_id, returned.output
        self._calls.returned(call_id)
        self._reports.show(self._translator.show_call_result(call_id, output))
        self._reports.tell(CallReturned(call_id, output))
