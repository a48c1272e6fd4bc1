"""P2 and the rows `idle` and `updating`: what the client wants, what is out, what is in force."""

from __future__ import annotations

import pytest
from given import (
    BRIEF,
    CALM,
    DONE,
    PROXY_ANSWERS,
    PROXY_COMMITS,
    UPDATED,
    VOICE,
    answers,
    codes,
    kinds,
    message,
    patches,
    running,
    session,
    timer,
    told,
    updating,
    upstream,
)

from turnstile.session.client_requests import ConfigRequested
from turnstile.session.effects import (
    Answered,
    OpenLink,
    Reported,
    SendItem,
    SendUpdate,
)
from turnstile.session.events import (
    AgentSpoke,
    ConfigAnswered,
    HandedBack,
    Refused,
    ResponseStarted,
    TimerFired,
)
from turnstile.session.gate import items_wait_for
from turnstile.session.in_flight import Update
from turnstile.session.journal_notes import Noted
from turnstile.session.link_events import LinkOpened
from turnstile.session.machine import Session
from turnstile.session.policy import Policy
from turnstile.session.state import State
from turnstile.session.turn_events import SpeechStopped, TurnCommitted

LOUD = {"audio": {"output": {"speed": 1.2}}}
OTHER_VOICE = {"audio": {"output": {"voice": "cedar"}}}


def short(answer):
    """What of a request that was answered is not in force, by its codes."""
    return [problem.code for problem in answer.shortfalls]


def _bad(event_id, code="invalid_value"):
    return Refused(event_id, code, "No.", "session.audio")


# The first configuration.


def test_endpoints_travel_with_the_update_and_not_in_it():
    (update,) = [
        effect
        for effect in session().handle(ConfigRequested(1, {"tools": [], "endpoints": {"get": "somewhere"}}))
        if isinstance(effect, SendUpdate)
    ]
    assert (update.patch, update.endpoints) == ({"tools": []}, {"get": "somewhere"})


def test_the_first_configuration_opens_the_link_for_its_model():
    effects = Session().handle(ConfigRequested(1, {"model": "gpt-realtime", **BRIEF}))
    assert upstream(effects) == [OpenLink("gpt-realtime")]


def test_the_first_configuration_goes_without_its_model_when_the_link_is_open():
    new = Session()
    new.handle(ConfigRequested(1, {"model": "gpt-realtime", **BRIEF}))
    assert patches(new.handle(LinkOpened())) == [BRIEF]


def test_a_message_before_the_first_configuration_waits_for_it():
    new = Session()
    assert upstream(new.handle(message(1))) == []
    assert kinds(told(new, ConfigRequested(2, BRIEF), LinkOpened())) == [OpenLink, SendUpdate]
    assert kinds(new.handle(UPDATED)) == [SendItem]


def test_messages_wait_for_another_configuration_when_the_first_is_refused():
    new = Session()
    effects = told(new, ConfigRequested(1, BRIEF), message(2), LinkOpened(), _bad("ts_0"))
    assert answers(effects)[0].ref == 1
    assert SendItem not in kinds(effects)
    assert kinds(told(new, ConfigRequested(3, CALM), UPDATED)) == [SendUpdate, SendItem]


def test_an_empty_first_configuration_is_in_force_at_once():
    new = Session()
    assert answers(told(new, ConfigRequested(1, {}), LinkOpened())) == [Answered(1)]
    assert kinds(new.handle(message(2))) == [SendItem]


# Desired against confirmed.


def test_an_update_goes_at_once_when_nothing_runs():
    assert patches(session().handle(ConfigRequested(1, CALM))) == [CALM]


def test_an_update_is_acknowledged_when_upstream_confirmed_it_and_not_before():
    idle = session()
    assert answers(idle.handle(ConfigRequested(1, CALM))) == []
    assert answers(idle.handle(UPDATED)) == [Answered(1)]


def test_only_the_difference_goes():
    effects = session(config={**BRIEF, **LOUD}).handle(ConfigRequested(1, {**CALM, **LOUD}))
    assert patches(effects) == [CALM]


def test_a_repeated_configuration_is_answered_at_once_and_not_sent():
    effects = session().handle(ConfigRequested(1, BRIEF))
    assert (upstream(effects), answers(effects)) == ([], [Answered(1)])


