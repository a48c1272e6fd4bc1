"""The record of the conversation: what each fact adds to it, and its bound."""

from __future__ import annotations

import json
import sys

import pytest
from given import configured, session

from turnstile.session.conversation import ENTRY_BYTES, Conversation, Entry
from turnstile.session.conversation_events import ItemDeleted, ItemTruncated, Transcribed
from turnstile.session.conversation_record import RECORDED, recorded
from turnstile.session.events import AgentSpoke, FunctionCalled, ItemConfirmed, ResponseFinished
from turnstile.session.in_flight import Call, Item, Response
from turnstile.session.link_events import LinkLost, TookOver
from turnstile.session.machine import Session
from turnstile.session.policy import Policy
from turnstile.session.rules import decide
from turnstile.session.turn_events import CutOff, SpeechStarted, TurnCommitted

TRANSCRIBED = {"audio": {"input": {"transcription": {"model": "whisper-1"}}}}
LIMIT = Policy().max_conversation_bytes


def said(text, kind="input_text"):
    return {"type": kind, "text": text}


def shown(item_id, *parts, role="user", previous_id=None, **fields):
    """Upstream shows a message."""
    item = {"id": item_id, "type": "message", "role": role, "status": "completed", "content": list(parts), **fields}
    return ItemConfirmed(item_id, "message", role, item=item, previous_id=previous_id)


def asked(item_id, text="Hi.", **fields):
    return shown(item_id, said(text), **fields)


def answered(item_id, *parts, response_id="r1", outcome="completed"):
    """The response ends that said something."""
    item = {"id": item_id, "type": "message", "role": "assistant", "content": list(parts)}
    return ResponseFinished(response_id, outcome, output=(item,))


def spoken(item_id, transcript):
    return answered(item_id, {"type": "output_audio", "transcript": transcript})


def called(call_id, item_id="", response_id="r1", arguments="{}"):
    return FunctionCalled(response_id, 0, call_id, "get", arguments, item_id=item_id)


def output(call_id, text="4", item_id=None):
    item = {"type": "function_call_output", "call_id": call_id, "output": text}
    item_id = item_id or f"o{call_id}"
    return ItemConfirmed(item_id, "function_call_output", "", call_id, item={"id": item_id, **item})


def begun(item_id, kind="message", **fields):
    """Upstream begins an item of a response."""
    role = {"role": "assistant", "content": []} if kind == "message" else {}
    return ItemConfirmed(item_id, item={"id": item_id, "type": kind, "status": "in_progress", **role, **fields})


def told(*events, policy=None, **changes):
    """Return the record of a session that is told facts."""
    policy, now = policy or Policy(), configured(**changes)
    for event in events:
        now = decide(now, event, policy).now
    return now.data.conversation


def read(conversation):
    """Return the record as it would be restored."""
    return [(entry.item_id, words(entry)) for entry in conversation.entries if entry.item]


def words(entry):
    item = json.loads(entry.item)
    if entry.kind in {"function_call", "function_call_output"}:
        assert item["call_id"] == entry.call_id
        return item.get("arguments") or item["output"]
    assert item["role"] == entry.kind
    kind = "output_text" if entry.kind == "assistant" else "input_text"
    assert {part["type"] for part in item["content"]} <= {kind, "input_image"}
    return "".join(part.get("text", "[image]") for part in item["content"])


# Content.


@pytest.mark.parametrize(
    ("event", "entry"),
    [
        (asked("i"), ("user", {"content": [said("Hi.")]})),
        (shown("i", said("Rhyme."), role="system"), ("system", {"content": [said("Rhyme.")]})),
        (
            shown("i", said("Yes.", "text"), role="assistant"),
            ("assistant", {"content": [said("Yes.", "output_text")]}),
        ),
        (spoken("i", "Yes."), ("assistant", {"content": [said("Yes.", "output_text")]})),
        (
            answered("i", {"type": "audio", "transcript": "A."}, said("B.", "output_text")),
            ("assistant", {"content": [said("A.", "output_text"), said("B.", "output_text")]}),
        ),
        (
            called("c", "i", arguments=""),
            ("function_call", {"name": "get", "call_id": "c", "arguments": "{}"}),
        ),
        (
            shown("i", {"type": "input_image", "image_url": "data:x", "detail": "low", "odd": 1}),
            ("user", {"content": [{"type": "input_image", "image_url": "data:x", "detail": "low"}]}),
        ),
    ],
)
def test_an_item_is_kept_as_another_link_takes_it(event, entry):
    kind, fields = entry
    (found,) = told(event).entries
    about = {"type": kind} if kind == "function_call" else {"type": "message", "role": kind}
    assert (found.kind, json.loads(found.item)) == (kind, {**about, **fields})
    assert found.created() == {**about, **fields, "id": "i"}
    assert found.missing == ""


