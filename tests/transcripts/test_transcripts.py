"""Whole sessions, both wires, replayed line by line: what came then comes again, and comes to the same."""

from __future__ import annotations

import json
import typing
from pathlib import Path

import pytest
from comparing import difference_by_wire
from conversations import CONVERSATIONS
from deepgram.agent.v1.socket_client import V1SocketClientResponse
from openai.types.realtime import RealtimeClientEvent
from playing import play, play_recorded, stage_of
from pydantic import TypeAdapter, ValidationError


def _members(union):
    """Return the model classes of a union of unions."""
    for member in typing.get_args(union):
        yield from [member] if isinstance(member, type) else _members(member)


FILES = sorted(Path(__file__).parent.glob("*.jsonl"))
SENT_BY_DEEPGRAM = [kind for kind in _members(V1SocketClientResponse) if kind is not bytes]
UPSTREAM = TypeAdapter(RealtimeClientEvent)


def _is_built_as(kind, message):
    if kind.model_fields["type"].default != message["type"]:
        return False
    try:
        return not kind.model_validate(message).model_extra
    except ValidationError:
        return False


def read(path):
    head, *lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return head, lines


@pytest.fixture
def stage():
    """Make a stage, and end its session when the test is over."""
    stages = []

    def make(head):
        stages.append(stage_of(head))
        return stages[-1]

    yield make
    for one in stages:
        one.client_leaves()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_session_comes_to_the_same_again(stage, path):
    head, lines = read(path)
    played = stage(head)
    if head.get("is_recorded"):
        play_recorded(played, lines)
        assert difference_by_wire(lines, played.lines) is None
        return
    for line in lines:
        if "from" in line:
            play(played, line)
    for then, now in zip(lines, played.lines, strict=False):
        assert now == then
    assert len(played.lines) == len(lines)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_what_goes_upstream_is_an_event_of_the_api(path):
    for line in read(path)[1]:
        if line.get("to", "").startswith("upstream") and "text" in line:
            event = line["text"]
            if event["type"] == "input_audio_buffer.append":
                event = {**event, "audio": ""}
            UPSTREAM.validate_python(event)


@pytest.mark.parametrize("path", [path for path in FILES if read(path)[0]["profile"] == "deepgram"])
def test_a_deepgram_client_is_sent_what_its_sdk_knows(path):
    for line in read(path)[1]:
        if line.get("to") == "client" and "text" in line:
            message = line["text"]
            assert any(_is_built_as(kind, message) for kind in SENT_BY_DEEPGRAM), message


def test_every_conversation_has_its_transcript():
    made = [path.stem for path in FILES if not read(path)[0].get("is_recorded")]
    assert made == sorted(conversation.name for conversation in CONVERSATIONS)
