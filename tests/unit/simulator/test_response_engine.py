"""Responses: which may begin, in which order their events come, and how they end."""

from __future__ import annotations

import base64

import pytest

from turnstile.simulator.faults import Faults, Pace
from turnstile.simulator.scenario import Call, Expect, Reply, Step

TEXT = {"output_modalities": ["text"]}
STORY = Step(Expect(), Reply("one two three four five six seven eight nine ten"))
TWO_CALLS = Step(Expect("text"), Reply("Wait.", (Call("f", {"a": 1}), Call("g", "{broken"))))

TEXT_LADDER = [
    "response.created",
    "response.output_item.added",
    "conversation.item.added",
    "response.content_part.added",
    "response.output_text.delta",
    "response.output_text.done",
    "response.content_part.done",
    "conversation.item.done",
    "response.output_item.done",
    "response.done",
    "rate_limits.updated",
]
CALL_LADDER = [
    "response.output_item.added",
    "conversation.item.added",
    "response.function_call_arguments.delta",
    "response.function_call_arguments.done",
    "conversation.item.done",
    "response.output_item.done",
]


def _of_response(runs, client):
    start = client.kinds.index("response.created")
    return runs(client.seen[start:])


def test_a_text_response_comes_in_the_order_of_the_wire(player, runs):
    client = player(STORY)
    client.ask("hi", **TEXT)
    assert _of_response(runs, client) == TEXT_LADDER


def test_the_deltas_of_a_text_make_its_text(player):
    client = player(STORY)
    done = client.ask("hi", **TEXT)
    text = "".join(event["delta"] for event in client.of("response.output_text.delta"))
    assert text == client.of("response.output_text.done")[0]["text"] == done["output"][0]["content"][0]["text"]
    assert text == STORY.emit.text


def test_calls_come_one_after_the_other_when_a_model_does_not_reason(player, runs):
    client = player(TWO_CALLS)
    client.ask("hi", **TEXT)
    assert _of_response(runs, client) == [*TEXT_LADDER[:-2], *CALL_LADDER, *CALL_LADDER, *TEXT_LADDER[-2:]]


@pytest.mark.parametrize("options", [{"model": "gpt-realtime-2.1"}, {"interleaved": True}])
def test_items_come_interleaved_when_asked_for_or_the_model_reasons(player, runs, options):
    client = player(TWO_CALLS, **options)
    client.ask("hi", **TEXT)
    closing = CALL_LADDER[3:]
    opening = CALL_LADDER[:3]
    expected = [*TEXT_LADDER[:5], *opening, *opening, *TEXT_LADDER[5:9], *closing, *closing, *TEXT_LADDER[9:]]
    assert _of_response(runs, client) == expected


def test_interleaving_is_off_when_the_scenario_says_so(player, runs):
    client = player(TWO_CALLS, model="gpt-realtime-2.1", interleaved=False)
    client.ask("hi", **TEXT)
    assert _of_response(runs, client)[4:6] == TEXT_LADDER[4:6]


def test_calls_carry_their_name_their_arguments_and_an_id_each(player):
    client = player(TWO_CALLS)
    done = client.ask("hi", **TEXT)
    calls = done["output"][1:]
    assert [(call["name"], call["arguments"]) for call in calls] == [("f", '{"a": 1}'), ("g", "{broken")]
    assert len({call["call_id"] for call in calls}) == 2
    assert client.log.responses[0].calls == [call["call_id"] for call in calls]
    finished = client.of("response.function_call_arguments.done")
    assert [event["call_id"] for event in finished] == client.log.responses[0].calls


def test_a_reasoning_model_marks_its_messages(player):
    client = player(TWO_CALLS, STORY, model="gpt-realtime-2.1")
    commentary = client.ask("hi", **TEXT)["output"][0]["phase"]
    call_id = client.log.responses[0].calls[0]
    client.send("conversation.item.create", item={"type": "function_call_output", "call_id": call_id, "output": "x"})
    client.send("response.create")
    final = client.until("response.done")["response"]["output"][0]["phase"]
    assert (commentary, final) == ("commentary", "final_answer")