def test_an_added_prompt_joins_the_one_in_force():
    effects = session().handle(ConfigRequested(1, {}, "Rhyme."))
    assert patches(effects) == [{"instructions": "Be brief.\n\nRhyme."}]


def test_an_added_prompt_is_the_prompt_when_there_was_none():
    assert patches(session(config={}).handle(ConfigRequested(1, {}, "Rhyme."))) == [{"instructions": "Rhyme."}]


def test_a_session_updated_that_answers_nothing_means_nothing():
    assert session().handle(UPDATED) == []


# Held.


def test_an_update_waits_while_a_response_runs():
    assert upstream(running().handle(ConfigRequested(1, CALM))) == []


def test_an_update_waits_while_another_is_unanswered():
    busy = updating()
    assert upstream(busy.handle(ConfigRequested(2, LOUD))) == []
    assert patches(busy.handle(UPDATED)) == [LOUD]


def test_updates_that_waited_go_as_one():
    busy = running()
    effects = told(busy, ConfigRequested(1, CALM), ConfigRequested(2, LOUD), DONE)
    assert patches(effects) == [{**CALM, **LOUD}]
    assert Noted("merged", "ts_100 #1 #2") in effects


def test_updates_that_went_as_one_are_each_answered_in_the_order_asked():
    busy = running()
    told(busy, ConfigRequested(1, CALM), ConfigRequested(2, LOUD), DONE)
    assert answers(busy.handle(UPDATED)) == [Answered(1), Answered(2)]


def test_the_later_of_two_updates_of_one_field_is_in_force():
    effects = told(running(), ConfigRequested(1, CALM), ConfigRequested(2, {"instructions": "Shout."}), DONE)
    assert patches(effects) == [{"instructions": "Shout."}]


def test_a_message_asked_for_behind_an_update_goes_when_the_update_is_confirmed():
    idle = session()
    assert kinds(told(idle, ConfigRequested(1, CALM), message(2))) == [SendUpdate]
    assert kinds(idle.handle(UPDATED)) == [SendItem]


# Refused.


def test_a_refused_update_gets_its_error_and_the_old_configuration_stays():
    idle = session()
    idle.handle(ConfigRequested(1, CALM))
    effects = idle.handle(_bad("ts_100"))
    assert codes(effects) == ["invalid_value"]
    assert not answers(effects)[0].in_force
    assert idle.state.accepted == BRIEF


def test_a_refused_merged_update_is_taken_apart_and_only_the_bad_one_gets_the_error():
    busy = running()
    told(busy, ConfigRequested(1, {"speed": 9}), ConfigRequested(2, CALM), DONE)
    assert patches(busy.handle(_bad("ts_100"))) == [{"speed": 9}]
    effects = busy.handle(_bad("ts_101"))
    assert (codes(effects), patches(effects)) == (["invalid_value"], [CALM])
    assert answers(busy.handle(UPDATED)) == [Answered(2)]


def test_an_update_that_came_meanwhile_follows_those_taken_apart():
    busy = running()
    told(busy, ConfigRequested(1, {"speed": 9}), ConfigRequested(2, CALM), DONE, _bad("ts_100"))
    busy.handle(ConfigRequested(3, LOUD))
    assert patches(busy.handle(_bad("ts_101"))) == [CALM]
    assert patches(busy.handle(UPDATED)) == [LOUD]
    assert answers(busy.handle(UPDATED)) == [Answered(3)]


def test_an_update_refused_while_a_response_runs_goes_again_after_it_and_is_taken_apart_only_then():
    busy = updating(None, ConfigRequested(1, {"speed": 9}), ConfigRequested(2, CALM))
    assert upstream(told(busy, ResponseStarted("resp_1"), _bad("ts_1"))) == []
    effects = busy.handle(DONE)
    assert patches(effects) == [{"speed": 9, **CALM}]
    (again,) = [effect for effect in effects if isinstance(effect, SendUpdate)]
    assert patches(busy.handle(_bad(again.event_id))) == [{"speed": 9}]


# Handed back.


