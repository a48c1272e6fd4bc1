"""The rows of docs/protocol.md, shown with a client on a real socket, the proxy, and the simulator behind it."""

from __future__ import annotations

import json
import time
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import websocket

from actors.system import ProxySystem
from actors.timers import TimerThread
from turnstile.config import SIMULATOR, load_config
from turnstile.observability.memory_journal import MemoryJournal
from turnstile.protocol.realtime import MARK
from turnstile.simulator.faults import Faults
from turnstile.simulator.simulator import Simulator
from turnstile.testing import patience

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Json = dict[str, Any]
COMPONENT, DEEPGRAM = "/openai", "/v1/agent/converse"
STORY = "Tell me a story."  # the simulator's longest answer
WEATHER: Json = {"name": "get_weather", "description": "Tells the weather of a city", "parameters": {"type": "object"}}


class Client:
    """A client that reads with a deadline and keeps all that it has heard."""

    def __init__(self, address: tuple[str, int], path: str) -> None:
        self._link = websocket.create_connection(f"ws://{address[0]}:{address[1]}{path}", timeout=patience())
        self.heard: list[Json] = []

    def say(self, kind: str, **fields: Any) -> None:
        """Send a message."""
        self._link.send(json.dumps({"type": kind, **fields}))

    def speak(self, audio: bytes) -> None:
        """Send audio, 20 ms of 16 kHz at a time."""
        for start in range(0, len(audio), 640):
            self._link.send_binary(audio[start : start + 640])

    def hear(self, kind: str) -> Json:
        """Wait for a message of this type; audio is kept as type ``audio``."""
        while True:
            frame = self._link.recv()
            message = {"type": "audio", "data": frame} if isinstance(frame, bytes) else json.loads(frame)
            self.heard.append(message)
            if message["type"] == kind:
                return message

    def ended(self) -> bool:
        """Whether the proxy has closed, once nothing more is to be read."""
        return self._link.recv_data()[0] == websocket.ABNF.OPCODE_CLOSE

    def kinds(self) -> list[str]:
        """The types heard so far, repeated ones once."""
        kinds = [message["type"] for message in self.heard]
        return [kind for kind, before in zip(kinds, [None, *kinds], strict=False) if kind != before]

    def close(self) -> None:
        """Hang up; a link that the proxy has closed already takes no close."""
        with suppress(OSError, websocket.WebSocketException):
            self._link.close()
        self._link.shutdown()


@pytest.fixture
def journal() -> MemoryJournal:
    return MemoryJournal(time.monotonic)


@pytest.fixture
def proxy(journal: MemoryJournal) -> Iterator[ProxySystem]:
    flags = {"server.port": "0", "upstream.url": SIMULATOR, "session.prompt_limit": "100"}
    with ProxySystem(load_config(flags=flags), journal=journal) as system:
        yield system


@pytest.fixture
def connect(proxy: ProxySystem) -> Iterator[Callable[..., Client]]:
    clients: list[Client] = []

    def connected(path: str = COMPONENT, /, settings: Json | None = None, **think: Any) -> Client:
        client = Client(proxy.address, path)
        clients.append(client)
        client.say("Settings", agent={"think": {"prompt": "Be kind.", **think}, **(settings or {})})
        client.hear("SettingsApplied")
        return client

    yield connected
    for client in clients:
        client.close()


def _sent(journal: MemoryJournal, kind: str | None = None) -> list[Json]:
    entries = [entry for entry in journal.entries() if (entry.wire, entry.direction) == ("upstream", "out")]
    return [json.loads(entry.detail) for entry in entries if kind in {None, entry.kind}]


def _order(journal: MemoryJournal, *wanted: str) -> list[str]:
    """The upstream events of these types, in the order of both directions of the wire."""
    return [entry.kind for entry in journal.entries() if entry.wire == "upstream" and entry.kind in wanted]


def _voice(seconds: float) -> bytes:
    """A tone, and the silence that ends a turn."""
    tone = 12_000 * np.sin(2 * np.pi * 440 * np.arange(int(16_000 * seconds)) / 16_000)
    return np.concatenate([tone, np.zeros(16_000)]).astype("<i2").tobytes()


def test_a_deepgram_client_is_welcomed_and_a_component_is_not(connect):
    assert connect(DEEPGRAM).kinds() == ["Welcome", "SettingsApplied"]
    assert connect(COMPONENT).kinds() == ["SettingsApplied"]


