"""The rows of the promise that a mutant of the rules must trip over, as functions of the rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from world import configured

from turnstile.session.effects import Answered, SendCreate, SendItem, SendUpdate
from turnstile.session.events import (
    ConfigAnswered,
    ConfigRequested,
    ItemConfirmed,
    Refused,
    ResponseFinished,
    ResponseStarted,
    UserMessageGiven,
)
from turnstile.session.state import Response

if TYPE_CHECKING:
    from world import Implementation

CALMER = ConfigRequested(1, {"instructions": "Be calm."})
FASTER = ConfigRequested(2, {"audio": {"output": {"speed": 1.2}}})
MESSAGE = UserMessageGiven(3, {"type": "message"})


def _running(code: Implementation) -> object:
    return code.session(state=configured(response=Response("resp_2")))


def _sent(effects: list[object], kind: type) -> list[object]:
    return [effect for effect in effects if isinstance(effect, kind)]


def text_done_opens_nothing(code: Implementation) -> None:
    """``response.output_text.done`` is no end of a response."""
    session, reader = _running(code), code.reader()
    session.handle(CALMER)
    fact = reader.fact({"type": "response.output_text.done", "response_id": "resp_2", "item_id": "i", "text": "So."})
    effects = session.handle(fact) if fact else []
    assert not _sent(effects, SendUpdate)


def both_updates_go_and_are_answered(code: Implementation) -> None:
    """Two updates held together go as one, and each has its answer."""
    session = _running(code)
    session.handle(CALMER)
    session.handle(FASTER)
    (update,) = _sent(session.handle(ResponseFinished("resp_2")), SendUpdate)
    assert update.patch == {**CALMER.patch, **FASTER.patch}
    assert _sent(session.handle(ConfigAnswered({})), Answered) == [Answered(1), Answered(2)]


def no_update_is_acknowledged_before_upstream_confirmed_it(code: Implementation) -> None:
    """The acknowledgement waits for ``session.updated``."""
    session = code.session(state=configured())
    assert not _sent(session.handle(CALMER), Answered)
    assert _sent(session.handle(ConfigAnswered({})), Answered) == [Answered(1)]


def what_was_held_goes_when_the_response_ends(code: Implementation) -> None:
    """Nothing is forgotten in the backlog."""
    session = _running(code)
    session.handle(CALMER)
    assert _sent(session.handle(ResponseFinished("resp_2")), SendUpdate)


def only_its_own_end_ends_a_response(code: Implementation) -> None:
    """A late end of an older response opens nothing."""
    session = _running(code)
    session.handle(CALMER)
    assert not _sent(session.handle(ResponseFinished("resp_1")), SendUpdate)
    assert _sent(session.handle(ResponseFinished("resp_2")), SendUpdate)


def a_lost_race_is_repaired(code: Implementation) -> None:
    """A create refused for a response that is over by then goes again."""
    session = code.session(state=configured())
    (item,) = _sent(session.handle(MESSAGE), SendItem)
    (create,) = _sent(session.handle(ItemConfirmed(item.item["id"])), SendCreate)
    refused = Refused(create.event_id, "conversation_already_has_active_response", "busy")
    assert _sent(session.handle(refused), SendCreate)


def updates_that_lost_a_race_survive(code: Implementation) -> None:
    """Two updates refused together for a response are both there behind it, and hear nothing before."""
    session = _running(code)
    session.handle(CALMER)
    session.handle(FASTER)
    (update,) = _sent(session.handle(ResponseFinished("resp_2")), SendUpdate)
    refused = Refused(update.event_id, "conversation_already_has_active_response", "busy", running="resp_9")
    assert not _sent(session.handle(refused), Answered)
    session.handle(ResponseStarted("resp_9"))
    (again,) = _sent(session.handle(ResponseFinished("resp_9")), SendUpdate)
    assert again.patch == update.patch


def a_reply_is_not_given_twice(code: Implementation) -> None:
    """A winner that has seen the item answers it: the refused create goes no more."""
    session = code.session(state=configured())
    (item,) = _sent(session.handle(MESSAGE), SendItem)
    (create,) = _sent(session.handle(ItemConfirmed(item.item["id"])), SendCreate)
    session.handle(ResponseStarted("resp_9"))
    session.handle(Refused(create.event_id, "conversation_already_has_active_response", "busy"))
    assert not _sent(session.handle(ResponseFinished("resp_9")), SendCreate)


ROWS = (
    text_done_opens_nothing,
    both_updates_go_and_are_answered,
    no_update_is_acknowledged_before_upstream_confirmed_it,
    what_was_held_goes_when_the_response_ends,
    only_its_own_end_ends_a_response,
    a_lost_race_is_repaired,
    updates_that_lost_a_race_survive,
    a_reply_is_not_given_twice,
)
