"""Reading upstream's frames: each event goes to the client in its dialect, the fact in it to the session."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from actors.upstream_events import UpstreamEvents
from turnstile.protocol import realtime
from turnstile.session.conversation_events import ItemTruncated
from turnstile.session.events import (
    ConfigAnswered,
    FunctionCalled,
    Refused,
    ResponseProgressed,
    ResponseStarted,
)
from turnstile.session.link_events import LinkLost
from turnstile.session.shown_session import SAY_THAT_IT_IS_UP, opened_by, shows_session
from turnstile.session.turn_events import CutOff, SpeechStarted, SpeechStopped, TurnCommitted
from turnstile.session.upstream_errors import EXPIRED

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from actors.standby_link import StandbyLink
    from actors.upstream_events import Batch
    from actors.upstream_link import UpstreamLink
    from actors.upstream_parts import UpstreamParts
    from turnstile.protocol.frames import Frame
    from turnstile.session.client_requests import Json
    from turnstile.session.events import Fact
    from turnstile.session.link_effects import TakeOver

# How often, in seconds, the session gets a sign of life of a response.
_PROGRESS_EVERY = 1.0


class UpstreamReader:
    """Reads a link's frames, each event in its order.

    Args:
        parts: The audio keeps upstream's input format, and what it has committed; the functions and formats are those
            in force.
    """

    def __init__(self, parts: UpstreamParts) -> None:
        self._events = UpstreamEvents(parts.translator)
        self._translator = parts.translator
        self._audio = parts.audio
        self._functions = parts.functions
        self._formats = parts.formats
        self._output = parts.output
        self._clock = parts.clock
        self._wall_clock = parts.wall_clock
        self._journal = parts.journal
        self._counts = parts.journal.counts
        self._link_number = 0
        self.is_up = False
        """Whether the link in use has shown that it is up."""
        self.expired: LinkLost | None = None
        """The loss of a link whose session has expired: what comes behind that is not taken."""
        self._now = self._progress_at = 0.0
        self.asked_at: float | None = None
        """When the turn or request ended to which no response has begun yet; None while all have one."""
        self._answers_since: float | None = None  # as of that, of the response that began last: none of its audio came
        self._answering = ""
        self._stopped = ""  # the turn that ended last by `SpeechStopped`
        self.epoch = 0
        """How many facts that close the gate there were, on all links."""
        self._speeches = 0

    def begin_link(self, link: UpstreamLink) -> None:
        """Read a new link from now on, which has not shown yet that it is up."""
        self.is_up, self.expired, self._link_number = False, None, link.number
        self._events.begin_link(link.secrets, link.names)

    def replace_by(self, standby: StandbyLink) -> None:
        """Read a link from now on that has been a standby; what its session shows is in force."""
        self.is_up, self.expired, self._link_number = True, None, standby.link.number
        self._events.replace_by(standby.events)
        self._formats.replace_by(standby.formats)
        self._functions.ask(standby.endpoints)
        self._put_in_force()
        if standby.shown is not None:
            self._output.send_snapshot(standby.shown)

    def has_overtaken(self, decided: TakeOver) -> bool:
        """Tell whether a fact was read that the decision for another link to take over did not know."""
        if decided.epoch is None:
            return False
        return self.epoch > decided.epoch or self._speeches > decided.speeches

    def truncate(self, asked: Json) -> None:
        """Answer a client's truncation; an item whose text at that moment is not known stays whole in the record."""
        heard = self._events.heard.cut(asked["item_id"], asked["audio_end_ms"])
        self._output.send_frames(self._translator.translate(realtime.item_truncated(asked), self._clock()))
        if heard is not None:
            self._output.send_fact(ItemTruncated(asked["item_id"], heard))

    def unfinished(self) -> tuple[tuple[str, str | None], ...]:
        """Return the agent's items that the link's end leaves unfinished, see `HeardText.unfinished`."""
        return self._events.heard.unfinished()

    @property
    def kept_bytes(self) -> int:
        """The bytes kept between events, about."""
        return self._events.heard.kept_bytes

    def read(self, frames: Sequence[Frame]) -> None:
        """Read frames that came at once."""
        self._now = self._clock()
        self._events.read(frames, self._now, self._take)

    def _take(self, event: Json, fact: Fact | None, frames: list[Frame], data: bytes | None, audio: Batch) -> None:
        """Send the client its frames first, then the session the fact: the session's answer must come behind.

        But for a function call: its result may come at once, and must find the call known.
        """
        if self._journal.tell is not None:
            self._tell_journal(data, audio)
        if self.expired is not None:
            return
        if isinstance(fact, FunctionCalled):
            self._output.send_fact(replace(fact, endpoint=self._functions.endpoint(fact.name)))
            fact = None
        if frames:
            self._output.send_frames(frames)
        since = self._answers_since
        if since is not None and audio and "response_id" in event and event["response_id"] == self._answering:
            self._counts.first_audio.observe(self._now - since)
            self._answers_since = None
        if event["type"] in SAY_THAT_IT_IS_UP:
            self._link_is_up(event)
        if fact is not None:
            act = self._actions.get(fact.__class__)
            if act is None:
                self._output.send_fact(fact)
            else:
                act(self, fact)
        elif self._now - self._progress_at >= _PROGRESS_EVERY and isinstance(event.get("response_id"), str):
            self._progress_at = self._now
            self._output.send_fact(ResponseProgressed(event["response_id"]))

    def _tell_journal(self, data: bytes | None, audio: Batch) -> None:
        if data is not None:
            self._journal.frame("upstream", "in", data, self._link_number)
        else:
            pieces = [delta for event, _ in audio if isinstance(delta := event.get("delta"), str)]
            self._journal.audio("upstream", "in", pieces, self._link_number)

    def _link_is_up(self, event: Json) -> None:
        """Send the client the session, where upstream shows it, and once to the session that the link is up."""
        if shows_session(event):
            self._output.send_snapshot(event)
        if not self.is_up:
            self.is_up = True
            self._counts.name_upstream(event)
            self._output.send_fact(opened_by(event, self._wall_clock()))

    # Facts on which more is done than to send them.

    def _response_started(self, fact: ResponseStarted) -> None:
        self.epoch += 1
        self._answers_since, self._answering, self.asked_at = self.asked_at, fact.response_id, None
        self._output.send_fact(fact)

    def _speech_stopped(self, fact: SpeechStopped) -> None:
        self.epoch += 1
        self.asked_at, self._stopped = self._now, fact.item_id
        self._output.send_fact(fact)

    def _speech_started(self, _: SpeechStarted) -> None:
        self._speeches += 1
        cut, heard = self._translator.take_truncations(), self._events.heard
        self._output.send_fact(SpeechStarted(tuple([CutOff(*one, heard.cut(*one)) for one in cut])))

    def _item_truncated(self, fact: ItemTruncated) -> None:
        self._output.send_fact(replace(fact, heard=self._events.heard.heard(fact.item_id)))

    def _turn_committed(self, fact: TurnCommitted) -> None:
        self.epoch += 1
        if self.asked_at is None and fact.item_id != self._stopped:
            self.asked_at = self._now
        self._output.send_fact(fact)
        self._audio.committed()

    def _refused(self, fact: Refused) -> None:
        if fact.code == EXPIRED:
            self.expired = LinkLost(EXPIRED, fact.message, event=fact.event, unfinished=self.unfinished())
        else:
            self._output.send_fact(fact)

    def _configured(self, fact: ConfigAnswered) -> None:
        self._output.send_fact(fact)
        self._formats.updated(fact.session)
        self._put_in_force()

    def _put_in_force(self) -> None:
        self._audio.set_upstream_format(self._formats.input)
        self._translator.set_upstream_format(self._formats.output)
        self._events.heard.set_upstream_format(self._formats.output)
        self._functions.confirm()

    _actions: ClassVar[dict[type, Callable[..., None]]] = {
        ResponseStarted: _response_started,
        SpeechStopped: _speech_stopped,
        SpeechStarted: _speech_started,
        ItemTruncated: _item_truncated,
        TurnCommitted: _turn_committed,
        Refused: _refused,
        ConfigAnswered: _configured,
    }
