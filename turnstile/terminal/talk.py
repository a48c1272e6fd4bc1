"""A conversation in the terminal: lines and audio go to the agent, its messages are printed and its audio is played."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Final, TextIO
from urllib.parse import urlsplit

from turnstile.errors import ConfigError
from turnstile.ports import sendable
from turnstile.protocol.safe_text import on_one_line
from turnstile.terminal.audio_io import AudioIO
from turnstile.terminal.connection_faults import KEY_VARIABLE, connection_fault, dialect_fault
from turnstile.terminal.expected_replies import ExpectedReplies, is_answered_aloud, is_transcribed
from turnstile.terminal.standard_output import OutputError, writing_results
from turnstile.terminal.terminal_client import TerminalClient

if TYPE_CHECKING:
    from collections.abc import Iterable

    from turnstile.terminal.terminal_client import Message

HELP = """Lines go to the agent. Commands:
  /prompt TEXT   add to the agent's prompt
  /voice NAME    speak with another voice
  /say TEXT      have the agent say this
  /help          show this
  /quit          end (or Ctrl-D)"""

_READY: Final = "SettingsApplied"
_COMMANDS: Final = {words.split()[0]: words for words in re.findall(r"^  (/\w+(?: [A-Z]+)?)", HELP, re.MULTILINE)}
_KEY: Final = re.compile(r"[!-~]*")
_COLOURS = {"user": "36", "assistant": "32", "note": "2", "fault": "31"}


class Printer:
    """Prints lines and messages; in colour only on a terminal, and never where ``NO_COLOR`` is set.

    Args:
        out: The stream to print to.
    """

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._is_coloured = out.isatty() and "NO_COLOR" not in os.environ
        self.failure: OutputError | None = None
        """Why a line could not be printed; the reading thread prints, too, and must go on."""

    def line(self, text: str, kind: str) -> None:
        """Print one line, whatever is in the text: it may be of others, as a close reason is."""
        text = on_one_line(text)
        if self._is_coloured:
            text = f"\x1b[{_COLOURS[kind]}m{text}\x1b[0m"
        try:
            with writing_results():
                self._out.write(f"{text}\n")
                self._out.flush()
        except OutputError as error:
            self.failure = error

    def message(self, message: Message) -> None:
        """Print a message of the proxy, if it is of interest to a person."""
        match message["type"]:
            case "ConversationText":
                name = "agent" if message["role"] == "assistant" else "you"
                self.line(f"{name}: {message['content']}", message["role"])
            case "Error" | "Warning":
                self.line(f"{message['type']}: {message['code']}: {message['description']}", "fault")
            case "FunctionCallRequest":
                for call in message["functions"]:
                    asked = f"{call['name']}({call['arguments']})"
                    self.line(f"(the agent calls {asked}; nothing here answers)", "note")
            case "SettingsApplied" | "PromptUpdated" | "SpeakUpdated" | "InjectionRefused":
                self.line(f"({message['type']})", "note")


def talk(
    url: str,
    prompt: str,
    lines: Iterable[str] | None,
    out: TextIO,
    timeout: float = 10.0,
    audio: AudioIO | None = None,
) -> bool:
    """Talk until the lines end, `/quit`, or the proxy closes; without lines, until the audio source is answered.

    Args:
        url: Of the proxy.
        prompt: The agent's first prompt.
        lines: The user's lines; None when the audio source has it all.
        out: The stream to print to.
        timeout: Seconds to wait for the proxy, and for more of the last answers.
        audio: The user's audio and the agent's; by default the agent answers in writing. Left open.

    Returns:
        Whether it went well to the end.

    Raises:
        ConfigError: The address is none, or the key cannot be sent.
        OutputError: A line could not be printed.
    """
    _check_address(url)
    printer = Printer(out)
    audio = audio or AudioIO()
    went_well = _talk_to(url, prompt, lines, printer, timeout, audio)
    if printer.failure is not None:
        raise printer.failure
    return went_well


def _talk_to(
    url: str, prompt: str, lines: Iterable[str] | None, printer: Printer, timeout: float, audio: AudioIO
) -> bool:
    where = re.sub(r"//[^/]*@", "//", url.partition("?")[0])  # a query may hold a key, as the user may before the host
    try:
        client = _connected(url, timeout, printer, audio)
    except OSError as error:
        printer.line(connection_fault(error, where, has_key=_key() is not None), "fault")
        return False
    with client:
        fault = _talk(client, printer, prompt, lines, audio)
        if fault is not None and client.closed is None:
            printer.line(fault.format(timeout=f"{timeout:g} seconds", dialect=dialect_fault(where)), "fault")
        return fault is None and client.closed is None


def _check_address(url: str) -> None:
    try:
        parts = urlsplit(url)
        is_address = parts.scheme in {"ws", "wss"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_address = False
    if not is_address:
        words = "url: is no address of a proxy: write ws://HOST:PORT/PATH, or wss:// for TLS."
        raise ConfigError("invalid_url", words)


def _key() -> str | None:
    """Return the key of the environment, without the line end of a file."""
    key = os.environ.get(KEY_VARIABLE, "").strip()
    if not _KEY.fullmatch(key):
        words = f"{KEY_VARIABLE}: may have no spaces, and no characters beyond ASCII; copy the key anew."
        raise ConfigError("invalid_key", words)
    return key or None


def _connected(url: str, timeout: float, printer: Printer, audio: AudioIO) -> TerminalClient:
    """Connect a client that prints its messages and plays its audio."""

    def show(message: Message) -> None:
        if message["type"] == "UserStartedSpeaking":
            audio.drop()
        printer.message(message)

    def show_closed(words: str) -> None:
        audio.stop_source()
        printer.line(f"The proxy has closed the connection ({words}).", "fault")

    return TerminalClient(url, timeout=timeout, on_message=show, on_audio=audio.play, on_closed=show_closed, key=_key())


def _talk(
    client: TerminalClient, printer: Printer, prompt: str, lines: Iterable[str] | None, audio: AudioIO
) -> str | None:
    """Configure the agent, and talk; return the fault, if there was one."""
    think: Message = {"prompt": prompt}
    if not audio.has_output:
        think["outputModalities"] = ["text"]
    client.send("Settings", **audio.settings, agent={"think": think})
    first = client.wait_until(lambda: next(filter(_is_first_answer, client.messages), None))
    if first is None:
        return "The agent was not ready within {timeout}."
    if first["type"] != _READY:
        return "{dialect}"
    with audio.sending(client.send_binary):
        if lines is None:
            return _wait_for_answer(client, audio)
        printer.line("Say something; /help shows what else there is.", "note")
        _send_lines(client, printer, lines, audio)
    return None


def _is_first_answer(message: Message) -> bool:
    """Return whether the proxy has taken the settings, or speaks the Realtime API's events, whose names have dots."""
    kind = str(message["type"])
    return kind in {_READY, "error"} or "." in kind