def test_the_transcript_runs_ahead_of_the_audio(player):
    client = player(STORY)
    client.ask("hi")
    kinds = [kind for kind in client.kinds if kind.startswith("response.output_audio")]
    assert kinds[:4] == ["response.output_audio_transcript.delta"] * 3 + ["response.output_audio.delta"]
    assert kinds[-2:] == ["response.output_audio.done", "response.output_audio_transcript.done"]
    assert kinds.count("response.output_audio.delta") == kinds.count("response.output_audio_transcript.delta") == 10


@pytest.mark.parametrize(
    ("encoding", "rate"),
    [({"type": "audio/pcm", "rate": 24000}, 48), ({"type": "audio/pcmu"}, 8), ({"type": "audio/pcma"}, 8)],
)
def test_audio_comes_in_the_format_of_the_response(player, encoding, rate):
    client = player(Step(Expect(), Reply("word")))
    done = client.ask("hi", audio={"output": {"format": encoding}})
    assert done["audio"]["output"]["format"] == encoding
    audio = base64.b64decode(client.of("response.output_audio.delta")[0]["delta"])
    assert len(audio) == (80 + 20) * rate


def test_faster_speech_is_shorter(player):
    client = player(Step(Expect(), Reply("word")))
    client.update(audio={"output": {"speed": 1.5}})
    client.ask("hi")
    assert len(base64.b64decode(client.of("response.output_audio.delta")[0]["delta"])) == (53 + 20) * 48


def test_a_second_create_is_refused_with_the_winners_id_while_the_first_is_not_yet_announced(player):
    client = player(STORY)
    client.say("hi")
    client.send("response.create", event_id="first")
    client.send("response.create", event_id="second")
    created = client.until("response.created")["response"]
    error = client.of("error")[0]["error"]
    assert error == {
        "type": "invalid_request_error",
        "code": "conversation_already_has_active_response",
        "message": f"Conversation already has an active response in progress: {created['id']}. "
        "Wait until the response is finished before creating a new one.",
        "param": None,
        "event_id": "second",
    }
    assert client.log.collisions == 1


def test_a_create_is_refused_after_all_items_are_done_and_accepted_after_the_response_is(player):
    client = player(STORY)
    client.say("hi")
    client.send("response.create", response=TEXT)
    client.until("response.output_item.done")
    assert client.error("response.create")["code"] == "conversation_already_has_active_response"
    client.until("response.done")
    client.send("response.create")
    assert client.until("response.created")
    assert len(client.log.responses) == 2


def test_the_refused_create_leads_to_nothing_else(player):
    client = player(STORY)
    client.send("response.create")
    client.send("response.create")
    client.advance(5)
    assert client.kinds.count("response.created") == client.kinds.count("response.done") == 1


def test_a_response_out_of_band_runs_beside_and_adds_no_items(player):
    client = player(STORY)
    client.say("hi")
    client.send("response.create", response=TEXT)
    client.send("response.create", response={**TEXT, "conversation": "none", "metadata": {"topic": "x"}})
    client.advance(5)
    assert not client.of("error")
    ended = {event["response"]["conversation_id"]: event["response"] for event in client.of("response.done")}
    assert len(ended) == 2
    assert ended[None]["metadata"] == {"topic": "x"}
    assert len(client.of("conversation.item.added")) == 2
    assert client.log.responses[1].in_conversation is False


def test_a_response_can_be_made_from_items_of_its_own(player):
    client = player()
    client.say("first", id="item_one")
    own = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "second"}]}
    given = [{"type": "item_reference", "id": "item_one"}, own]
    client.send("response.create", response={**TEXT, "conversation": "none", "input": given, "instructions": ""})
    done = client.until("response.done")["response"]
    assert done["output"][0]["content"][0]["text"] == "You said: first second."


def test_a_reference_to_an_unknown_item_is_refused(player):
    error = player().error("response.create", response={"input": [{"type": "item_reference", "id": "gone"}]})
    assert (error["code"], error["param"]) == ("item_not_found", "response.input[0].id")