@pytest.mark.parametrize(
    "item",
    [
        {"type": "message", "role": "critic", "content": [said("No.")]},
        {"type": "message", "role": {}},
        {"type": "mcp_call", "output": "4"},
        {"type": "function_call_output", "call_id": 7},
        {"type": "function_call", "call_id": None},
        {"type": []},
        {},
        None,
    ],
)
def test_an_item_of_another_kind_is_not_kept(item):
    assert told(ItemConfirmed("i", item=item)) == Conversation()


@pytest.mark.parametrize("content", [None, "Hi.", [None], ["Hi."], [{}], [said(7)], [{"type": []}], []])
def test_an_item_without_a_text_keeps_its_place_only(content):
    conversation = told(ItemConfirmed("i", item={"type": "message", "role": "user", "content": content}), asked("j"))
    assert [(entry.item_id, entry.missing) for entry in conversation.entries] == [("i", ""), ("j", "")]
    assert not conversation.is_known("i")
    assert conversation.is_known("j")
    assert not conversation.is_known("k")


def test_our_own_item_is_kept_as_it_was_sent_under_the_name_that_upstream_gave_it():
    sent = Item("ts_0", 1, {"type": "message", "role": "user", "content": [said("Hi.")]}, "sent")
    named = ItemConfirmed("item_1", "message", "user", item={"type": "message", "role": "user", "content": []})
    assert read(told(named, items=(sent,))) == [("item_1", "Hi.")]


def test_half_a_character_is_replaced():
    assert read(told(asked("i", "ok \ud83d"))) == [("i", "ok \ufffd")]
    assert read(told(called("c", arguments='{"a":"\ud83d"}'))) == [("c", '{"a":"\ufffd"}')]


def test_no_text_of_the_conversation_is_in_a_repr():
    conversation = told(asked("i", "secret"), SpeechStarted((CutOff("j", 1, "secret"),)))
    assert "secret" not in repr(conversation)


# What is not kept at all.


@pytest.mark.parametrize("policy", [Policy(max_conversation_bytes=0), Policy(is_shared=True)])
def test_nothing_is_kept_where_no_link_could_take_it(policy):
    assert told(asked("i"), TurnCommitted("j"), policy=policy) == Conversation()


def test_a_session_that_only_transcribes_keeps_nothing():
    assert told(TurnCommitted("i"), config={"type": "transcription", **TRANSCRIBED}).entries == ()


def test_what_is_said_out_of_band_is_not_in_the_conversation():
    aside = spoken("i", "Aside.")
    assert told(aside, asides_running=("r1",)) == Conversation()


@pytest.mark.parametrize("event", [AgentSpoke(), ItemDeleted("i"), ItemTruncated("i", "x"), Transcribed("i", "x")])
def test_a_fact_about_nothing_that_is_known_adds_no_item(event):
    assert told(event).entries == ()
    assert (type(event) in RECORDED) == (type(event) is not AgentSpoke)


def test_the_session_is_the_same_where_nothing_is_added():
    now = configured()
    assert recorded(now, Transcribed("i", "x"), Policy()) is now


# Order.


@pytest.mark.parametrize(
    ("previous_id", "order"), [(None, "abx"), ("a", "axb"), ("b", "abx"), ("gone", "abx"), ("root", "xab")]
)
def test_an_item_goes_behind_the_one_that_upstream_shows_before_it(previous_id, order):
    conversation = told(asked("a"), asked("b"), asked("x", previous_id=previous_id))
    assert "".join(entry.item_id for entry in conversation.entries) == order


@pytest.mark.parametrize(("item_id", "previous_id"), [("a", "root"), ("b", "a"), ("c", "b")])
def test_an_item_that_is_in_its_place_stays_there(item_id, previous_id):
    conversation = told(asked("a"), asked("b"), asked("c"))
    assert conversation.placed(item_id, previous_id) is conversation


def test_a_spoken_turn_is_placed_when_upstream_shows_its_place():
    events = (asked("a"), TurnCommitted("u"), begun("b"), shown("u", {"type": "input_audio"}, previous_id="b"))
    assert [entry.item_id for entry in told(*events).entries] == ["a", "b", "u"]


