"""The telephone bridge of the examples: a telephone's messages over real sockets, a proxy with the simulator behind."""

from __future__ import annotations

import asyncio
import json
import sys
from base64 import b64decode, b64encode
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosedError, InvalidStatus

from actors import ProxySystem
from turnstile.config import load_config
from turnstile.simulator.scenario import Expect, Reply, Scenario, Step
from turnstile.simulator.speech import PCMU, spoken
from turnstile.testing import patience

sys.path.insert(0, str(Path(__file__).parents[2] / "docs" / "examples"))

from telephone_bridge import GREETING, MAX_CALLS, MAX_MESSAGE, SETTINGS, Bridge, take_calls

STREAM = "MZ0001"
FORMAT = {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}
# 20 ms each: a loud square wave, and silence.
LOUD, QUIET = (b"\x10" * 8 + b"\x90" * 8) * 10, b"\xff" * 160
STORY, SHORT = "word " * 1000, "It is sunny."


def tones(text):
    """Returns the simulator's speech of a text, in mu-law."""
    words = text.split(" ")
    return b"".join(b64decode(spoken(word, PCMU, 1.0).base64) for word in words)


class Phone:
    """A telephone: keeps what it is sent, and sends a mark back when it is told that it has played so far."""

    def __init__(self, link):
        self.link = link
        self.heard, self.clears = b"", 0
        self.marks, self.cleared = [], []
        self._number = 0

    async def send(self, event, **more):
        self._number += 1
        await self.link.send(json.dumps({"event": event, "sequenceNumber": str(self._number), **more}))

    async def begin(self, **more):
        await self.send("connected", protocol="Call", version="1.0.0")
        start = {"streamSid": STREAM, "callSid": "CA0001", "tracks": ["inbound"], "mediaFormat": FORMAT, **more}
        await self.send("start", streamSid=start["streamSid"], start=start)

    async def send_audio(self, *frames, track="inbound"):
        for frame in frames:
            media = {"track": track, "chunk": "1", "timestamp": "5", "payload": b64encode(frame).decode()}
            await self.send("media", streamSid=STREAM, media=media)

    async def say_something(self):
        await self.send_audio(*[LOUD] * 20, *[QUIET] * 40)

    async def hear(self, enough):
        """Take what comes until it is enough."""
        async with asyncio.timeout(patience()):
            while not enough():
                message = json.loads(await self.link.recv())
                assert message.pop("streamSid") == STREAM
                match message:
                    case {"event": "media", "media": {"payload": payload}}:
                        self.heard += b64decode(payload)
                    case {"event": "mark", "mark": {"name": name}}:
                        self.marks.append(name)
                    case {"event": "clear"}:
                        self.clears += 1
                        self.heard = b""
                        self.cleared, self.marks = self.marks, []

    async def play(self):
        """Send all marks back that have not been sent back."""
        for name in self.cleared + self.marks:
            await self.send("mark", streamSid=STREAM, mark={"name": name})
        self.cleared, self.marks = [], []

    async def hear_hanging_up(self):
        async with asyncio.timeout(patience()):
            with suppress(ConnectionClosedError):
                async for _ in self.link:
                    pass
        return self.link.close_code, self.link.close_reason


@pytest.fixture
def proxy():
    steps = (Step(Expect(contains="story"), Reply(STORY)), Step(Expect(), lambda turn: Reply(turn.text)))
    scenario = Scenario(steps, transcripts=(SHORT, "And a story?", "Never mind."))
    tell_stories = load_config(flags={"server.port": "0", "upstream.url": "simulator:"})
    with ProxySystem(tell_stories, scenario=scenario) as system:
        yield system


def call(proxy, conversation, origin=None, **options):
    """Run a conversation with the phone of a new call, against a bridge with these options."""

    host, port = proxy.address
    options.setdefault("opening", (SETTINGS,))
    bridge = Bridge(**{"agent_url": f"ws://{host}:{port}/v1/agent/converse", "patience": patience(), **options})

    @asynccontextmanager
    async def ringing():
        async with take_calls(bridge, 0) as server:
            port = server.sockets[0].getsockname()[1]
            async with connect(f"ws://127.0.0.1:{port}", origin=origin, proxy=None) as link:
                yield Phone(link)

    async def run():
        async with ringing() as phone:
            await conversation(phone)

    asyncio.run(run())
    assert proxy.wait_until_empty(patience())
    assert bridge.calls == options.get("calls", 0)


