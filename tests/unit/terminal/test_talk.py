import io
import ssl
import threading

import pytest
from sound_card import FakeSounddevice

from turnstile.errors import ConfigError
from turnstile.terminal.audio_io import AudioIO
from turnstile.terminal.devices import Speaker
from turnstile.terminal.talk import HELP, Printer, talk
from turnstile.testing import patience


def serve_agent(peer):
    """An agent that repeats what is said, and takes every update, until the client goes."""
    peer.take()
    peer.tell("SettingsApplied")
    while True:
        message = peer.take()
        match message["type"]:
            case "InjectUserMessage":
                peer.say(message["content"], "user")
                peer.answer(f"You said {message['content']}")
            case "InjectAgentMessage":
                peer.answer(message["message"])
            case "UpdatePrompt":
                peer.tell("PromptUpdated")
            case "UpdateSpeak":
                peer.tell("SpeakUpdated")


class Terminal(io.StringIO):
    def isatty(self):
        return True


class WatchedOutput(io.StringIO):
    """Says when certain words have been printed."""

    def __init__(self, words):
        super().__init__()
        self._words = words
        self.has_come = threading.Event()

    def write(self, text):
        written = super().write(text)
        if self._words in text:
            self.has_come.set()
        return written


class Source:
    """Says one thing, and then waits to be hushed."""

    rate = 8_000

    def __init__(self, *, ends=False):
        self._hushed = threading.Event()
        if ends:
            self._hushed.set()

    def pieces(self):
        yield b"\x01\x02"
        assert self._hushed.wait(patience())

    def close(self):
        self._hushed.set()


@pytest.fixture
def hold(start):
    """Talk with an agent in these lines, None for no lines at all.

    Gives whether it went well, what was printed, and what the proxy heard.
    """

    def hold(*lines, script=serve_agent, seconds=None, audio=None):
        url, peers = start(script)
        out = io.StringIO()
        said = None if lines == (None,) else lines
        went_well = talk(url, "Be kind.", said, out, timeout=seconds or patience(), audio=audio)
        return went_well, out.getvalue().splitlines(), peers[0].heard

    return hold


def test_the_agent_is_set_up_in_writing_before_anything_is_said(hold):
    went_well, printed, heard = hold()
    assert went_well
    assert heard == [{"type": "Settings", "agent": {"think": {"prompt": "Be kind.", "outputModalities": ["text"]}}}]
    assert printed == ["(SettingsApplied)", "Say something; /help shows what else there is."]


def test_a_line_is_said_to_the_agent_and_its_answer_printed(hold):
    went_well, printed, heard = hold("Hello\n", "\n", "How are you?\n")
    assert went_well
    assert [message["content"] for message in heard[1:]] == ["Hello", "How are you?"]
    assert printed[2:] == [
        "you: Hello",
        "agent: You said Hello",
        "you: How are you?",
        "agent: You said How are you?",
    ]


@pytest.mark.parametrize(
    ("line", "sent", "answer"),
    [
        ("/prompt Be brief.", {"type": "UpdatePrompt", "prompt": "Be brief."}, "(PromptUpdated)"),
        (
            "/voice cedar",
            {"type": "UpdateSpeak", "speak": {"provider": {"type": "open_ai", "voice": "cedar"}}},
            "(SpeakUpdated)",
        ),
        (
            "/say One moment.",
            {"type": "InjectAgentMessage", "message": "One moment.", "behavior": "queue"},
            "agent: One moment.",
        ),
    ],
)
def test_a_command_sends_its_message_and_waits_for_the_answer(hold, line, sent, answer):
    went_well, printed, heard = hold(line)
    assert went_well
    assert heard[1:] == [sent]
    assert printed[2:] == [answer]


def test_help_is_shown_when_it_is_asked_for(hold):
    went_well, printed, heard = hold("/help")
    assert went_well
    assert len(heard) == 1
    assert "\n".join(printed[2:]) == HELP


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("/prompt", "/prompt needs a word behind it: /prompt TEXT"),
        ("/voice  ", "/voice needs a word behind it: /voice NAME"),
        (
            "/dance now",
            "There is no command /dance. Known are: /prompt TEXT, /voice NAME, /say TEXT, /help, /quit",
        ),
        ("/", "There is no command /. Known are: /prompt TEXT, /voice NAME, /say TEXT, /help, /quit"),
    ],
)
def test_a_command_that_is_not_known_or_incomplete_is_told_and_not_said_to_the_agent(hold, line, told):
    went_well, printed, heard = hold(line)
    assert went_well
    assert len(heard) == 1
    assert printed[2:] == [told]


def test_nothing_more_is_said_after_quit(hold):
    went_well, _, heard = hold("/quit", "Hello")
    assert went_well
    assert len(heard) == 1


