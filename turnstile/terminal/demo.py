"""The demo's conversation: settings, questions and a tool's result that arrive while the agent speaks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from turnstile.terminal.terminal_client import TerminalClient

if TYPE_CHECKING:
    from turnstile.terminal.terminal_client import Message

WEATHER = {
    "name": "get_weather",
    "description": "Look up the weather in a city.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
}

GREETING = "Welcome to Lisbon."

# Without the gate answers are lost, and waiting long for them is of no use.
PATIENCE = {True: 10.0, False: 1.0}
"""Seconds that the conversation waits for each message, with the gate and without."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of the conversation.

    Args:
        asked: How many updates were sent, the first configuration not counted.
        acknowledged: How many of them were acknowledged.
        questions: How many questions the user asked; one of them takes a tool to answer.
        answers: How many answers the agent gave.
        faults: The errors and warnings that the client received.
    """

    asked: int
    acknowledged: int
    questions: int
    answers: int
    faults: tuple[str, ...]


def hold_conversation(url: str, timeout: float) -> Outcome:
    """Play the conversation against a proxy, gated or not; go on where a message is lost.

    Args:
        url: Of the proxy, for the component's dialect.
        timeout: Seconds to wait for each message.

    Raises:
        OSError: The proxy cannot be reached.
    """
    with TerminalClient(url, timeout=timeout) as client:
        client.send(
            "Settings",
            audio={"input": {"encoding": "linear16", "sample_rate": 16_000}},
            agent={
                "think": {"prompt": "You are a guide to Lisbon.", "functions": [WEATHER]},
                "speak": {"provider": {"type": "open_ai", "voice": "marin"}},
                "greeting": GREETING,
            },
        )
        client.wait_for("SettingsApplied")
        client.say("Tell me about the old town, please.")
        _interrupt_with_updates(client)
        _answer_the_tool(client)
        _change_the_voice_under_an_answer(client)
        return _outcome(client)


def _interrupt_with_updates(client: TerminalClient) -> None:
    """Send a longer prompt, another speed and the next question while the agent speaks."""
    client.wait_for("AgentStartedSpeaking")
    client.update(prompt="Mention the trams.", speed=1.2)
    client.say("And what is the weather like?")
    client.wait_for("PromptUpdated")
    client.wait_for("SpeakUpdated")


def _answer_the_tool(client: TerminalClient) -> None:
    """Answer the function call at once, before its response is done."""
    request = client.wait_for("FunctionCallRequest")
    if request is None:
        return
    for call in request["functions"]:
        client.answer(call, "22 degrees and sunny")
    client.wait_until(lambda: _answer_with(client, "22 degrees"))


def _change_the_voice_under_an_answer(client: TerminalClient) -> None:
    """Change the transcription and the speed while the agent speaks; the last answer shows what is in force."""
    started = len(client.received("AgentStartedSpeaking"))
    client.say("Where should I eat tonight?")
    client.wait_for("AgentStartedSpeaking", started + 1)
    client.update(listen={"provider": {"type": "deepgram", "language": "pt"}})
    client.update(speed=0.9)
    client.update(prompt="Keep it short.")
    client.wait_for("PromptUpdated", 2)
    done = len(client.received("AgentDone"))
    client.say("Thank you, that is all.")
    client.wait_for("AgentDone", done + 1)


def _answer_with(client: TerminalClient, words: str) -> Message | None:
    texts = client.received("ConversationText")
    found = [text for text in texts if text["role"] == "assistant" and words in text["content"]]
    return found[0] if found else None


def _outcome(client: TerminalClient) -> Outcome:
    acks = sum(len(client.received(kind)) for kind in ("PromptUpdated", "SpeakUpdated", "ListenUpdated"))
    replies = [text["content"] for text in client.received("ConversationText") if text["role"] == "assistant"]
    answers = sum(text != GREETING for text in replies)
    faults = tuple(
        f"{message['code']}: {message['description']}"
        for kind in ("Error", "Warning")
        for message in client.received(kind)
    )
    return Outcome(asked=5, acknowledged=acks, questions=4, answers=answers, faults=faults)
