from __future__ import annotations

from actors.upstream_link import UpstreamLink
from turnstile.byte_budget import unlimited_budget
from turnstile.ports import UpstreamTarget
from turnstile.protocol.frames import Closed
from turnstile.testing import RecordingInbox, session_journal
from turnstile.transports.memory import memory_pair


class SlowConnector:
    """A connector whose links are never opened."""

    def __init__(self):
        self.ended = []
        self.budgets = []

    def connect(self, target, inbox):
        self.budgets.append(inbox.budget())
        inbox.when_unwanted(lambda: self.ended.append(target.url))


def test_the_attempt_to_open_a_link_ends_once_when_it_is_closed():
    connector, (source, _) = SlowConnector(), memory_pair()
    budget = unlimited_budget()
    link = UpstreamLink(connector, lambda model: UpstreamTarget(f"ws://{model}"), source, budget, session_journal())
    link.open("first", RecordingInbox())
    assert connector.budgets == [budget]
    assert connector.ended == []
    link.close()
    link.open("second", RecordingInbox())
    link.close()
    link.close()
    assert connector.ended == ["ws://first", "ws://second"]


def test_the_reason_of_upstreams_close_names_no_credential():
    source, _ = memory_pair()
    target = UpstreamTarget("ws://x", secrets=("swordfish",))
    link = UpstreamLink(SlowConnector(), lambda _: target, source, unlimited_budget(), session_journal())
    link.open(None, RecordingInbox())
    lost = link.change(Closed(4001, "swordfish and sk-abcdef1234 are refused"))
    assert lost.closed == Closed(4001, "*** and *** are refused")
    assert lost.description == "Upstream closed the connection (4001 *** and *** are refused)."
