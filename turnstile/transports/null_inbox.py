"""The inbox of a connection that has no receiver."""

from __future__ import annotations

from turnstile.ports import Inbox


class NullInbox(Inbox):
    """Drop all messages."""

    def tell(self, message: object, /) -> None:
        """Drop `message`."""