def test_an_answer_keeps_the_place_in_which_it_was_begun():
    conversation = told(asked("a"), begun("b"), asked("c"), spoken("b", "Yes."))
    assert read(conversation) == [("a", "Hi."), ("b", "Yes."), ("c", "Hi.")]


def test_an_answer_that_no_event_has_placed_goes_to_the_end():
    assert read(told(asked("a"), spoken("b", "Yes."))) == [("a", "Hi."), ("b", "Yes.")]


# Spoken turns.


def test_a_spoken_turn_is_kept_as_its_transcript():
    audio = shown("u", {"type": "input_audio", "transcript": None})
    before = told(TurnCommitted("u"), audio, config=TRANSCRIBED)
    assert (before.unrestorable, before.awaits_transcript) == ((("u", "audio"),), True)
    after = told(TurnCommitted("u"), audio, Transcribed("u", "Hi."), config=TRANSCRIBED)
    assert (read(after), after.unrestorable, after.awaits_transcript) == ([("u", "Hi.")], (), False)
    assert after.entries[0].version == 1


@pytest.mark.parametrize("late", [shown("u", {"type": "input_audio"}), shown("u"), Transcribed("u", "Bye.")])
def test_a_transcript_stays_whatever_comes_later(late):
    assert read(told(TurnCommitted("u"), Transcribed("u", "Hi."), late, config=TRANSCRIBED)) == [("u", "Hi.")]


def test_a_turn_with_its_transcript_in_it_waits_for_none():
    conversation = told(
        TurnCommitted("u"), shown("u", {"type": "input_audio", "transcript": "Hi."}), config=TRANSCRIBED
    )
    assert (read(conversation), conversation.awaits_transcript) == ([("u", "Hi.")], False)


def test_a_turn_that_was_not_transcribed_cannot_be_restored():
    conversation = told(TurnCommitted("u"), Transcribed("u", None), config=TRANSCRIBED)
    assert (conversation.unrestorable, conversation.awaits_transcript) == ((("u", "audio"),), False)


def test_a_turn_in_which_nothing_was_said_is_no_loss():
    conversation = told(TurnCommitted("u"), Transcribed("u", ""), config=TRANSCRIBED)
    assert (read(conversation), conversation.unrestorable) == ([], ())


@pytest.mark.parametrize("audio", [[], [shown("u", {"type": "input_audio"})]])
def test_a_turn_is_in_the_conversation_once_however_often_it_is_committed(audio):
    conversation = told(*audio, TurnCommitted("u"), TurnCommitted("u"), config=TRANSCRIBED)
    assert ([entry.item_id for entry in conversation.entries], conversation.awaited) == (["u"], ("u",))


def test_no_transcript_is_awaited_where_none_is_configured():
    assert not told(TurnCommitted("u")).awaits_transcript


def test_a_transcript_goes_behind_the_text_of_its_item():
    conversation = told(shown("u", said("Look: "), {"type": "input_audio"}), Transcribed("u", "hail."))
    assert (read(conversation), conversation.unrestorable) == ([("u", "Look: hail.")], ())


def test_a_transcript_of_a_deleted_turn_brings_nothing_back():
    conversation = told(TurnCommitted("u"), ItemDeleted("u"), Transcribed("u", "Hi."), config=TRANSCRIBED)
    assert conversation == Conversation()


def test_a_turn_that_was_not_transcribed_goes_with_its_link():
    conversation = told(TurnCommitted("u"), LinkLost("x", "Gone."), config=TRANSCRIBED)
    assert (conversation.awaits_transcript, conversation.unrestorable) == (False, ())


# What was heard.


@pytest.mark.parametrize("cut", [SpeechStarted((CutOff("b", 900, "One, two"),)), ItemTruncated("b", "One, two")])
@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("begins", [[], [begun("b")]])
def test_of_an_item_that_was_cut_off_is_kept_what_was_heard(cut, begins, late):
    events = [cut, spoken("b", "One, two, three.")] if late else [spoken("b", "One, two, three."), cut]
    assert read(told(asked("a"), *begins, *events)) == [("a", "Hi."), ("b", "One, two")]


def test_an_item_that_was_cut_off_only_gets_shorter():
    cuts = [ItemTruncated("b", text) for text in ("One, two", "One", "One, two", None)]
    assert read(told(spoken("b", "One, two, three."), *cuts)) == [("b", "One")]


