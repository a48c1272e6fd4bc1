"""The stories are those of a real session's decisions, written as a recording of the level `events` has them."""

import pytest

from turnstile.terminal.story import UnknownRequestError, story


def decided(at, event, *effects):
    return {"at": at, "event": event, "effects": list(effects)}


def ev(kind, /, **fields):
    return {"!": kind, **fields}


def held(*refs, waits, which=""):
    return ev("Held", refs=list(refs), reason=ev("Reason", waits={"!": "Waits", "of": waits}, which=which))


def noted(kind, detail):
    return ev("Noted", kind=kind, detail=detail)


def update(ref, message="UpdatePrompt"):
    return ev("ConfigRequested", ref=ref, message=message)


def said(*lines, ref=7):
    return list(story(lines, ref))


def test_an_update_that_was_held_and_merged_has_its_story():
    lines = [
        decided(0.664, update(7), held(7, waits="response", which="resp_abcd0130")),
        decided(0.670, update(8, "UpdateSpeak"), held(8, waits="response", which="resp_abcd0130")),
        decided(
            0.854,
            ev("ResponseFinished", response_id="resp_abcd0130", outcome="completed"),
            noted("released", "#7"),
            noted("released", "#8"),
            noted("merged", "ts_14 #7 #8"),
            ev("SendUpdate", event_id="ts_14"),
        ),
        decided(0.857, ev("ConfigAnswered"), ev("Answered", ref=7), ev("Answered", ref=8)),
    ]
    assert said(*lines) == [
        "Request #7 is an update of the configuration (UpdatePrompt), the client's; it came at 0.664 s.",
        "It waited for response ...0130 to end, from 0.664 s to 0.854 s (190 ms).",
        "The end of response ...0130 (response.done, completed) let it go at 0.854 s.",
        "It went upstream as session.update ts_14 at 0.854 s, together with #8.",
        (
            "It was answered at 0.857 s, 193 ms after it came: it is in force. "
            "The confirmation of the configuration (session.updated) answered it."
        ),
    ]


def test_each_reason_to_wait_is_told_with_its_time():
    lines = [
        decided(0.1, update(7), held(7, waits="link"), ev("OpenLink")),
        decided(0.2, ev("LinkOpened"), held(7, 8, waits="update", which="ts_0")),
        decided(0.4, ev("ConfigAnswered"), noted("released", "#7"), noted("merged", "ts_1 #7")),
    ]
    assert said(*lines)[1:] == [
        "It had the upstream link opened.",
        "It waited for the upstream link to open, from 0.100 s to 0.200 s (100 ms).",
        "It waited for session.update ts_0 to be confirmed, from 0.200 s to 0.400 s (200 ms).",
        "The confirmation of the configuration (session.updated) let it go at 0.400 s.",
        "It went upstream as session.update ts_1 at 0.400 s.",
        "The recording ends before it was answered.",
    ]


def test_a_lost_race_and_its_repair_are_told():
    lines = [
        decided(1.0, update(7), noted("merged", "ts_1 #7")),
        decided(1.1, ev("Refused", event_id="ts_1", code="active_response"), noted("collided", "ts_1 try 1")),
        decided(1.2, ev("ResponseFinished", response_id="resp_0001"), noted("merged", "ts_2 #7")),
        decided(1.3, ev("HandedBack", event_id="ts_2"), noted("merged", "ts_3 #7")),
        decided(1.4, ev("ConfigAnswered"), ev("Answered", ref=7)),
    ]
    assert said(*lines)[1:-1] == [
        "It went upstream as session.update ts_1 at 1.000 s.",
        "Upstream's error active_response about ts_1 came at 1.100 s.",
        "ts_1 collided with a response (try 1), and is sent again.",
        "It went upstream as session.update ts_2 at 1.200 s.",
        "The return of ts_2, which a newer fact had overtaken, came at 1.300 s.",
        "It went upstream as session.update ts_3 at 1.300 s.",
    ]


