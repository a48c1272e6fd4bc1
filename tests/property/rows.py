"""The rows of the promise that a mutant of the rules must trip over, as functions of the rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from world import configured

from turnstile.protocol.frames import TextFrame
from turnstile.session.client_requests import (
    AgentMessageGiven,
    ConfigRequested,
    FunctionAnswered,
    TurnEndForced,
    UserMessageGiven,
)
from turnstile.session.effects import Answered, OpenAudio, PassOn, SendCreate, SendItem, SendUpdate
from turnstile.session.events import (
    ConfigAnswered,
    FunctionCalled,
    ItemConfirmed,
    Refused,
    ResponseFinished,
    ResponseStarted,
    TimerFired,
)
from turnstile.session.in_flight import Response
from turnstile.session.link_effects import OnStandby, OpenStandby, RestoreItem, TakeOver
from turnstile.session.link_events import LinkLost, LinkOpened, OfStandby, TookOver
from turnstile.session.turn_events import SpeechStarted, SpeechStopped, TurnCommitted
from turnstile.session.waits import Reason, Waits

if TYPE_CHECKING:
    from world import Implementation

CALMER = ConfigRequested(1, {"instructions": "Be calm."})
FASTER = ConfigRequested(2, {"audio": {"output": {"speed": 1.2}}})
OTHER_VOICE = ConfigRequested(
    4,
    {"instructions": "Be calm.", "audio": {"output": {"voice": "echo"}}},
    message="Settings",
    fields={"instructions": "agent.think.prompt", "audio.output.voice": "agent.speak.provider.voice"},
)
MESSAGE = UserMessageGiven(
    3, {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Go on."}]}
)
# A turn that the API answers by itself.
TURN = (SpeechStarted(), SpeechStopped("turn_1"), TurnCommitted("turn_1"))


def _running(code: Implementation) -> object:
    return code.session(None, *configured(response=Response("resp_2")))


def _sent(effects: list[object], kind: type) -> list[object]:
    return [effect for effect in effects if isinstance(effect, kind)]


def _tell(session: object, *events: object) -> None:
    for event in events:
        session.handle(event)


def _asked(code: Implementation) -> tuple[object, SendCreate]:
    """Return a session with a message in the conversation, and the create for it that is out."""
    session = code.session(None, *configured())
    (item,) = _sent(session.handle(MESSAGE), SendItem)
    (create,) = _sent(session.handle(ItemConfirmed(item.item["id"])), SendCreate)
    return session, create


def _refused(create: SendCreate, running: str) -> Refused:
    return Refused(create.event_id, "conversation_already_has_active_response", "busy", running=running)


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
    session = code.session(None, *configured())
    assert not _sent(session.handle(CALMER), Answered)
    assert _sent(session.handle(ConfigAnswered({})), Answered) == [Answered(1)]


def what_was_held_goes_when_the_response_ends(code: Implementation) -> None:
    """Nothing is forgotten in the backlog."""
    session = _running(code)
    session.handle(CALMER)
    assert _sent(session.handle(ResponseFinished("resp_2")), SendUpdate)


def what_is_held_is_held_for_what_is_so(code: Implementation) -> None:
    """A reason names what must happen first, and changes with it."""
    session, create = _asked(code)
    _tell(session, CALMER)
    assert [*session.waiting()] == [(CALMER, Reason(Waits.CREATE, create.event_id))]
    _tell(session, ResponseStarted("resp_3", create.event_id))
    assert [*session.waiting()] == [(CALMER, Reason(Waits.RESPONSE, "resp_3"))]


def only_its_own_end_ends_a_response(code: Implementation) -> None:
    """A late end of an older response opens nothing."""
    session = _running(code)
    session.handle(CALMER)
    assert not _sent(session.handle(ResponseFinished("resp_1")), SendUpdate)
    assert _sent(session.handle(ResponseFinished("resp_2")), SendUpdate)


def a_lost_race_is_repaired(code: Implementation) -> None:
    """A create refused for a response that is over by then goes again."""
    session, create = _asked(code)
    session.handle(ResponseFinished("resp_1"))
    assert _sent(session.handle(_refused(create, "resp_1")), SendCreate)


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
    session, create = _asked(code)
    _tell(session, *TURN, ResponseStarted("resp_9"), _refused(create, "resp_9"))
    assert not _sent(session.handle(ResponseFinished("resp_9")), SendCreate)


def an_interrupting_turn_is_answered_before_anything_else(code: Implementation) -> None:
    """The API's answer to the turn that broke in comes first (A, E)."""
    session = _running(code)
    _tell(session, CALMER, *TURN)
    assert not _sent(session.handle(ResponseFinished("resp_2", "cancelled")), SendUpdate)