def test_an_item_of_which_nothing_was_heard_is_not_restored():
    conversation = told(spoken("b", "One."), ItemTruncated("b", ""), spoken("b", "One."))
    assert (read(conversation), conversation.unrestorable) == ([], ())


def test_an_item_of_which_nobody_knows_what_was_heard_is_said_to_be_missing():
    conversation = told(spoken("b", "One, two."), ItemTruncated("b", None))
    assert (read(conversation), conversation.unrestorable) == ([], (("b", "cut"),))
    conversation = told(spoken("b", "One, two."), ItemTruncated("b", None), ItemTruncated("b", "One"))
    assert (read(conversation), conversation.unrestorable) == ([("b", "One")], ())


def test_what_the_user_said_is_not_cut_off():
    assert read(told(asked("a"), ItemTruncated("a", ""))) == [("a", "Hi.")]


def test_cuts_of_unknown_items_are_remembered_within_a_bound():
    conversation = told(*[ItemTruncated(f"x{number}", "") for number in range(100)])
    assert [item_id for item_id, _ in conversation.cuts] == [f"x{number}" for number in range(92, 100)]


@pytest.mark.parametrize(
    "lost",
    [LinkLost("x", "Gone.", unfinished=(("b", "One, two"),)), TookOver(1, unfinished=(("b", "One, two"),))],
    ids=["lost", "replaced"],
)
def test_of_a_response_that_died_with_its_link_is_kept_what_was_sent(lost):
    assert read(told(asked("a"), begun("b"), lost, response=Response("r1"))) == [("a", "Hi."), ("b", "One, two")]
    assert read(told(asked("a"), lost, response=Response("r1"))) == [("a", "Hi."), ("b", "One, two")]
    assert read(told(asked("a"), lost)) == [("a", "Hi.")]


@pytest.mark.parametrize("begins", [[], [begun("b")]])
def test_an_item_of_which_only_audio_was_sent_when_its_link_was_lost_is_said_to_be_missing(begins):
    events = (asked("a"), *begins, LinkLost("x", "Gone.", unfinished=(("b", None),)))
    conversation = told(*events, response=Response("r1"))
    assert (read(conversation), conversation.unrestorable) == ([("a", "Hi.")], (("b", "cut"),))


def test_what_was_cut_off_before_its_link_was_lost_stays_cut_off():
    events = (
        begun("b"),
        SpeechStarted((CutOff("b", 9, "One"),)),
        LinkLost("x", "Gone.", unfinished=(("b", "One, two"),)),
    )
    assert read(told(*events, response=Response("r1"))) == [("b", "One")]


def test_an_item_of_which_nothing_came_is_gone_with_its_link():
    conversation = told(asked("a"), begun("b"), begun("f", "function_call", call_id="c"), LinkLost("x", "Gone."))
    assert [entry.item_id for entry in conversation.entries] == ["a"]


# Function calls.


def test_a_call_is_open_until_its_output_is_in_the_conversation():
    call = (begun("f", "function_call", call_id="c", name="get", arguments=""), called("c", "f"))
    assert told(*call[:1]).open_calls == ()
    assert told(*call).open_calls == ("c",)
    conversation = told(*call, output("c"))
    assert (read(conversation), conversation.open_calls) == ([("f", "{}"), ("oc", "4")], ())


def test_a_call_that_is_complete_is_read_out_of_its_own_event_and_not_of_the_end_of_its_response():
    item = {"id": "f", "type": "function_call", "call_id": "c", "name": "get", "arguments": '{"a":'}
    assert told(begun("f", "function_call", call_id="c"), ResponseFinished("r1", output=(item,))).open_calls == ()


def test_a_call_that_a_client_puts_in_is_kept():
    call = {"type": "function_call", "call_id": "c", "name": "get", "arguments": '{"a":1}'}
    conversation = told(ItemConfirmed("f", "function_call", item=call), output("c"))
    assert read(conversation) == [("f", '{"a":1}'), ("oc", "4")]


def test_an_output_without_its_call_is_not_kept():
    assert told(output("c")) == Conversation()


def test_a_call_that_is_cancelled_with_its_response_goes():
    calls = (Call("c1", "r1", 0), Call("c2", "r1", 1, output="4"))
    conversation = told(
        called("c1", "f1"),
        called("c2", "f2"),
        ResponseFinished("r1", "cancelled"),
        calls=calls,
        response=Response("r1"),
    )
    assert (read(conversation), conversation.open_calls) == ([("f2", "{}")], ("c2",))