def test_nothing_is_waited_for_when_several_lines_got_one_reply_together(hold):
    def reply_once(peer):
        peer.take()
        peer.tell("SettingsApplied")
        for message in (peer.take(), peer.take(), peer.take()):
            peer.say(message["content"], "user")
        peer.answer("All three at once.")

    went_well, printed, _ = hold("one", "two", "three", script=reply_once, seconds=patience(60))
    assert went_well
    assert printed[2:] == ["you: one", "you: two", "you: three", "agent: All three at once."]


@pytest.mark.parametrize("kind", ["Error", "Warning"])
def test_a_fault_answers_too(hold, kind):
    def refuse(peer):
        peer.take()
        peer.tell("SettingsApplied")
        peer.take()
        peer.tell(kind, code="voice_locked", description="The agent has spoken.")

    went_well, printed, _ = hold("/voice cedar", script=refuse, seconds=patience(60))
    assert went_well
    assert printed[2:] == [f"{kind}: voice_locked: The agent has spoken."]


def test_a_function_call_is_shown_though_nothing_answers_it(hold):
    def call(peer):
        peer.take()
        peer.tell("SettingsApplied")
        peer.say(peer.take()["content"], "user")
        peer.tell("FunctionCallRequest", functions=[{"id": "c1", "name": "look", "arguments": "{}"}])
        peer.tell("AgentThinking")
        peer.answer("I looked.")

    _, printed, _ = hold("Look!", script=call)
    assert printed[2:] == ["you: Look!", "(the agent calls look({}); nothing here answers)", "agent: I looked."]


def speak_to(peer):
    """Let the user be heard, as a proxy does."""
    peer.take()
    peer.tell("SettingsApplied")
    assert peer.connection.recv(timeout=patience()) == b"\x01\x02"
    peer.tell("UserStartedSpeaking")


def test_the_formats_of_the_sound_are_declared_and_the_agent_speaks(hold):
    card = FakeSounddevice(outputs=(48_000,))
    _, _, heard = hold(
        audio=AudioIO(Source(), Speaker(card)),
        script=lambda peer: (peer.take(), peer.tell("Error", code="c", description="d.")),
        seconds=0.1,
    )
    assert heard == [
        {
            "type": "Settings",
            "audio": {
                "input": {"encoding": "linear16", "sample_rate": 8_000},
                "output": {"encoding": "linear16", "sample_rate": 48_000},
            },
            "agent": {"think": {"prompt": "Be kind."}},
        }
    ]


def test_what_was_not_played_is_thrown_away_when_the_user_breaks_in(hold):
    def go_on(peer):
        peer.take()
        peer.tell("SettingsApplied")
        peer.say(peer.take()["content"], "user")
        peer.connection.send(b"\x01\x02\x03\x04")
        peer.tell("UserStartedSpeaking")
        peer.connection.send(b"\x05\x06")
        peer.answer("Well.")

    card = FakeSounddevice()
    went_well, _, _ = hold("Hello", script=go_on, audio=AudioIO(None, Speaker(card)))
    assert went_well
    assert card.streams[0].take(4) == b"\x05\x06\x00\x00"


def test_what_was_not_played_is_thrown_away_after_quit(hold):
    card = FakeSounddevice()
    audio = AudioIO(None, Speaker(card))
    audio.play(b"\x01\x02")
    hold("/quit", audio=audio)
    assert card.streams[0].take(2) == bytes(2)


def test_it_ends_when_what_was_said_aloud_is_answered_and_written_down(hold):
    def reply(peer):
        speak_to(peer)
        peer.answer("I am here.")
        peer.say("Hello?", "user")

    went_well, printed, _ = hold(None, script=reply, audio=AudioIO(Source(ends=True)))
    assert went_well
    assert printed == ["(SettingsApplied)", "agent: I am here.", "you: Hello?"]


def test_an_answer_that_does_not_come_is_reported(hold):
    went_well, printed, _ = hold(None, script=speak_to, audio=AudioIO(Source(ends=True)), seconds=patience(0.5))
    assert not went_well
    assert printed == ["(SettingsApplied)", f"No answer came within {patience(0.5):g} seconds."]


def test_a_user_whom_nobody_has_heard_is_told_so(hold):
    def be_deaf(peer):
        peer.take()
        peer.tell("SettingsApplied")
        peer.connection.recv(timeout=patience())

    went_well, printed, _ = hold(None, script=be_deaf, audio=AudioIO(Source(ends=True)), seconds=patience(0.5))
    assert not went_well
    assert printed == ["(SettingsApplied)", "No speech was detected: is there any in the file?"]


def test_nothing_more_is_said_aloud_when_the_proxy_closes(hold):
    def leave(peer):
        speak_to(peer)
        peer.connection.close(1011, "broken")

    went_well, printed, _ = hold(None, script=leave, audio=AudioIO(Source()))
    assert not went_well
    assert printed == ["(SettingsApplied)", "The proxy has closed the connection (1011 broken)."]


def test_talking_ends_when_the_proxy_closes(hold):
    went_well, printed, _ = hold("Hello", script=lambda peer: peer.connection.close(1001, "shutting down"))
    assert not went_well
    assert printed == ["The proxy has closed the connection (1001 shutting down)."]


