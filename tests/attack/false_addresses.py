"""Clients that claim other addresses than their own, by the PROXY protocol or in a header of their requests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loopback import ATTACKER, VOICE_AGENT, Client
from raw_frames import upgrade
from served import pause
from stand import Stand, flood, tally

if TYPE_CHECKING:
    from collections.abc import Callable

_PROXY = "127.0.0.3"
_TRUSTED = {"server.trusted_proxies": _PROXY}
_QUOTA = {**_TRUSTED, "quotas.address_sessions": "25"}  # the twenty beside are of one address, too
_CLAIMS = 40
_SECONDS = 0.6
_LINE = b"PROXY TCP4 198.51.100.%d 192.0.2.1 4711 443\r\n"
_BINARY = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc6\x33\x64%c\xc0\0\x02\x01\x12\x67\x01\xbb"


def _headers_of_strangers(clients: int) -> Callable[[Stand], str]:
    """Send a header of the PROXY protocol, and a request behind it, from an address that is not trusted."""

    def run(stand: Stand) -> str:
        request, answers = upgrade(VOICE_AGENT, stand.served.address), []
        for number in range(clients):
            with Client(stand.served.address, timeout=2.0) as client:
                client.send_raw((_LINE, _BINARY)[number % 2] % (number % 256) + request)
                ended = client.wait_for_end(2.0)
                answers.append(client.first_line or ended or "goes on")
        return tally(answers)

    return run


def _claims(source: str, *lines: bytes) -> Callable[[Stand], str]:
    """Open sessions, each in the name of another address; return the answers."""

    def run(stand: Stand) -> str:
        request, clients = upgrade(VOICE_AGENT, stand.served.address), []
        for number in range(_CLAIMS):
            head = b"\r\n".join((*(line % number for line in lines), b"Host"))
            client = stand.connect(source=source)
            client.send_raw(request.replace(b"Host", head, 1))
            clients.append(client)
        return tally(_status(client) for client in clients)

    return run


def _status(client: Client) -> str:
    for _ in range(200):
        client.wait_for_end(0.01)
        if client.first_line:
            break
    return client.first_line.partition(" ")[2][:3] or client.ended or "no answer"


def _dribbled(clients: int) -> Callable[[Stand], str]:
    """Send the headers of a trusted proxy a byte at a time, on many connections."""

    def run(stand: Stand) -> str:
        headers = [(_LINE, _BINARY)[number % 2] % (number % 256) for number in range(clients)]
        live = [(stand.connect(source=_PROXY), header) for header in headers]
        for index in range(len(_BINARY)):
            for client, data in live:
                client.offer(data[index : index + 1])
            pause(_SECONDS / len(_BINARY))
        return f"{sum(not client.ended for client, _ in live)} of {clients} wait"

    return run


ATTACKS = (
    flood(
        "PROXY headers of strangers", _headers_of_strangers(200), settings=_TRUSTED, has_newcomers=True,
        expects=("200 x cut",),
    ),
    flood(
        "a stranger's X-Forwarded-For", _claims(ATTACKER, b"X-Forwarded-For: 198.51.100.%d"), settings=_QUOTA,
        expects=("25 x 101, 15 x 429",),
    ),
    flood(
        "X-Forwarded-For that a proxy added to",
        _claims(_PROXY, b"X-Forwarded-For: 198.51.100.%d, 203.0.113.7"), settings=_QUOTA,
        expects=("25 x 101, 15 x 429",),
    ),
    flood(
        "Forwarded that a proxy did not know",
        _claims(_PROXY, b"Forwarded: for=198.51.100.%d", b"X-Forwarded-For: 198.51.101.%d, 203.0.113.7"),
        settings=_QUOTA, expects=("25 x 101, 15 x 429",),
    ),
    flood("300 PROXY headers byte by byte", _dribbled(300), settings=_TRUSTED, has_newcomers=True),
)  # fmt: skip