def test_a_call_of_a_realtime_client_stays_though_its_response_is_cancelled():
    events = (called("c1", "f1"), ResponseFinished("r1", "cancelled"))
    assert told(*events, policy=Policy(is_transparent=True), response=Response("r1")).open_calls == ("c1",)


def test_of_the_open_calls_only_those_are_kept_at_a_loss_whose_result_is_awaited():
    events = [called(f"c{number}", f"f{number}") for number in range(3)]
    result = Item("ts_0", 1, {"type": "function_call_output", "call_id": "c1", "output": "4"}, "sent")
    changes = {"calls": (Call("c0", "r0", 0),), "items": (result, Item("u", stage="confirmed"))}
    lost = LinkLost("x", "Gone.")
    full = told(*events)
    now = configured(conversation=full, **changes)
    assert recorded(now, lost, Policy()).data.conversation.open_calls == ("c0", "c1")
    assert recorded(now, lost, Policy(is_transparent=True)).data.conversation.open_calls == ("c0", "c1", "c2")


def test_with_a_deleted_call_its_output_goes():
    assert told(called("c", "f"), output("c"), ItemDeleted("f")) == Conversation()


def test_a_call_whose_output_is_deleted_is_open_again():
    conversation = told(called("c", "f"), output("c"), ItemDeleted("oc"))
    assert (read(conversation), conversation.open_calls) == ([("f", "{}")], ("c",))


# The bound.


def limited(limit):
    return Policy(max_conversation_bytes=limit)


def taken(*entries):
    return sum(ENTRY_BYTES + len(entry.item) for entry in entries)


