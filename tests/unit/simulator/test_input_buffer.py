"""Input audio: the server's turns, manual commits, transcription, idle timeout."""

from __future__ import annotations

import base64

import pytest

from turnstile.audio import g711
from turnstile.simulator.faults import Faults
from turnstile.simulator.scenario import Expect, Reply, Step

STORY = Step(Expect(), Reply("one two three four five six seven eight nine ten"))
TURN = [
    "input_audio_buffer.speech_started",
    "input_audio_buffer.speech_stopped",
    "input_audio_buffer.committed",
    "conversation.item.added",
    "conversation.item.done",
]
OFF = {"turn_detection": None}


def _vad(**settings):
    return {"turn_detection": {"type": "server_vad", **settings}}


def test_a_spoken_turn_is_found_committed_and_answered(player):
    client = player(STORY)
    client.turn()
    client.until("response.created")
    assert client.kinds[1:] == [*TURN, "response.created"]
    assert client.log.responses[0].origin == "voice"


def test_the_turn_has_one_id_from_the_first_sound_on(player):
    client = player(STORY)
    client.ask("hi")
    client.turn()
    client.advance(0.01)
    started, stopped, committed, added, done = client.seen[-5:]
    assert started["item_id"] == stopped["item_id"] == committed["item_id"] == added["item"]["id"] == done["item"]["id"]
    items = client.session._context.conversation.items
    assert committed["previous_item_id"] == added["previous_item_id"] == items[1].id
    assert added["item"]["content"] == [{"type": "input_audio", "transcript": None}]


def test_audio_times_count_all_audio_appended(player):
    client = player(STORY)
    client.hush(1000)
    client.speak(500)
    client.hush(400)
    client.advance(0.01)
    assert client.of("input_audio_buffer.speech_started")[0]["audio_start_ms"] == 700
    assert client.of("input_audio_buffer.speech_stopped")[0]["audio_end_ms"] == 1700


def test_silence_alone_is_no_turn(player):
    client = player(STORY)
    client.hush(3000)
    assert client.advance(1) == []


def test_a_click_is_no_turn(player):
    client = player(STORY)
    client.speak(20)
    client.hush(500)
    assert client.advance(1) == []


def test_quiet_speech_needs_a_low_threshold(player):
    quiet = (b"\xf0\x00" + b"\x10\xff") * 12_000
    client = player(STORY)
    client.hear(quiet)
    assert client.advance(0.01) == []
    client.update(audio={"input": _vad(threshold=0.1)})
    client.hear(quiet)
    assert client.advance(0.01)[0]["type"] == "input_audio_buffer.speech_started"


def test_a_pause_shorter_than_the_silence_asked_for_does_not_end_the_turn(player):
    client = player(STORY)
    client.update(audio={"input": _vad(silence_duration_ms=700)})
    client.speak()
    client.hush(600)
    client.speak()
    client.hush(700)
    client.advance(0.01)
    assert client.kinds.count("input_audio_buffer.speech_stopped") == 1
    assert client.of("input_audio_buffer.speech_stopped")[0]["audio_end_ms"] == 2300


@pytest.mark.parametrize(("eagerness", "silence"), [("high", 300), ("auto", 500), ("low", 800)])
def test_semantic_vad_waits_as_long_as_its_eagerness_says(player, eagerness, silence):
    client = player(STORY)
    client.update(audio={"input": {"turn_detection": {"type": "semantic_vad", "eagerness": eagerness}}})
    client.speak()
    client.hush(silence - 20)
    client.advance(0.01)
    assert "input_audio_buffer.speech_stopped" not in client.kinds
    client.hush(20)
    client.advance(0.01)
    assert "input_audio_buffer.speech_stopped" in client.kinds


@pytest.mark.parametrize(("encoding", "law"), [("audio/pcmu", "mulaw"), ("audio/pcma", "alaw")])
def test_turns_are_heard_in_g711_too(player, encoding, law):
    table = g711.decode(law, bytes(range(256)))
    client = player(STORY)
    client.update(audio={"input": {"format": {"type": encoding}}})
    client.hear(g711.encode(law, table[[10, 138] * 2000]), frame=160)
    client.hear(g711.encode(law, table[[int(abs(table).argmin())] * 4000]), frame=160)
    client.advance(0.01)
    assert client.kinds[2:] == TURN
    assert client.of("input_audio_buffer.speech_stopped")[0]["audio_end_ms"] == 700