def _wait_for_answer(client: TerminalClient, audio: AudioIO) -> str | None:
    """Wait for the end of the audio source, and of the answer; return the fault, if there was one."""
    audio.wait_until_sent()
    if client.wait_while_active(lambda: is_answered_aloud(client.messages)):
        # The API transcribes on its own time: the user's words may come after the answer.
        client.wait_while_active(lambda: is_transcribed(client.messages))
        return None
    if client.received("UserStartedSpeaking"):
        return "No answer came within {timeout}."
    return "No speech was detected: is there any in the file?"


def _send_lines(client: TerminalClient, printer: Printer, lines: Iterable[str], audio: AudioIO) -> None:
    expected = ExpectedReplies()
    for line in lines:
        words = sendable(line.strip())
        if client.closed is not None or printer.failure is not None or words == "/quit":
            audio.drop()
            return
        if words:
            _send_line(client, printer, words, expected)
    # Lines from a pipe end before their answers have come.
    client.wait_while_active(lambda: expected.have_come(client.messages))


def _what_is_wrong(command: str) -> str:
    """Return what is wrong with a line that is no command, or one without its text."""
    if command in _COMMANDS:
        return f"{command} needs a word behind it: {_COMMANDS[command]}"
    return f"There is no command {command}. Known are: {', '.join(_COMMANDS.values())}"


def _send_line(client: TerminalClient, printer: Printer, words: str, expected: ExpectedReplies) -> None:
    """Carry out a line, and note the replies to expect."""
    command, _, rest = words.partition(" ")
    rest = rest.strip()
    match command:
        case "/prompt" if rest:
            expected.updates["PromptUpdated"] += 1
            client.update(prompt=rest)
        case "/voice" if rest:
            expected.updates["SpeakUpdated"] += 1
            client.update(voice=rest)
        case "/say" if rest:
            expected.injected += 1
            client.send("InjectAgentMessage", message=rest, behavior="queue")
        case "/help":
            for text in HELP.splitlines():
                printer.line(text, "note")
        case _ if command.startswith("/"):
            printer.line(_what_is_wrong(command), "fault")
        case _:
            expected.said.append(words)
            client.say(words)