def test_a_message_of_the_user_is_followed_to_the_item_that_carries_it():
    lines = [
        decided(1.0, ev("UserMessageGiven", ref=6), ev("SendItem", event_id="ts_2")),
        decided(1.0, ev("UserMessageGiven", ref=7), held(7, waits="turn", which="item_1")),
        decided(1.2, ev("TurnCommitted", item_id="item_1"), noted("released", "#7"), ev("SendItem", event_id="ts_4")),
        decided(1.3, ev("ItemConfirmed", item_id="ts_3"), ev("Answered", ref=7), ev("SendCreate", event_id="ts_5")),
    ]
    assert said(*lines)[1:] == [
        "It waited for the user's turn item_1 to be over and answered, from 1.000 s to 1.200 s (200 ms).",
        "The commit of the turn item_1 (input_audio_buffer.committed) let it go at 1.200 s.",
        "It went upstream as conversation.item.create ts_4 at 1.200 s.",
        (
            "It was answered at 1.300 s, 300 ms after it came: it is done. "
            "The confirmation of item ts_3 (conversation.item.added) answered it."
        ),
    ]


def test_an_agent_message_whose_create_collides_is_followed_to_the_next_create():
    lines = [
        decided(1.0, ev("AgentMessageGiven", ref=7, message="InjectAgentMessage"), ev("SendCreate", event_id="ts_1")),
        decided(1.1, ev("Refused", event_id="ts_1", code="busy"), noted("collided", "ts_1 try 1")),
        decided(1.2, ev("ResponseFinished", response_id="resp_0001"), ev("SendCreate", event_id="ts_2")),
        decided(1.3, ev("ResponseStarted", response_id="resp_0002", mark="ts_2"), ev("Answered", ref=7)),
    ]
    told = said(*lines)
    assert "ts_1 collided with a response (try 1), and is sent again." in told
    assert "It went upstream as response.create ts_2 at 1.200 s." in told
    assert told[-1].endswith("The beginning of response ...0002 (response.created) answered it.")


def test_a_request_that_stood_behind_others_without_a_reason_of_the_gates_says_so():
    lines = [
        decided(0.4, ev("AgentMessageGiven", ref=7)),
        decided(0.6, ev("ConfigAnswered"), ev("SendCreate", event_id="ts_6")),
    ]
    assert said(*lines)[1:4] == [
        "It waited for its turn, from 0.400 s to 0.600 s (200 ms).",
        "The confirmation of the configuration (session.updated) let it go at 0.600 s.",
        "It went upstream as response.create ts_6 at 0.600 s.",
    ]


def test_an_agent_message_that_interrupts_goes_first():
    lines = [
        decided(1.0, ev("AgentMessageGiven", ref=6)),
        decided(1.0, ev("AgentMessageGiven", ref=7, behavior="interrupt"), ev("SendCreate", event_id="ts_1")),
    ]
    assert "It went upstream as response.create ts_1 at 1.000 s." in said(*lines)
    assert len(said(*lines, ref=6)) == 2


def test_a_response_that_a_realtime_client_asks_for_is_called_so():
    lines = [decided(1.0, ev("AgentMessageGiven", ref=7, behavior="queue", message="response.create"))]
    assert said(*lines)[0] == "Request #7 is a response (response.create), the client's; it came at 1.000 s."


@pytest.mark.parametrize(("fields", "shown"), [({}, " (session.update)"), ({"message": ""}, "")])
def test_an_update_of_a_realtime_client_is_called_so_and_one_of_a_hosts_decision_has_no_message(fields, shown):
    lines = [decided(1.0, ev("ConfigRequested", ref=7, **fields))]
    assert said(*lines)[0] == f"Request #7 is an update of the configuration{shown}, the client's; it came at 1.000 s."