def test_a_caller_hears_the_greeting_and_the_answer_in_mu_law(proxy):
    async def talk(phone):
        await phone.begin()
        greeting = tones(GREETING["message"])
        await phone.hear(lambda: len(phone.heard) >= len(greeting))
        assert phone.heard == greeting
        await phone.hear(lambda: phone.marks[-1:] == [f"0 {len(greeting) // 8}"])
        await phone.play()
        await phone.say_something()
        await phone.hear(lambda: len(phone.heard) >= len(greeting + tones(SHORT)))
        assert phone.heard == greeting + tones(SHORT)
        assert phone.clears == 0, "nothing was left to play when the caller spoke"

    call(proxy, talk, opening=(SETTINGS, GREETING))


async def break_in_on_a_story(phone):
    """Hear a short answer to its end, and the next until the third turn breaks in on it; hear the answer to that."""
    await phone.begin()
    await phone.say_something()
    await phone.hear(lambda: phone.marks[-1:] == [f"0 {len(tones(SHORT)) // 8}"])
    await phone.play()
    phone.heard = b""
    await phone.say_something()
    await phone.hear(lambda: len(phone.heard) > 8_000)
    assert tones(STORY).startswith(phone.heard)
    await phone.say_something()
    await phone.hear(lambda: phone.clears)
    await phone.hear(lambda: len(phone.heard) >= len(tones("Never mind.")))


def test_an_interrupted_answer_is_cleared_once_and_nothing_of_it_is_sent_behind(proxy):
    async def talk(phone):
        await break_in_on_a_story(phone)
        assert phone.heard == tones("Never mind.")
        await phone.send("stop", streamSid=STREAM, stop={"callSid": "CA0001"})
        assert (await phone.hear_hanging_up())[0] == 1000
        assert phone.clears == 1

    call(proxy, talk)


def test_marks_of_an_answer_that_was_cleared_do_not_count_for_the_next(proxy):
    async def talk(phone):
        await break_in_on_a_story(phone)
        phone.marks = []  # of the new answer nothing has been played
        await phone.play()
        await phone.say_something()
        await phone.hear(lambda: phone.clears == 2)

    call(proxy, talk)


UNUSABLE = (
    "{",
    "[" * 10_000,
    b"\xff\xfe",
    "null",
    "[]",
    '{"event": "dance"}',
    '{"event": "media"}',
    '{"event": "media", "media": {"track": "inbound", "payload": 7}}',
    '{"event": "media", "media": {"track": "inbound", "payload": "%%%"}}',
    '{"event": "mark", "mark": {"name": "0 99999999999999999999"}}',
    '{"event": "mark", "mark": {"name": "later"}}',
    '{"event": "dtmf", "dtmf": {}}',
)


def test_messages_that_cannot_be_used_do_not_end_the_call(proxy):
    async def talk(phone):
        await phone.begin()
        for message in UNUSABLE:
            await phone.link.send(message)
        await phone.say_something()
        await phone.hear(lambda: len(phone.heard) >= len(tones(SHORT)))
        assert phone.heard == tones(SHORT)

    call(proxy, talk)


def test_a_key_is_told_to_the_agent(proxy):
    async def talk(phone):
        await phone.begin()
        await phone.send("dtmf", streamSid=STREAM, dtmf={"track": "inbound_track", "digit": "5"})
        expected = tones("I have pressed the key 5.")
        await phone.hear(lambda: len(phone.heard) >= len(expected))
        assert phone.heard == expected

    call(proxy, talk)


def test_the_agent_does_not_hear_itself_where_both_tracks_are_streamed(proxy):
    async def talk(phone):
        await phone.begin(tracks=["inbound", "outbound"])
        await phone.send_audio(*[LOUD] * 20, *[QUIET] * 40, track="outbound")
        await phone.send("dtmf", streamSid=STREAM, dtmf={"digit": "5"})
        expected = tones("I have pressed the key 5.")
        await phone.hear(lambda: len(phone.heard) >= len(expected))
        assert phone.heard == expected

    call(proxy, talk)


def test_a_message_of_more_than_the_bound_ends_the_call(proxy):
    async def talk(phone):
        await phone.begin()
        await phone.link.send(" " * (MAX_MESSAGE + 1))
        assert (await phone.hear_hanging_up())[0] == 1009

    call(proxy, talk)