def test_frames_of_any_length_are_heard(player):
    client = player(STORY)
    client.hear(b"".join([b"\x00\x20\x00\xe0"] * 6000), frame=1000)
    client.hear(bytes(24_000), frame=5000)
    client.advance(0.01)
    assert client.kinds[1:] == TURN


def test_no_response_follows_when_create_response_is_off(player):
    client = player(STORY)
    client.update(audio={"input": _vad(create_response=False)})
    client.turn()
    client.advance(1)
    assert client.kinds[2:] == TURN


def test_speech_cancels_the_response_in_mid_audio(player, runs):
    client = player(STORY)
    client.say("hi")
    client.send("response.create")
    client.until("response.output_audio.delta")
    before = len(client.seen)
    client.speak(100)
    client.advance(0.1)
    assert runs(client.seen[before:]) == [
        "input_audio_buffer.speech_started",
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        "response.content_part.done",
        "conversation.item.done",
        "response.output_item.done",
        "response.done",
        "rate_limits.updated",
    ]
    done = client.of("response.done")[0]["response"]
    assert done["status_details"] == {"type": "cancelled", "reason": "turn_detected"}
    assert done["output"][0]["content"][0]["transcript"] == "one two three"


def test_speech_before_any_output_leaves_an_empty_cancelled_response(player):
    client = player(STORY)
    client.send("response.create")
    client.speak(100)
    client.advance(1)
    assert client.kinds[1:] == ["input_audio_buffer.speech_started", "response.created", "response.done"]
    assert client.seen[-1]["response"]["output"] == []


def test_speech_cancels_nothing_out_of_band(player):
    client = player(STORY)
    client.send("response.create", response={"conversation": "none"})
    client.until("response.output_audio.delta")
    client.speak(100)
    assert client.until("response.done")["response"]["status"] == "completed"


def test_a_turn_that_ends_before_the_response_it_cut_is_done_is_answered(player):
    client = player(STORY)
    client.send("response.create")
    cut = client.until("response.output_audio.delta")["response_id"]
    client.turn()
    client.advance(5)
    first, second = (event["response"] for event in client.of("response.done"))
    assert (first["id"], first["status"], second["status"]) == (cut, "cancelled", "completed")
    assert client.log.responses[1].origin == "voice"
    client.send("response.create")
    assert client.until("response.created")


def test_what_a_cut_response_had_begun_to_answer_is_not_answered_again_by_the_turn_that_cut_it(player):
    client = player(Step(Expect(on="text"), Reply("one two three four five six seven")))
    client.update(instructions="")
    client.say("a question")
    client.send("response.create")
    client.until("response.output_audio.delta")
    client.turn()
    client.advance(5)
    assert client.log.responses[1].text == "You said: hello."


def test_a_create_right_behind_a_barge_in_is_refused_until_the_cut_response_is_done(player):
    client = player(STORY)
    client.send("response.create")
    cut = client.until("response.output_audio.delta")["response_id"]
    client.speak()
    client.send("response.create")
    assert cut in client.until("error")["error"]["message"]


def test_a_response_goes_on_when_interrupt_response_is_off(player):
    client = player(STORY)
    client.update(audio={"input": _vad(interrupt_response=False)})
    client.send("response.create")
    client.until("response.output_audio.delta")
    client.turn()
    client.advance(5)
    assert [event["response"]["status"] for event in client.of("response.done")] == ["completed"]
    assert not client.of("error")


def test_the_servers_own_response_collides_with_a_create(player):
    client = player(STORY)
    client.turn()
    client.send("response.create")
    error = client.until("error")
    created = client.until("response.created")["response"]
    assert created["id"] in error["error"]["message"]