def test_metadata_and_overrides_are_shown_in_the_response(player):
    client = player(STORY)
    done = client.ask("hi", metadata={"client_event_id": "e1"}, max_output_tokens=100, **TEXT)
    assert done["metadata"] == {"client_event_id": "e1"}
    assert (done["output_modalities"], done["max_output_tokens"]) == (["text"], 100)


def test_another_voice_is_refused_for_a_response_after_audio(player):
    client = player(STORY)
    client.ask("hi", audio={"output": {"voice": "ash"}})
    error = client.error("response.create", response={"audio": {"output": {"voice": "cedar"}}})
    assert error["code"] == "cannot_update_voice"


def test_reasoning_is_refused_without_event_id_for_a_model_that_does_not(player):
    error = player().error("response.create", event_id="e", response={"reasoning": {"effort": "low"}})
    assert (error["event_id"], error["param"]) == (None, None)


def test_a_cut_off_response_is_incomplete_when_it_has_too_few_tokens(player):
    client = player(STORY)
    done = client.ask("hi", max_output_tokens=3, **TEXT)
    assert done["status"] == "incomplete"
    assert done["status_details"] == {"type": "incomplete", "reason": "max_output_tokens"}
    assert done["output"][0]["status"] == "incomplete"
    assert done["output"][0]["content"][0]["text"] == "one two three"


def test_a_response_fails_when_the_scenario_says_so(player):
    client = player(Step(Expect(), Reply("x", ends="failed", reason="rate_limit_exceeded")))
    done = client.ask("hi")
    assert (done["status"], done["output"]) == ("failed", [])
    assert done["status_details"]["error"]["code"] == "rate_limit_exceeded"
    assert client.log.responses[0].status == "failed"


@pytest.mark.parametrize(
    ("reply", "details"),
    [
        (Reply("a b", ends="incomplete", reason="content_filter"), {"type": "incomplete", "reason": "content_filter"}),
        (
            Reply(ends="failed"),
            {
                "type": "failed",
                "error": {
                    "type": "server_error",
                    "code": "server_error",
                    "message": "The server had an error while processing your request. Sorry about that!",
                },
            },
        ),
    ],
)
def test_a_response_says_why_it_did_not_complete(player, reply, details):
    assert player(Step(Expect(), reply)).ask("hi")["status_details"] == details


def test_cancel_closes_what_was_begun_and_ends_the_response(player, runs):
    client = player(STORY)
    client.say("hi")
    client.send("response.create", response=TEXT)
    client.until("response.output_text.delta")
    client.send("response.cancel")
    before = len(client.seen)
    client.advance(5)
    assert runs(client.seen[before:]) == TEXT_LADDER[5:]
    done = client.of("response.done")[0]["response"]
    assert done["status_details"] == {"type": "cancelled", "reason": "client_cancelled"}
    assert done["output"][0]["status"] == "incomplete"
    assert done["output"][0]["content"][0]["text"] == "one"


def test_a_cut_call_closes_with_the_arguments_written_so_far(player, runs):
    client = player(Step(Expect(), Reply(calls=(Call("f", {"name": "a long argument"}),))))
    client.say("hi")
    client.send("response.create")
    client.until("response.function_call_arguments.delta")
    client.send("response.cancel")
    before = len(client.seen)
    client.advance(5)
    assert runs(client.seen[before:]) == [*CALL_LADDER[3:], "response.done", "rate_limits.updated"]
    assert client.of("response.function_call_arguments.done")[0]["arguments"] == '{"name":'
    assert client.of("response.output_item.done")[0]["item"]["status"] == "incomplete"


def test_an_item_just_announced_is_closed_in_order_when_cut(player, runs):
    client = player(STORY)
    client.say("hi")
    client.send("response.create", response=TEXT)
    client.until("response.output_item.added")
    client.send("response.cancel")
    client.advance(5)
    expected = [kind for kind in TEXT_LADDER if kind != "response.output_text.delta"]
    assert _of_response(runs, client) == expected