def test_an_update_handed_back_goes_again_after_the_response_that_overtook_it():
    idle = session()
    idle.handle(ConfigRequested(1, CALM))
    assert upstream(told(idle, ResponseStarted("resp_1"), HandedBack("ts_100"))) == []
    effects = idle.handle(DONE)
    assert patches(effects) == [CALM]
    assert upstream(effects)[0].epoch == 1


def test_an_update_handed_back_goes_ahead_of_one_asked_for_later():
    idle = session()
    told(idle, ConfigRequested(1, CALM), ResponseStarted("resp_1"), ConfigRequested(2, {"instructions": "Shout."}))
    effects = told(idle, HandedBack("ts_100"), DONE, UPDATED)
    assert patches(effects) == [{"instructions": "Shout."}]
    assert answers(effects) == [Answered(1), Answered(2)]


def test_an_update_handed_back_while_taken_apart_goes_alone_again():
    busy = running()
    told(busy, ConfigRequested(1, {"speed": 9}), ConfigRequested(2, CALM), DONE, _bad("ts_100"))
    told(busy, ResponseStarted("resp_1"), HandedBack("ts_101"))
    assert patches(busy.handle(DONE)) == [{"speed": 9}]


# No answer.


def test_an_update_without_an_answer_is_a_stall_that_says_what_was_waited_for():
    busy = updating()
    (answer,) = answers(busy.handle(TimerFired("update", "ts_1")))
    assert (answer.ref, answer.in_force, answer.problem.code) == (1, False, "update_stalled")
    assert "session.updated" in answer.problem.description
    assert busy.state.phase == "idle"


def test_the_late_answer_of_a_stalled_update_is_not_taken_for_the_next_ones():
    busy = updating()
    told(busy, TimerFired("update", "ts_1"), ConfigRequested(2, LOUD))
    assert answers(busy.handle(ConfigAnswered(CALM))) == []
    assert answers(busy.handle(ConfigAnswered({**CALM, **LOUD}))) == [Answered(2)]


def test_the_next_update_has_its_answer_when_the_stalled_ones_never_comes():
    busy = updating()
    told(busy, TimerFired("update", "ts_1"), ConfigRequested(2, LOUD))
    assert answers(busy.handle(ConfigAnswered(LOUD))) == [Answered(2)]


def test_a_late_answer_to_nothing_is_counted_off():
    busy = updating()
    told(busy, TimerFired("update", "ts_1"), ConfigAnswered(BRIEF))
    assert busy.data.late == 0


def test_what_a_late_answer_shows_in_force_is_set_right_again():
    busy = updating()
    busy.handle(TimerFired("update", "ts_1"))
    assert patches(busy.handle(ConfigAnswered({**CALM, "type": "realtime"}))) == [BRIEF]
    busy.handle(ConfigAnswered(BRIEF))
    assert (busy.state.phase, busy.state.in_force) == ("idle", BRIEF)


@pytest.mark.parametrize("is_transparent", [False, True])
@pytest.mark.parametrize("how", ["refused", "in silence"])
def test_a_session_goes_on_when_upstream_does_not_set_right_what_a_late_answer_showed(how, is_transparent):
    here = session(Policy(is_transparent=is_transparent))
    here.handle(ConfigRequested(1, CALM))
    timer(here, "update")
    (again,) = upstream(here.handle(ConfigAnswered(CALM)))
    effects = here.handle(_bad(again.event_id)) if how == "refused" else timer(here, "update")
    assert codes(effects) == ["invalid_value" if how == "refused" else "update_stalled"]
    assert not upstream(effects)
    assert (here.state.link, here.state.is_in_sync) == ("open", True)
    kept = CALM if how == "refused" else BRIEF
    assert here.state.accepted == kept


def test_what_a_late_answer_shows_is_set_right_behind_the_update_that_is_out():
    busy = updating(config={**BRIEF, **VOICE})
    told(busy, TimerFired("update", "ts_1"), ConfigRequested(2, LOUD), ConfigAnswered({**CALM, **VOICE}))
    effects = busy.handle(ConfigAnswered({**CALM, "audio": {"output": {"voice": "marin", "speed": 1.2}}}))
    assert answers(effects) == [Answered(2)]
    assert patches(effects) == [BRIEF]