def test_a_manual_commit_makes_an_item_and_no_response(player):
    client = player(STORY)
    client.update(audio={"input": OFF})
    client.speak(200)
    client.send("input_audio_buffer.commit")
    client.advance(1)
    assert client.kinds[2:] == TURN[2:]
    client.send("response.create")
    assert client.until("response.done")["response"]["status"] == "completed"


def test_a_commit_in_mid_speech_ends_the_turn_without_speech_stopped(player):
    client = player(STORY)
    client.speak()
    client.send("input_audio_buffer.commit")
    client.hush()
    client.advance(1)
    assert client.kinds[1:] == [TURN[0], *TURN[2:]]
    assert client.seen[1]["item_id"] == client.seen[2]["item_id"]


@pytest.mark.parametrize(("milliseconds", "text"), [(0, "0.00ms"), (50, "50.00ms"), (99, "99.00ms")])
def test_a_commit_of_less_than_100_ms_is_refused(player, milliseconds, text):
    client = player(STORY)
    client.update(audio={"input": OFF})
    client.speak(milliseconds)
    error = client.error("input_audio_buffer.commit", event_id="c")
    assert error["code"] == "input_audio_buffer_commit_empty"
    assert f"but buffer only has {text} of audio" in error["message"]
    assert error["event_id"] == "c"


def test_audio_is_committed_once(player):
    client = player(STORY)
    client.update(audio={"input": OFF})
    client.speak(150)
    client.send("input_audio_buffer.commit")
    client.advance(0.01)
    assert client.error("input_audio_buffer.commit")["code"] == "input_audio_buffer_commit_empty"


def test_an_empty_commits_error_comes_behind_later_answers_when_it_is_late(player):
    client = player(STORY, faults=Faults(late_empty_commit=0.9))
    client.send("input_audio_buffer.commit")
    client.send("input_audio_buffer.clear")
    client.advance(2)
    assert client.kinds[1:] == ["input_audio_buffer.cleared", "error"]
    assert client.times[-1] == pytest.approx(0.904)


def test_clear_throws_the_audio_away(player):
    client = player(STORY)
    client.speak()
    client.send("input_audio_buffer.clear")
    client.hush()
    client.advance(1)
    assert client.kinds[1:] == ["input_audio_buffer.speech_started", "input_audio_buffer.cleared"]


def test_turning_detection_off_in_mid_speech_forgets_the_turn(player):
    client = player(STORY)
    client.speak()
    client.update(audio={"input": OFF})
    client.update(audio={"input": _vad()})
    client.hush()
    client.advance(1)
    assert "input_audio_buffer.speech_stopped" not in client.kinds


@pytest.mark.parametrize("audio", ["not base64!", "AAA", base64.b64encode(b"odd").decode()])
def test_bad_audio_is_refused(player, audio):
    error = player(STORY).error("input_audio_buffer.append", audio=audio)
    assert (error["code"], error["param"]) == ("invalid_value", "audio")


def test_too_much_audio_at_once_is_refused(player):
    audio = "A" * (21 * 1024 * 1024)
    assert player(STORY).error("input_audio_buffer.append", audio=audio)["code"] == "string_above_max_length"


def test_an_empty_append_is_nothing(player):
    client = player(STORY)
    client.send("input_audio_buffer.append", audio="")
    assert client.advance(1) == []


@pytest.mark.parametrize(
    ("model", "usage"),
    [
        ("whisper-1", {"type": "duration", "seconds": 1}),
        (
            "gpt-4o-transcribe",
            {
                "type": "tokens",
                "total_tokens": 9,
                "input_tokens": 7,
                "input_token_details": {"text_tokens": 0, "audio_tokens": 7},
                "output_tokens": 2,
            },
        ),
    ],
)
def test_a_voice_turn_is_transcribed_when_asked_for(player, model, usage):
    client = player(STORY, transcripts=("good morning",))
    client.update(audio={"input": {"transcription": {"model": model}}})
    client.turn()
    completed = client.until("conversation.item.input_audio_transcription.completed")
    deltas = [event["delta"] for event in client.of("conversation.item.input_audio_transcription.delta")]
    assert deltas == ["good", " morning"]
    assert (completed["transcript"], completed["usage"]) == ("good morning", usage)
    assert completed["item_id"] == client.of("input_audio_buffer.committed")[0]["item_id"]


