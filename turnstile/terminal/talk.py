"""A conversation in writing: lines go to the agent, what comes back is printed."""

from __future__ import annotations

import os
from collections import Counter
from typing import TYPE_CHECKING, TextIO

from turnstile.terminal.dialogue import Dialogue

if TYPE_CHECKING:
    from collections.abc import Iterable

    from turnstile.terminal.dialogue import Message

HELP = """Lines are said to the agent. Besides:
  /prompt TEXT   add to what the agent is told
  /voice NAME    speak with another voice
  /say TEXT      have the agent say this
  /help          show this
  /quit          end (or Ctrl-D)"""

_COLOURS = {"user": "36", "assistant": "32", "note": "2", "fault": "31"}


class Printer:
    """Prints what comes; in colour only on a terminal, and never where ``NO_COLOR`` is set.

    Args:
        out: Where to.
    """

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._is_coloured = out.isatty() and "NO_COLOR" not in os.environ

    def line(self, text: str, kind: str) -> None:
        """Print one line."""
        if self._is_coloured:
            text = f"\x1b[{_COLOURS[kind]}m{text}\x1b[0m"
        self._out.write(f"{text}\n")
        self._out.flush()

    def message(self, message: Message) -> None:
        """Print a message of the proxy's, if it says something to a person."""
        match message["type"]:
            case "ConversationText":
                name = "agent" if message["role"] == "assistant" else "you"
                self.line(f"{name}: {message['content']}", message["role"])
            case "Error" | "Warning":
                self.line(f"{message['type']}: {message['code']}: {message['description']}", "fault")
            case "FunctionCallRequest":
                for call in message["functions"]:
                    self.line(f"(the agent calls {call['name']}({call['arguments']}); nothing here answers)", "note")
            case "SettingsApplied" | "PromptUpdated" | "SpeakUpdated" | "InjectionRefused":
                self.line(f"({message['type']})", "note")


def talk(url: str, prompt: str, lines: Iterable[str], out: TextIO, patience: float = 10.0) -> bool:
    """Talk until the lines end, `/quit`, or the proxy closes.

    Args:
        url: Of the proxy.
        prompt: What the agent is told first.
        lines: What to say.
        out: Where to print.
        patience: Seconds to wait for the proxy, and for the answers to the last lines.

    Returns:
        Whether it went well to the end.
    """
    printer = Printer(out)

    def say_closed(words: str) -> None:
        printer.line(f"The proxy has closed the connection ({words}).", "fault")

    try:
        dialogue = Dialogue(url, patience=patience, on_message=printer.message, on_closed=say_closed)
    except OSError as error:
        words = " ".join(str(error).split()) or type(error).__name__
        printer.line(f"{url} cannot be reached: {words}. Is the proxy running (turnstile serve)?", "fault")
        return False
    with dialogue:
        # Written answers: nobody listens to audio here.
        dialogue.send("Settings", agent={"think": {"prompt": prompt, "outputModalities": ["text"]}})
        if dialogue.wait_for("SettingsApplied") is not None:
            printer.line("Say something; /help shows what else there is.", "note")
            _converse(dialogue, printer, lines)
        elif dialogue.closed is None:
            printer.line(f"The agent was not ready within {patience:g} seconds.", "fault")
            return False
        return dialogue.closed is None


def _converse(dialogue: Dialogue, printer: Printer, lines: Iterable[str]) -> None:
    awaited: Counter[str] = Counter()
    for line in lines:
        words = line.strip()
        if dialogue.closed is not None or words == "/quit":
            return
        if words:
            awaited.update(_say(dialogue, printer, words))
    # Lines from a pipe end before their answers have come.
    dialogue.wait_until(lambda: dialogue.messages[-1] if _is_answered(dialogue, awaited) else None)


def _say(dialogue: Dialogue, printer: Printer, words: str) -> list[str]:
    """Do what a line says; returns the messages that answer it."""
    command, _, rest = words.partition(" ")
    rest = rest.strip()
    match command:
        case "/prompt" if rest:
            dialogue.send("UpdatePrompt", prompt=rest)
            return ["PromptUpdated"]
        case "/voice" if rest:
            dialogue.send("UpdateSpeak", speak={"provider": {"type": "open_ai", "voice": rest}})
            return ["SpeakUpdated"]
        case "/say" if rest:
            dialogue.send("InjectAgentMessage", message=rest, behavior="queue")
            return ["ConversationText"]
        case _ if command.startswith("/"):
            printer.line(HELP, "note")
            return []
        case _:
            dialogue.send("InjectUserMessage", content=words)
            return ["ConversationText"]


def _is_answered(dialogue: Dialogue, awaited: Counter[str]) -> bool:
    """Tell whether everything was answered; a fault or a refusal answers too, whatever it was."""
    heard = Counter(message["type"] for message in dialogue.messages if message.get("role") != "user")
    missing = (awaited - heard).total()
    return missing <= sum(heard[kind] for kind in ("Error", "Warning", "InjectionRefused"))
