"""The event orders of sessions with the real API, played again.

The data beside this file were taken from the test cassettes of pydantic-ai (MIT): the kinds of events in their order,
what the client sent, and the keys of the objects. Left out are what comes at no fixed place (transcriptions of the
user's audio) and what the recordings often cut off (`rate_limits.updated`). Transcript and audio deltas mix freely: one
name stands for both.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from turnstile.simulator.faults import Pace
from turnstile.simulator.scenario import Call, Expect, Reply, Step

RECORDED = json.loads(Path(__file__).with_name("recorded_orders.json").read_text(encoding="utf-8"))
MIXED = {"response.output_audio_transcript.delta", "response.output_audio.delta"}
CALL = Call("get_weather", {"city": "London"})


def _names(events):
    names: list[str] = []
    for event in events:
        kind = event["type"]
        name = "response.output_audio*.delta" if kind in MIXED else kind
        if "input_audio_transcription" in kind or kind == "rate_limits.updated":
            continue
        if not (name.endswith(".delta") and names and names[-1] == name):
            names.append(name)
    return names


class _Replay:
    def __init__(self, player, recording):
        talks = "2.1" in recording["model"]
        self.player = player(
            Step(Expect("output"), Reply("It is {output}")),
            Step(Expect(contains="weather"), Reply("Let me check that." if talks else None, (CALL,))),
            model=recording["model"],
            created=False,
            pace=Pace(answer=0.04),
        )
        self.expected: list[str] = []

    def play(self, events):
        for direction, event in events:
            if direction == ">":
                self._send(event)
            else:
                self._await(event)
        self.player.advance(1.0)
        assert _names(self.player.seen) == self.expected

    def _await(self, name):
        self.expected.append(name)
        while len(_names(self.player.seen)) < len(self.expected):
            due = self.player.session.next_due()
            assert due is not None, f"waiting for {name} after {_names(self.player.seen)}"
            self.player.advance(max(0.0, due - self.player.now))
        assert _names(self.player.seen)[: len(self.expected)] == self.expected

    def _send(self, event):
        match event:
            case "speech":
                self.player.speak()
            case "silence":
                self.player.hush(100)
            case "silence long enough":
                self.player.hush()
            case "a turn":
                self.player.turn()
            case dict():
                if event.get("item", {}).get("call_id"):
                    done = self.player.of("response.function_call_arguments.done")[-1]
                    event["item"]["call_id"] = done["call_id"]
                self.player.send(event.pop("type"), **event)


@pytest.mark.parametrize("recording", RECORDED["recordings"], ids=lambda recording: recording["name"])
def test_the_recorded_order_is_reproduced_when_the_recorded_client_is_played(player, recording):
    _Replay(player, json.loads(json.dumps(recording))).play(recording["events"])


def _keys(value):
    return {key: _keys(each) for key, each in value.items()} if isinstance(value, dict) else None


@pytest.mark.parametrize("model", RECORDED["shapes"])
@pytest.mark.parametrize("kind", ["session.created", "session.updated", "response.created"])
def test_an_object_has_the_recorded_keys_in_the_recorded_order(player, model, kind):
    recorded = RECORDED["shapes"][model][kind]
    client = player(model=model)
    transcription = {"model": "gpt-realtime-whisper"}
    client.update(audio={"input": {"transcription": transcription}})
    client.ask("hello")
    event = client.of(kind)[0]
    shown = _keys(event.get("session") or event["response"])
    assert json.dumps(shown) == json.dumps(recorded)


@pytest.mark.parametrize("model", RECORDED["shapes"])
def test_a_finished_response_has_the_recorded_keys_in_the_recorded_order(player, model):
    assert list(player(model=model).ask("hello")) == RECORDED["shapes"][model]["response.done"]


def test_rate_limits_follow_the_end_of_a_response(player):
    client = player()
    client.ask("hello")
    client.advance(0.0)
    assert client.kinds[-2:] == ["response.done", "rate_limits.updated"]
