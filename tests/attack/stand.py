"""One attack and all that it needs: the proxy, its upstream and twenty sessions beside, in processes of their own."""

from __future__ import annotations

import os
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from companions import Authority, Upstream
from loopback import COMPONENT, REALTIME, Client
from served import HELD, Memory, Served, pause
from table import FLOOD_WAIT, MESSAGE_WAIT, TOTAL_BYTES, Row

from turnstile.testing import patience

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from companions import Beside

SETTINGS: dict[str, Any] = {"type": "Settings", "agent": {"think": {"prompt": "Be brief."}}}
BESIDE = {"voice agent": 10, "realtime": 10}

_REPETITIONS = 3
_WITHIN = 25.0
_SETTLE = 2.0
_CALM = 0.1
_RELEASED_WITHIN = 8.0  # seconds; a closing handshake may take five
_HOPELESS = 5.0  # seconds that others waited, after which an attack is not repeated
_NICENESS = 5


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


class Stand:
    """What an attack sees: the proxy, and means to connect to it.

    Args:
        served: The proxy.
        upstream: Its upstream, if it is the harness's.
    """

    def __init__(self, served: Served, upstream: Upstream | None, ports: list[int]) -> None:
        self.served = served
        self.upstream = upstream
        self.ports = ports
        """The ports that the sessions beside come from."""
        self.own_losses: set[int] = set()
        """Those of them that the attack ends by design."""
        self.answers: dict[str, Any] = {}
        """What is kept from one repetition to the next."""
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


def measure(attack: Attack, beside: Beside) -> Row:
    """Start the proxy, attack it three times, end it; return the row."""
    row = Row(attack.name, FLOOD_WAIT if attack.is_flood else MESSAGE_WAIT)
    with ExitStack() as stack:
        upstream = Upstream() if attack.has_upstream else None
        if upstream:
            stack.callback(upstream.end)
        authority = Authority(stack.enter_context(TemporaryDirectory())) if attack.has_tls else None
        served = attack.start(settings_of(attack, upstream) | (authority.settings if authority else {}))
        stack.callback(served.close)
        stack.callback(beside.do, "close")
        _attack(attack, row, served, upstream, beside, authority.path if authority else "")
        served.before_the_end()
        beside.do("close")
        row.held = held_in_the_end(served)
        code = served.end()
        if code != attack.exit_code:
            row.faults.append(f"the proxy ended with {code}" if code is not None else "the proxy did not end in time")
        if "Traceback" in served.log:
            row.faults.append("a traceback is in the log")
    return row


def settings_of(attack: Attack, upstream: Upstream | None) -> dict[str, str]:
    """Return the settings of the proxy under an attack."""
    given = {"limits.total_bytes": str(TOTAL_BYTES), "upstream.url": "simulator:"}
    if upstream:
        given |= upstream.settings()
    return given | dict(attack.settings)


def _attack(
    attack: Attack, row: Row, served: Served, upstream: Upstream | None, beside: Beside, authority: str
) -> None:
    first = {"caller": upstream.with_function("good")} if upstream else {}
    ports = beside.do(
        "connect", address=served.address, kinds=dict(attack.beside), newcomers=attack.has_newcomers, first=first,
        authority=authority,
    )["ports"]  # fmt: skip
    stand, memory = Stand(served, upstream, ports), Memory(served.pid)
    pause(_CALM)
    row.before = memory.now()
    for _ in range(_REPETITIONS):
        memory.forget_peak()
        beside.do("begin")
        row.got = _run(attack, stand)
        end = beside.do("end", settle=_SETTLE)
        stand.close()
        row.wait, row.machine = max(row.wait, end["wait"]), max(row.machine, end["machine"])
        row.peaks.append(memory.peak())
        row.lost = 0 if attack.ends_all else len(set(end["lost"]) - stand.own_losses)
        if row.wait > _HOPELESS or not served.is_alive() or not all(words in row.got for words in attack.expects):
            break
    pause(_CALM)
    row.after = memory.now()
    if missing := [words for words in attack.expects if words not in row.got]:
        row.faults.append(f"expected: {', '.join(missing)}")
    if row.lost:
        row.faults.append(f"they ended with: {'; '.join(end['endings'])}")


def _run(attack: Attack, stand: Stand) -> str:
    """Attack once, on a thread that steps back behind those that measure."""
    got: list[str] = []

    def run() -> None:
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
        try:
            got.append(attack.run(stand))
        except OSError as error:
            got.append(f"{type(error).__name__}: {error}")

    thread = threading.Thread(target=run, name="attacker", daemon=True)
    thread.start()
    thread.join(_WITHIN)
    return got[0] if got else f"not done in {_WITHIN:.0f} s"


def held_in_the_end(served: Served) -> int | None:
    """Return the bytes that the proxy says it holds when its last session has ended.

    A connection holds what it has until its closing handshake is done. So where it is something, one more session is
    opened and ended after a while, and the proxy says it again.
    """
    served.wait_for_log(HELD.pattern, patience(2.0))
    until = time.monotonic() + patience(_RELEASED_WITHIN)
    while served.bytes_held() and served.is_alive() and time.monotonic() < until:
        pause(_CALM)
        said = len(HELD.findall(served.log))
        Client(served.address, COMPONENT).close()
        served.wait_for_log(HELD.pattern, patience(2.0), said + 1)
    return served.bytes_held()


def repeated(head: str, pieces: Iterator[str], tail: str, size: int) -> bytes:
    """Return a text of at most `size` bytes: as many pieces, separated by commas, as fit between head and tail."""
    room, kept = size - len(head) - len(tail), []
    for piece in pieces:
        room -= len(piece.encode()) + 1
        if room < 0:
            break
        kept.append(piece)
    return f"{head}{','.join(kept)}{tail}".encode()