def test_a_late_answer_that_says_nothing_of_a_field_leaves_it():
    busy = updating(config={**BRIEF, **VOICE})
    told(busy, TimerFired("update", "ts_1"))
    assert patches(busy.handle(ConfigAnswered({"audio": {}}))) == []


# Voice and model.


def test_a_voice_asked_for_before_any_was_heard_is_set():
    assert patches(session(config=VOICE).handle(ConfigRequested(1, OTHER_VOICE))) == [OTHER_VOICE]


def test_another_voice_never_goes_once_one_was_heard_and_the_answer_says_so():
    spoken = session(config=VOICE)
    effects = told(spoken, AgentSpoke(), ConfigRequested(1, OTHER_VOICE))
    assert (upstream(effects), codes(effects)) == ([], ["voice_locked"])


def test_the_rest_of_an_update_with_a_locked_voice_is_in_force():
    spoken = session(config=VOICE, voice_locked=True)
    assert patches(spoken.handle(ConfigRequested(1, {**OTHER_VOICE, **CALM}))) == [CALM]
    (answer,) = answers(spoken.handle(UPDATED))
    assert (answer.in_force, answer.problem, short(answer)) == (True, None, ["voice_locked"])


def test_a_voice_is_locked_also_when_none_was_ever_asked_for():
    effects = session(voice_locked=True).handle(ConfigRequested(1, OTHER_VOICE))
    assert (upstream(effects), codes(effects)) == ([], ["voice_locked"])


def test_the_voice_that_speaks_already_is_no_change():
    effects = session(config=VOICE, voice_locked=True).handle(ConfigRequested(1, VOICE))
    assert answers(effects) == [Answered(1)]


def test_a_voice_that_upstream_refuses_is_locked_from_then_on_and_the_rest_goes():
    idle = session(config=VOICE)
    idle.handle(ConfigRequested(1, {**OTHER_VOICE, **CALM}))
    assert patches(idle.handle(_bad("ts_100", "cannot_update_voice"))) == [CALM]
    (answer,) = answers(idle.handle(UPDATED))
    assert (answer.in_force, short(answer)) == (True, ["voice_locked"])


def test_a_voice_refused_again_is_given_up():
    locked = updating(voice_locked=True)
    assert codes(locked.handle(_bad("ts_1", "cannot_update_voice"))) == ["cannot_update_voice"]


def test_another_model_is_answered_honestly_and_never_sent():
    effects = session(model="gpt-realtime").handle(ConfigRequested(1, {"model": "gpt-realtime-mini"}))
    assert (upstream(effects), codes(effects)) == ([], ["model_locked"])


def test_the_same_model_is_no_change():
    effects = session(model="gpt-realtime").handle(ConfigRequested(1, {"model": "gpt-realtime"}))
    assert answers(effects) == [Answered(1)]


# The prompt's limit.


def test_a_prompt_that_would_grow_too_long_is_refused_and_not_sent():
    effects = session(Policy(prompt_limit=12)).handle(ConfigRequested(1, {}, "Rhyme."))
    assert (upstream(effects), codes(effects)) == ([], ["prompt_too_long"])


def test_a_prompt_of_just_the_limit_goes():
    effects = session(Policy(prompt_limit=17)).handle(ConfigRequested(1, {}, "Rhyme."))
    assert patches(effects) == [{"instructions": "Be brief.\n\nRhyme."}]


@pytest.mark.parametrize("value", [5, ["Rhyme."], True])
def test_instructions_that_are_no_text_are_upstreams_to_refuse(value):
    effects = told(running(), ConfigRequested(1, CALM), ConfigRequested(2, {"instructions": value}), DONE)
    assert patches(effects) == [{**CALM, "instructions": value}]


def test_a_prompt_too_long_is_answered_in_its_order():
    busy = running(Policy(prompt_limit=17))
    told(busy, ConfigRequested(1, LOUD), ConfigRequested(2, {}, "Far too long."), ConfigRequested(3, CALM))
    assert answers(busy.handle(DONE)) == []
    effects = told(busy, UPDATED, UPDATED)
    assert [answer.ref for answer in answers(effects)] == [1, 2, 3]
    assert codes(effects) == [None, "prompt_too_long", None]


# Who begins the response to a spoken turn.


