"""One attack from start to end: the proxy is started, attacked three times, measured, and ended."""

from __future__ import annotations

import os
import threading
import time
from contextlib import ExitStack
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from companions import Authority, Upstream
from loopback import COMPONENT, Client
from served import HELD, Served, Usage, pause
from stand import Attack, Stand
from table import FLOOD_WAIT, MESSAGE_WAIT, TOTAL_BYTES, Row

from turnstile.testing import patience

if TYPE_CHECKING:
    from companions import Beside

_REPETITIONS = 3
_WITHIN = 25.0
_SETTLE = 2.0
_CALM = 0.1
_RELEASED = 0.1  # seconds, after which the sessions of a flood have ended
_RELEASED_WITHIN = 8.0  # seconds; a closing handshake may take five
_HOPELESS = 5.0  # seconds that others waited, after which an attack is not repeated
_NICENESS = 5


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
    beside.do(
        "connect", address=served.address, kinds=dict(attack.beside), newcomers=attack.has_newcomers, first=first,
        authority=authority,
    )  # fmt: skip
    stand, usage = Stand(served, upstream), Usage(served.pid)
    pause(_CALM)
    row.before = usage.now()
    for _ in range(_REPETITIONS):
        usage.forget_peak()
        beside.do("begin")
        waited = usage.waits_for_cores()
        row.got = _run(attack, stand)
        end = beside.do("end", settle=_SETTLE)
        stand.close()
        row.wait, row.machine = max(row.wait, end["wait"]), max(row.machine, end["machine"])
        row.for_cores = max(row.for_cores, usage.waits_for_cores() - waited)
        row.peaks.append(usage.peak())
        row.lost = 0 if attack.ends_all else len(set(end["lost"]) - stand.own_losses)
        if attack.is_flood:
            pause(_RELEASED)
        if row.wait > _HOPELESS or not served.is_alive() or not all(words in row.got for words in attack.expects):
            break
    pause(_CALM)
    row.after = usage.now()
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

    A connection holds what it has until its closing handshake is done. So where it is something, or nothing was said,
    one more session is opened and ended after a while, and the proxy says it again.
    """
    served.wait_for_log(HELD.pattern, patience(2.0))
    until = time.monotonic() + patience(_RELEASED_WITHIN)
    while served.bytes_held() != 0 and served.is_alive() and time.monotonic() < until:
        pause(_CALM)
        said = len(HELD.findall(served.log))
        Client(served.address, COMPONENT).close()
        served.wait_for_log(HELD.pattern, patience(2.0), said + 1)
    return served.bytes_held()
