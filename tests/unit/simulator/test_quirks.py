"""In what a session differs on demand, each with what it is by default."""

from __future__ import annotations

import json

import pytest

from turnstile.protocol.frames import BinaryFrame, TextFrame
from turnstile.simulator.quirks import NO_QUIRKS, Quirks
from turnstile.simulator.scenario import Call, Expect, Reply, Step

STORY = Step(Expect(), Reply("one two three four five six seven eight nine ten"))
TEXT = {"output_modalities": ["text"]}
TOOLS = [
    {"type": "function", "name": "f", "description": "", "parameters": {"type": "object", "required": []}},
    {"type": "function", "name": "g"},
]


@pytest.fixture
def quirky(player):
    """Make a `Player` of a session with quirks; it has got what comes first."""

    def make(quirks, *steps, is_api=True, **options):
        client = player(*(steps or (STORY,)), created=False, quirks=quirks, **options)
        client.is_api = is_api
        client.advance(0.01)
        return client

    return make


@pytest.mark.parametrize(
    ("quirks", "kinds"),
    [
        pytest.param(NO_QUIRKS, ["session.created"], id="default"),
        (Quirks(opening="conversation.created"), ["conversation.created"]),
        (Quirks(opening="nothing"), []),
    ],
)
def test_a_session_opens_with_what_it_is_told_to(quirky, quirks, kinds):
    client = quirky(quirks)
    client.advance(60)
    assert client.kinds == kinds
    assert client.update()["type"] == "session.updated"


@pytest.mark.parametrize("left_out", [(), ("response.metadata",), ("response.conversation_id", "response.metadata")])
def test_a_response_lacks_the_fields_that_are_left_out(quirky, left_out):
    client = quirky(Quirks(left_out=left_out))
    client.ask("hi", metadata={"k": "v"})
    for kind in ("response.created", "response.done"):
        response = client.of(kind)[0]["response"]
        assert {f"response.{name}" for name in ("metadata", "conversation_id") if name not in response} == set(left_out)


@pytest.mark.parametrize(("quirks", "names_it"), [(NO_QUIRKS, True), (Quirks(left_out=("error.event_id",)), False)])
def test_an_error_does_not_name_its_event_when_that_is_left_out(quirky, quirks, names_it):
    error = quirky(quirks).error("response.cancel", event_id="mine")
    assert ("event_id" in error) is names_it


@pytest.mark.parametrize(
    ("quirks", "has_voice"), [(NO_QUIRKS, True), (Quirks(left_out=("session.audio.output.voice",)), False)]
)
def test_a_session_lacks_a_nested_field_that_is_left_out(quirky, quirks, has_voice):
    shown = quirky(quirks).update()["session"]
    assert ("voice" in shown["audio"]["output"]) is has_voice
    assert "speed" in shown["audio"]["output"]


def test_an_event_stays_as_it_is_when_what_is_left_out_is_not_in_it(quirky):
    client = quirky(Quirks(left_out=("session.tools.type", "response.nothing", "item.id.deep")))
    client.update(tools=TOOLS)
    client.ask("hi")
    plain = quirky(NO_QUIRKS)
    plain.update(tools=TOOLS)
    plain.ask("hi")
    assert client.seen == plain.seen


@pytest.mark.parametrize(("quirks", "is_kept"), [(NO_QUIRKS, True), (Quirks(own_item_ids=True), False)])
def test_an_item_gets_an_id_of_the_servers_when_its_own_is_ignored(quirky, quirks, is_kept):
    client = quirky(quirks)
    client.say("hi", id="mine")
    client.until("conversation.item.added")
    added, done = client.seen[-2:]
    assert (added["item"]["id"] == "mine") is is_kept
    assert done["item"]["id"] == added["item"]["id"]


@pytest.mark.parametrize(
    ("in_force", "asked"),
    [
        ({"audio": {"output": {"format": {"type": "audio/pcm", "rate": 24000}}}}, {"type": "audio/pcmu"}),
        ({}, {"type": "audio/pcmu"}),
    ],
)
def test_another_output_format_is_spoken_than_asked_when_it_is_in_force(quirky, in_force, asked):
    client = quirky(Quirks(in_force=in_force))
    shown = client.update(audio={"output": {"format": asked}})["session"]["audio"]["output"]["format"]
    done = client.ask("hi", audio={"output": {"format": asked}})
    assert shown == done["audio"]["output"]["format"] == (in_force["audio"]["output"]["format"] if in_force else asked)
    audio = sum(len(event["delta"]) for event in client.of("response.output_audio.delta"))
    assert (audio > 60_000) is bool(in_force)


ASKED = {"instructions": "mine", "tools": TOOLS[1:], "audio": {"output": {"voice": "ash", "speed": 1.5}}}
HELD = {"instructions": "theirs", "tools": [], "audio": {"output": {"voice": "sage", "speed": 0.5}}}


