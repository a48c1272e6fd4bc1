"""Section 7: clients whose keys do not count."""

from __future__ import annotations

import socket
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from loopback import ATTACKER, REALTIME, reset_at_close
from raw_frames import KEY, upgrade
from served import Served
from stand import Stand, flood, tally

from turnstile.auth.client_keys import KeyEntry, digest_of, new_key

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_SECONDS = 0.6
_MOST_CONNECTIONS = 3_000
_FEW = 3
# In its file are those of many others, too.
_KEYS = 10_000


class ServedWithKeys(Served):
    """A proxy that asks for the key that the sessions beside have."""

    def __init__(self, settings: Mapping[str, str]) -> None:
        self._folder = TemporaryDirectory()
        file = Path(self._folder.name) / "keys.txt"
        entries = [KeyEntry("beside", digest_of(KEY)), *(KeyEntry("other", digest_of(new_key())) for _ in range(_KEYS))]
        file.write_text("".join(f"{entry}\n" for entry in entries))
        file.chmod(0o600)
        super().__init__({**settings, "auth.mode": "keys", "auth.keys_file": str(file)})

    def close(self) -> None:
        """End it, and forget the keys."""
        super().close()
        self._folder.cleanup()


def wrong_keys(make: Callable[[], str]) -> Callable[[Stand], str]:
    """Ask for sessions with wrong keys as fast as can be for a while, each on a connection of its own."""

    def run(stand: Stand) -> str:
        until, answers, logged = time.monotonic() + _SECONDS, [], _refusals(stand)
        while time.monotonic() < until and len(answers) < _MOST_CONNECTIONS:
            with socket.create_connection(stand.served.address, 3.0, (ATTACKER, 0)) as connection:
                connection.sendall(upgrade(REALTIME, stand.served.address, make()))
                answers.append(connection.recv(64).split(b" ")[1].decode())
                reset_at_close(connection)
        lines = _refusals(stand) - logged
        return f"{tally(answers)}; {'few' if lines <= _FEW else lines} lines in the log"

    return run


def _refusals(stand: Stand) -> int:
    return stand.served.log.count("Refused (credentials)")


ATTACKS = (
    flood(
        "wrong keys at a rate", wrong_keys(new_key), has_newcomers=True, start=ServedWithKeys,
        expects=("x 401; few lines",),
    ),
    flood(
        "keys of 7 KB at a rate", wrong_keys(lambda: "x" * 7_000), has_newcomers=True, start=ServedWithKeys,
        expects=("x 401; few lines",),
    ),
)  # fmt: skip
