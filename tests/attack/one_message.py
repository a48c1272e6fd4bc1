"""Section 1: the cost of one message."""

from __future__ import annotations

from itertools import count, islice, repeat
from typing import TYPE_CHECKING

from loopback import COMPONENT, REALTIME, VOICE_AGENT
from stand import SETTINGS, Attack, Stand, answer_to, repeated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_MIB = 1024 * 1024
_ONE = _MIB - 256
_LARGE = 22 * _MIB - 1024


def _functions(pieces: Iterator[str]) -> bytes:
    return repeated('{"type":"Settings","agent":{"think":{"functions":[', pieces, "]}}}", _ONE)


def _agent(field: str, pieces: Iterator[str]) -> bytes:
    return repeated(f'{{"type":"Settings","agent":{{"{field}":[', pieces, "]}}", _ONE)


def _session(field: str, pieces: Iterator[str], size: int = _LARGE) -> bytes:
    head = f'{{"type":"session.update","session":{{"type":"realtime","{field}":['
    return repeated(head, pieces, "]}}", size)


def _prompt(text: str) -> bytes:
    return f'{{"type":"UpdatePrompt","prompt":"{text}"}}'.encode()


def _nested(levels: int, opening: str, closing: str, head: str) -> bytes:
    return f"{head}{opening * levels}1{closing * levels}}}".encode()


def _deep(path: str) -> list[bytes]:
    """Messages of all depths that a parser may stumble over, in lists and in objects."""
    head = '{"type":"conversation.item.create","item":' if path == REALTIME else '{"type":"UpdateThink","think":'
    depths = (*range(255, 1024, 96), 1023, 100_000)
    return [
        _nested(levels, opening, closing, head)
        for levels in depths
        for opening, closing in (("[", "]"), ('{"a":', "}"))
    ]


