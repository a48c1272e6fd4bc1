"""P4 for updates: one that upstream refuses since a response runs is not lost, and its client hears nothing of it."""

from __future__ import annotations

import pytest
from given import (
    BRIEF,
    CALM,
    COLLISION,
    UPDATED,
    VOICE,
    answers,
    client,
    codes,
    creates,
    message,
    patches,
    session,
    timer,
    told,
    updating,
    upstream,
    waiting,
)

from turnstile.session.client_requests import ConfigRequested
from turnstile.session.effects import Answered, SendUpdate
from turnstile.session.events import (
    ConfigAnswered,
    Refused,
    ResponseFinished,
    ResponseStarted,
)
from turnstile.session.in_flight import Update
from turnstile.session.link_events import LinkLost
from turnstile.session.policy import Policy
from turnstile.session.turn_events import TurnCommitted

LOUD = {"audio": {"output": {"speed": 1.2}}}
STARTED, ENDED = ResponseStarted("resp_9"), ResponseFinished("resp_9")


def _refusal(running="resp_9", event_id="ts_1"):
    return Refused(event_id, COLLISION, "Conversation already has an active response", running=running)


def _again(effects, running):
    """Refuse what goes up among `effects` as it was refused before."""
    (update,) = [effect for effect in effects if isinstance(effect, SendUpdate)]
    return _refusal(running, update.event_id)


@pytest.mark.parametrize("running", ["resp_9", None])
@pytest.mark.parametrize("event_id", ["ts_1", None])
def test_an_update_refused_for_a_response_that_nobody_has_seen_goes_again_after_it(running, event_id):
    busy = updating()
    assert busy.handle(_refusal(running, event_id))[0:0] == []
    assert (client(told(busy, STARTED)), busy.state.phase) == ([], "in progress")
    effects = busy.handle(ENDED)
    assert patches(effects) == [CALM]
    assert answers(busy.handle(UPDATED)) == [Answered(1)]


def test_a_refused_update_is_not_answered_and_the_gate_is_shut_until_the_response_begins():
    busy = updating()
    effects = told(busy, _refusal(), ConfigRequested(2, LOUD), message(3))
    assert (client(effects), upstream(effects)) == ([], [])
    assert busy.state.phase == "expected"


def test_a_refused_update_goes_ahead_of_those_that_came_behind_it():
    busy = updating()
    told(busy, _refusal(), ConfigRequested(2, {"instructions": "Shout."}), STARTED)
    effects = busy.handle(ENDED)
    assert patches(effects) == [{"instructions": "Shout."}]
    assert answers(busy.handle(UPDATED)) == [Answered(1), Answered(2)]


def test_both_of_a_merged_update_survive_and_go_as_one_again():
    busy = updating(None, ConfigRequested(1, CALM), ConfigRequested(2, LOUD))
    told(busy, _refusal(), STARTED)
    assert patches(busy.handle(ENDED)) == [{**CALM, **LOUD}]
    assert answers(busy.handle(UPDATED)) == [Answered(1), Answered(2)]


def test_what_had_been_taken_apart_stays_apart():
    busy = updating(None, ConfigRequested(1, CALM), ConfigRequested(2, LOUD))
    effects = busy.handle(Refused("ts_1", "invalid_value", "No."))
    effects = told(busy, _again(effects, "resp_9"), STARTED, ENDED)
    assert patches(effects) == [CALM]


def test_an_update_refused_while_a_response_runs_or_is_expected_waits_for_that():
    busy = updating()
    told(busy, STARTED, _refusal())
    assert (busy.state.phase, busy.state.blocked_by) == ("in progress", "")
    assert patches(busy.handle(ENDED)) == [CALM]
    busy = updating()
    told(busy, TurnCommitted("turn_1"), _refusal(None))
    assert (busy.state.phase, busy.state.blocked_by) == ("expected", "")


@pytest.mark.parametrize("running", ["resp_9", None])
def test_an_update_refused_for_a_response_that_is_over_goes_again_at_once(running):
    busy = updating()
    assert patches(told(busy, STARTED, ENDED, _refusal(running))) == [CALM]


def test_an_update_refused_for_it_twice_waits_a_while():
    busy = updating()
    effects = told(busy, STARTED, ENDED, _refusal())
    assert upstream(busy.handle(_again(effects, "resp_9"))) == []
    assert waiting(busy)["update retry"].delay == busy.policy.retry_delay
    assert patches(timer(busy, "update retry")) == [CALM]


def test_a_message_behind_an_update_that_waits_a_while_waits_too():
    busy = updating()
    effects = told(busy, STARTED, ENDED, _refusal())
    effects = told(busy, _again(effects, "resp_9"), message(2))
    assert (upstream(effects), creates(effects)) == ([], [])


def test_an_update_refused_for_a_response_that_never_begins_goes_again_after_a_time():
    busy = updating()
    busy.handle(_refusal())
    effects = timer(busy, "blocking response")
    assert (patches(effects), answers(effects)) == ([CALM], [])


@pytest.mark.parametrize("is_over", [True, False])
def test_an_update_that_keeps_being_refused_is_given_up_on_in_words_of_ours_for_each_message(is_over):
    requests = (ConfigRequested(1, CALM, message="UpdateThink"), ConfigRequested(2, LOUD, message="UpdateSpeak"))
    busy = updating(Policy(create_tries=3), *requests)
    effects = told(busy, STARTED, ENDED) if is_over else []
    error = _refusal()
    for _ in range(3):
        effects = busy.handle(error)
        if not is_over:
            effects += timer(busy, "blocking response")
        elif "update retry" in waiting(busy):
            effects += timer(busy, "update retry")
        if patches(effects):
            error = _again(effects, "resp_9")
    first, second = answers(effects)
    assert (first.ref, second.ref, codes([first, second])) == (1, 2, ["update_refused"] * 2)
    assert first.problem.description.startswith("UpdateThink: Upstream kept refusing")
    assert second.problem.description.startswith("UpdateSpeak: Upstream kept refusing")
    assert "active response" not in first.problem.description
    assert (busy.state.phase, busy.state.accepted) == ("idle", BRIEF)


def test_the_next_update_has_all_its_tries_again():
    busy = updating(Policy(create_tries=2))
    effects = told(busy, STARTED, ENDED, _refusal())
    busy.handle(UPDATED)
    effects = busy.handle(ConfigRequested(2, LOUD))
    assert patches(told(busy, ResponseStarted("resp_10"), ResponseFinished("resp_10"), _again(effects, "resp_10"))) == [
        LOUD
    ]


def test_a_configuration_that_nobody_asked_for_goes_again_when_it_is_refused_so():
    bare = session(updating=Update("ts_1", (), BRIEF, BRIEF), in_force={})
    told(bare, _refusal(), STARTED)
    assert patches(bare.handle(ENDED)) == [BRIEF]
    bare.handle(ConfigAnswered(BRIEF))
    assert bare.state.phase == "idle"


def test_a_link_lost_while_an_update_waits_a_while_takes_the_waiting_with_it():
    busy = updating()
    effects = told(busy, STARTED, ENDED, _refusal())
    busy.handle(_again(effects, "resp_9"))
    busy.handle(LinkLost("upstream_closed", "gone"))
    assert not busy.state.update_delay


def test_a_locked_voice_is_no_race():
    locked = updating(config=VOICE)
    assert codes(locked.handle(Refused("ts_1", "invalid_value", "No."))) == ["invalid_value"]