def test_transcripts_come_in_order_then_the_default(player):
    client = player(STORY, transcripts=("first", "second"))
    client.update(audio={"input": {**OFF, "transcription": {"model": "whisper-1"}}})
    for _ in range(3):
        client.speak()
        client.send("input_audio_buffer.commit")
        client.advance(1)
    completed = client.of("conversation.item.input_audio_transcription.completed")
    assert [event["transcript"] for event in completed] == ["first", "second", "hello"]
    assert [item.text for item in client.log.items] == ["first", "second", "hello"]


def test_committed_silence_says_nothing(player):
    client = player(STORY)
    client.update(audio={"input": {**OFF, "transcription": {"model": "whisper-1"}}})
    client.hush(200)
    client.send("input_audio_buffer.commit")
    client.advance(1)
    assert client.of("conversation.item.input_audio_transcription.completed")[0]["transcript"] == ""


def test_a_streaming_transcription_begins_while_the_user_speaks(player):
    client = player(STORY, transcripts=("good morning",))
    client.update(audio={"input": {"transcription": {"model": "gpt-realtime-whisper"}}})
    client.speak()
    client.advance(0.3)
    assert client.kinds[-1] == "conversation.item.input_audio_transcription.delta"
    client.hush()
    client.until("conversation.item.input_audio_transcription.completed")
    deltas = [event["delta"] for event in client.of("conversation.item.input_audio_transcription.delta")]
    assert deltas == ["good", " morning"]


def test_a_streaming_transcription_does_not_begin_twice(player):
    client = player(STORY, transcripts=("good morning",))
    client.update(audio={"input": {"transcription": {"model": "gpt-realtime-whisper"}}})
    client.turn()
    client.advance(2)
    assert client.kinds.count("conversation.item.input_audio_transcription.delta") == 2


def test_a_failed_transcription_does_not_stop_the_response(player):
    client = player(STORY, faults=Faults(failed_transcriptions=frozenset({1})))
    client.update(audio={"input": {"transcription": {"model": "whisper-1"}}})
    client.turn()
    failed = client.until("conversation.item.input_audio_transcription.failed")
    assert failed["error"]["message"] == f"Input transcription failed for item '{failed['item_id']}'."
    assert client.until("response.done")["response"]["status"] == "completed"


def test_the_model_answers_what_was_said(player):
    client = player(transcripts=("is anybody there?",))
    client.update(instructions="", output_modalities=["text"])
    client.turn()
    assert client.until("response.output_text.done")["text"] == "You said: is anybody there?."


def test_a_silent_user_is_asked_again_after_the_idle_timeout(player):
    client = player(STORY)
    client.update(audio={"input": _vad(idle_timeout_ms=5000)})
    client.ask("hi")
    ended = client.now
    triggered = client.until("input_audio_buffer.timeout_triggered")
    assert client.now - ended == pytest.approx(5.0 + 10 * 0.1, abs=0.3)
    client.until("response.done")
    start = client.seen.index(triggered)
    assert client.kinds[start : start + 5] == [
        "input_audio_buffer.timeout_triggered",
        *TURN[2:],
        "response.created",
    ]
    assert client.log.responses[1].origin == "idle"


@pytest.mark.parametrize("what", ["speech", "response", "update"])
def test_the_idle_timeout_does_not_strike_when_something_happens(player, what):
    client = player(STORY)
    client.update(audio={"input": _vad(idle_timeout_ms=5000, create_response=False)})
    client.ask("hi")
    client.advance(2)
    match what:
        case "speech":
            client.turn()
        case "response":
            client.advance(3.9)
            client.send("response.create")
        case "update":
            client.update(audio={"input": _vad(idle_timeout_ms=None)})
    client.advance(4)
    assert "input_audio_buffer.timeout_triggered" not in client.kinds


def test_audio_bytes_are_counted(player):
    client = player(STORY)
    client.speak(100)
    assert client.log.audio_bytes == 4800
    assert client.log.received["input_audio_buffer.append"] == 5