def test_a_closing_already_begun_goes_on_when_cut(player):
    client = player(STORY)
    client.say("hi")
    client.send("response.create", response=TEXT)
    client.until("response.output_text.done")
    client.send("response.cancel")
    done = client.until("response.done")["response"]
    assert (done["status"], done["output"][0]["status"]) == ("cancelled", "completed")
    assert client.kinds.count("response.output_text.done") == 1


def test_only_the_end_follows_when_cut_after_all_items(player):
    client = player(STORY)
    client.say("hi")
    client.send("response.create", response=TEXT)
    client.until("response.output_item.done")
    before = len(client.seen)
    client.send("response.cancel")
    client.advance(1)
    assert client.kinds[before:] == ["response.done", "rate_limits.updated"]
    assert client.seen[before]["response"]["status"] == "cancelled"


def test_a_cancel_after_the_announcement_leaves_no_output_and_no_rate_limits(player):
    client = player(STORY)
    client.send("response.create")
    client.until("response.created")
    client.send("response.cancel")
    client.advance(1)
    assert client.kinds[-1] == "response.done"
    done = client.seen[-1]["response"]
    assert done["output"] == []
    assert done["usage"]["total_tokens"] == 0


def test_a_cancel_before_the_announcement_is_refused_and_the_response_goes_on(player):
    client = player(STORY)
    client.send("response.create")
    client.send("response.cancel", event_id="c")
    assert client.until("error")["error"]["code"] == "response_cancel_not_active"
    assert client.until("response.done")["response"]["status"] == "completed"


def test_a_cancel_without_a_response_is_refused(player):
    error = player().error("response.cancel", event_id="c")
    assert (error["message"], error["event_id"]) == ("Cancellation failed: no active response found", "c")


def test_a_cancel_names_the_response_that_it_means(player):
    client = player(STORY)
    client.send("response.create", response=TEXT)
    client.send("response.create", response={**TEXT, "conversation": "none"})
    client.advance(0.04)
    own, beside = (event["response"]["id"] for event in client.of("response.created"))
    client.send("response.cancel", response_id=beside)
    client.send("response.cancel", response_id="resp_unknown")
    client.advance(5)
    status = {event["response"]["id"]: event["response"]["status"] for event in client.of("response.done")}
    assert status == {own: "completed", beside: "cancelled"}
    assert client.of("error")[0]["error"]["code"] == "response_cancel_not_active"


def test_a_named_response_of_the_conversation_can_be_cancelled(player):
    client = player(STORY)
    client.send("response.create")
    named = client.until("response.created")["response"]["id"]
    client.send("response.cancel", response_id=named)
    assert client.until("response.done")["response"]["status"] == "cancelled"


def test_a_create_right_behind_a_cancel_is_refused_until_the_cancelled_response_is_done(player):
    client = player(STORY)
    client.send("response.create", response=TEXT)
    client.until("response.output_text.delta")
    client.send("response.cancel")
    client.send("response.create")
    cancelled = client.until("response.done")["response"]
    client.advance(0.0)
    assert client.of("error")[0]["error"]["message"].count(cancelled["id"]) == 1
    assert client.log.collisions == 1
    client.send("response.create")
    assert client.until("response.created")["response"]["id"] != cancelled["id"]


def test_an_update_right_behind_a_cancel_counts_as_one_under_a_running_response(player):
    client = player(STORY)
    client.send("response.create", response=TEXT)
    client.until("response.output_text.delta")
    client.send("response.cancel")
    client.send("session.update", session={"type": "realtime", "instructions": "new"})
    client.until("response.done")
    assert client.log.updates_under_way == 1


def test_a_second_cancel_is_refused_while_the_first_takes_effect(player):
    client = player(STORY)
    client.send("response.create", response=TEXT)
    client.until("response.output_text.delta")
    client.send("response.cancel")
    client.send("response.cancel")
    client.advance(5)
    assert client.of("error")[0]["error"]["code"] == "response_cancel_not_active"
    assert len(client.of("response.done")) == 1


