"""Items of the conversation on the link in use that has just taken over: their answers, and what is owed to them."""

from __future__ import annotations

import pytest
from relinking import LOST, connected, fire, relinked, said, served
from session_words import MESSAGE, answers, detection, of

from turnstile.session.conversation import Conversation
from turnstile.session.conversation_events import ItemTruncated
from turnstile.session.effects import Reported, SendCreate
from turnstile.session.events import ConfigAnswered, ItemConfirmed, Refused, ResponseFinished
from turnstile.session.in_flight import InputAudio, Item, Response, Restored
from turnstile.session.link_effects import OnStandby, PauseAudio, RemoveItem, RestoreItem, TakeOver
from turnstile.session.link_events import AudioPaused, LinkOpened, OfStandby, TookOver
from turnstile.session.policy import Policy
from turnstile.session.turn_events import CutOff, SpeechStarted

ON_ITS_WAY = Item("ts_7", 1, MESSAGE, "sent", event_id="ts_8")
REFUSED = Refused(None, "invalid_value", "No.", param="item.content")


@pytest.fixture
def restoring(at):
    """Return a session whose link is being told a spoken turn of the link before, with a message behind it."""
    return at(restoring=(Restored("ts_5", "turn_0", 0),), restored=frozenset({"turn_0"}), items=(ON_ITS_WAY,))


def test_the_confirmation_of_a_restored_item_is_not_that_of_a_message(restoring):
    effects = restoring.handle(ItemConfirmed("turn_0", "message", "user"))
    assert answers(effects) == []
    assert restoring.state.restoring == ()
    assert answers(restoring.handle(ItemConfirmed("ts_7", "message", "user"))) == [(1, None, True)]


def test_an_error_that_names_no_event_refuses_the_restored_item_before_the_message(restoring):
    effects = restoring.handle(REFUSED)
    assert answers(effects) == []
    assert restoring.state.restoring == ()
    assert restoring.state.items == (ON_ITS_WAY,)


def test_no_reply_is_owed_to_an_item_that_the_link_in_use_refuses_to_restore(at):
    owed = Item("item_0", stage="confirmed")
    session = at(restoring=(Restored("ts_5", "item_0", 0),), items=(owed,))
    effects = session.handle(REFUSED)
    assert session.state.items == ()
    assert of(SendCreate, effects) == []


def test_no_reply_is_owed_to_an_item_that_a_standby_has_refused(at):
    session = at(items=(Item("item_0", stage="confirmed"),), conversation=said("Four?"), response=Response("resp_1"))
    session.handle(LOST)
    generation = connected(session)
    session.handle(OfStandby(generation, LinkOpened()))
    (restore,) = of(OnStandby, session.handle(OfStandby(generation, ConfigAnswered({}))))
    (take_over,) = of(TakeOver, session.handle(OfStandby(generation, Refused(restore.command.event_id, "no", "No."))))
    effects = session.handle(TookOver(take_over.generation))
    assert of(SendCreate, effects) == []
    assert session.state.items == ()


def test_the_note_behind_a_restored_conversation_is_none_of_it(at):
    session = at(conversation=said("Four?", "Five."), policy=Policy(restore_note="Go on."))
    for _ in range(2):
        effects = relinked(session)
        notes = [one for one in of(RestoreItem, effects) if one.item.get("role") == "system"]
        session.handle(ItemConfirmed(notes[0].item["id"], "message", "system", item=notes[0].item))
        assert len(notes) == 1
    assert [entry.kind for entry in session.data.conversation.entries] == ["user", "assistant"]


def test_the_place_that_a_link_shows_of_a_restored_item_does_not_change_the_record(at):
    session = at(conversation=said("One?", "One.", "Two?"))
    relinked(session)
    turn = ItemConfirmed("turn_9", "message", "user", item=MESSAGE, previous_id="item_2")
    late = ItemConfirmed("item_1", "message", "assistant", item={**MESSAGE, "role": "assistant"}, previous_id="turn_9")
    for confirmed in (turn, late):
        session.handle(confirmed)
    assert [entry.item_id for entry in session.data.conversation.entries] == ["item_0", "item_1", "item_2", "turn_9"]


