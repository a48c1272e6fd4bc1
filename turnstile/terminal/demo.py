"""The conversation of the demo: settings, questions and a tool's result that arrive while the agent speaks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from turnstile.terminal.dialogue import Dialogue

if TYPE_CHECKING:
    from turnstile.terminal.dialogue import Message

WEATHER = {
    "name": "get_weather",
    "description": "Look up the weather in a city.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
}

GREETING = "Welcome to Lisbon."


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of the conversation.

    Args:
        asked: How many updates were asked for, the first configuration not counted.
        acknowledged: How many of them the client was told are in force.
        questions: How many questions the user put; one of them takes a tool to answer.
        answers: How many answers the agent gave.
        faults: What the client was told went wrong.
    """

    asked: int
    acknowledged: int
    questions: int
    answers: int
    faults: tuple[str, ...]


def hold_conversation(url: str, patience: float) -> Outcome:
    """Play the conversation against a proxy, gated or not; goes on where something is lost.

    Args:
        url: Of the proxy, for the component's profile.
        patience: Seconds to wait for each thing that should come.

    Raises:
        OSError: The proxy cannot be reached.
    """
    with Dialogue(url, patience=patience) as dialogue:
        dialogue.send(
            "Settings",
            audio={"input": {"encoding": "linear16", "sample_rate": 16_000}},
            agent={
                "think": {"prompt": "You are a guide to Lisbon.", "functions": [WEATHER]},
                "speak": {"provider": {"type": "open_ai", "voice": "marin"}},
                "greeting": GREETING,
            },
        )
        dialogue.wait_for("SettingsApplied")
        dialogue.send("InjectUserMessage", content="Tell me about the old town, please.")
        _interrupt_with_updates(dialogue)
        _answer_the_tool(dialogue)
        _change_the_voice_under_an_answer(dialogue)
        return _outcome(dialogue)


def _interrupt_with_updates(dialogue: Dialogue) -> None:
    """While the agent speaks: a longer prompt, another speed, and the next question."""
    dialogue.wait_for("AgentStartedSpeaking")
    dialogue.send("UpdatePrompt", prompt="Mention the trams.")
    dialogue.send("UpdateSpeak", speak={"provider": {"type": "open_ai", "speed": 1.2}})
    dialogue.send("InjectUserMessage", content="And what is the weather like?")
    dialogue.wait_for("PromptUpdated")
    dialogue.wait_for("SpeakUpdated")


def _answer_the_tool(dialogue: Dialogue) -> None:
    """Answer the function call at once, before its response is done."""
    request = dialogue.wait_for("FunctionCallRequest")
    if request is None:
        return
    for call in request["functions"]:
        dialogue.send("FunctionCallResponse", id=call["id"], name=call["name"], content="22 degrees and sunny")
    dialogue.wait_until(lambda: _answer_with(dialogue, "22 degrees"))


def _change_the_voice_under_an_answer(dialogue: Dialogue) -> None:
    """Once more: the listening and the speed change while the agent speaks; the last answer shows what is in force."""
    started = len(dialogue.heard("AgentStartedSpeaking"))
    dialogue.send("InjectUserMessage", content="Where should I eat tonight?")
    dialogue.wait_for("AgentStartedSpeaking", started + 1)
    dialogue.send("UpdateListen", listen={"provider": {"type": "deepgram", "language": "pt"}})
    dialogue.send("UpdateSpeak", speak={"provider": {"type": "open_ai", "speed": 0.9}})
    dialogue.send("UpdatePrompt", prompt="Keep it short.")
    dialogue.wait_for("PromptUpdated", 2)
    done = len(dialogue.heard("AgentDone"))
    dialogue.send("InjectUserMessage", content="Thank you, that is all.")
    dialogue.wait_for("AgentDone", done + 1)


def _answer_with(dialogue: Dialogue, words: str) -> Message | None:
    texts = dialogue.heard("ConversationText")
    found = [text for text in texts if text["role"] == "assistant" and words in text["content"]]
    return found[0] if found else None


def _outcome(dialogue: Dialogue) -> Outcome:
    acks = sum(len(dialogue.heard(kind)) for kind in ("PromptUpdated", "SpeakUpdated", "ListenUpdated"))
    said = [text["content"] for text in dialogue.heard("ConversationText") if text["role"] == "assistant"]
    answers = sum(text != GREETING for text in said)
    faults = tuple(
        f"{message['code']}: {message['description']}"
        for kind in ("Error", "Warning")
        for message in dialogue.heard(kind)
    )
    return Outcome(asked=5, acknowledged=acks, questions=4, answers=answers, faults=faults)