def test_what_is_under_way_still_comes_when_a_cancel_takes_its_time(player):
    client = player(STORY, pace=Pace(cancel=0.012))
    client.send("response.create", response=TEXT)
    client.until("response.output_text.delta")
    client.send("response.cancel")
    client.until("response.done")
    assert client.kinds.count("response.output_text.delta") == 3


def test_a_late_cancel_does_nothing_when_the_response_was_quicker(player):
    client = player(STORY, pace=Pace(cancel=1.0))
    client.send("response.create", response=TEXT)
    client.until("response.output_text.delta")
    client.send("response.cancel")
    client.advance(5)
    assert [event["response"]["status"] for event in client.of("response.done")] == ["completed"]


def test_the_log_has_the_configuration_of_each_response_and_what_it_saw(player):
    client = player(STORY)
    client.update(instructions="first")
    client.say("hi", id="item_a")
    client.send("response.create", response=TEXT)
    client.until("response.output_text.delta")
    client.update(instructions="second")
    client.until("response.done")
    client.ask("again", **TEXT)
    first, second = client.log.responses
    assert (first.started["instructions"], first.ended["instructions"]) == ("first", "second")
    assert (first.changed_under_way, second.changed_under_way) == (True, False)
    assert (client.log.updates_under_way, client.log.updates_applied) == (1, 2)
    assert first.seen == ("item_a",)
    assert len(second.seen) == 3
    assert first.text == STORY.emit.text


def test_a_running_response_keeps_the_configuration_that_it_began_with(player):
    client = player(STORY)
    client.say("hi")
    client.send("response.create")
    client.until("response.output_audio.delta")
    client.update(output_modalities=["text"], audio={"output": {"format": {"type": "audio/pcmu"}}})
    done = client.until("response.done")["response"]
    assert (done["output_modalities"], done["audio"]["output"]["format"]["type"]) == (["audio"], "audio/pcm")


def test_usage_counts_what_was_heard_and_said(player):
    client = player(STORY)
    client.update(instructions="two words")
    usage = client.ask("three more words", **TEXT)["usage"]
    assert (usage["input_tokens"], usage["output_tokens"], usage["total_tokens"]) == (5, 10, 15)


def test_a_turn_that_the_scenario_does_not_expect_is_noted_and_answered(player):
    client = player(Step(Expect(contains="x"), Reply("never")), otherwise=None)
    assert client.ask("hello")["status"] == "completed"
    assert [rule.code for rule in client.log.broken] == ["unexpected_turn"]
    assert len(client.log.unreached) == 1


def test_steps_are_unreached_from_the_beginning(player):
    assert len(player(STORY).log.unreached) == 1


def test_an_interrupted_users_text_is_not_answered_twice(player):
    client = player()
    client.update(instructions="", **TEXT)
    client.say("first")
    client.send("response.create")
    client.until("response.output_text.delta")
    client.send("response.cancel")
    client.until("response.done")
    assert client.ask("second")["output"][0]["content"][0]["text"] == "You said: second."


def test_what_came_while_a_response_ran_is_answered_by_the_next(player):
    client = player()
    client.update(instructions="", **TEXT)
    client.say("first")
    client.send("response.create")
    client.until("response.output_text.delta")
    client.say("second")
    client.until("response.done")
    client.send("response.create")
    done = client.until("response.done")["response"]
    assert done["output"][0]["content"][0]["text"] == "You said: second."


def test_jitter_is_the_same_for_the_same_seed(player):
    def times():
        client = player(STORY, pace=Pace(jitter=0.8), faults=Faults(order_jitter=True))
        client.ask("hi")
        return list(zip(client.times, client.kinds, strict=True))

    assert times() == times()


def test_a_reply_can_be_made_of_the_whole_conversation_so_far(player):
    client = player(Step(Expect(), lambda turn: Reply(" | ".join(turn.conversation))))
    client.ask("one", **TEXT)
    done = client.ask("two", **TEXT)
    assert done["output"][0]["content"][0]["text"] == "one | one | two"