HEARD = SpeechStarted((CutOff("item_1", 900, "One"),))


@pytest.mark.parametrize("cut", [HEARD, ItemTruncated("item_1", "One")])
def test_a_restored_item_that_is_cut_is_known_to_the_link_after_the_next(at, cut):
    session = at(conversation=said("Count.", "One, two.", "Go on."))
    relinked(session)
    served(session, session.handle(cut))
    effects = relinked(session)
    restored = [one.command.item for one in of(OnStandby, effects) if isinstance(one.command, RestoreItem)]
    assert [item["id"] for item in restored] == ["item_0", "item_1", "item_2"]
    assert restored[1]["content"] == [{"type": "output_text", "text": "One"}]


def test_a_restored_item_that_is_cut_goes_in_its_place_again_and_not_behind_what_has_been_said_since(at):
    session = at(conversation=said("Count.", "One, two."), policy=Policy(restore_note="Go on."))
    relinked(session)
    session.handle(ItemConfirmed("item_9", "message", "user", item=MESSAGE))
    (put,) = of(RestoreItem, session.handle(ItemTruncated("item_1", "One")))
    assert put.previous_id == "item_0"


def test_the_first_restored_item_that_is_cut_goes_before_all_others_again(at):
    conversation = said("Hello.", "One, two.", "Go on.")
    session = at(conversation=conversation.without((conversation.find("item_0"),)))
    relinked(session)
    (put,) = of(RestoreItem, session.handle(HEARD))
    assert put.previous_id == "root"


def test_a_restored_item_of_which_nothing_was_heard_goes(at):
    session = at(conversation=said("Count.", "One, two."))
    relinked(session)
    effects = served(session, session.handle(ItemTruncated("item_1", "")))
    assert (len(of(RemoveItem, effects)), of(RestoreItem, effects)) == (1, [])
    assert session.data.restored == {"item_0"}
    assert session.data.conversation.unrestorable == ()


def test_a_restored_item_that_was_trimmed_from_the_record_is_not_replaced(at):
    session = at(restored=frozenset({"item_1"}))
    assert of(RemoveItem, session.handle(HEARD)) == []


def renewed_beside(at, **facts):
    session = at(link="opening", policy=Policy(session_lifetime=3600.0), **facts)
    session.handle(LinkOpened())
    session.now = session.now.change(audio_open=True)
    served(session, fire(session, "renewal"), but=(PauseAudio,))
    return session


def test_a_turn_without_a_transcript_is_answered_before_another_link_takes_over(at):
    session = renewed_beside(at, response=Response("resp_1"), items=(Item("turn_1", stage="confirmed"),))
    effects = session.handle(ResponseFinished("resp_1"))
    assert of(PauseAudio, effects) == []
    assert of(SendCreate, effects)


def test_audio_that_is_reported_behind_its_commit_is_not_lost_with_the_link(at):
    session = renewed_beside(at, config=detection(None), input_audio=InputAudio(uncommitted=500.0, commits=1))
    session.handle(AudioPaused(0.0))
    (take_over,) = of(TakeOver, fire(session, "switch"))
    effects = session.handle(TookOver(take_over.generation))
    assert [report.problem.code for report in of(Reported, effects)] == []


def test_audio_that_is_left_when_it_is_paused_again_puts_the_switch_off(at):
    session = renewed_beside(at, config=detection(None))
    session.handle(AudioPaused(0.0))
    session.handle(AudioPaused(500.0))
    assert session.state.switching == ""


@pytest.mark.parametrize("restored", [("item_0",), ()])
def test_an_item_behind_the_note_is_behind_what_was_restored_in_whatever_order_the_link_tells(at, restored):
    session = at(conversation=said("Hi.") if restored else Conversation(), restored=frozenset({*restored, "ts_7"}))
    shown = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "So."}]}
    session.handle(ItemConfirmed("b", "message", "user", item=shown, previous_id="a"))
    session.handle(ItemConfirmed("a", "message", "user", item=shown, previous_id="ts_7"))
    assert [entry.item_id for entry in session.data.conversation.entries] == [*restored, "a", "b"]
