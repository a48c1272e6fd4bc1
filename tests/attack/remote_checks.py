"""Section 7: clients that a service of the operator's is asked about, and tokens whose keys an issuer has."""

from __future__ import annotations

import base64
import contextlib
import json
import secrets
import socket
import threading
from typing import TYPE_CHECKING

from loopback import ATTACKER, REALTIME
from raw_frames import KEY, SECRET, upgrade, web_token
from served import Served, pause
from stand import Stand, flood, tally
from wrong_keys import wrong_keys

if TYPE_CHECKING:
    from collections.abc import Mapping

_SECONDS = 0.6
_CLIENTS = 200
_FEW = 3
# Who comes at once must not be more than may wait.
_BESIDE = {"voice agent": 7, "realtime": 7}
# Of 2048 bits; that nobody knows its factors is all that matters here.
_MODULUS = base64.urlsafe_b64encode(b"\x80" + bytes(254) + b"\x01").rstrip(b"=").decode()
_KEYS = {"keys": [{"kty": "RSA", "kid": "issued", "n": _MODULUS, "e": "AQAB"}]}
_HTTP = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s"


class _Service:
    """An HTTP service that answers what contains the key of the sessions beside, and lets all others hang."""

    def __init__(self, answer: bytes, needs: bytes) -> None:
        self._answer, self._needs = answer, needs
        self._server = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.address = f"http://127.0.0.1:{self._server.getsockname()[1]}/"
        self.asked = 0
        threading.Thread(target=self._serve, name="service", daemon=True).start()

    def close(self) -> None:
        """End it."""
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._server.accept()
                self.asked += 1
                threading.Thread(target=self._answer_to, args=(connection,), daemon=True).start()

    def _answer_to(self, connection: socket.socket) -> None:
        question = b""
        with connection, contextlib.suppress(OSError):
            while data := connection.recv(1 << 16):
                question += data
                if self._needs in question:
                    connection.sendall(_HTTP % (len(self._answer), self._answer))
                    return


class ServedWithService(Served):
    """A proxy that asks a service about its clients."""

    def __init__(self, settings: Mapping[str, str]) -> None:
        self.service = _Service(b'{"identity": "beside"}', KEY.encode())
        super().__init__({**settings, "auth.mode": "ask", "auth.ask_url": self.service.address})

    def close(self) -> None:
        """End it, and the service."""
        super().close()
        self.service.close()


class ServedWithIssuer(Served):
    """A proxy that fetches the keys of an issuer."""

    def __init__(self, settings: Mapping[str, str]) -> None:
        self.service = _Service(json.dumps(_KEYS).encode(), b"GET ")
        tokens = {
            "auth.mode": "jwt",
            "auth.jwt_algorithms": "HS256,RS256",
            "auth.jwt_secret": SECRET,
            "auth.jwt_audience": "*",
            "auth.jwt_keys": self.service.address,
        }
        super().__init__({**settings, **tokens})

    def close(self) -> None:
        """End it, and the issuer."""
        super().close()
        self.service.close()


def _hanging_decisions(stand: Stand) -> str:
    """Ask for 200 sessions that the service does not decide about."""
    request = upgrade(REALTIME, stand.served.address, "undecided")
    with contextlib.ExitStack() as opened:
        links = [
            opened.enter_context(socket.create_connection(stand.served.address, 3.0, (ATTACKER, 0)))
            for _ in range(_CLIENTS)
        ]
        for link in links:
            link.sendall(request)
        pause(_SECONDS)
        return tally([_status(link) for link in links])


def _status(link: socket.socket) -> str:
    link.setblocking(False)  # noqa: FBT003 - the socket's own parameter
    try:
        return link.recv(64).split(b" ")[1].decode()
    except BlockingIOError:
        return "waiting"


def _with_made_up_kid() -> str:
    return web_token({"alg": "RS256", "kid": secrets.token_hex(8)}, {"sub": "mallory"}, bytes(256))


def _made_up_kids(stand: Stand) -> str:
    """Ask for sessions with tokens that name keys which the issuer does not have."""
    got = wrong_keys(_with_made_up_kid)(stand)
    fetches = stand.served.service.asked if isinstance(stand.served, ServedWithIssuer) else -1
    return f"{got}; {'few' if fetches <= _FEW else fetches} fetches"


ATTACKS = (
    flood(
        "200 clients that a service lets hang", _hanging_decisions, start=ServedWithService, beside=_BESIDE,
        expects=("184 x 503, 16 x waiting",),
    ),
    flood(
        "tokens of garbage at a rate", wrong_keys(lambda: f"eyJ{secrets.token_urlsafe(5_000)}"), has_newcomers=True,
        start=ServedWithIssuer, expects=("x 401; few lines",),
    ),
    flood(
        "tokens of made-up keys at a rate", _made_up_kids, has_newcomers=True, start=ServedWithIssuer,
        expects=("x 401; few lines in the log; few fetches",),
    ),
)  # fmt: skip