def a_result_of_an_interrupted_response_is_answered(code: Implementation) -> None:
    """It is owed a create of ours, behind the answer to the turn (B)."""
    session = _running(code)
    _tell(session, FunctionCalled("resp_2", 0, "call_1"), *TURN, FunctionAnswered(5, "call_1", "4"))
    _tell(session, ResponseFinished("resp_2", "cancelled"), ResponseStarted("resp_3"))
    (item,) = _sent(session.handle(ResponseFinished("resp_3")), SendItem)
    assert _sent(session.handle(ItemConfirmed(item.item["id"])), SendCreate)


def a_create_waits_for_the_winner_that_a_refusal_names(code: Implementation) -> None:
    """The refusal says that a response runs (D)."""
    session, create = _asked(code)
    assert not _sent(session.handle(_refused(create, "resp_9")), SendCreate)


def a_create_waits_for_the_commit(code: Implementation) -> None:
    """What is committed is covered too (F)."""
    session = code.session(None, *configured())
    (item,) = _sent(session.handle(MESSAGE), SendItem)
    session.handle(TurnEndForced(6))
    assert not _sent(session.handle(ItemConfirmed(item.item["id"])), SendCreate)


def a_turn_heard_while_a_create_is_out_is_answered_by_the_api(code: Implementation) -> None:
    """A response of ours that the turn cuts off gives way to the API's answer (G)."""
    session, create = _asked(code)
    _tell(session, *TURN, CALMER, ResponseStarted("resp_3", create.event_id))
    assert not _sent(session.handle(ResponseFinished("resp_3", "cancelled")), SendUpdate)


def nobody_hears_the_user_where_turn_detection_is_off(code: Implementation) -> None:
    """Speech that was under way is over (I)."""
    session = code.session(None, *configured())
    _tell(session, SpeechStarted(), ConfigRequested(7, {"audio": {"input": {"turn_detection": None}}}))
    _tell(session, ConfigAnswered({}))
    assert _sent(session.handle(AgentMessageGiven(8, {})), SendCreate)


# By what each tries: `Response.create` would be a create to a server that does not mind capitals, and a second type to
# one that reads the first.
MALFORMED = (
    '{"type": "response.create", "response": "x"}',
    '{"type": "response.create", "response": {"metadata": "x"}}',
    '{"type": "session.update", "session": "x"}',
    '{"type": "session.update", "session": {"audio": {"input": "x"}}}',
    '{"type": "Response.create"}',
    '{"type": "response.create", "response": {"conversation": null}}',
    '{"type": "response.create", "response": {"conversation": "conv_1"}}',
    '{"type": "response.create", "type": "of.the.future"}',
)


def no_malformed_event_passes_the_gate(code: Implementation) -> None:
    """While a response runs it is held like others, or refused in the API's words (H)."""
    for frame in MALFORMED:
        session, told = _running(code), [*code.dialect(None, is_beta=False).read(frame.encode())]
        effects = [effect for one in told if not isinstance(one, TextFrame) for effect in session.handle(one)]
        assert not _sent(effects, SendUpdate) + _sent(effects, SendCreate)
        assert not [given for given in _sent(effects, PassOn) if b"esponse.create" in given.event]


def _locked(code: Implementation) -> object:
    """Return a session whose agent has spoken."""
    return code.session(None, *configured(voice_locked=True))


