"""A slot for one upstream link of a session: the one in use, or the standby."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from actors.inbox import RUN_LENGTH
from actors.messages import from_link
from turnstile.ports import LinkFailed, LinkInbox, LinkReady
from turnstile.protocol.beta_events import beta_client_data
from turnstile.protocol.frames import PEER_TOO_SLOW
from turnstile.protocol.safe_text import without_secrets
from turnstile.session.link_events import LinkConnected, LinkLost
from turnstile.translate.item_names import ItemNames

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from turnstile.byte_budget import SessionBudget
    from turnstile.observability.journal import SessionJournal
    from turnstile.ports import Connection, Connector, Inbox, UpstreamTarget
    from turnstile.protocol.frames import Closed, Frame

_log = logging.getLogger(__name__)

# The API's close codes for a refused key and a refused request: a new link would be refused, too.
_FINAL_CLOSES = frozenset({3000, 4000})
# The settings behind the reasons for which a link is closed.
_LIMITS = {PEER_TOO_SLOW: "limits.upstream_unread_bytes, limits.unread_timeout"}


class _LinkInbox(LinkInbox):
    """Forwards what one link receives to the actor's inbox, with the link that it comes from."""

    def __init__(self, inbox: Inbox, budget: SessionBudget) -> None:
        self._inbox = inbox
        self._cancel: Callable[[], None] | None = None
        self._budget = budget

    def when_unwanted(self, call: Callable[[], None], /) -> None:
        """Make a call when the link is closed."""
        self._cancel = call

    def close(self) -> None:
        """End the attempt to open the link."""
        cancel, self._cancel = self._cancel, None
        if cancel is not None:
            cancel()

    def budget(self) -> SessionBudget:
        """Return the budget of the link's session."""
        return self._budget

    def tell(self, message: object, /) -> None:
        """Forward one message."""
        self._inbox.tell(from_link((self, (message,))))

    def tell_all(self, messages: Sequence[object], /) -> None:
        """Forward messages that came at once as one, or as several where they are more than a run may take."""
        for start in range(0, len(messages), RUN_LENGTH):
            self._inbox.tell(from_link((self, messages[start : start + RUN_LENGTH])))


class UpstreamLink:
    """A slot for one link.

    Args:
        connector: Opens links.
        target: Returns the address for a model.
        source: The client's connection: held back while the link is full, and the link while it is; None for a
            standby, between which and the client nothing goes.
        budget: Counts what the link holds.
        journal: Is told of the frames that are sent; has the counts.
    """

    def __init__(
        self,
        connector: Connector,
        target: Callable[[str | None], UpstreamTarget],
        source: Connection | None,
        budget: SessionBudget,
        journal: SessionJournal,
    ) -> None:
        self._budget = budget
        self._connector = connector
        self._target = target
        self._source = source
        self._journal = journal
        self._counts = journal.counts
        self.number = 0
        """Which of the session's links it is, from 1."""
        self.current: _LinkInbox | None = None
        """The link in this slot, as against one that was closed."""
        self.connection: Connection | None = None
        """Its connection, once there is one."""
        self._is_beta = False
        self.secrets: tuple[str, ...] = ()
        """The credentials of the link's upstream."""
        self.names = ItemNames()
        """Those that it gives to items which the client knows by others."""

    def open(self, model: str | None, inbox: Inbox) -> None:
        """Open a link; what it receives goes to `inbox` (`FromLink`)."""
        self.current = link = _LinkInbox(inbox, self._budget)
        self.number = self._journal.next_link()
        target = self._target(model)
        self._is_beta, self.secrets, self.names = target.is_beta, target.secrets, ItemNames()
        self._counts.model = target.model
        self._connector.connect(target, link)

    def close(self, *, drops_unsent: bool = False) -> None:
        """Close the link, if there is one: what still comes from it is not read.

        Args:
            drops_unsent: Drop what has not begun to leave.
        """
        link, connection = self.current, self.connection
        self.current = self.connection = None
        if link is not None:
            link.close()
        if connection is not None:
            if drops_unsent:
                connection.drop_unsent()
            connection.close(1000)
            self._counts.upstream_wire = self._counts.upstream_wire.with_closed(connection)

    def change(self, news: LinkReady | LinkFailed | Closed) -> LinkConnected | LinkLost:
        """Use the connection of a link that has opened, or close one that is lost; return the fact for the session."""
        if isinstance(news, LinkReady):
            self._use(news.connection)
            self._counts.links_opened += 1
            self._counts.upstream_wire = self._counts.upstream_wire.with_opened(news.connection)
            return LinkConnected()
        self.close()
        if isinstance(news, LinkFailed):
            self._counts.link_failures += 1
            problem = news.problem
            return LinkLost(problem.code, problem.description, news.retryable, retry_after=news.retry_after)
        news = news._replace(reason=without_secrets(news.reason, self.secrets))
        code, reason, by_us = news
        if by_us:
            limit = f" ({_LIMITS[reason]})" if reason in _LIMITS else ""
            _log.warning("The link to upstream was closed: %s %s%s", code, reason, limit)
        words = f"Upstream closed the connection ({code}{f' {reason}' if reason else ''})."
        return LinkLost("upstream_closed", words, code not in _FINAL_CLOSES, news)

    def replace_by(self, other: UpstreamLink) -> None:
        """Close the link, and take the open one of another slot, which is empty then."""
        self.close()
        self.current, connection = other.current, other.connection
        self._is_beta, self.secrets, self.names = other._is_beta, other.secrets, other.names
        self.number = other.number
        other.current = other.connection = None
        if connection is not None:
            self._use(connection)

    def _use(self, connection: Connection) -> None:
        self.connection = connection
        if self._source is not None:
            connection.holds_back(self._source)
            self._source.holds_back(connection)

    def send(self, data: bytes) -> None:
        """Send an event, under the names of this upstream.

        Without a link it is dropped: the session gets `LinkLost`, and sends again what it must.
        """
        if self.connection is not None:
            if self.names.renames:
                data = self.names.sent(data)
            if self._is_beta:
                data = beta_client_data(data)
            if self._journal.tell is not None:
                self._journal.frame("upstream", "out", data, self.number)
            self.connection.send_text(data)

    def handled(self, frames: Sequence[Frame]) -> None:
        """Give the link credit to read on: these frames of its were handled."""
        if self.connection is not None:
            size = 0
            for frame in frames:
                size += len(frame.data)
            self.connection.handled(size, len(frames))

    def flush(self) -> None:
        """Write out what was sent."""
        if self.connection is not None:
            self.connection.flush()
