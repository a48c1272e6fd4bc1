"""Section 3: the log and the standard output: unread, closed, forged."""

from __future__ import annotations

import fcntl
import json
import os
import re
import socket
import threading
from typing import TYPE_CHECKING

from loopback import COMPONENT, REALTIME, Client, require_loopback
from raw_frames import upgrade
from served import Served, pause
from stand import SETTINGS, Stand, flood, outcome
from storms import SECRET

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_LINE = "x\nforged: line\r\nforged: line\x1b[31m\u2028forged: line\x85forged: line"
_FORGED = re.compile(rf"(?m)^forged|\x1b|\u2028|\x85|{SECRET}")


def _many_short_sessions(stand: Stand) -> str:
    """Open and end sessions, each of which leaves lines in the log."""
    for number in range(150):
        with Client(stand.served.address, COMPONENT) as client:
            client.send({"type": f"unknown {number} {'x' * 300}"}, SETTINGS)
            if not client.wait_for("SettingsApplied", timeout=3.0):
                return f"session {number}: no answer ({client.ended})"
    return "150 sessions"


def _one_session(stand: Stand) -> str:
    client = stand.session(COMPONENT)
    return outcome(client)


def _forgery(stand: Stand) -> str:
    """Write what looks like lines of the log wherever a client or an upstream has a say."""
    client = stand.session(COMPONENT)
    client.send(
        {"type": _LINE}, {"type": "UpdatePrompt", _LINE: 1, "prompt": 5}, {"type": "UpdateThink", "think": _LINE}
    )
    client.send({"type": "FunctionCallResponse", "id": _LINE, "name": _LINE, "content": "x"})
    client.send({"type": "InjectUserMessage", "content": "forged 3"})
    told = json.dumps(list(client.messages(0.5)))
    api = stand.session(REALTIME)
    api.send({"type": _LINE, "event_id": _LINE}, {"type": "session.update", "session": {"model": _LINE, _LINE: _LINE}})
    pause(0.1)
    api.close(_LINE.encode()[:120])
    for path in ("/v1/realtime?model=x%0aforged:%20line", "/x%0aforged:%20line", "/\x1bforged"):
        stand.connect(path)
    stand.connect().send_raw(
        upgrade(COMPONENT, stand.served.address).replace(b"Host", b"Origin: \x1b[31mforged\r\nHost")
    )
    pause(0.2)
    found = _FORGED.search(stand.served.log)
    key = "; an upstream's key was told" if SECRET in told else ""
    return f"a forged line: {found[0]!r}{key}" if found else f"no forged line{key or ', no key'}"


class _UnreadLog(Served):
    """A proxy whose standard error is a pipe that nobody reads, until `close_sessions`."""

    def __init__(self, settings: Mapping[str, str]) -> None:
        self._reads, writes = os.pipe()
        fcntl.fcntl(writes, fcntl.F_SETPIPE_SZ, 4096)
        super().__init__(settings, stderr=writes)
        os.close(writes)

    def before_the_end(self) -> None:
        """Read it from now on."""

        def read() -> None:
            while data := os.read(self._reads, 1 << 16):
                os.write(self.log_file.fileno(), data)
            os.close(self._reads)

        threading.Thread(target=read, daemon=True).start()


def _without_stdout(kind: str) -> Callable[[Mapping[str, str]], Served]:
    """Start the proxy with a standard output that takes nothing."""

    def start(settings: Mapping[str, str]) -> Served:
        with socket.create_server((require_loopback("127.0.0.1"), 0)) as taken:
            port = taken.getsockname()[1]
        if kind == "closed":
            served = Served(settings, port=port, prefix=("sh", "-c", 'exec "$@" >&-', "sh"))
        else:
            reads, writes = os.pipe()
            if kind == "full":
                fcntl.fcntl(writes, fcntl.F_SETPIPE_SZ, 4096)
                os.write(writes, bytes(4096))
            else:
                os.close(reads)
            served = Served(settings, port=port, stdout=writes)
            os.close(writes)
        served.wait_until_it_listens()
        return served

    return start


def _unread_log(settings: Mapping[str, str]) -> Served:
    return _UnreadLog({**settings, "log.level": "debug"})


ATTACKS = (
    flood("unread standard error", _many_short_sessions, start=_unread_log, expects=("150 sessions",)),
    *(
        flood(f"{kind} standard output", _one_session, start=_without_stdout(kind), expects=("goes on",))
        for kind in ("closed", "full", "broken")
    ),
    flood("forged lines of the log", _forgery, has_upstream=True, expects=("no forged line, no key",)),
)