def test_settings_are_acknowledged_when_upstream_has_confirmed_them(connect, journal):
    connect()
    kinds = [entry.kind for entry in journal.entries()]
    assert kinds.index("session.update") < kinds.index("session.updated") < kinds.index("SettingsApplied")
    assert _sent(journal, "session.update")[0]["session"]["instructions"] == "Be kind."


def test_later_settings_wait_for_the_response_and_are_acknowledged(connect, journal):
    client = connect()
    client.say("InjectUserMessage", content=STORY)
    client.hear("AgentStartedSpeaking")
    client.say("Settings", agent={"think": {"prompt": "Be brief."}})
    client.hear("SettingsApplied")
    order = _order(journal, "response.created", "response.done", "session.update")
    assert order == ["session.update", "response.created", "response.done", "session.update"]


def test_settings_that_are_in_force_are_acknowledged_without_an_update(connect, journal):
    client = connect()
    client.say("Settings", agent={"think": {"prompt": "Be kind."}})
    client.hear("SettingsApplied")
    assert len(_sent(journal, "session.update")) == 1


def test_a_prompt_is_added_to_the_one_in_force(connect, journal):
    client = connect()
    client.say("UpdatePrompt", prompt="Be brief.")
    client.hear("PromptUpdated")
    assert _sent(journal, "session.update")[1]["session"]["instructions"] == "Be kind.\n\nBe brief."


def test_a_prompt_past_the_limit_is_refused(connect):
    client = connect()
    client.say("UpdatePrompt", prompt="x" * 101)
    assert client.hear("Error")["code"] == "prompt_too_long"


def test_thinking_is_replaced_as_a_whole(connect, journal):
    client = connect(functions=[WEATHER])
    client.say("UpdateThink", think={"prompt": "Be brief."})
    client.hear("ThinkUpdated")
    session = _sent(journal, "session.update")[1]["session"]
    assert (session["instructions"], session["tools"]) == ("Be brief.", [])


def test_speaking_changes_voice_and_speed(connect, journal):
    client = connect()
    client.say("UpdateSpeak", speak={"provider": {"type": "open_ai", "voice": "marin", "speed": 0.9}})
    client.hear("SpeakUpdated")
    assert _sent(journal, "session.update")[1]["session"]["audio"]["output"] == {"voice": "marin", "speed": 0.9}


def test_a_voice_that_has_spoken_is_kept_and_the_client_is_told(connect, journal):
    client = connect()
    client.say("InjectUserMessage", content="Hello.")
    client.hear("AgentDone")
    client.say("UpdateSpeak", speak={"provider": {"type": "open_ai", "voice": "marin"}})
    assert client.hear("Error")["code"] == "voice_locked"
    updates = _sent(journal, "session.update")
    assert updates != []
    assert all("voice" not in update["session"]["audio"]["output"] for update in updates)


def test_listening_changes_the_transcription(connect, journal):
    client = connect()
    client.say("UpdateListen", listen={"provider": {"model": "whisper-1", "language": "de"}})
    client.hear("ListenUpdated")
    transcription = _sent(journal, "session.update")[1]["session"]["audio"]["input"]["transcription"]
    assert transcription == {"model": "whisper-1", "language": "de"}


def test_live_thinking_is_answered_with_a_warning(connect):
    client = connect(DEEPGRAM)
    client.say("UpdateThink_Live", think_live={})
    assert client.hear("Warning")["code"] == "not_supported"


def test_updates_of_one_response_go_as_one_and_are_acknowledged_in_order(connect, journal):
    client = connect()
    client.say("InjectUserMessage", content=STORY)
    client.hear("AgentStartedSpeaking")
    client.say("UpdatePrompt", prompt="Be brief.")
    client.say("UpdateSpeak", speak={"provider": {"speed": 0.9}})
    client.hear("SpeakUpdated")
    assert len(_sent(journal, "session.update")) == 2
    kinds = client.kinds()
    assert kinds.index("AgentDone") < kinds.index("PromptUpdated") < kinds.index("SpeakUpdated")


def test_a_user_message_is_answered(connect, journal):
    client = connect()
    client.say("InjectUserMessage", content="Hello.")
    client.hear("AgentDone")
    order = _order(journal, "conversation.item.create", "response.create", "response.created", "response.done")
    assert order == ["conversation.item.create", "response.create", "response.created", "response.done"]
    (create,) = _sent(journal, "response.create")
    assert create["response"]["metadata"][MARK] == create["event_id"]


