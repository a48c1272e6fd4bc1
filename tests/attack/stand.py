"""One attack and all that it needs: the proxy, its upstream and twenty sessions beside, in processes of their own."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from loopback import REALTIME, Client
from served import Served

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from companions import Upstream


SETTINGS: dict[str, Any] = {"type": "Settings", "agent": {"think": {"prompt": "Be brief."}}}
BESIDE = {"voice agent": 10, "realtime": 10}


@dataclass(frozen=True)
class Attack:
    """One attack, as the table names it.

    Args:
        name: In the table; unique.
        run: Attacks once, and returns what the attacker got, in words.
        expects: What `run` must return for the attack to count as withstood, as a part of it.
        is_flood: Whether it goes on for a while, instead of one message.
        has_upstream: Whether the proxy's upstream is the harness's own, instead of the simulator within the proxy.
        settings: Settings of the proxy.
        beside: How many sessions of which kind are beside.
        has_newcomers: Whether one session after the other is opened beside, whose opening is a wait like the others.
        has_tls: Whether the proxy serves wss.
        ends_all: Whether it ends the sessions beside in order, by design.
        start: Starts the proxy, where that is a part of the attack.
        exit_code: With which the proxy must end.
    """

    name: str
    run: Callable[[Stand], str]
    expects: tuple[str, ...] = ()
    is_flood: bool = False
    has_upstream: bool = False
    settings: Mapping[str, str] = field(default_factory=dict)
    beside: Mapping[str, int] = field(default_factory=lambda: BESIDE)
    has_newcomers: bool = False
    has_tls: bool = False
    ends_all: bool = False
    start: Callable[[Mapping[str, str]], Served] = Served
    exit_code: int = 0


flood = partial(Attack, is_flood=True)
"""An attack that goes on for a while."""


class Stand:
    """What an attack sees: the proxy, and means to connect to it.

    Args:
        served: The proxy.
        upstream: Its upstream, if it is the harness's.
    """

    def __init__(self, served: Served, upstream: Upstream | None = None) -> None:
        self.served = served
        self.upstream = upstream
        self.own_losses: set[int] = set()
        """The ports of sessions beside that the attack ends by design."""
        self._clients = ExitStack()

    def connect(self, path: str = "", **options: Any) -> Client:
        """Open a connection; it is closed after the repetition."""
        client = Client(self.served.address, path, **options)
        self._clients.callback(client.close)
        return client

    def session(self, path: str, **options: Any) -> Client:
        """Open a connection, and wait until its session may ask."""
        client = self.connect(path, **options)
        if path.startswith(REALTIME.partition("?")[0]):
            client.wait_for("session.created")
        else:
            client.send(SETTINGS)
            client.wait_for("SettingsApplied")
        return client

    def close(self) -> None:
        """Close all connections of the attacker."""
        self._clients.close()


def answer_to(client: Client, message: Any) -> str:
    """Send a message, and return in words what came of it, and whether the session goes on."""
    client.send(message)
    return outcome(client)


def outcome(client: Client) -> str:
    """Return in words the first answer of note, and whether the session goes on."""
    first = ""
    question, answer = (
        ({"type": "input_audio_buffer.clear"}, "input_audio_buffer.cleared")
        if client.path.startswith("/v1/realtime")
        else (SETTINGS, "SettingsApplied")
    )
    answers = 0
    client.send(question)
    for message in client.messages():
        kind = message["type"]
        if kind in {"Error", "Warning", "error"}:
            answers += 1
            first = first or str(message.get("code") or (message.get("error") or {}).get("code"))
        if kind == answer:
            return f"{first or 'accepted'}, goes on" + (f" ({answers} errors)" if answers > 1 else "")
    return f"{first or 'nothing'}, {client.ended or 'no answer in time'}"


def request_for(path: str, words: str) -> list[dict[str, Any]]:
    """Return the messages that have upstream answer these words."""
    if path != REALTIME:
        return [{"type": "InjectUserMessage", "content": words}]
    content = [{"type": "input_text", "text": words}]
    item = {"type": "message", "role": "user", "content": content}
    return [{"type": "conversation.item.create", "item": item}, {"type": "response.create"}]


def tally(words: Iterable[str]) -> str:
    """Return in words how often each came."""
    kept = list(words)
    return ", ".join(f"{kept.count(one)} x {one}" for one in sorted(set(kept)))


def repeated(head: str, pieces: Iterator[str], tail: str, size: int) -> bytes:
    """Return a text of at most `size` bytes: as many pieces, separated by commas, as fit between head and tail."""
    room, kept = size - len(head) - len(tail), []
    for piece in pieces:
        room -= len(piece.encode()) + 1
        if room < 0:
            break
        kept.append(piece)
    return f"{head}{','.join(kept)}{tail}".encode()