def test_a_session_that_ends_hangs_up(proxy):
    async def talk(phone):
        await phone.begin()
        await phone.send("dtmf", streamSid=STREAM, dtmf={"digit": "5"})
        await phone.hear(lambda: phone.heard)
        (session,) = proxy.view.sessions()
        await asyncio.to_thread(proxy.view.give, session["id"], {"type": "End"}, patience())
        assert (await phone.hear_hanging_up())[0] == 1000

    call(proxy, talk)


def test_a_phone_that_is_lost_ends_its_session(proxy):
    async def talk(phone):
        await phone.begin()
        await phone.send("dtmf", streamSid=STREAM, dtmf={"digit": "5"})
        await phone.hear(lambda: phone.heard)
        phone.link.transport.abort()

    call(proxy, talk)


@pytest.mark.parametrize(
    ("more", "options", "words"),
    [
        ({"mediaFormat": {**FORMAT, "sampleRate": 16000}}, {}, "Only audio/x-mulaw at 8000 Hz is taken."),
        ({}, {"token": "a secret"}, "The call does not carry the bridge's token."),
        ({"customParameters": {"token": "é"}}, {"token": "a secret"}, "The call does not carry the bridge's token."),
        ({"mediaFormat": None}, {}, "A call begins with its start message."),
        ({"streamSid": "MZ" * 33}, {}, "A call begins with its start message."),
    ],
    ids=["another rate", "no token", "another token", "no format", "a long name"],
)
def test_a_call_that_may_not_be_taken_is_hung_up_in_words(proxy, more, options, words):
    async def talk(phone):
        await phone.begin(**more)
        assert await phone.hear_hanging_up() == (1008, words)

    call(proxy, talk, **options)


def test_a_call_with_the_bridges_token_is_taken(proxy):
    async def talk(phone):
        await phone.begin(customParameters={"token": "a secret"})
        await phone.send("dtmf", streamSid=STREAM, dtmf={"digit": "5"})
        await phone.hear(lambda: phone.heard)

    call(proxy, talk, token="a secret")


def test_a_call_too_many_is_told_that_all_lines_are_busy(proxy):
    async def talk(phone):
        assert await phone.hear_hanging_up() == (1013, "All lines are busy.")

    call(proxy, talk, calls=MAX_CALLS)


def test_a_silent_phone_is_hung_up(proxy):
    async def talk(phone):
        assert await phone.hear_hanging_up() == (1008, "The phone sent nothing for 0.05 s.")

    call(proxy, talk, patience=0.05)


def test_a_call_without_an_agent_is_hung_up(proxy, reserve_port):
    async def talk(phone):
        await phone.begin()
        assert await phone.hear_hanging_up() == (1011, "The agent cannot be reached.")

    call(proxy, talk, agent_url=f"ws://127.0.0.1:{reserve_port()}")


def logged(caplog):
    return [record.getMessage() for record in caplog.records if record.name == "telephone_bridge"]


def test_a_call_whose_agent_is_lost_is_hung_up_and_the_log_says_who_was_lost(proxy, caplog):
    async def talk(phone):
        await phone.begin()
        assert await phone.hear_hanging_up() == (1011, "The agent's session broke off.")

    async def be_lost(agent):
        await agent.recv()
        agent.transport.abort()

    async def run():
        async with serve(be_lost, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            await asyncio.to_thread(call, proxy, talk, agent_url=f"ws://127.0.0.1:{port}")

    with caplog.at_level("INFO", "telephone_bridge"):
        asyncio.run(run())
    (line,) = logged(caplog)
    assert line.startswith("The agent's session broke off: ")


def test_what_a_phone_calls_its_stream_is_one_line_of_the_log(proxy, caplog):
    async def talk(phone):
        await phone.begin(streamSid="MZ\nA call of mine")
        await phone.hear_hanging_up()

    call(proxy, talk, opening=({"type": "Settings", "agent": 7},))
    assert logged(caplog)[0].startswith(r"Call 'MZ\nA call of mine': Settings: agent")


def test_a_page_of_a_browser_may_call_with_a_token_only(proxy):
    async def talk(phone):
        await phone.begin(customParameters={"token": "a secret"})
        await phone.hear(lambda: phone.marks)

    opening = (SETTINGS, GREETING)
    call(proxy, talk, opening=opening, origin="https://pages.example", token="a secret")
    with pytest.raises(InvalidStatus, match="403"):
        call(proxy, talk, opening=opening, origin="https://pages.example")