def test_a_user_message_sent_during_a_response_goes_behind_the_update_that_was_held(connect, journal):
    client = connect()
    client.say("InjectUserMessage", content=STORY)
    client.hear("AgentStartedSpeaking")
    client.say("InjectUserMessage", content="Hello.")
    client.say("UpdatePrompt", prompt="Be brief.")
    client.hear("AgentDone")
    client.hear("AgentDone")
    sent = [event["type"] for event in _sent(journal)]
    assert sent[3:] == ["session.update", "conversation.item.create", "response.create"]


@pytest.mark.parametrize("behavior", [None, "queue"])
def test_an_agent_message_is_spoken_when_nobody_has_the_turn(connect, behavior):
    client = connect()
    client.say("InjectAgentMessage", message="One moment.", **({"behavior": behavior} if behavior else {}))
    client.hear("AgentDone")
    assert [message["content"] for message in client.heard if message["type"] == "ConversationText"] == ["One moment."]


def test_an_agent_message_is_refused_while_a_turn_runs(connect):
    client = connect()
    client.say("InjectUserMessage", content=STORY)
    client.hear("AgentStartedSpeaking")
    client.say("InjectAgentMessage", message="One moment.")
    client.hear("InjectionRefused")


def test_a_queued_agent_message_follows_the_response(connect):
    client = connect()
    client.say("InjectUserMessage", content=STORY)
    client.hear("AgentStartedSpeaking")
    client.say("InjectAgentMessage", message="One moment.", behavior="queue")
    client.hear("AgentDone")
    assert client.hear("ConversationText")["content"] == "One moment."


def test_an_interrupting_agent_message_cancels_the_response(connect, journal):
    client = connect()
    client.say("InjectUserMessage", content=STORY)
    client.hear("AgentStartedSpeaking")
    client.say("InjectAgentMessage", message="One moment.", behavior="interrupt")
    while client.hear("ConversationText")["content"] != "One moment.":
        pass
    assert len(_sent(journal, "response.cancel")) == 1


def test_a_function_result_is_followed_by_one_response(connect, journal):
    client = connect(functions=[WEATHER])
    client.say("InjectUserMessage", content="What is the weather in Paris?")
    (call,) = client.hear("FunctionCallRequest")["functions"]
    client.say("FunctionCallResponse", id=call["id"], name=call["name"], content="sunny")
    assert "sunny" in client.hear("ConversationText")["content"]
    order = _order(journal, "response.done", "conversation.item.create", "response.create")
    assert order[2:5] == ["response.done", "conversation.item.create", "response.create"]
    assert _sent(journal, "conversation.item.create")[1]["item"]["output"] == "sunny"
    assert len(_sent(journal, "response.create")) == 2


def test_the_result_of_an_unknown_call_is_a_fault(connect):
    for path, kind in ((COMPONENT, "Error"), (DEEPGRAM, "Warning")):
        client = connect(path)
        client.say("FunctionCallResponse", id="call_of_nobody", name="get_weather", content="sunny")
        assert client.hear(kind)["code"] == "unknown_function_call"


def test_a_forced_end_commits_the_audio_and_responds(connect, journal):
    client = connect(settings={"useOpenAIManualAudioCommit": True})
    client.speak(bytes(6400))
    client.say("ForceEndTurn")
    client.hear("AgentDone")
    order = _order(journal, "input_audio_buffer.commit", "input_audio_buffer.committed", "response.create")
    assert order == ["input_audio_buffer.commit", "input_audio_buffer.committed", "response.create"]


def test_the_proxy_commits_when_turn_detection_is_off(connect, journal):
    client = connect(settings={"useOpenAIManualAudioCommit": True})
    client.speak(bytes(32_000 + 640))
    client.hear("AgentDone")
    assert len(_sent(journal, "input_audio_buffer.commit")) == 1


def test_a_keep_alive_reaches_nobody(connect, journal):
    client = connect()
    client.say("KeepAlive")
    client.say("UpdatePrompt", prompt="Be brief.")
    client.hear("PromptUpdated")
    assert [event["type"] for event in _sent(journal)] == ["session.update", "session.update"]


