"""Whatever a session's actors can be told, somebody takes it: a new effect without a performer is red unsent."""

from __future__ import annotations

import inspect
from typing import get_args

import pytest

from actors import messages
from actors.client import ClientActor
from actors.coordinator import SessionCoordinatorActor
from actors.dispatch import DispatchedActor, takes
from actors.lifecycle import SessionActor
from actors.upstream import UpstreamActor
from turnstile.ports import FunctionReturned
from turnstile.protocol.frames import BinaryFrame, Closed, TextFrame
from turnstile.session.client_requests import AudioFollows
from turnstile.session.effects import Effect
from turnstile.session.events import Event

ACTORS = (ClientActor, SessionCoordinatorActor, UpstreamActor)
# What stands in the messages' module, and is only a part of one, or an answer.
NO_MESSAGES = {messages.LocalSettings, messages.Snapshot, messages.Waiting}
OURS = [
    kind
    for _, kind in inspect.getmembers(messages, inspect.isclass)
    if kind.__module__ == messages.__name__ and kind not in NO_MESSAGES
]


def taken_by(method):
    """Return the classes of what a method of the coordinator's takes."""
    return [kind for kind, taker in SessionCoordinatorActor.handlers.items() if taker is method]


@pytest.mark.parametrize("event", get_args(Event), ids=lambda kind: kind.__name__)
def test_every_event_is_the_sessions_to_decide(event):
    assert event in SessionCoordinatorActor.handlers


@pytest.mark.parametrize("effect", get_args(Effect), ids=lambda kind: kind.__name__)
def test_every_effect_is_performed(effect):
    assert effect in SessionCoordinatorActor.handlers


@pytest.mark.parametrize("effect", taken_by(SessionCoordinatorActor._send_upstream), ids=lambda effect: effect.__name__)
def test_upstream_performs_what_it_is_told(effect):
    assert effect in UpstreamActor.handlers


@pytest.mark.parametrize(
    "effect",
    [*taken_by(SessionCoordinatorActor._send_to_client), *taken_by(SessionCoordinatorActor._report)],
    ids=lambda effect: effect.__name__,
)
def test_the_client_actor_takes_what_it_is_told(effect):
    assert effect in ClientActor.handlers


@pytest.mark.parametrize("kind", OURS, ids=lambda kind: kind.__name__)
def test_every_message_is_somebodys(kind):
    assert any(kind in actor.handlers for actor in ACTORS)


@pytest.mark.parametrize(
    ("actor", "kinds"),
    [
        (ClientActor, [TextFrame, BinaryFrame, Closed, AudioFollows]),
        (UpstreamActor, [BinaryFrame, FunctionReturned]),
    ],
    ids=["client", "upstream"],
)
def test_what_comes_from_outside_is_taken(actor, kinds):
    assert set(kinds) <= set(actor.handlers)


@pytest.mark.parametrize("actor", ACTORS)
def test_each_takes_its_end_and_is_introduced(actor):
    assert set(SessionActor.handlers) == {messages.End, messages.Peers} <= set(actor.handlers)


def test_the_class_below_takes_what_the_class_above_does_and_may_take_it_otherwise():
    class Above(DispatchedActor):
        @takes(int, str)
        def _above(self, message):
            return "above", message

    class Below(Above):
        @takes(str)
        def _below(self, message):
            return "below", message

    assert [Below.handlers[type(message)](None, message) for message in (1, "a")] == [("above", 1), ("below", "a")]
    assert Above.handlers[str](None, "a") == ("above", "a")
