"""Whatever a client does, and whatever goes wrong on demand: what always holds."""

from __future__ import annotations

from collections import Counter

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from turnstile.simulator.faults import Faults, Pace
from turnstile.simulator.quirks import Quirks
from turnstile.simulator.scenario import Call, Expect, Reply, Step

STEPS = (
    Step(Expect(contains="call"), Reply("Wait.", (Call("f", {"a": 1}), Call("g")))),
    Step(Expect(contains="fail"), Reply(ends="failed")),
)
CREATING = ["say", "call", "fail", "create", "beside", "text", "audio", "cancel", "output", "truncate", "delete"]
HEARING = ["speak", "turn", "commit", "clear", "vad off", "vad on"]
ACTIONS = st.sampled_from([*CREATING, *HEARING, "garbage", "wait"])
FAULTS = st.builds(
    Faults,
    order_jitter=st.booleans(),
    audio_done_early=st.booleans(),
    transcript_done_first=st.booleans(),
    slow=st.sampled_from([0.0, 0.05]),
)


# What differs otherwise has other ids or other types, which this file knows nothing of.
QUIRKS = st.builds(
    Quirks,
    opening=st.just("session.created"),
    own_item_ids=st.booleans(),
    committed_first=st.booleans(),
    created_delay=st.sampled_from([0.0, 0.3]),
    noise_bytes=st.sampled_from([0, 1]),
)


def _act(client, action):
    match action:
        case "say" | "call" | "fail":
            client.say(action)
        case "create":
            client.send("response.create")
        case "beside":
            client.send("response.create", response={"conversation": "none"})
        case "text" | "audio":
            client.send("session.update", session={"type": "realtime", "output_modalities": [action]})
        case "cancel":
            client.send("response.cancel")
        case "speak":
            client.speak(100)
        case "turn":
            client.turn()
        case "commit" | "clear":
            client.send(f"input_audio_buffer.{action}")
        case "output":
            for call_id in client.log.responses[-1].calls if client.log.responses else ():
                item = {"type": "function_call_output", "call_id": call_id, "output": "x"}
                client.send("conversation.item.create", item=item)
        case "vad off" | "vad on":
            detection = None if action == "vad off" else {"type": "server_vad"}
            audio = {"input": {"turn_detection": detection, "transcription": {"model": "gpt-realtime-whisper"}}}
            client.send("session.update", session={"type": "realtime", "audio": audio})
        case "truncate" | "delete":
            more = {"content_index": 0, "audio_end_ms": 10} if action == "truncate" else {}
            for item in client.session._context.conversation.items[-1:]:
                client.send(f"conversation.item.{action}", item_id=item.id, **more)
        case "garbage":
            client.session.receive(b"\x00", client.now)
        case _:
            client.advance(0.5)


def _check_order(seen):
    """Ids are announced before they are used, each response ends once, and only one runs at a time."""
    running, ended, open_items = set(), [], Counter()
    for event in seen:
        match event["type"]:
            case "response.created":
                response = event["response"]
                if response["conversation_id"] is not None:
                    assert not running
                    running.add(response["id"])
                open_items[response["id"]] = 0
            case "response.done":
                running.discard(event["response"]["id"])
                ended.append(event["response"]["id"])
                assert open_items[event["response"]["id"]] == 0
            case "response.output_item.added":
                open_items[event["response_id"]] += 1
            case "response.output_item.done":
                open_items[event["response_id"]] -= 1
            case kind if kind.startswith("response."):
                assert event["response_id"] not in ended
    assert sorted(ended) == sorted(open_items)


@given(
    actions=st.lists(st.tuples(ACTIONS, st.floats(0, 0.05)), max_size=25),
    faults=FAULTS,
    quirks=QUIRKS,
    model=st.sampled_from(["gpt-realtime", "gpt-realtime-2.1"]),
    jitter=st.sampled_from([0.0, 0.9]),
)
@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_every_response_ends_once_and_none_overlaps(player, actions, faults, quirks, model, jitter):
    client = player(*STEPS, model=model, faults=faults, quirks=quirks, pace=Pace(jitter=jitter))
    for action, pause in actions:
        _act(client, action)
        client.advance(pause)
    client.advance(60)
    _check_order(client.seen)
    assert len(client.of("error")) == len(client.log.broken)
    assert len(client.of("session.updated")) == client.log.updates_applied
    records = {record.id: record.status for record in client.log.responses}
    assert records == {event["response"]["id"]: event["response"]["status"] for event in client.of("response.done")}


@given(data=st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
@settings(
    max_examples=100, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_bytes_are_an_event_or_an_error(player, data):
    client = player()
    client.session.receive(data, client.now)
    client.advance(0.01)
    assert client.kinds[1:] == ["error"]
