"""The standby: the link that is prepared to be the next, and that the client knows nothing of."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from actors.upstream_events import UpstreamEvents
from turnstile.audio.confirmed_formats import ConfirmedFormats
from turnstile.protocol import realtime
from turnstile.protocol.frames import BinaryFrame, TextFrame
from turnstile.protocol.safe_text import on_one_line
from turnstile.session.effects import SendUpdate
from turnstile.session.events import ConfigAnswered
from turnstile.session.link_effects import RemoveItem, RestoreItem
from turnstile.session.link_events import LinkLost, OfStandby
from turnstile.session.shown_session import SAY_THAT_IT_IS_UP, opened_by, shows_session
from turnstile.translate.translator import Translator

if TYPE_CHECKING:
    from collections.abc import Sequence

    from actors.upstream_events import Batch
    from actors.upstream_link import UpstreamLink
    from actors.upstream_parts import UpstreamParts
    from turnstile.ports import Inbox, LinkFailed, LinkReady
    from turnstile.protocol.frames import Closed, Frame
    from turnstile.session.client_requests import Json
    from turnstile.session.events import Fact

_log = logging.getLogger(__name__)

FRAMES = (TextFrame, BinaryFrame)
"""What a link receives, as against news of its connection."""
_REMOVED = "conversation.item.deleted"
# The last events about an item that is put in, or removed.
_ABOUT_ITEMS = frozenset({"conversation.item.done", "conversation.item.created", _REMOVED})


class _Silent(Translator):
    """The translator for nobody."""

    def translate(self, event: Json, now: float, data: bytes | None = None, *, is_valid: bool = False) -> list[Frame]:
        """Return no frame."""
        del event, now, data, is_valid
        return []


class StandbyLink:
    """One standby: opens it, writes what it is told, and reports all that upstream says on it (`OfStandby`).

    Args:
        generation: Names it.
        link: The slot for the link.
        parts: Of its session: nothing goes to the translator, nor to the audio.
    """

    def __init__(self, generation: int, link: UpstreamLink, parts: UpstreamParts) -> None:
        self.generation = generation
        self.link = link
        self.events = UpstreamEvents(_Silent())
        """What reads the link: it remembers what upstream has named."""
        self.formats = ConfirmedFormats()
        """The audio formats in force on the link."""
        self.endpoints: Json | None = None
        """Where the functions are called of the configuration that the link has; None: no change."""
        self.restored: dict[str, None] = {}
        """The items that it was told, and has not told to the end that they are there."""
        self.removed: dict[str, None] = {}
        """The items that it was to forget, and has not told that they are gone."""
        self.shown: Json | None = None
        """The latest event that showed its session."""
        self._output = parts.output
        self._clock = parts.clock
        self._wall_clock = parts.wall_clock
        self._journal = parts.journal
        self._is_up = False

    @property
    def lifetime(self) -> float | None:
        """How many seconds its session lasts from now on, if it has shown that."""
        return opened_by(self.shown, self._wall_clock()).lifetime if self.shown else None

    def open(self, model: str | None, inbox: Inbox) -> None:
        """Open the link; what it receives goes to `inbox` (`FromLink`)."""
        self.link.open(model, inbox)
        self.events.begin_link(self.link.secrets, self.link.names)

    def send(self, command: SendUpdate | RestoreItem | RemoveItem) -> None:
        """Send a command; without a connection it is dropped."""
        match command:
            case SendUpdate(event_id, patch):
                self.endpoints = command.endpoints
                self.formats.requested(patch)
                self.link.send(realtime.session_update(event_id, patch))
            case RestoreItem():
                self.restored[command.item["id"]] = None
                self.link.names.ask(command.event_id, command.item)
                self.link.send(restoring(command))
            case RemoveItem():
                self.removed[command.item_id] = None
                self.link.send(restoring(command))

    def read(self, frames: Sequence[Frame]) -> None:
        """Read frames that came at once."""
        self.events.read(frames, self._clock(), self._take)
        self.link.handled(frames)

    def change(self, news: LinkReady | LinkFailed | Closed) -> None:
        """Report what became of the connection."""
        fact = self.link.change(news)
        if isinstance(fact, LinkLost):
            self._journal.counts.link_failures += fact.closed is not None
            _log.info("The upstream link that was to be the next is lost: %s", on_one_line(fact.description))
        self._report(fact)

    def _take(self, event: Json, fact: Fact | None, _frames: list[Frame], data: bytes | None, _: Batch) -> None:
        if self._journal.tell is not None and data is not None:
            self._journal.frame("upstream", "in", data, self.link.number)
        if event["type"] in SAY_THAT_IT_IS_UP:
            if shows_session(event):
                self.shown = event
            if not self._is_up:
                self._is_up = True
                self._journal.counts.name_upstream(event)
                self._report(opened_by(event, self._wall_clock()))
        elif event["type"] in _ABOUT_ITEMS:
            self._item_told(event)
        if isinstance(fact, ConfigAnswered):
            self.formats.updated(fact.session)
        if fact is not None:
            self._report(fact)

    def _item_told(self, event: Json) -> None:
        """Forget an item of which upstream will say no more."""
        item, told = event.get("item"), self.restored
        item_id = item.get("id") if isinstance(item, dict) else None
        if event["type"] == _REMOVED:
            item_id, told = event.get("item_id"), self.removed
        if isinstance(item_id, str):
            told.pop(item_id, None)

    def _report(self, fact: Fact) -> None:
        self._output.send_fact(OfStandby(self.generation, fact))


def restoring(command: RestoreItem | RemoveItem) -> bytes:
    """Return the event of a command that restores the conversation.

    An item keeps its id where the API takes it. Another server may have given a longer one: upstream makes one then, by
    which the link's `ItemNames` know the item.
    """
    if isinstance(command, RestoreItem):
        item = command.item
        if not 0 < len(item["id"]) <= realtime.LONGEST_ITEM_ID:
            item = {name: item[name] for name in item if name != "id"}
        return realtime.item_create(command.event_id, item, command.previous_id)
    return realtime.item_delete(command.event_id, command.item_id)