@pytest.mark.parametrize("kind", ["server_vad", "semantic_vad"])
def test_the_api_never_begins_a_response_by_itself_when_the_proxy_takes_the_turns(kind):
    patch = {"audio": {"input": {"turn_detection": {"type": kind, "create_response": True}}}}
    (sent,) = patches(session(Policy(turns="proxy"), config={}).handle(ConfigRequested(1, patch)))
    assert sent == {"audio": {"input": {"turn_detection": {"type": kind, "create_response": False}}}}


def test_the_apis_default_is_overruled_too_when_the_proxy_takes_the_turns():
    (sent,) = patches(session(Policy(turns="proxy"), config={}).handle(ConfigRequested(1, BRIEF)))
    assert sent == {**BRIEF, **PROXY_ANSWERS}


def test_turn_detection_stays_off_when_the_proxy_takes_the_turns():
    (sent,) = patches(session(Policy(turns="proxy"), config={}).handle(ConfigRequested(1, PROXY_COMMITS)))
    assert sent == PROXY_COMMITS


@pytest.mark.parametrize("shown", ["by its opening", "by an update"])
def test_the_voice_that_upstream_shows_is_no_other_though_nobody_asked_for_it(shown):
    here = Session(Policy(), State(link="opening", configured=True))
    here.handle(LinkOpened(voice="cedar" if shown == "by its opening" else "ash"))
    if shown == "by an update":
        here.handle(ConfigRequested(1, BRIEF))
        here.handle(ConfigAnswered({**BRIEF, **OTHER_VOICE}))
    here.handle(AgentSpoke())
    assert here.handle(ConfigRequested(2, OTHER_VOICE)) == [Answered(2)]
    assert codes(here.handle(ConfigRequested(3, VOICE))) == ["voice_locked"]


# A configuration that only a new link needs.


def test_a_restored_configuration_goes_without_a_voice_that_the_new_link_refuses():
    bare = session(updating=Update("ts_1", (), {**BRIEF, **VOICE}, {}), config={})
    assert bare.handle(_bad("ts_1", "cannot_update_voice")) is not None
    assert bare.data.voice_locked


def test_a_restored_configuration_handed_back_goes_again():
    bare = session(updating=Update("ts_1", (), BRIEF, BRIEF))
    bare.now = bare.now.change(in_force={})
    assert patches(told(bare, ResponseStarted("resp_1"), HandedBack("ts_1"), DONE)) == [BRIEF]


# A session of another type.


def test_the_type_of_a_session_goes_with_every_update():
    here = session(config={"type": "transcription"})
    here.handle(ConfigRequested(1, {"include": []}))
    here.handle(ConfigAnswered({"include": []}))
    sent = here.handle(ConfigRequested(2, {"type": "transcription", "audio": {"input": {"turn_detection": None}}}))
    assert patches(sent) == [{"type": "transcription", "audio": {"input": {"turn_detection": None}}}]


def test_a_turn_closes_no_gate_where_nobody_answers_turns():
    here = session(Policy(is_transparent=True), config={"type": "transcription"})
    here.handle(SpeechStopped("turn_1"))
    here.handle(TurnCommitted("turn_1"))
    assert patches(here.handle(ConfigRequested(1, {"include": ["x"]}))) == [{"include": ["x"], "type": "transcription"}]


# Confirmed otherwise than asked.

SPEAK = {"audio.output.voice": "speak.provider.voice"}
ECHO = {"audio": {"output": {"voice": "echo"}}}


def _words(answer):
    return [problem.description for problem in answer.shortfalls]


def _speak(ref=1, patch=OTHER_VOICE):
    return ConfigRequested(ref, patch, message="UpdateSpeak", fields=SPEAK)


def test_a_voice_confirmed_otherwise_is_warned_of_with_the_acknowledgement():
    idle = session(config=VOICE)
    idle.handle(_speak())
    (answer,) = answers(idle.handle(ConfigAnswered(ECHO)))
    assert (answer.ref, answer.problem, answer.in_force, short(answer)) == (1, None, True, ["not_in_force"])
    assert _words(answer) == [
        "UpdateSpeak.speak.provider.voice: 'cedar' was asked for; upstream has 'echo' in force.",
    ]