def test_the_oldest_whole_turns_go_first():
    turns = [event for number in range(4) for event in (asked(f"u{number}"), spoken(f"a{number}", "Yes."))]
    full = told(*turns)
    assert full.bytes == taken(*full.entries)
    for limit, left in ((full.bytes, 4), (full.bytes - 1, 3), (full.bytes // 2, 2), (full.bytes // 2 - 1, 1)):
        conversation = told(*turns, policy=limited(limit))
        assert conversation.entries == full.entries[-2 * left :]
        assert (conversation.gone, conversation.bytes) == (4 - left, taken(*conversation.entries))


def test_a_turn_with_an_open_call_stays():
    events = (asked("u1"), called("c", "f"), asked("u2"), spoken("a2", "Yes."), asked("u3"))
    full = told(*events)
    conversation = told(*events, policy=limited(full.bytes - 1))
    assert ([entry.item_id for entry in conversation.entries], conversation.gone) == (["u1", "f", "u3"], 1)


def test_no_call_stays_without_its_output_nor_an_output_without_its_call():
    events = (asked("u1"), called("c", "f"), asked("u2"), output("c"), asked("u3"), spoken("a3", "Yes."), asked("u4"))
    full = told(*events)
    conversation = told(*events, policy=limited(full.bytes - 1))
    assert [entry.item_id for entry in conversation.entries] == ["u2", "u3", "a3", "u4"]
    assert conversation.bytes == taken(*conversation.entries)


def test_of_a_single_turn_the_oldest_items_go():
    events = [asked("u"), *[spoken(f"a{number}", "Yes.") for number in range(3)]]
    conversation = told(*events, policy=limited(told(*events).bytes - 1))
    assert ([entry.item_id for entry in conversation.entries], conversation.gone) == (["a0", "a1", "a2"], 1)


@pytest.mark.parametrize("exchanges", [1, 3])
def test_a_turn_that_goes_piece_by_piece_counts_once(exchanges):
    turns = [event for number in range(exchanges) for event in (asked(f"u{number}"), spoken(f"a{number}", "Yes."))]
    conversation = told(*turns, policy=limited(told(*turns[-2:]).bytes - 1))
    assert ([entry.item_id for entry in conversation.entries], conversation.gone) == ([f"a{exchanges - 1}"], exchanges)


def test_a_turn_that_goes_with_an_open_call_before_it_counts_too():
    events = [called("c", "f"), asked("u1"), spoken("a1", "Yes."), asked("u2"), spoken("a2", "Yes."), asked("u3")]
    conversation = told(*events, policy=limited(told(called("c", "f"), asked("u3")).bytes))
    assert ([entry.item_id for entry in conversation.entries], conversation.gone) == (["f", "u3"], 2)


def test_open_calls_go_too_where_there_is_nothing_else():
    events = [called(f"c{number}", f"f{number}") for number in range(3)]
    conversation = told(*events, policy=limited(told(*events).bytes - 1))
    assert ([entry.item_id for entry in conversation.entries], conversation.open_calls) == (["f1", "f2"], ("c1", "c2"))


def test_items_without_anything_to_restore_count_too():
    conversation = told(*[TurnCommitted(f"u{number}") for number in range(100)], policy=limited(10 * ENTRY_BYTES))
    assert [entry.item_id for entry in conversation.entries] == [f"u{number}" for number in range(90, 100)]


LARGE = "x" * LIMIT


def test_of_an_item_with_an_image_that_is_too_large_the_text_is_kept():
    image = {"type": "input_image", "image_url": LARGE}
    conversation = told(shown("i", said("Look."), image), shown("j", image))
    assert (read(conversation), conversation.unrestorable) == ([("i", "Look.")], (("i", "image"), ("j", "image")))


def test_an_image_that_upstream_does_not_show_is_missing():
    conversation = told(shown("i", said("Look."), {"type": "input_image"}))
    assert (read(conversation), conversation.unrestorable) == ([("i", "Look.")], (("i", "image"),))


@pytest.mark.parametrize(
    "event",
    [
        asked("i", LARGE),
        spoken("i", LARGE),
        called("c", "i", arguments=LARGE),
        shown("i", said(LARGE), {"type": "input_image", "image_url": "x"}),
    ],
)
def test_an_item_that_is_larger_than_the_record_is_missing(event):
    conversation = told(asked("a"), event)
    assert (read(conversation), conversation.unrestorable) == ([("a", "Hi.")], (("i", "size"),))


def test_with_an_output_that_is_too_large_its_call_goes():
    conversation = told(called("c", "f"), output("c", LARGE))
    assert (read(conversation), conversation.unrestorable, conversation.open_calls) == ([], (("oc", "size"),), ())


# What it costs.


def talk(turns):
    for number in range(turns):
        yield asked(f"item_u{number:020}")
        yield begun(f"item_a{number:020}")
        yield spoken(f"item_a{number:020}", "Yes.")
        yield TurnCommitted(f"item_v{number:020}")
        yield Transcribed(f"item_v{number:020}", "Then do.")


def calls(now, events, policy=None):
    """Return how many functions, of Python's too, the recording of each event calls."""
    counted = []

    def count(_frame, kind, _argument):
        counted[-1] += kind in {"call", "c_call"}

    before = sys.getprofile()
    for event in events:
        counted.append(0)
        sys.setprofile(count)
        try:
            now = recorded(now, event, policy or Policy())
        finally:
            sys.setprofile(before)
    return counted


def test_recording_takes_as_many_calls_however_long_the_conversation_is():
    counted = calls(configured(TRANSCRIBED), talk(100))
    assert counted[-5:] == counted[:5]


def test_recording_in_a_record_that_is_full_takes_hardly_more_calls_however_large_it_is():
    small, large = (
        calls(configured(TRANSCRIBED), talk(100), Policy(max_conversation_bytes=turns * 1_000)) for turns in (10, 40)
    )
    assert max(large) > max(large[:5])
    assert max(large) < 1.5 * max(small)


def test_a_session_without_a_conversation_takes_no_memory_for_it():
    assert session().data.conversation is Session().data.conversation


def memory(value, seen):
    """Return the memory that a value takes with all that it refers to, each of it once."""
    if id(value) in seen or value is None or isinstance(value, bool):
        return 0
    seen[id(value)] = value
    parts = value if isinstance(value, tuple) else [getattr(value, name) for name in getattr(value, "__slots__", ())]
    return sys.getsizeof(value) + sum(memory(part, seen) for part in parts)


def test_a_hundred_turns_take_their_text_and_less_than_400_bytes_an_item():
    texts = [f"What is {number} and {number}?" for number in range(100)]
    events = []
    for number, text in enumerate(texts):
        events += [TurnCommitted(f"item_u{number:020}"), Transcribed(f"item_u{number:020}", text)]
        events += [begun(f"item_a{number:020}"), spoken(f"item_a{number:020}", text)]
    conversation = told(*events, config=TRANSCRIBED)
    assert len(conversation.entries) == 200
    assert memory(conversation, {}) < 2 * sum(map(len, texts)) + 400 * 200


def test_the_bytes_of_an_entry_are_no_more_than_it_takes():
    entry = Entry("item_" + 21 * "x", "user", b"")
    parts = sys.getsizeof(entry) + sys.getsizeof(entry.item_id) + sys.getsizeof(entry.item) + 8
    assert parts <= ENTRY_BYTES
