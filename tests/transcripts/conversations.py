"""The conversations whose transcripts are kept: what the client does, and when."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from turnstile.protocol.voice_agent.profile import COMPONENT, DEEPGRAM, Profile
from turnstile.session.policy import Policy
from turnstile.simulator.faults import Faults, Pace

if TYPE_CHECKING:
    from collections.abc import Callable

WEATHER = {
    "name": "get_weather",
    "description": "Look up the weather.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
}
TIME = {"name": "get_time", "description": "Look up the time.", "parameters": {"type": "object"}}
ENDPOINT = "https://api.example.com/weather"
# Slow enough that things happen in the middle of a response, quick enough to read.
PACE = Pace(answer=0.01, first=0.05, step=0.02, jitter=0.0)


@dataclass(frozen=True)
class Conversation:
    """One conversation.

    Args:
        tell: What the client does, on a `Recording`.
        about: What it shows.
        profile: Which kind of client it has.
        functions: What functions with an endpoint return, by URL.
        turns: Who begins the response to a spoken turn.
        simulator: The simulator's options.
    """

    tell: Callable[[Any], None]
    about: str
    profile: Profile = COMPONENT
    functions: dict[str, str] = field(default_factory=dict)
    turns: str = "server"
    simulator: dict[str, Any] = field(default_factory=lambda: {"pace": PACE})

    @property
    def name(self):
        return self.tell.__name__

    @property
    def policy(self):
        return Policy(id_prefix="ts_", turns=self.turns)


def settings(prompt="Be brief.", **fields):
    """Return Settings; `think`, `speak` and the like go into the agent, `audio` and `flags` beside it."""
    beside = {name: fields.pop(name) for name in ("audio", "flags", "tags") if name in fields}
    think = {"prompt": prompt, **fields.pop("think", {})}
    return {"type": "Settings", **beside, "agent": {"think": think, **fields}}


def begin(stage, **fields):
    stage.client_says(settings(**fields))
    stage.until("client", "SettingsApplied")


def say(stage, text):
    stage.client_says({"type": "InjectUserMessage", "content": text})


def speak(stage, milliseconds=600):
    """Speak, and be silent for long enough to be understood."""
    for _ in range(milliseconds // 20):
        stage.client_speaks(20)
        stage.wait(20)
    for _ in range(15):
        stage.client_is_silent(20)
        stage.wait(20)


def text_turn(stage):
    begin(stage, greeting="Good morning.")
    say(stage, "Hello.")
    stage.until("client", "AgentDone")


def deepgram_text_turn(stage):
    begin(stage, flags={"history": True})
    say(stage, "Hello.")
    stage.until("client", "AgentAudioDone")


def text_only_turn(stage):
    begin(stage, think={"outputModalities": ["text"]})
    say(stage, "Hello.")
    stage.until("client", "AgentDone")


def spoken_turn(stage):
    begin(stage)
    speak(stage)
    stage.until("client", "AgentDone")


def spoken_turn_begun_by_the_proxy(stage):
    begin(stage)
    speak(stage)
    stage.until("client", "AgentDone")


def spoken_turn_by_telephone(stage):
    begin(stage, audio={"input": {"encoding": "mulaw"}, "output": {"encoding": "mulaw", "container": "wav"}})
    speak(stage)
    stage.until("client", "AgentDone")


def spoken_turn_committed_by_the_proxy(stage):
    begin(stage, useOpenAIManualAudioCommit=True)
    for _ in range(60):
        stage.client_speaks(20)
        stage.wait(20)
    stage.until("client", "AgentDone")


def forced_end_of_a_turn(stage):
    begin(stage)
    for _ in range(3):
        stage.client_speaks(20)
    stage.client_says({"type": "ForceEndTurn"})
    stage.until("client", "AgentDone")


def barge_in(stage):
    begin(stage)
    say(stage, "Tell me a long story.")
    stage.until("client", "AgentStartedSpeaking")
    stage.wait(100)
    speak(stage)
    stage.until("client", "AgentDone", 2)


def barge_in_after_the_response(stage):
    begin(stage)
    say(stage, "Tell me a long story.")
    stage.until("client", "AgentDone")
    speak(stage)
    stage.until("client", "AgentDone", 2)


def updates_in_mid_response(stage):
    begin(stage)
    say(stage, "Tell me a long story.")
    stage.until("client", "AgentStartedSpeaking")
    stage.client_says({"type": "UpdatePrompt", "prompt": "Rhyme."})
    stage.client_says(
        {"type": "UpdateSpeak", "speak": {"provider": {"type": "open_ai", "voice": "nova", "speed": 1.2}}}
    )
    stage.client_says({"type": "UpdateListen", "listen": {"provider": {"model": "whisper-1", "language": "de-DE"}}})
    stage.client_says({"type": "UpdateThink", "think": {"prompt": "Be kind.", "functions": [TIME]}})
    stage.client_says({"type": "UpdatePrompt", "prompt": "Be wise."})
    say(stage, "Go on.")
    stage.until("client", "AgentDone", 2)


def function_calls(stage):
    begin(stage, think={"functions": [WEATHER]}, flags={"history": True})
    say(stage, "What is the weather?")
    call = stage.until("client", "FunctionCallRequest")["functions"][0]
    stage.client_says({"type": "FunctionCallResponse", "id": call["id"], "name": call["name"], "content": "hail"})
    stage.client_says({"type": "FunctionCallResponse", "id": call["id"], "name": call["name"], "content": "again"})
    stage.until("client", "AgentAudioDone")


def function_called_by_the_proxy(stage):
    endpoint = {"url": ENDPOINT, "method": "post", "headers": {"x-key": "made up"}}
    begin(stage, think={"functions": [{**WEATHER, "endpoint": endpoint}]})
    say(stage, "What is the weather?")
    stage.until("client", "AgentDone")


def agent_messages(stage):
    begin(stage)
    stage.client_says({"type": "InjectAgentMessage", "message": "Welcome."})
    stage.until("client", "AgentStartedSpeaking")
    stage.client_says({"type": "InjectAgentMessage", "message": "Refused."})
    stage.client_says({"type": "InjectAgentMessage", "message": "Queued.", "behavior": "queue"})
    stage.until("client", "AgentStartedSpeaking", 2)
    stage.client_says({"type": "InjectAgentMessage", "is_dynamic": True, "behavior": "interrupt"})
    stage.until("client", "AgentDone", 3)


def messages_that_cannot_be_read(stage):
    begin(stage)
    stage.client_says({"type": "Bogus"})
    stage.client_says({"type": "InjectUserMessage"})
    stage.client_says({"type": "UpdateThink_Live", "think_live": {"provider": {"type": "deepgram"}}})
    stage.client_says({"type": "FunctionCallResponse", "id": "call_nobody", "name": "x", "content": "y"})
    stage.client_says({"type": "KeepAlive"})
    stage.wait(10)


def an_update_that_is_refused(stage):
    begin(stage)
    say(stage, "Tell me a long story.")
    stage.until("client", "AgentStartedSpeaking")
    stage.client_says({"type": "UpdatePrompt", "prompt": "Rhyme."})
    stage.client_says({"type": "UpdateSpeak", "speak": {"provider": {"type": "open_ai", "voice": "cedar"}}})
    stage.until("client", "AgentDone")
    stage.wait(200)


def a_link_that_is_renewed(stage):
    begin(stage)
    say(stage, "My name is Ada.")
    stage.until("client", "AgentDone")
    stage.wait(2500)
    say(stage, "What is my name?")
    stage.until("client", "AgentDone", 2)


def a_link_that_is_lost(stage):
    stage.client_says(settings())
    say(stage, "Hello.")
    stage.until("client", "AgentDone")


CONVERSATIONS = [
    Conversation(text_turn, "A greeting, and a question in writing that is answered aloud."),
    Conversation(deepgram_text_turn, "The same for a Deepgram client that keeps its history.", profile=DEEPGRAM),
    Conversation(text_only_turn, "A question and its answer, both in writing."),
    Conversation(spoken_turn, "A spoken turn that the API hears, commits and answers by itself."),
    Conversation(spoken_turn_begun_by_the_proxy, "The same where the proxy begins the response.", turns="proxy"),
    Conversation(spoken_turn_by_telephone, "The same in G.711, which goes through as it is."),
    Conversation(spoken_turn_committed_by_the_proxy, "Turn detection is off: the proxy commits, and responds."),
    Conversation(forced_end_of_a_turn, "The client ends its turn: what was heard is padded, committed, answered."),
    Conversation(barge_in, "The user speaks during a response, which is cut off where it was heard."),
    Conversation(barge_in_after_the_response, "The response is done, and still plays when the user speaks."),
    Conversation(updates_in_mid_response, "Five updates during a response go as one behind it."),
    Conversation(function_calls, "A call that the client answers, twice.", profile=DEEPGRAM),
    Conversation(function_called_by_the_proxy, "A call that the proxy makes.", functions={ENDPOINT: "hail"}),
    Conversation(agent_messages, "What the client has the agent say: refused, queued, interrupting."),
    Conversation(messages_that_cannot_be_read, "None of them reaches upstream; the session goes on."),
    Conversation(an_update_that_is_refused, "A voice that cannot change any more; the rest of the update applies."),
    Conversation(
        a_link_that_is_renewed,
        "The API's session ends soon: another one goes on with the conversation.",
        simulator={"pace": PACE, "lifetime": 4.0},
    ),
    Conversation(
        a_link_that_is_lost,
        "The link breaks before the answer; another one gives it.",
        simulator={
            "pace": PACE,
            "faults": lambda number: Faults() if number else Faults(disconnect_after_events=2, disconnect_code=1006),
        },
    ),
]