def test_the_session_comes_to_rest_when_upstream_confirms_otherwise():
    idle = session(config=VOICE)
    idle.handle(_speak())
    assert upstream(idle.handle(ConfigAnswered(ECHO))) == []
    assert (idle.state.phase, items_wait_for(idle.state)) == ("idle", None)
    assert idle.state.accepted == idle.state.in_force == ECHO


def test_what_was_confirmed_otherwise_goes_again_only_when_it_is_asked_for_again():
    idle = session(config=VOICE)
    told(idle, _speak(), ConfigAnswered(ECHO))
    assert patches(idle.handle(ConfigRequested(2, CALM))) == [CALM]
    idle.handle(ConfigAnswered({**CALM, **ECHO}))
    assert patches(idle.handle(_speak(3))) == [OTHER_VOICE]


def test_what_was_confirmed_in_another_form_is_in_force_as_it_was_sent():
    idle = session(config={})
    tools = {"tools": [{"type": "function", "name": "get"}], **LOUD}
    idle.handle(ConfigRequested(1, tools))
    shown = {"tools": [{"name": "get", "strict": None, "type": "function"}], "audio": {"output": {"speed": 1.20000005}}}
    assert answers(idle.handle(ConfigAnswered(shown))) == [Answered(1)]
    assert answers(idle.handle(ConfigRequested(2, tools))) == [Answered(2)]


def test_a_difference_is_told_to_the_last_of_the_merged_requests_that_named_the_field():
    busy = running(config=VOICE)
    told(busy, _speak(1), _speak(2, {"audio": {"output": {"voice": "coral"}}}), ConfigRequested(3, CALM), DONE)
    first, second, third = answers(busy.handle(ConfigAnswered({**CALM, **ECHO})))
    assert (first.shortfalls, short(second), third.shortfalls) == ((), ["not_in_force"], ())


def test_an_added_prompt_confirmed_otherwise_is_warned_of_and_cut_short():
    idle = session()
    idle.handle(ConfigRequested(1, {}, "Rhyme. " * 20, "UpdatePrompt", {"instructions": "prompt"}))
    (answer,) = answers(idle.handle(ConfigAnswered({"instructions": "You are a pirate."})))
    (words,) = _words(answer)
    assert words.startswith("UpdatePrompt.prompt: 'Be brief.\\n\\nRhyme. Rh'... (151 characters) was asked for")


def test_a_realtime_client_sees_differences_in_its_session_updated_and_gets_no_error():
    idle = session(Policy(is_transparent=True), config=VOICE)
    idle.handle(ConfigRequested(1, OTHER_VOICE))
    assert answers(idle.handle(ConfigAnswered(ECHO))) == [Answered(1)]
    assert idle.state.in_force == ECHO


@pytest.mark.parametrize(("shown", "codes"), [("audio/pcm", []), ("audio/opus", ["not_in_force"])])
def test_another_format_is_warned_of_only_where_it_cannot_be_converted(shown, codes):
    idle = session(config={})
    idle.handle(ConfigRequested(1, {"audio": {"output": {"format": {"type": "audio/pcmu"}}}}))
    (answer,) = answers(idle.handle(ConfigAnswered({"audio": {"output": {"format": {"type": shown}}}})))
    assert short(answer) == codes
    assert idle.state.in_force == {"audio": {"output": {"format": {"type": shown}}}}


def test_turn_detection_that_upstream_leaves_off_makes_the_proxy_commit():
    idle = session(config={})
    idle.handle(ConfigRequested(1, {"audio": {"input": {"turn_detection": {"type": "server_vad"}}}}))
    idle.handle(ConfigAnswered(PROXY_COMMITS))
    assert idle.state.proxy_commits


def test_a_new_link_that_confirms_otherwise_is_reported_once_and_the_session_goes_on():
    bare = session(updating=Update("ts_1", (), VOICE, VOICE), config=VOICE, in_force={})
    (report,) = [effect for effect in bare.handle(ConfigAnswered(ECHO)) if isinstance(effect, Reported)]
    assert report.problem.description.startswith("session.audio.output.voice: 'marin' was asked for")
    assert (bare.state.phase, bare.state.is_in_sync) == ("idle", True)


