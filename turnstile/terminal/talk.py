"""A conversation in the terminal: lines and sound go to the agent, what comes back is printed and heard."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, TextIO

from turnstile.terminal.answers import Awaited, is_answered_aloud, is_transcribed
from turnstile.terminal.dialogue import Dialogue
from turnstile.terminal.sound import Sound

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


def talk(
    url: str,
    prompt: str,
    lines: Iterable[str] | None,
    out: TextIO,
    patience: float = 10.0,
    sound: Sound | None = None,
) -> bool:
    """Talk until the lines end, `/quit`, or the proxy closes; without lines, until what the sound says is answered.

    Args:
        url: Of the proxy.
        prompt: What the agent is told first.
        lines: What to say in writing; None when the sound has it all.
        out: Where to print.
        patience: Seconds to wait for the proxy, and for more of the answers to what was said last.
        sound: What is said aloud, and where the agent is heard; by default it answers in writing. Left open.

    Returns:
        Whether it went well to the end.
    """
    printer = Printer(out)
    sound = sound or Sound()

    def hear(message: Message) -> None:
        if message["type"] == "UserStartedSpeaking":
            sound.drop()
        printer.message(message)

    def say_closed(words: str) -> None:
        sound.hush()
        printer.line(f"The proxy has closed the connection ({words}).", "fault")

    try:
        dialogue = Dialogue(url, patience=patience, on_message=hear, on_audio=sound.play, on_closed=say_closed)
    except OSError as error:
        words = " ".join(str(error).split()) or type(error).__name__
        printer.line(f"{url} cannot be reached: {words}. Is the proxy running (turnstile serve)?", "fault")
        return False
    with dialogue:
        fault = _talk(dialogue, printer, prompt, lines, sound)
        if fault is not None and dialogue.closed is None:
            printer.line(fault.format(patience=f"{patience:g} seconds"), "fault")
        return fault is None and dialogue.closed is None


def _talk(dialogue: Dialogue, printer: Printer, prompt: str, lines: Iterable[str] | None, sound: Sound) -> str | None:
    """Set the agent up, and talk; returns what went wrong."""
    think: Message = {"prompt": prompt}
    if not sound.is_heard:
        think["outputModalities"] = ["text"]
    dialogue.send("Settings", **sound.settings, agent={"think": think})
    if dialogue.wait_for("SettingsApplied") is None:
        return "The agent was not ready within {patience}."
    with sound.speaking(dialogue.send_audio):
        if lines is None:
            return _be_answered(dialogue, sound)
        printer.line("Say something; /help shows what else there is.", "note")
        _converse(dialogue, printer, lines, sound)
    return None


def _be_answered(dialogue: Dialogue, sound: Sound) -> str | None:
    """Wait for the end of what the sound says, and of the answer; returns what went wrong."""
    sound.wait_until_said()
    if dialogue.wait_while_heard(lambda: is_answered_aloud(dialogue.messages)):
        # The API transcribes on its own time: the user's words may come after the answer.
        dialogue.wait_while_heard(lambda: is_transcribed(dialogue.messages))
        return None
    if dialogue.heard("UserStartedSpeaking"):
        return "No answer came within {patience}."
    return "Nobody was heard to speak: is there speech in the file?"


def _converse(dialogue: Dialogue, printer: Printer, lines: Iterable[str], sound: Sound) -> None:
    awaited = Awaited()
    for line in lines:
        words = line.strip()
        if dialogue.closed is not None or words == "/quit":
            sound.drop()
            return
        if words:
            _say(dialogue, printer, words, awaited)
    # Lines from a pipe end before their answers have come.
    dialogue.wait_while_heard(lambda: awaited.is_answered(dialogue.messages))


def _say(dialogue: Dialogue, printer: Printer, words: str, awaited: Awaited) -> None:
    """Do what a line says, and note what is to answer it."""
    command, _, rest = words.partition(" ")
    rest = rest.strip()
    match command:
        case "/prompt" if rest:
            awaited.updates["PromptUpdated"] += 1
            dialogue.send("UpdatePrompt", prompt=rest)
        case "/voice" if rest:
            awaited.updates["SpeakUpdated"] += 1
            dialogue.send("UpdateSpeak", speak={"provider": {"type": "open_ai", "voice": rest}})
        case "/say" if rest:
            awaited.injected += 1
            dialogue.send("InjectAgentMessage", message=rest, behavior="queue")
        case _ if command.startswith("/"):
            printer.line(HELP, "note")
        case _:
            awaited.said.append(words)
            dialogue.send("InjectUserMessage", content=words)
