"""What goes wrong on demand."""

from __future__ import annotations

import pytest

from turnstile.protocol.frames import Closed
from turnstile.simulator.faults import Faults
from turnstile.simulator.scenario import Call, Expect, Reply, Step

STORY = Step(Expect(), Reply("one two three four five six seven eight nine ten"))
TEXT = {"output_modalities": ["text"]}
AUDIO, TRANSCRIPT = "response.output_audio", "response.output_audio_transcript"


def _audio_kinds(client):
    client.ask("hi")
    return [kind for kind in client.kinds if kind.startswith(AUDIO)]


def test_audio_is_done_before_the_last_of_its_transcript_on_demand(player):
    kinds = _audio_kinds(player(STORY, faults=Faults(audio_done_early=True)))
    assert kinds[-4:] == [f"{AUDIO}.done", f"{TRANSCRIPT}.delta", f"{TRANSCRIPT}.delta", f"{TRANSCRIPT}.done"]
    assert kinds.count(f"{TRANSCRIPT}.delta") == kinds.count(f"{AUDIO}.delta") == 10


def test_the_transcript_is_done_before_its_audio_on_demand(player):
    kinds = _audio_kinds(player(STORY, faults=Faults(transcript_done_first=True)))
    assert kinds[-2:] == [f"{TRANSCRIPT}.done", f"{AUDIO}.done"]


def test_early_audio_is_done_once_when_the_transcript_should_be_first(player):
    kinds = _audio_kinds(player(STORY, faults=Faults(transcript_done_first=True, audio_done_early=True)))
    assert kinds.count(f"{AUDIO}.done") == 1


def test_orders_differ_and_stay_allowed_with_jitter(player):
    client = player(STORY, faults=Faults(order_jitter=True))
    orders, ends = set(), set()
    for _ in range(12):
        before = len(client.seen)
        client.ask("hi")
        kinds = [kind for kind in client.kinds[before:] if kind.startswith(AUDIO)]
        assert kinds[0] == f"{TRANSCRIPT}.delta"
        assert kinds.count(f"{AUDIO}.delta") == kinds.count(f"{TRANSCRIPT}.delta") == 10
        orders.add(tuple(kinds))
        ends.add(tuple(kinds[-2:]))
    assert len(orders) > 5
    assert len(ends) == 2


def test_items_are_interleaved_or_not_with_jitter(player, runs):
    step = Step(Expect(), Reply("a b", (Call("f"),)))
    client = player(step, faults=Faults(order_jitter=True))
    orders = set()
    for _ in range(12):
        before = len(client.seen)
        client.ask("hi", **TEXT)
        orders.add(tuple(runs(client.seen[before:])))
    assert len({order.index("response.output_text.done") for order in orders}) == 2


def test_transcriptions_come_at_other_times_with_jitter(player):
    client = player(STORY, faults=Faults(order_jitter=True), transcripts=("a b c d",) * 4)
    client.update(audio={"input": {"transcription": {"model": "whisper-1"}}})
    moments = set()
    for _ in range(4):
        client.turn()
        began = client.now
        client.until("conversation.item.input_audio_transcription.completed")
        moments.add(round(client.now - began, 4))
        client.advance(5)
    assert len(moments) == 4


def test_a_lost_end_is_an_end_for_the_server(player):
    client = player(STORY, faults=Faults(lost_done=frozenset({1})))
    client.send("response.create", response=TEXT)
    client.advance(5)
    assert "response.done" not in client.kinds
    assert client.log.responses[0].status == "completed"
    client.send("response.create", response=TEXT)
    assert client.until("response.done")


def test_a_hung_response_goes_on_until_it_is_cancelled(player):
    client = player(STORY, faults=Faults(hung=frozenset({1})))
    client.send("response.create", response=TEXT)
    client.advance(60)
    assert client.kinds[-1] == "response.output_item.done"
    assert client.log.responses[0].ended is None
    assert client.error("response.create")["code"] == "conversation_already_has_active_response"
    client.send("response.cancel")
    assert client.until("response.done")["response"]["status"] == "cancelled"


def test_an_early_cancel_is_ignored_on_demand(player):
    client = player(STORY, faults=Faults(early_cancel_unanswered=True))
    client.send("response.create")
    client.send("response.cancel")
    assert client.until("response.done")["response"]["status"] == "completed"
    assert not client.of("error")


def test_an_update_cuts_the_speech_on_demand(player):
    client = player(STORY, faults=Faults(update_cuts_speech=True))
    client.update(instructions="before")
    client.send("response.create", response=TEXT)
    client.until("response.output_text.delta")
    client.update(instructions="within")
    assert client.of("response.done")[0]["response"]["status"] == "cancelled"
    assert client.log.updates_applied == 2


def test_a_lost_confirmation_is_of_an_update_in_force(player):
    client = player(STORY, faults=Faults(lost_updated=frozenset({1})))
    client.send("session.update", session={"type": "realtime", "instructions": "first"})
    assert client.advance(1) == []
    assert client.session.settings["instructions"] == "first"
    assert client.update(instructions="second")["type"] == "session.updated"


@pytest.mark.parametrize("count", [1, 2])
def test_the_link_ends_after_so_many_events(player, count):
    client = player(STORY, faults=Faults(disconnect_after_events=count, disconnect_code=1006))
    for _ in range(count):
        assert client.session.closing is None
        client.send("input_audio_buffer.clear")
        client.advance(0.01)
    assert client.session.closing == Closed(1006, "disconnected on demand")
    assert client.kinds.count("input_audio_buffer.cleared") == count


def test_the_link_ends_after_so_many_responses(player):
    client = player(STORY, faults=Faults(disconnect_after_responses=2))
    client.ask("hi", **TEXT)
    assert client.session.closing is None
    client.ask("hi", **TEXT)
    client.advance(0.01)
    assert client.session.closing == Closed(1011, "disconnected on demand")


def test_a_key_is_refused_after_the_handshake(player):
    client = player(STORY, created=False, faults=Faults(refused_key=True))
    client.advance(0.01)
    assert [event["error"]["code"] for event in client.seen] == ["invalid_api_key"]
    assert client.session.closing == Closed(3000, "invalid_request_error.invalid_api_key")


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("invalid_model", "invalid_request_error.invalid_model"),
        ("insufficient_quota", "insufficient_quota.insufficient_quota"),
    ],
)
def test_a_connection_is_refused_after_the_handshake(player, code, reason):
    client = player(STORY, created=False, faults=Faults(rejected=code))
    client.advance(0.01)
    assert [event["error"]["code"] for event in client.seen] == [code]
    assert client.session.closing == Closed(4000, reason)


def test_every_answer_is_late_when_slow(player):
    client = player(STORY, faults=Faults(slow=0.5), created=False)
    client.advance(0.4)
    assert client.seen == []
    client.advance(0.2)
    client.send("session.update", session={"type": "realtime"})
    client.send("response.create", response=TEXT)
    client.until("response.created")
    assert client.times == pytest.approx([0.502, 1.102, 1.622])