def test_what_nobody_asked_for_and_was_shown_before_is_not_reported_again():
    manual = {"audio": {"input": {"turn_detection": {"type": "server_vad", "create_response": True}}}}
    idle = session(Policy(turns="proxy"), config=manual)
    idle.handle(ConfigRequested(1, CALM))
    effects = idle.handle(ConfigAnswered({**CALM, **manual}))
    assert [effect for effect in effects if isinstance(effect, Reported)] == []
    assert answers(effects) == [Answered(1)]


def test_a_late_answer_in_another_form_is_not_taken_for_a_difference():
    tools = {"tools": [{"type": "function", "name": "get"}]}
    busy = updating()
    told(busy, TimerFired("update", "ts_1"), ConfigRequested(2, tools))
    shown = {**BRIEF, "tools": [{"name": "get", "type": "function", "strict": False}]}
    assert answers(busy.handle(ConfigAnswered(shown))) == [Answered(2)]


# Words that begin with the message and the field.


def test_a_locked_voice_is_refused_in_words_that_begin_with_message_and_field():
    (answer,) = answers(session(config=VOICE, voice_locked=True).handle(_speak()))
    assert not answer.in_force
    assert answer.problem.description.startswith("UpdateSpeak.speak.provider.voice: 'cedar' cannot replace")


def test_a_locked_voice_of_a_realtime_client_is_named_as_it_names_it():
    (answer,) = answers(session(config=VOICE, voice_locked=True).handle(ConfigRequested(1, OTHER_VOICE)))
    assert answer.problem.description.startswith("session.audio.output.voice: 'cedar' cannot replace")


def test_settings_of_which_a_part_is_locked_are_acknowledged_with_what_is_not_in_force():
    spoken = session(config={**BRIEF, **VOICE}, model="gpt-realtime", voice_locked=True)
    fields = {"instructions": "agent.think.prompt", "model": "agent.think.provider.model"}
    request = ConfigRequested(1, {**BRIEF, **OTHER_VOICE, "model": "other"}, message="Settings", fields=fields)
    (answer,) = answers(spoken.handle(request))
    assert (answer.problem, answer.in_force, short(answer)) == (None, True, ["model_locked", "voice_locked"])
    model, voice = _words(answer)
    assert model.startswith("Settings.agent.think.provider.model: 'other' cannot replace")
    assert voice.startswith("Settings: session.audio.output.voice: 'cedar' cannot replace")


def test_a_request_of_which_all_is_locked_is_refused_in_one_answer_that_names_each_part():
    spoken = session(config=VOICE, model="gpt-realtime", voice_locked=True)
    (answer,) = answers(spoken.handle(ConfigRequested(1, {**OTHER_VOICE, "model": "other"})))
    assert (answer.in_force, short(answer), answer.problem.code) == (False, ["model_locked"], "voice_locked")


@pytest.mark.parametrize("speed", [1.0, 1.2])
def test_what_comes_back_to_its_default_with_a_locked_voice_is_acknowledged_if_that_changes_it(speed):
    spoken = session(config={"audio": {"output": {"voice": "marin", "speed": speed}}}, voice_locked=True)
    effects = spoken.handle(_speak(1, {"audio": {"output": {"voice": "cedar", "speed": 1.0}}}))
    effects += spoken.handle(UPDATED)
    (answer,) = answers(effects)
    assert answer.in_force == (speed != 1.0)


def test_a_prompt_added_beside_a_locked_voice_is_acknowledged():
    spoken = session(config=VOICE, voice_locked=True)
    spoken.handle(ConfigRequested(1, OTHER_VOICE, "Rhyme."))
    (answer,) = answers(spoken.handle(UPDATED))
    assert (answer.in_force, short(answer)) == (True, ["voice_locked"])


@pytest.mark.parametrize(
    ("param", "words"),
    [
        ("session.audio.output.voice", "UpdateSpeak.speak.provider.voice: No."),
        ("session.tools[0].name", "UpdateSpeak: session.tools[0].name: No."),
        ("audio", "UpdateSpeak: No."),
        (None, "UpdateSpeak: No."),
    ],
)
def test_a_refusal_of_upstreams_begins_with_the_message_that_it_refuses(param, words):
    idle = session(config=VOICE)
    idle.handle(_speak())
    (answer,) = answers(idle.handle(Refused("ts_100", "invalid_value", "No.", param)))
    assert answer.problem.description == words