@pytest.mark.parametrize(("quirks", "holds"), [(NO_QUIRKS, ASKED), (Quirks(in_force=HELD), HELD)])
def test_voice_speed_instructions_and_tools_are_those_in_force_whatever_is_asked(quirky, quirks, holds):
    client = quirky(quirks)
    shown = client.update(**ASKED)["session"]
    client.ask("hi")
    again = client.update(audio={"output": ASKED["audio"]["output"]})["session"]
    for session in (shown, again, client.log.responses[0].started):
        assert (session["instructions"], session["tools"]) == (holds["instructions"], holds["tools"])
        output = session["audio"]["output"]
        assert {name: output[name] for name in ("voice", "speed")} == holds["audio"]["output"]


def test_what_is_in_force_holds_before_the_first_update(quirky):
    client = quirky(Quirks(in_force={"audio": {"input": {"turn_detection": {"type": "semantic_vad"}}}}))
    detection = client.seen[0]["session"]["audio"]["input"]["turn_detection"]
    assert (detection["type"], detection["create_response"]) == ("semantic_vad", True)


@pytest.mark.parametrize(
    ("in_force", "words"),
    [({"voice": "ash"}, "Unknown parameter"), ({"audio": {"output": {"speed": 9}}}, "Expected a value <= 1.5")],
)
def test_what_no_session_has_cannot_be_in_force(in_force, words):
    with pytest.raises(ValueError, match=f"in_force: .*{words}"):
        Quirks(in_force=in_force)


def test_a_session_is_shown_in_another_form_on_demand(quirky):
    shown = quirky(Quirks(rewritten_session=True), is_api=False).update(
        tools=TOOLS, instructions="", max_output_tokens=50
    )["session"]
    assert [tool["name"] for tool in shown["tools"]] == ["g", "f"]
    assert list(shown["tools"][1]) == ["strict", "parameters", "description", "name", "type"]
    assert shown["tools"][1]["description"] is None
    assert shown["tools"][1]["parameters"] == {"type": "object", "required": None}
    assert (shown["instructions"], repr(shown["max_output_tokens"])) == (None, "50.0")
    assert shown["audio"]["input"]["turn_detection"]["create_response"] is True


def test_a_session_is_shown_as_it_was_asked_by_default(quirky):
    shown = quirky(NO_QUIRKS).update(tools=TOOLS, instructions="", max_output_tokens=50)["session"]
    assert (shown["tools"], shown["instructions"], shown["max_output_tokens"]) == (TOOLS, "", 50)
    assert repr(shown["max_output_tokens"]) == "50"


@pytest.mark.parametrize(("quirks", "kind"), [(NO_QUIRKS, TextFrame), (Quirks(binary_events=True), BinaryFrame)])
def test_events_come_in_binary_frames_on_demand(quirky, quirks, kind):
    client = quirky(quirks)
    client.ask("hi")
    assert {type(frame) for frame in client.frames} == {kind}


@pytest.mark.parametrize("size", [0, 3])
def test_noise_comes_before_each_event_on_demand(quirky, size):
    client = quirky(Quirks(noise_bytes=size))
    client.ask("hi")
    noise = [frame for frame in client.frames if isinstance(frame, BinaryFrame)]
    assert noise == [BinaryFrame(bytes(3))] * (len(client.seen) if size else 0)
    assert [type(frame) for frame in client.frames[:2]] == ([BinaryFrame, TextFrame] if size else [TextFrame] * 2)


def _interrupted(client, runs):
    """Have a turn interrupt a response, and return the kinds of events from then on."""
    client.send("response.create")
    client.until("response.output_audio.delta")
    start = len(client.seen)
    client.speak()
    client.advance(0.5)
    client.hush()
    client.until("response.created")
    return runs(client.seen[start:])


def test_a_turn_is_committed_before_the_end_of_the_response_that_it_interrupts_on_demand(quirky, runs):
    client = quirky(Quirks(committed_first=True))
    kinds = _interrupted(client, runs)
    assert kinds[:4] == [
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "conversation.item.added",
    ]
    assert kinds[-3:] == ["response.done", "rate_limits.updated", "response.created"]
    assert client.of("response.done")[0]["response"]["status_details"]["reason"] == "turn_detected"
    assert client.until("response.done")["response"]["status"] == "completed"


def test_an_interrupted_response_ends_before_its_turn_is_committed_by_default(quirky, runs):
    kinds = _interrupted(quirky(NO_QUIRKS), runs)
    assert kinds.index("response.done") < kinds.index("input_audio_buffer.speech_stopped")


@pytest.mark.parametrize("end", ["commit", "clear", "vad off", "cancel", "time"])
def test_a_silenced_response_ends_when_its_turn_is_no_longer_heard(quirky, end):
    client = quirky(Quirks(committed_first=True))
    client.send("response.create")
    client.until("response.output_audio.delta")
    client.speak()
    client.advance(1)
    assert not client.of("response.done")
    match end:
        case "vad off":
            client.send("session.update", session={"type": "realtime", "audio": {"input": {"turn_detection": None}}})
        case "cancel":
            client.send("response.cancel")
        case "time":
            client.advance(1.1)
        case _:
            client.send(f"input_audio_buffer.{end}")
    client.advance(0.1)
    assert client.of("response.done")[0]["response"]["status"] == "cancelled"
    client.hush()
    client.advance(1)
    assert len(client.of("response.done")) == len(client.of("response.created"))


