"""A session's upstream link: one at a time, each replaced by the next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.inbox import RUN_LENGTH
from actors.messages import from_link
from turnstile.observability.journal import NullJournal
from turnstile.ports import LinkInbox
from turnstile.protocol import realtime

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from turnstile.observability.journal import Journal
    from turnstile.ports import Connection, Connector, Inbox, UpstreamTarget
    from turnstile.protocol.frames import Frame


class _LinkInbox(LinkInbox):
    """One link's way to an inbox, which names the link beside what it says."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox

    def tell(self, message: object, /) -> None:
        """Put in what the link says."""
        self._inbox.tell(from_link((self, (message,))))

    def tell_all(self, messages: Sequence[object], /) -> None:
        """Put in what it says at once, in one message, or several where it is more than a run may take."""
        for start in range(0, len(messages), RUN_LENGTH):
            self._inbox.tell(from_link((self, messages[start : start + RUN_LENGTH])))


class UpstreamLink:
    """The link that the session uses, and its connection once there is one.

    Args:
        session_id: Names the session in the journal.
        connector: Opens links.
        target: Says where to, for the model asked for.
        source: The client's socket: held back while the link is full.
        journal: Who is shown what goes up.
    """

    def __init__(
        self,
        session_id: str,
        connector: Connector,
        target: Callable[[str | None], UpstreamTarget],
        source: Connection,
        journal: Journal,
    ) -> None:
        self._session_id = session_id
        self._connector = connector
        self._target = target
        self._source = source
        self._journal = journal
        self._is_watched = not isinstance(journal, NullJournal)
        self.current: object = None
        """The link in use, rather than one that was closed."""
        self._connection: Connection | None = None
        self._is_beta = False

    def open(self, model: str | None, inbox: Inbox) -> None:
        """Open a link, which tells `inbox` all that it says (`FromLink`)."""
        self.current = link = _LinkInbox(inbox)
        target = self._target(model)
        self._is_beta = target.is_beta
        self._connector.connect(target, link)

    def close(self) -> None:
        """Close the link, if there is one: what it still says is nobody's."""
        connection, self._connection, self.current = self._connection, None, None
        if connection is not None:
            connection.close(1000)

    def connected(self, connection: Connection) -> None:
        """Use the connection of a link that has opened."""
        self._connection = connection
        connection.holds_back(self._source)

    def send(self, data: bytes) -> None:
        """Send an event, in the words that this upstream knows.

        Without a link it is void: the session hears of the loss, and sends what it must again.
        """
        if self._connection is not None:
            if self._is_beta:
                data = realtime.in_beta_words(data)
            if self._is_watched:
                self._journal.frame(self._session_id, "upstream", "out", data)
            self._connection.send_text(data)

    def handled(self, frames: Sequence[Frame]) -> None:
        """Let the link read on: some frames of its were taken."""
        if self._connection is not None:
            size = 0
            for frame in frames:
                size += len(frame.data)
            self._connection.handled(size, len(frames))

    def flush(self) -> None:
        """Let what was written leave."""
        if self._connection is not None:
            self._connection.flush()