def test_a_refusal_reaches_a_realtime_client_in_the_apis_words():
    idle = session(Policy(is_transparent=True), config=VOICE)
    idle.handle(ConfigRequested(1, OTHER_VOICE))
    (answer,) = answers(idle.handle(_bad("ts_100")))
    assert answer.problem.description == "No."


def test_a_stall_of_merged_updates_is_told_to_each_by_its_own_name():
    busy = running(config=VOICE)
    told(busy, _speak(1), ConfigRequested(2, CALM, message="UpdateThink"), DONE)
    first, second = answers(timer(busy, "update"))
    assert first.problem.description.startswith("UpdateSpeak: Upstream did not confirm")
    assert second.problem.description.startswith("UpdateThink: Upstream did not confirm")


def test_what_the_host_decides_is_named_as_the_host_names_it():
    spoken = session(config=VOICE, voice_locked=True)
    host = ConfigRequested(-1, OTHER_VOICE, message="", fields={"audio.output.voice": "voice"})
    (answer,) = answers(spoken.handle(host))
    assert answer.problem.description.startswith("voice: 'cedar' cannot replace")


def test_a_prompt_too_long_is_refused_by_its_name():
    request = ConfigRequested(1, {}, "Rhyme.", "UpdatePrompt", {"instructions": "prompt"})
    (answer,) = answers(session(Policy(prompt_limit=12)).handle(request))
    assert answer.problem.description.startswith("UpdatePrompt.prompt: the prompt would be 17 characters long")


# A session that is shared with other clients.


SHARED = Policy(is_transparent=True, is_shared=True)


def test_what_another_client_configures_is_in_force_and_is_not_fought_over():
    here = session(SHARED, config=BRIEF)
    assert here.handle(ConfigAnswered({**CALM, "other": 1})) == []
    assert patches(here.handle(ConfigRequested(1, BRIEF))) == [BRIEF]


def test_what_another_client_configures_is_no_answer_to_an_update_of_ours():
    here = updating(SHARED)
    assert here.handle(ConfigAnswered({"instructions": "Be loud."})) == []
    assert [answer.ref for answer in answers(here.handle(ConfigAnswered(CALM)))] == [1]


def test_what_another_client_configures_behind_an_update_given_up_on_is_not_fought_over_either():
    here = updating(SHARED)
    timer(here, "update")
    assert not patches(here.handle(ConfigAnswered({"instructions": "Be loud."})))
    assert here.state.accepted == {"instructions": "Be loud."}


def test_an_update_of_a_shared_session_that_is_confirmed_in_part_has_its_answer():
    here = session(SHARED, config=BRIEF)
    here.handle(ConfigRequested(1, {**CALM, **VOICE}))
    shown = {**CALM, "audio": {"output": {"voice": "ash", "speed": 1.0}}}
    assert answers(here.handle(ConfigAnswered(shown))) == [Answered(1)]
    assert here.state.accepted == {**CALM, "audio": {"output": {"voice": "ash"}}}


@pytest.mark.parametrize("others", [500, 700])
def test_turn_detection_that_another_client_sets_is_no_answer_to_an_update_of_it(others):
    here = session(SHARED, config=BRIEF)
    here.handle(ConfigRequested(1, _detection(300)))
    assert not answers(here.handle(ConfigAnswered(_detection(others))))
    assert answers(here.handle(ConfigAnswered(_detection(300)))) == [Answered(1)]


def _detection(silence):
    return {"audio": {"input": {"turn_detection": {"type": "server_vad", "silence_duration_ms": silence}}}}


@pytest.mark.parametrize(("ref", "shortfalls"), [(1, []), (-1, ["not_in_force"])])
def test_of_a_realtime_session_only_host_and_operators_are_told_what_is_shown_otherwise(ref, shortfalls):
    session = updating(Policy(is_transparent=True), ConfigRequested(ref, LOUD))
    (answer,) = answers(session.handle(ConfigAnswered({"audio": {"output": {"speed": 1.0}}})))
    assert (answer.ref, short(answer)) == (ref, shortfalls)
