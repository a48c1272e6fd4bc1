from __future__ import annotations

from actors.upstream_link import UpstreamLink
from turnstile.observability.journal import NullJournal
from turnstile.ports import UpstreamTarget
from turnstile.testing import RecordingInbox
from turnstile.transports.memory import memory_pair


class SlowConnector:
    """A connector whose links are never opened."""

    def __init__(self):
        self.inboxes = []

    def connect(self, _target, inbox):
        self.inboxes.append(inbox)


def test_a_link_is_wanted_until_it_is_closed_or_replaced():
    connector, (source, _) = SlowConnector(), memory_pair()
    link = UpstreamLink("s1", connector, lambda _: UpstreamTarget("ws://x"), source, NullJournal())
    link.open(None, RecordingInbox())
    assert [inbox.is_wanted() for inbox in connector.inboxes] == [True]
    link.close()
    link.open(None, RecordingInbox())
    assert [inbox.is_wanted() for inbox in connector.inboxes] == [False, True]