# A Voice Agent's messages, of at most 1 MiB.
AGENT_MESSAGES: dict[str, Callable[[], bytes]] = {
    "functions of different names": lambda: _functions(f'{{"name":"{n}"}}' for n in count()),
    "functions on hosts not allowed": lambda: _functions(
        f'{{"name":"f{n}","endpoint":{{"url":"http://x"}}}}' for n in count()
    ),
    "functions with a number for a name": lambda: _functions(repeat('{"name":5}')),
    "speakers that are empty objects": lambda: _agent("speak", repeat("{}")),
    "thinkers that are numbers": lambda: _agent("think", repeat("1")),
    "unknown fields": lambda: repeated('{"type":"Settings","agent":{},', (f'"u{n}":1' for n in count()), "}", _ONE),
    "unknown fields of a thinker": lambda: repeated(
        '{"type":"Settings","agent":{"think":{', (f'"u{n}":1' for n in count()), "}}}", _ONE
    ),
    "huge numbers": lambda: repeated(
        '{"type":"Settings","agent":{"think":{"functions":[{"name":"f","parameters":{"a":[',
        iter([*repeat("9" * 4000, 120), *repeat("1e400", 9999), "1" * 400_000]),
        "]}}]}}}",
        _ONE,
    ),
    "escapes": lambda: _prompt("\\u0041" * (_ONE // 6 - 20)),
    "escaped surrogates": lambda: _prompt("\\ud83d" * (_ONE // 6 - 20)),
    "characters of four bytes": lambda: _prompt("\U0001f600" * (_ONE // 4 - 20)),
    "a word of no end": lambda: _prompt("x" * (_ONE - 40))[:-1],
    "a key of no end": lambda: b'{"type":"UpdatePrompt","prompt":"x","' + b"k" * (_ONE - 60) + b'":1}',
    "a type of no end": lambda: b'{"type":"' + b"t" * (_ONE - 20) + b'"}',
}

_VALUES = 19_900  # just within `limits.message_values`
_FUNCTIONS = 512  # as many as a message may declare


def _within(pieces: Iterator[str], values: int) -> Iterator[str]:
    """Return as many pieces, of so many values each, as a message may have."""
    return islice(pieces, _VALUES // values)


# The same of as many values, or as many functions, as may come.
AGENT_MESSAGES_WITHIN: dict[str, Callable[[], bytes]] = {
    "functions of different names, within bounds": lambda: _functions(
        islice((f'{{"name":"f{n}","description":"d","parameters":{{}}}}' for n in count()), _FUNCTIONS)
    ),
    "functions on hosts not allowed, within bounds": lambda: _functions(
        islice((f'{{"name":"f{n}","endpoint":{{"url":"http://x"}}}}' for n in count()), _FUNCTIONS)
    ),
    "unknown fields, within bounds": lambda: repeated(
        '{"type":"Settings","agent":{},', _within((f'"u{n}":1' for n in count()), 1), "}", _ONE
    ),
    "history within bounds": lambda: repeated(
        '{"type":"Settings","agent":{"context":{"messages":[',
        _within(repeat('{"type":"History","role":"user","content":"a"}'), 4),
        "]}}}",
        _ONE,
    ),
}

# A Realtime client's, of as many bytes as may come.
REALTIME_MESSAGES: dict[str, Callable[[], bytes]] = {
    "tools of different names": lambda: _session("tools", (f'{{"name":"{n}"}}' for n in count()), _ONE),
    "tools that are empty objects": lambda: _session("tools", repeat("{}")),
    "unknown fields": lambda: repeated(
        '{"type":"session.update","session":{"type":"realtime",', (f'"u{n}":1' for n in count()), "}}", 4 * _MIB
    ),
    "contents of an item": lambda: repeated(
        '{"type":"conversation.item.create","item":{"type":"message","role":"user","content":[',
        repeat("1"),
        "]}}",
        4 * _MIB,
    ),
    "an append of 22 MiB": lambda: _append("A" * (_LARGE - 64)),
    "an append that is no base64": lambda: _append("é" * (_LARGE // 2 - 64)),
    "an append with its type behind": lambda: b'{"audio":"%s","type":"input_audio_buffer.append"}'
    % (b"A" * (_LARGE - 64)),
    "an append that never ends its text": lambda: _append("A" * (_LARGE - 64))[:-2],
    "an item with an image of 22 MiB": lambda: _item("input_image", "image_url", "A" * (_LARGE - 200)),
    "an item with characters of four bytes": lambda: _item("input_text", "text", "\U0001f600" * (_LARGE // 4 - 200)),
    "an item with escapes": lambda: _item("input_text", "text", "\\u00e9" * (_LARGE // 6 - 200)),
    "millions of values": lambda: repeated('{"type":"x","a":[', repeat("0"), "]}", _LARGE),
    "millions of brackets": lambda: b"[" * _LARGE,
    "nothing but spaces": lambda: b" " * _LARGE,
    "a type of no end": lambda: b'{"type":"' + b"t" * (_LARGE - 20) + b'"}',
}  # fmt: skip


REALTIME_MESSAGES |= {
    "tools within bounds": lambda: _session(
        "tools", _within((f'{{"type":"function","name":"f{n}"}}' for n in count()), 3), _ONE
    ),
    "unknown fields within bounds": lambda: repeated(
        '{"type":"session.update","session":{"type":"realtime",',
        _within((f'"u{n}":1' for n in count()), 1),
        "}}",
        _ONE,
    ),
    "contents within bounds": lambda: repeated(
        '{"type":"conversation.item.create","item":{"type":"message","role":"user","content":[',
        _within(repeat('{"type":"input_text","text":"a"}'), 3),
        "]}}",
        _ONE,
    ),
}


def _append(audio: str) -> bytes:
    return f'{{"type":"input_audio_buffer.append","audio":"{audio}"}}'.encode()


def _item(kind: str, field: str, content: str) -> bytes:
    head = '{"type":"conversation.item.create","item":{"type":"message","role":"user","content":['
    return f'{head}{{"type":"{kind}","{field}":"{content}"}}]}}}}'.encode()


def _to_an_agent(build: Callable[[], bytes]) -> Callable[[Stand], str]:
    """Send a message as a stranger's first, and in a session that goes on."""

    def run(stand: Stand) -> str:
        message = build()
        first = answer_to(stand.connect(VOICE_AGENT), message)
        return f"first: {first}; later: {answer_to(stand.session(COMPONENT), message)}"

    return run


def _to_the_api(build: Callable[[], bytes]) -> Callable[[Stand], str]:
    def run(stand: Stand) -> str:
        return answer_to(stand.session(REALTIME), build())

    return run


def _deep_messages(path: str) -> Callable[[Stand], str]:
    def run(stand: Stand) -> str:
        client = stand.session(path)
        got = [answer_to(client, message) for message in _deep(path)]
        return "; ".join(sorted(set(got)))

    return run


def _held_prompts(stand: Stand) -> str:
    """Have 256 prompts held until the session is configured, and released at once."""
    client = stand.connect(COMPONENT)
    client.send(*({"type": "UpdatePrompt", "prompt": f"{number} " + "x" * 80} for number in range(255)))
    client.send(SETTINGS)
    got: list[str] = []
    for message in client.messages(5.0):
        got.append(message["type"])
        if got[-1] in {"SettingsApplied", "Error"}:
            break
    return ", ".join(f"{got.count(kind)} {kind}" for kind in sorted(set(got)))


ATTACKS = (
    *(
        Attack(f"agent: {name}", _to_an_agent(build), expects=("goes on",))
        for name, build in (AGENT_MESSAGES | AGENT_MESSAGES_WITHIN).items()
    ),
    Attack("agent: depths of 255 to 100,000", _deep_messages(COMPONENT), expects=("goes on",)),
    Attack("agent: 255 held prompts at once", _held_prompts, expects=("255 PromptUpdated", "SettingsApplied")),
    *(
        Attack(f"realtime: {name}", _to_the_api(build), has_upstream=True, expects=("goes on",))
        for name, build in REALTIME_MESSAGES.items()
    ),
    Attack("realtime: depths of 255 to 100,000", _deep_messages(REALTIME), has_upstream=True, expects=("goes on",)),
)