def test_audio_goes_upstream_resampled_even_when_it_looks_like_json(connect, proxy):
    client = connect()
    client.speak(b'{"type":"KeepAlive"}' * 32)  # 640 bytes: 20 ms at 16 kHz, 960 bytes at 24 kHz
    client.speak(bytes(32_000))
    client.say("UpdatePrompt", prompt="Be brief.")
    client.hear("PromptUpdated")
    client.say("ForceEndTurn")
    client.hear("AgentDone")
    # A turn that the API has ended by then leaves less than a commit takes: silence is added.
    assert 48_000 < proxy.simulator.logs[0].audio_bytes < 54_000


def test_input_audio_is_taken_at_the_rate_of_the_profile_when_settings_say_nothing(connect, proxy):
    for path in (COMPONENT, DEEPGRAM):
        client = connect(path, settings={"useOpenAIManualAudioCommit": True})
        client.speak(bytes(9_600))
        client.say("ForceEndTurn")
        client.hear("AgentAudioDone")
    assert [log.audio_bytes for log in proxy.simulator.logs] == pytest.approx([14_400, 9_600], rel=0.05)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{", "invalid_json"),
        ("[]", "invalid_message"),
        ("{}", "missing_type"),
        ('{"type": "Sing"}', "unknown_message_type"),
        ('{"type": "UpdatePrompt"}', "invalid_message"),
    ],
)
def test_a_message_that_cannot_be_read_is_answered_and_the_session_goes_on(proxy, journal, text, code):
    with closing(Client(proxy.address, COMPONENT)) as client:
        client._link.send(text)
        assert client.hear("Error")["code"] == code
        client.say("Settings", agent={})
        client.hear("SettingsApplied")
    assert [event["type"] for event in _sent(journal)] == ["session.update"]


def test_a_fault_is_a_warning_for_a_deepgram_client_and_an_error_for_a_component(connect):
    for path, kind in ((DEEPGRAM, "Warning"), (COMPONENT, "Error")):
        client = connect(path)
        client.say("Sing")
        client.hear(kind)


@pytest.mark.parametrize("path", [COMPONENT, DEEPGRAM])
def test_a_response_is_told_in_order_and_once(connect, path):
    client = connect(path)
    client.heard.clear()
    client.say("InjectUserMessage", content="Hello.")
    client.hear("AgentAudioDone")
    if path == COMPONENT:
        client.hear("AgentDone")
    told = [kind for kind in client.kinds() if kind != "audio"]
    extras = ["AgentDone"] if path == COMPONENT else []
    ends = ["ConversationText", "LatencyReport", "AgentAudioDone", *extras]
    assert told == ["ConversationText", "AgentStartedSpeaking", *ends]
    assert client.kinds().index("AgentStartedSpeaking") < client.kinds().index("audio")


@pytest.mark.parametrize("path", [COMPONENT, DEEPGRAM])
def test_a_spoken_turn_is_heard_told_and_answered(connect, path):
    settings = {"listen": {"provider": {"model": "whisper-1"}}}
    client = connect(path, settings=settings)
    client.speak(_voice(0.6))
    client.hear("AgentAudioDone")
    kinds = set(client.kinds())
    assert {"UserStartedSpeaking", "ConversationText", "audio"} <= kinds
    assert ({"UtteranceEnd", "Transcript"} <= kinds) == (path == COMPONENT)
    assert {message["role"] for message in client.heard if message["type"] == "ConversationText"} == {
        "user",
        "assistant",
    }


def test_history_is_told_beside_the_text_when_it_is_asked_for(proxy):
    with closing(Client(proxy.address, COMPONENT)) as client:
        client.say("Settings", flags={"history": True}, agent={"think": {"prompt": "Be kind."}})
        client.say("InjectUserMessage", content="Hello.")
        assert [client.hear("History")["role"] for _ in range(2)] == ["user", "assistant"]


def test_a_refused_key_is_told_in_words_and_ends_the_session():
    config = load_config(flags={"server.port": "0", "upstream.url": SIMULATOR})
    timers = TimerThread(time.monotonic)
    simulator = Simulator(clock=time.monotonic, timers=timers, faults=Faults(refused_key=True))
    with ProxySystem(config, simulator=simulator) as proxy, closing(Client(proxy.address, DEEPGRAM)) as client:
        client.say("Settings", agent={})
        assert client.hear("Error")["code"] == "invalid_api_key"
        assert client.ended()
    timers.stop(5)