def test_a_refused_request_is_answered_with_its_problem():
    problem = ev("Problem", code="voice_locked", description="Too late.")
    lines = [
        decided(1.0, ev("AgentMessageGiven", ref=6), ev("Answered", ref=6, problem=problem)),
        decided(1.0, update(7), ev("Answered", ref=7, problem=problem), ev("Unlocked", ref=7)),
        decided(1.1, ev("AgentMessageGiven", ref=8), ev("SendCreate", event_id="ts_1")),
    ]
    assert said(*lines)[1:] == [
        (
            "It was answered at 1.000 s, 0 ms after it came, with the problem voice_locked: Too late, "
            "though a part of it is in force."
        ),
        "Its voice is in force on another link, as was said at 1.000 s, 0 ms after it came.",
    ]
    assert "It went upstream as response.create ts_1 at 1.100 s." in said(*lines, ref=8)


def test_a_part_that_is_not_in_force_is_told():
    lines = [decided(1.0, update(7), ev("Answered", ref=7, shortfalls=[ev("Problem", code="x")]))]
    assert said(*lines)[1:] == [
        "It was answered at 1.000 s, 0 ms after it came, but for 1 of its parts: it is in force."
    ]


def test_a_link_that_is_lost_before_the_answer_is_told():
    lines = [
        decided(1.0, update(7), noted("merged", "ts_1 #7")),
        decided(1.1, ev("LinkLost", code="upstream_lost")),
        decided(1.2, ev("OfStandby", generation=1, fact=ev("LinkOpened"))),
        decided(1.3, ev("TookOver", generation=1), ev("Answered", ref=7)),
    ]
    told = said(*lines)
    assert "The loss of the upstream link (upstream_lost) came at 1.100 s, before it was answered." in told
    assert told[-1].endswith("Another upstream link, which took over, answered it.")


def test_a_wait_that_a_fact_of_the_next_link_ends_says_so():
    lines = [
        decided(1.0, update(7), held(7, waits="link")),
        decided(1.2, ev("OfStandby", generation=1, fact=ev("LinkOpened")), noted("released", "#7")),
    ]
    assert "The opening of the upstream link (session.created) on the next link let it go at 1.200 s." in said(*lines)


def test_the_end_of_a_turn_is_followed_to_its_commit():
    lines = [
        decided(1.0, ev("TurnEndForced", ref=7, message="ForceEndTurn"), ev("SendCommit", event_id="ts_1")),
        decided(1.1, ev("TurnCommitted", item_id="item_1"), ev("Answered", ref=7)),
    ]
    assert "It went upstream as input_audio_buffer.commit ts_1 at 1.000 s." in said(*lines)


def test_another_request_or_a_time_that_lets_it_go_is_named():
    lines = [
        decided(1.0, update(6), held(6, waits="back-off")),
        decided(1.0, update(7), held(7, waits="back-off")),
        decided(1.2, ev("TimerFired", name="retry"), noted("released", "#6")),
        decided(1.3, update(8), noted("released", "#7")),
    ]
    assert "The end of the time for retry let it go at 1.200 s." in said(*lines, ref=6)
    assert "Request #8 let it go at 1.300 s." in said(*lines)


def test_the_hosts_requests_have_negative_numbers():
    lines = [decided(1.0, update(-2, "UpdatePrompt"), ev("Answered", ref=-2))]
    assert said(*lines, ref=-2)[0] == (
        "Request #-2 is an update of the configuration (UpdatePrompt), the host's; it came at 1.000 s."
    )


def test_a_session_that_ends_before_the_answer_is_told_as_well_as_what_is_missing():
    lines = [
        decided(1.0, update(7)),
        {"at": 1.1, "lost": 3},
        {"at": 2.0, "end": {"code": 1000, "reason": "", "by": "client"}},
    ]
    assert said(*lines)[1:] == [
        "3 entries are missing at 1.100 s: what follows may lack something.",
        "The session ended at 2.000 s, by client, before it was answered.",
    ]


def test_an_unknown_number_is_refused_with_those_that_there_are():
    with pytest.raises(UnknownRequestError, match=r"no request #9; there are: #7, #-1\."):
        story([decided(1.0, update(7)), decided(1.1, update(-1)), decided(1.1, ev("ConfigAnswered"))], 9)
    with pytest.raises(UnknownRequestError, match="there are: none"):
        story([], 9)