@pytest.mark.parametrize(("quirks", "seconds"), [(NO_QUIRKS, 0.02), (Quirks(created_delay=2.0), 2.02)])
def test_a_create_is_refused_for_a_response_that_is_seen_later(quirky, quirks, seconds):
    client = quirky(quirks)
    client.turn()
    client.advance(0.01)
    refused = client.error("response.create")
    assert (refused["code"], client.of("response.created")) == ("conversation_already_has_active_response", [])
    created = client.until("response.created")
    assert created["response"]["id"] in refused["message"]
    committed = client.times[client.kinds.index("input_audio_buffer.committed")]
    assert client.times[-1] - committed == pytest.approx(seconds, abs=0.001)


def test_an_update_is_refused_while_a_response_runs_on_demand(quirky):
    client = quirky(Quirks(refused_mid_response=("session.update",)))
    client.send("response.create", response=TEXT)
    response = client.until("response.created")["response"]
    error = client.error("session.update", session={"type": "realtime", "instructions": "x"}, event_id="u1")
    assert (error["code"], error["event_id"]) == ("conversation_already_has_active_response", "u1")
    assert response["id"] in error["message"]
    client.until("response.done")
    assert client.update(instructions="x")["session"]["instructions"] == "x"
    assert client.log.updates_applied == 1


def test_an_update_is_taken_while_a_response_runs_by_default(quirky):
    client = quirky(NO_QUIRKS)
    client.send("response.create", response=TEXT)
    client.until("response.created")
    client.send("session.update", session={"type": "realtime", "instructions": "x"})
    assert client.until("session.updated")["session"]["instructions"] == "x"


@pytest.mark.parametrize(("quirks", "half"), [(NO_QUIRKS, ""), (Quirks(half_emoji=True), r"\ud83d")])
@pytest.mark.parametrize("modality", ["text", "audio"])
def test_texts_end_in_half_an_emoji_on_demand(quirky, quirks, half, modality):
    client = quirky(quirks, Step(Expect(), Reply("ok")), is_api=not half)
    client.ask("hi", output_modalities=[modality])
    done = client.frames[client.kinds.index("response.done")].data.decode("ascii")
    assert f'"ok {half}"' in done if half else '"ok"' in done
    assert (r"\ud83d" in done) is bool(half)


@pytest.mark.parametrize(("quirks", "half"), [(NO_QUIRKS, ""), (Quirks(half_emoji=True), r"\ud83d")])
def test_arguments_hold_half_an_emoji_in_a_json_of_their_own_on_demand(quirky, quirks, half):
    client = quirky(quirks, Step(Expect(), Reply(None, (Call("f", {"city": "London", "n": 1}), Call("g", "no json")))))
    first, second = client.ask("hi")["output"]
    assert first["arguments"] == f'{{"city": "London{half}", "n": 1}}'
    assert second["arguments"] == "no json"


def test_half_an_emoji_of_the_client_is_taken(player):
    client = player(STORY)
    content = r'[{"type": "input_text", "text": "ok \ud83d end"}]'
    frame = (
        f'{{"type": "conversation.item.create", "item": {{"type": "message", "role": "user", "content": {content}}}}}'
    )
    client.session.receive(frame.encode(), client.now)
    client.is_api = False
    assert client.until("conversation.item.added")["item"]["content"] == json.loads(content)


@pytest.mark.parametrize("frame", [b'{"type": "response.cancel", "event_id": NaN}', b"[" * 100_000, b"\xff{}"])
def test_what_is_no_json_stays_none(player, frame):
    client = player(STORY)
    client.session.receive(frame, client.now)
    assert client.until("error")["error"]["code"] == "invalid_json"


@pytest.mark.parametrize(("odd", "shown"), [("null", lambda _: None), ("bare", lambda item: {"id": item["id"]})])
def test_the_output_of_an_end_is_odd_on_demand(quirky, odd, shown):
    client = quirky(Quirks(odd_output=odd), is_api=False)
    output = client.ask("hi")["output"]
    assert output == [shown(client.of("response.output_item.done")[0]["item"])]


def test_the_output_of_an_end_is_whole_by_default(quirky):
    client = quirky(NO_QUIRKS)
    assert client.ask("hi")["output"] == [client.of("response.output_item.done")[0]["item"]]


@pytest.mark.parametrize(
    ("retry_after", "end"),
    [(None, "(TPM)."), (2.5, "(TPM). Please try again in 2.5s."), (3.0, "(TPM). Please try again in 3s.")],
)
def test_a_failure_says_when_to_try_again_on_demand(player, retry_after, end):
    reply = Reply(ends="failed", reason="rate_limit_exceeded", retry_after=retry_after)
    done = player(Step(Expect(), reply)).ask("hi")
    error = done["status_details"]["error"]
    assert (done["status"], error["code"]) == ("failed", "rate_limit_exceeded")
    assert error["message"].endswith(end)