def test_no_further_line_is_said_when_the_proxy_has_closed(start):
    def leave(peer):
        peer.take()
        peer.tell("SettingsApplied")
        peer.take()
        peer.connection.close(1011, "broken")

    out = WatchedOutput("has closed")

    def lines():
        yield "one"
        assert out.has_come.wait(patience())
        yield "two"
        raise AssertionError("read on")

    url, peers = start(leave)
    assert not talk(url, "Be kind.", lines(), out, timeout=patience())
    assert [message["type"] for message in peers[0].heard] == ["Settings", "InjectUserMessage"]


def test_an_agent_that_is_not_ready_in_time_is_reported(hold):
    went_well, printed, _ = hold("Hello", script=lambda peer: peer.take(), seconds=0.1)
    assert not went_well
    assert printed == ["The agent was not ready within 0.1 seconds."]


def test_a_proxy_that_is_not_there_is_reported_in_one_line():
    out = io.StringIO()
    assert not talk("ws://127.0.0.1:1/openai", "Be kind.", [], out)
    (line,) = out.getvalue().splitlines()
    assert line.startswith("ws://127.0.0.1:1/openai cannot be reached: ")
    assert line.endswith("Is the proxy running (turnstile serve), and is this its port?")


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/openai",
        "127.0.0.1:8080/openai",
        "localhost",
        "ws:///openai",
        "ws://me:hunter2/@h/",
        "ws://h:0",
    ],
)
def test_what_is_no_address_of_a_proxy_is_told_with_the_fix_and_not_repeated(url):
    with pytest.raises(ConfigError) as caught:
        talk(url, "Be kind.", [], io.StringIO())
    words = "url: is no address of a proxy: write ws://HOST:PORT/PATH, or wss:// for TLS."
    assert caught.value.problem.description == words


def test_who_is_named_before_the_host_is_not_repeated():
    out = io.StringIO()
    assert not talk("ws://me:hunter2@127.0.0.1:1/openai?token=hunter2", "Be kind.", [], out)
    assert out.getvalue().startswith("ws://127.0.0.1:1/openai cannot be reached: ")
    assert "hunter2" not in out.getvalue()


@pytest.mark.parametrize("key", ["made up", "mäde-up", "made\nup"])
def test_a_key_that_no_header_can_have_is_told_by_its_variable_and_not_repeated(monkeypatch, key):
    monkeypatch.setenv("TURNSTILE_KEY", key)
    with pytest.raises(ConfigError) as caught:
        talk("ws://127.0.0.1:1/openai", "Be kind.", [], io.StringIO())
    assert caught.value.problem.description.startswith("TURNSTILE_KEY: may have no spaces, ")
    assert key not in caught.value.problem.description


def test_a_key_from_a_file_loses_its_line_end(hold, monkeypatch):
    monkeypatch.setenv("TURNSTILE_KEY", "ts_made-up\n")
    went_well, _, _ = hold("/quit")
    assert went_well


@pytest.mark.parametrize(
    ("error", "fix"),
    [
        (ssl.SSLCertVerificationError(1, "self-signed certificate"), "SSL_CERT_FILE names a file of those that are."),
        (ssl.SSLEOFError(8, "EOF occurred"), "Does it speak TLS? Without, its address begins with ws://."),
    ],
)
def test_trouble_with_tls_is_told_with_its_own_fix(monkeypatch, error, fix):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr("turnstile.terminal.talk.TerminalClient", fail)
    out = io.StringIO()
    assert not talk("wss://127.0.0.1:1/openai", "Be kind.", [], out)
    assert out.getvalue().endswith(f"{fix}\n")


def test_what_is_printed_is_coloured_on_a_terminal(monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    out = Terminal()
    Printer(out).line("Hello", "assistant")
    assert out.getvalue() == "\x1b[32mHello\x1b[0m\n"


def test_nothing_is_coloured_when_nobody_wants_colours(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    out = Terminal()
    Printer(out).line("Hello", "assistant")
    assert out.getvalue() == "Hello\n"


def test_nothing_is_coloured_outside_of_a_terminal(monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    out = io.StringIO()
    Printer(out).line("Hello", "fault")
    assert out.getvalue() == "Hello\n"


def test_what_others_say_neither_begins_a_line_nor_steers_the_terminal():
    out = io.StringIO()
    printer = Printer(out)
    printer.message({"type": "ConversationText", "role": "assistant", "content": "So.\nyou: \x1b[2K"})
    printer.message({"type": "Error", "code": "c", "description": "No.\r"})
    printer.message({"type": "FunctionCallRequest", "functions": [{"name": "f", "arguments": "\n"}]})
    printer.line("The proxy has closed the connection (1000 So.\nyou: \x1b[2K).", "fault")
    assert out.getvalue().splitlines() == [
        r"agent: So.\nyou: \u001b[2K",
        r"Error: c: No.\r",
        r"(the agent calls f(\n); nothing here answers)",
        r"The proxy has closed the connection (1000 So.\nyou: \u001b[2K).",
    ]
