"""Conversations over real sockets, recorded, written as a transcript without what was said, and played again."""

from __future__ import annotations

import json
import time
from base64 import b64encode
from contextlib import contextmanager
from pathlib import Path

import pytest
from comparing import difference_by_wire
from playing import play_recorded, stage_of
from stage import tone
from websockets.sync.client import connect

from actors.system import ProxySystem
from turnstile.audio.formats import PCM_24K
from turnstile.config import load_config
from turnstile.observability.kept_lines import LinesJournal
from turnstile.observability.recording_file import Recording
from turnstile.terminal.demo import hold_conversation
from turnstile.terminal.transcript import transcript
from turnstile.testing import patience

FLAGS = {"server.port": "0", "upstream.url": "simulator:"}
KEY = b"the same in each run"


class Talker:
    """A client over a socket."""

    def __init__(self, connection):
        self._connection = connection

    def say(self, kind, **fields):
        self._connection.send(json.dumps({"type": kind, **fields}))

    def speak(self):
        """Send a spoken turn, faster than it is spoken."""
        silence = PCM_24K.silence(PCM_24K.size(20))
        for piece in [tone(PCM_24K, 20)] * 30 + [silence] * 40:
            self._connection.send(piece)

    def until(self, kind):
        """Wait for a message of this type."""
        while True:
            data = self._connection.recv(timeout=patience())
            if isinstance(data, str) and (message := json.loads(data))["type"] == kind:
                return message


@contextmanager
def talking(url):
    with connect(url) as connection:
        yield Talker(connection)


def recorded(talk, path, **flags):
    """Return the recording of a conversation over sockets."""
    journal = LinesJournal(time.monotonic)
    with ProxySystem(load_config(flags=FLAGS | flags.pop("flags", {})), journal=journal, **flags) as proxy:
        host, port = proxy.address
        talk(f"ws://{host}:{port}{path}")
        assert proxy.wait_until_empty(patience())
    (lines,) = journal.sessions().values()
    lines = json.loads(json.dumps(lines))
    return Recording(lines[0], tuple(lines[1:]))


def test_a_function_returns_on_the_stage_when_a_line_says_so():
    path = Path(__file__).with_name("function_called_by_the_proxy.jsonl")
    head, *lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    (output,) = head["functions"].values()
    number = next(n for n, line in enumerate(lines) if line.get("text", {}).get("type") == "FunctionCallRequest")
    (call,) = lines[number]["text"]["functions"]
    returned = {"at": lines[number]["at"], "from": "function", "call_id": call["id"], "output": output}
    lines.insert(number + 1, returned)
    assert difference_by_wire(lines, played([head | {"functions": {}}, *lines])) is None


def played(lines):
    """Return what passes on the stage when a transcript is played."""
    head, *rest = lines
    stage = stage_of(head)
    play_recorded(stage, rest)
    return stage.lines


def demo(url):
    hold_conversation(url, patience())


def spoken(url):
    with talking(url) as talker:
        talker.until("Welcome")
        audio = {"input": {"encoding": "linear16", "sample_rate": 24_000}}
        talker.say("Settings", audio=audio, agent={"think": {"prompt": "Recommend restaurants in Porto."}})
        talker.until("SettingsApplied")
        talker.speak()
        talker.until("AgentAudioDone")
        talker.say("UpdatePrompt", prompt="Recommend museums instead.")
        talker.until("PromptUpdated")


def realtime_spoken(url):
    silence = PCM_24K.silence(PCM_24K.size(20))
    with talking(url) as talker:
        talker.until("session.created")
        talker.say("session.update", session={"type": "realtime", "instructions": "Recommend restaurants in Porto."})
        talker.until("session.updated")
        for piece in [tone(PCM_24K, 20)] * 30 + [silence] * 40:
            talker.say("input_audio_buffer.append", audio=b64encode(piece).decode())
        talker.until("response.done")


def realtime(url):
    message = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Where is Coimbra?"}]}
    with talking(url) as talker:
        talker.until("session.created")
        talker.say("session.update", session={"type": "realtime", "instructions": "Answer with a rhyme."})
        talker.until("session.updated")
        talker.say("conversation.item.create", item=message)
        talker.say("response.create")
        talker.until("response.created")
        talker.say("session.update", session={"type": "realtime", "instructions": "Answer without one."})
        talker.until("session.updated")


def odd(url):
    """Say what is refused, and put words where names are expected."""
    function = {
        "name": "look_up",
        "description": "Looks museums up.",
        "endpoint": {"url": "http://127.0.0.1:9/museums"},
    }
    with connect(url) as connection:
        talker = Talker(connection)
        talker.say("Settings", agent={"think": {"prompt": "Recommend museums.", "functions": [function]}})
        talker.until("SettingsApplied")
        talker.say("Where is Porto?")
        talker.until("Error")
        talker.say("FunctionCallResponse", id="Answer of museums", name="look_up", content="museums")
        talker.until("Error")
        connection.close(1000, "Thank you")


CONVERSATIONS = {
    "component": (demo, "/openai"),
    "deepgram, spoken": (spoken, "/v1/agent/converse"),
    "odd": (odd, "/openai"),
    "realtime": (realtime, "/v1/realtime"),
    "realtime, spoken": (realtime_spoken, "/v1/realtime"),
}
SAID = (
    "Lisbon", "trams", "town", "tonight", "sunny", "degrees", "guide", "Mention", "Thank", "Porto", "museums",
    "restaurants", "Recommend", "Coimbra", "rhyme", "Answer", "Where",
)  # fmt: skip


@pytest.fixture(scope="module")
def recordings():
    return {name: recorded(*conversation) for name, conversation in CONVERSATIONS.items()}


@pytest.mark.parametrize("keeps_content", [False, True])
@pytest.mark.parametrize("name", CONVERSATIONS)
def test_a_recorded_conversation_comes_to_the_same_on_the_stage(recordings, name, keeps_content):
    lines = list(transcript(recordings[name], keeps_content=keeps_content, key=KEY))
    assert difference_by_wire(lines[1:], played(lines)) is None


@pytest.mark.parametrize("name", CONVERSATIONS)
def test_no_word_that_was_said_is_left_in_a_transcript(recordings, name):
    kept, masked = (
        json.dumps(list(transcript(recordings[name], keeps_content=keeps, key=KEY))) for keeps in (True, False)
    )
    said = [word for word in SAID if word in kept]
    assert len(said) > 2
    assert [word for word in said if word in masked] == []


@pytest.mark.parametrize("name", sorted(CONVERSATIONS.keys() - {"odd"}))
def test_ids_types_and_lengths_stay_in_a_transcript(recordings, name):
    kept, masked = (list(transcript(recordings[name], keeps_content=keeps, key=KEY)) for keeps in (True, False))
    assert [(line["at"], line.get("text", {}).get("type")) for line in kept[1:]] == [
        (line["at"], line.get("text", {}).get("type")) for line in masked[1:]
    ]
    assert [len(json.dumps(line, ensure_ascii=False)) for line in kept] == [
        len(json.dumps(line, ensure_ascii=False)) for line in masked
    ]


def test_what_a_stage_does_otherwise_is_a_difference(recordings):
    lines = list(transcript(recordings["component"], keeps_content=False, key=KEY))
    number = next(n for n, line in enumerate(lines) if line.get("text", {}).get("type") == "UpdatePrompt")
    without = [*lines[:number], *lines[number + 1 :]]
    assert difference_by_wire(lines[1:], played(without))
