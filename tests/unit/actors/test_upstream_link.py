from __future__ import annotations

from actors.upstream_link import UpstreamLink
from turnstile.observability.journal import NullJournal
from turnstile.ports import UpstreamTarget
from turnstile.protocol.frames import Closed
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


def test_the_reason_of_upstreams_close_names_no_credential():
    source, _ = memory_pair()
    target = UpstreamTarget("ws://x", secrets=("swordfish",))
    link = UpstreamLink("s1", SlowConnector(), lambda _: target, source, NullJournal())
    link.open(None, RecordingInbox())
    lost = link.change(Closed(4001, "swordfish and sk-abcdef1234 are refused"))
    assert lost.closed == Closed(4001, "*** and *** are refused")
    assert lost.description == "Upstream closed the connection (4001 *** and *** are refused)."
