"""The two upstream links of a session: the one in use, and the standby that takes over from it."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from actors.standby_link import FRAMES, StandbyLink
from turnstile.ports import LinkReady
from turnstile.protocol.safe_text import on_one_line
from turnstile.session.effects import OpenLink
from turnstile.session.link_effects import CloseStandby, OnStandby, OpenStandby, PauseAudio, TakeOver
from turnstile.session.link_events import AudioPaused, LinkLost, TakeOverPutOff, TookOver

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from actors.upstream_link import UpstreamLink
    from actors.upstream_parts import UpstreamParts
    from actors.upstream_reader import UpstreamReader
    from turnstile.ports import Inbox, LinkFailed
    from turnstile.protocol.frames import Closed

    LinkCommand = OpenLink | OpenStandby | OnStandby | TakeOver | CloseStandby | PauseAudio

_log = logging.getLogger(__name__)


class UpstreamLinks:
    """Opens, replaces and closes the links, and reports what becomes of them.

    Args:
        link: The slot of the link in use.
        make_slot: Returns a slot for a standby.
        reader: Reads the link in use.
        parts: The translator writes the end of a response that a link cuts off; the audio goes to the link in use.
    """

    def __init__(
        self, link: UpstreamLink, make_slot: Callable[[], UpstreamLink], reader: UpstreamReader, parts: UpstreamParts
    ) -> None:
        self._link = link
        self._make_slot = make_slot
        self.standby: StandbyLink | None = None
        """The link beside the one in use."""
        self._reader = reader
        self._parts = parts
        self._journal = parts.journal
        self._counts = parts.journal.counts
        self._translator = parts.translator
        self._audio = parts.audio
        self._output = parts.output

    def perform(self, command: LinkCommand, inbox: Inbox) -> None:
        """Perform a command of the session's; what a new link receives goes to `inbox` (`FromLink`)."""
        match command:
            case OpenLink(model):
                self._open(model, inbox)
            case OpenStandby():
                self._open_standby(command, inbox)
            case OnStandby() | TakeOver():
                self._use_standby(command)
            case CloseStandby():
                self._close_standby()
            case PauseAudio():
                self._audio.pause()
                self._output.send_fact(AudioPaused(self._audio.uncommitted))

    def take(self, link: object, received: Sequence[Any]) -> None:
        """Take what a link has received, other than frames of the one in use."""
        standby = self.standby
        if link is self._link.current:
            self._changed(received[0])
        elif standby is None or link is not standby.link.current:
            close_late(received)
        elif isinstance(received[0], FRAMES):
            standby.read(received)
        else:
            standby.change(received[0])

    def expired(self, lost: LinkLost) -> None:
        """Close the link in use, whose session has expired: upstream may leave it open, but takes nothing on it."""
        self._link.close()
        self._lost(lost)

    def close(self, *, drops_unsent: bool) -> None:
        """Close both."""
        self._link.close(drops_unsent=drops_unsent)
        self._close_standby(drops_unsent=drops_unsent)

    def _open(self, model: str | None, inbox: Inbox) -> None:
        # A link that opened and then kept silent is given up, not forgotten.
        self._link.close()
        self._audio.disconnect()
        self._link.open(model, inbox)
        self._reader.begin_link(self._link)

    def _changed(self, news: LinkReady | LinkFailed | Closed) -> None:
        fact = self._link.change(news)
        if isinstance(news, LinkReady):
            self._audio.connect(news.connection, self._link.number)
        if isinstance(fact, LinkLost):
            self._lost(replace(fact, unfinished=self._reader.unfinished()))
        else:
            self._output.send_fact(fact)

    def _lost(self, lost: LinkLost) -> None:
        _log.warning("The upstream link is lost: %s", on_one_line(lost.description))
        if self._reader.is_up:
            self._counts.links_lost += 1
        elif lost.closed is not None:
            self._counts.link_failures += 1
        lost = replace(lost, uncommitted=self._audio.uncommitted)
        self._audio.disconnect()
        if self._journal.tell is not None:
            self._journal.note("upstream", "closed", lost.code, self._link.number)
        self._output.send_frames(self._translator.link_lost())
        self._output.send_fact(lost)

    def _open_standby(self, command: OpenStandby, inbox: Inbox) -> None:
        self._close_standby()
        self.standby = StandbyLink(command.generation, self._make_slot(), self._parts)
        self.standby.open(command.model, inbox)

    def _close_standby(self, *, drops_unsent: bool = False) -> None:
        standby, self.standby = self.standby, None
        if standby is not None:
            standby.link.close(drops_unsent=drops_unsent)

    def _use_standby(self, command: OnStandby | TakeOver) -> None:
        """Perform what is for the standby; a command for one before it is late, and dropped."""
        standby = self.standby
        if standby is None or standby.generation != command.generation:
            return
        if isinstance(command, TakeOver):
            self._take_over(standby, command)
        else:
            standby.send(command.command)

    def _take_over(self, standby: StandbyLink, command: TakeOver) -> None:
        """Use the standby, unless it is lost, or a fact was read that the decision for it did not know."""
        connection, generation = standby.link.connection, standby.generation
        if connection is None or self._reader.has_overtaken(command):
            self._output.send_fact(TakeOverPutOff(generation))
            return
        if self._link.current is not None:
            self._counts.links_renewed += 1
        elif self._counts.links_restored < self._counts.links_lost:
            self._counts.links_restored += 1
        if command.epoch is None and self._link.current is not None:
            self._output.send_frames(self._translator.link_lost())  # what still runs on it is lost with it
        unfinished = self._reader.unfinished()
        self._audio.disconnect()
        self._link.replace_by(standby.link)
        self._audio.connect(connection, self._link.number)
        self._reader.replace_by(standby)
        self._link.names.take_over()
        self._translator.restored(standby.restored)
        self._translator.removed(standby.removed)
        self.standby = None
        if self._journal.tell is not None:
            self._journal.note("upstream", "took over", f"{generation}", self._link.number)
        _log.info("Another upstream link is in use")
        self._output.send_fact(TookOver(generation, standby.lifetime, unfinished))


def close_late(received: Sequence[Any]) -> None:
    """Close a connection that was opened too late to be used."""
    if isinstance(received[0], LinkReady):
        received[0].connection.close(1000)
