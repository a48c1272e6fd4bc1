"""The judge of conversations finds what it looks for: each promise, broken once."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace

import continuity

from turnstile.simulator.log import ReceivedItem, ResponseRecord, SimulatorLog

ASKED = ReceivedItem("u1", "message", "user", "Hi 1")
SAID = ReceivedItem("a1", "message", "assistant", "You said: Hi 1.")
CALL = ReceivedItem("c1", "function_call", None, "{}", "call_1")
OUTPUT = ReceivedItem("o1", "function_call_output", None, "hail", "call_1")
NOTE = ReceivedItem("n1", "message", "system", continuity.NOTE)
SPOKEN = ReceivedItem("v1", "voice", "user", "hello")
TRANSCRIBED = {"conversation.item.input_audio_transcription.completed": 1}


@dataclass
class Link:
    """A link as the simulator keeps it."""

    conversation: list
    log: SimulatorLog = field(default_factory=SimulatorLog)


def link(*items, given=(ASKED, OUTPUT, SPOKEN), replies=(), sent=None):
    """Make a link; `replies` are the responses: status, text, calls, and what each has seen."""
    log = SimulatorLog(sent=sent or {})
    log.items.extend(item for item in given if item in items)
    for number, (status, text, calls, seen) in enumerate(replies, 1):
        record = ResponseRecord(f"r{number}", number, "client", True, None, {}, tuple(item.id for item in seen))  # noqa: FBT003
        record.status, record.text, record.calls = status, text, list(calls)
        log.responses.append(record)
    return Link(list(items), log)


WHOLE = ("completed", SAID.text, (), (ASKED,))
OLD = link(ASKED, SAID, replies=(WHOLE,))


def test_a_conversation_that_came_back_whole_has_no_fault():
    assert continuity.conversation_faults([OLD, link(ASKED, SAID)]) == []


def test_an_item_that_is_missing_is_found():
    assert continuity.conversation_faults([OLD, link(ASKED)]) == ["link 1: assistant a1 'You said: Hi 1.' is missing"]
    assert continuity.conversation_faults([OLD, link(SAID)]) == ["link 1: user u1 'Hi 1' is missing"]


def test_an_item_that_was_deleted_is_not_missing():
    assert continuity.conversation_faults([OLD, link(SAID)], deleted=["u1"]) == []


def test_an_order_that_has_changed_is_found():
    assert continuity.conversation_faults([OLD, link(SAID, ASKED)]) == [
        "link 1: the order is ['a1', 'u1'], not ['u1', 'a1']"
    ]


def test_a_text_that_has_changed_is_found():
    (fault,) = continuity.conversation_faults([OLD, link(ASKED, replace_text(SAID, "You said"))])
    assert fault == "link 1: assistant a1 'You said: Hi 1.' came back as assistant a1 'You said'"


def test_what_was_not_heard_of_a_reply_that_died_need_not_come_back():
    old = link(ASKED, SAID, replies=(("in_progress", "", (), (ASKED,)),))
    assert continuity.conversation_faults([old, link(ASKED, replace_text(SAID, "You said"))]) == []
    assert continuity.conversation_faults([old, link(ASKED)]) == []
    (fault,) = continuity.conversation_faults([old, link(ASKED, replace_text(SAID, "You said more"))])
    assert "came back" in fault


def test_a_reply_that_the_client_was_not_told_need_not_come_back():
    assert continuity.conversation_faults([OLD, link(ASKED)], told=["r1"]) != []
    assert continuity.conversation_faults([OLD, link(ASKED)], told=[]) == []


def test_a_message_that_is_there_twice_is_found():
    again = replace_id(ASKED, "u2")
    assert continuity.conversation_faults([OLD, link(ASKED, SAID, again)]) == [
        "link 1: user u2 'Hi 1' is there 2 times"
    ]
    assert continuity.message_faults([link(ASKED, again)], ["Hi 1"]) != []


def test_an_output_that_is_lost_or_there_twice_is_found():
    old = link(ASKED, CALL, OUTPUT, replies=(("completed", "", ("call_1",), (ASKED,)),))
    assert continuity.conversation_faults([old, link(ASKED, CALL, replace_id(OUTPUT, "o2"))]) == []
    assert len(continuity.conversation_faults([old, link(ASKED, CALL)])) == 1
    assert continuity.result_faults([link(CALL)], ["call_1"]) == ["the result of call_1 is lost"]
    twice = link(CALL, OUTPUT, replace_id(OUTPUT, "o2"))
    assert continuity.result_faults([twice], ["call_1"]) == ["the result of call_1 came 2 times"]
    assert continuity.result_faults([link(CALL, OUTPUT)], []) == ["nobody gave the result of call_1"]
    assert continuity.result_faults([link(CALL)], ["call_1"], void=["call_1"]) == []


def test_a_spoken_turn_that_was_transcribed_must_come_back_unless_the_client_was_told():
    old, new = link(SPOKEN, sent=TRANSCRIBED), link()
    assert len(continuity.conversation_faults([old, new])) == 1
    assert continuity.conversation_faults([old, new], may_lose_turns=True) == []
    assert continuity.conversation_faults([link(SPOKEN), new]) == []


def test_a_reply_that_is_missing_is_found():
    assert continuity.reply_faults([link(ASKED)]) == ["user u1 'Hi 1' has no reply"]
    assert continuity.reply_faults([link(ASKED, replies=(("in_progress", "", (), (ASKED,)),))]) != []
    assert continuity.reply_faults([OLD, link(ASKED, SAID)]) == []


def test_a_reply_that_is_given_again_is_found():
    again = link(ASKED, SAID, replies=(("completed", SAID.text, (), (ASKED, SAID)),))
    assert continuity.reply_faults([OLD, again]) == ["link 1: response 1 answers nothing new"]


def test_frames_that_are_lost_doubled_or_out_of_order_are_found():
    assert continuity.audio_faults([[0, 1], [2, 3]], 4) == []
    assert continuity.audio_faults([[0, 1], [1, 2, 3]], 4) == ["frame 1 came 2 times"]
    assert continuity.audio_faults([[0, 1], [3]], 4) == ["1 frames are lost, from 2 on"]
    assert continuity.audio_faults([[0, 1], [3]], 4, lost=1) == []
    assert continuity.audio_faults([[0, 2], [1, 3]], 4) == ["the frames are out of order"]


def test_frames_are_known_by_their_numbers():
    frames = [continuity.numbered_frame(number, bytes(8)) for number in (3, 70_000)]
    assert continuity.frame_numbers(b"".join(frames), 8) == [3, 70_000]


def test_collisions_are_counted_on_all_links():
    links = [SimpleNamespace(log=SimpleNamespace(collisions=number)) for number in (0, 2)]
    assert continuity.collision_faults(links) == ["2 collisions"]
    assert continuity.collision_faults(links[:1]) == []


def test_a_link_that_only_took_a_conversation_is_not_compared():
    first, restored, used, last = link(ASKED), link(ASKED), link(ASKED), link(ASKED, NOTE)
    used.log.received["response.create"] = 1
    assert continuity.in_use([first, restored, used, last]) == [first, used, last]
    assert continuity.in_use([]) == []


def test_the_last_link_is_not_compared_when_the_client_left_while_it_was_being_told():
    first, last = link(ASKED), link(ASKED)
    assert continuity.in_use([first, last]) == [first]
    last.log.received["input_audio_buffer.append"] = 1
    assert continuity.in_use([first, last]) == [first, last]


def replace_text(item, text):
    return item._replace(text=text)


def replace_id(item, item_id):
    return item._replace(id=item_id)