def what_is_locked_is_named_and_the_rest_acknowledged(code: Implementation) -> None:
    """The words begin with the message's type and field; what is in force is acknowledged (N)."""
    session = _locked(code)
    session.handle(OTHER_VOICE)
    (answered,) = _sent(session.handle(ConfigAnswered({})), Answered)
    assert answered.problem is None
    assert [one.description.split(":")[0] for one in answered.shortfalls] == ["Settings.agent.speak.provider.voice"]


def what_upstream_has_otherwise_is_named(code: Implementation) -> None:
    """The words begin with the message's type and field (N)."""
    session = code.session(None, *configured())
    session.handle(OTHER_VOICE)
    (answered,) = _sent(session.handle(ConfigAnswered({"audio": {"output": {"voice": "ash"}}})), Answered)
    assert [one.description.split(":")[0] for one in answered.shortfalls] == ["Settings.agent.speak.provider.voice"]


def a_refused_update_names_its_message(code: Implementation) -> None:
    """Upstream's words come behind the message's type (N)."""
    session = code.session(None, *configured())
    (update,) = _sent(session.handle(OTHER_VOICE), SendUpdate)
    (answered,) = _sent(session.handle(Refused(update.event_id, "invalid_value", "no such voice")), Answered)
    assert answered.problem.description == "Settings: no such voice"


def what_has_gone_takes_no_bytes(code: Implementation) -> None:
    """An update takes bytes while it is held and while it is out, and then only as the configuration (P8)."""
    session = _running(code)
    session.handle(CALMER)
    held = session.held_bytes
    session.handle(ResponseFinished("resp_2"))
    assert session.held_bytes == held
    session.handle(ConfigAnswered({}))
    assert session.held_bytes == code.session(None, session.state).held_bytes < held


def a_lost_link_is_replaced_in_order(code: Implementation) -> None:
    """The configuration, confirmed; each item of the conversation, once; the link in use; and what is owed, once."""
    session, create = _asked(code)
    (asked,) = session.state.requested.covers
    _tell(session, ResponseStarted("resp_3", create.event_id), LinkLost("upstream_closed", "The link is gone."))
    (waits,) = [one for one in session.deadlines if one.name == "standby"]
    (opening,) = _sent(session.handle(TimerFired("standby", waits.token)), OpenStandby)
    (update,) = _sent(session.handle(OfStandby(opening.generation, LinkOpened())), OnStandby)
    effects = session.handle(OfStandby(opening.generation, ConfigAnswered(update.command.patch)))
    assert [one.command.item["id"] for one in _sent(effects, OnStandby)] == [asked]
    assert _sent(session.handle(OfStandby(opening.generation, ItemConfirmed(asked))), TakeOver)
    effects = session.handle(TookOver(opening.generation))
    assert not _sent(effects, SendItem) + _sent(effects, RestoreItem)
    assert len(_sent(effects, SendCreate)) == len(_sent(effects, OpenAudio)) == 1


ROWS = (
    a_lost_link_is_replaced_in_order,
    text_done_opens_nothing,
    both_updates_go_and_are_answered,
    no_update_is_acknowledged_before_upstream_confirmed_it,
    what_was_held_goes_when_the_response_ends,
    what_is_held_is_held_for_what_is_so,
    only_its_own_end_ends_a_response,
    a_lost_race_is_repaired,
    updates_that_lost_a_race_survive,
    a_reply_is_not_given_twice,
    an_interrupting_turn_is_answered_before_anything_else,
    a_result_of_an_interrupted_response_is_answered,
    a_create_waits_for_the_winner_that_a_refusal_names,
    a_create_waits_for_the_commit,
    a_turn_heard_while_a_create_is_out_is_answered_by_the_api,
    nobody_hears_the_user_where_turn_detection_is_off,
    no_malformed_event_passes_the_gate,
    what_is_locked_is_named_and_the_rest_acknowledged,
    what_upstream_has_otherwise_is_named,
    a_refused_update_names_its_message,
    what_has_gone_takes_no_bytes,
)
