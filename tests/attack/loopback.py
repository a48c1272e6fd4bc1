"""A hostile client: WebSocket frames as it likes them, over a TCP connection to this machine and to no other."""

from __future__ import annotations

import ipaddress
import json
import select
import socket
import ssl
import struct
import time
from typing import TYPE_CHECKING, Self

from raw_frames import CLOSE, LONG, TEXT, Json, frame, text, upgrade

from turnstile.testing import patience

if TYPE_CHECKING:
    from collections.abc import Iterator

_RECEIVE_BYTES = 256 * 1024
_RECOGNIZED_CLOSE = 2  # bytes of a close frame that has a code

VOICE_AGENT, COMPONENT, REALTIME = "/v1/agent/converse", "/openai", "/v1/realtime?model=gpt-realtime"
ATTACKER = "127.0.0.2"


class NotLoopbackError(Exception):
    """An attack was pointed at another machine."""


def require_loopback(host: str) -> str:
    """Return a host's address.

    Raises:
        NotLoopbackError: It is not of this machine.
    """
    address = "127.0.0.1" if host == "localhost" else host
    try:
        is_own = ipaddress.ip_address(address).is_loopback
    except ValueError:
        is_own = False
    if not is_own:
        raise NotLoopbackError(f"{host} is not a loopback address; attacks stay on this machine.")
    return address


def reset_at_close(connection: socket.socket) -> None:
    """Have the system throw away what was sent and not read when a connection is closed."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


class Client:
    """One connection to a proxy of this machine. What it waits for is bounded; what does not come is None.

    Args:
        address: The proxy's host and port.
        path: Where to; "" opens no WebSocket: only TCP.
        source: The address of this machine that it comes from.
        trusted: The TLS context, where the proxy serves wss.
        timeout: Seconds for each wait, before `patience`.
        receive_buffer: Bytes that the system may keep of what is not read; by default its own choice.

    Raises:
        NotLoopbackError: The proxy is not on this machine.
        OSError: It cannot be reached.
    """

    def __init__(
        self,
        address: tuple[str, int],
        path: str = "",
        *,
        source: str = ATTACKER,
        trusted: ssl.SSLContext | None = None,
        timeout: float = 10.0,
        receive_buffer: int = 0,
    ) -> None:
        host = require_loopback(address[0])
        self._timeout = patience(timeout)
        self._incoming = bytearray()
        self._unsent = memoryview(b"")
        self._ended = ""
        self.path = path
        self.status = 0
        self.refusal = ""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.bind((require_loopback(source), 0))
        self.socket.settimeout(timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.connect((host, address[1]))
        if trusted:
            self.socket = trusted.wrap_socket(self.socket, server_hostname=address[0])
        if path:
            self.send_raw(upgrade(path, address))
            self._read_head()

    def send(self, *messages: Json | str | bytes, reads: bool = True) -> bool:
        """Send text messages; return whether the proxy took them."""
        return self.send_raw(b"".join(map(text, messages)), reads=reads)

    def send_raw(self, data: bytes, *, reads: bool = True) -> bool:
        """Send bytes as they are, and read meanwhile if `reads`; return whether the proxy took them all in time."""
        view, until = memoryview(data), time.monotonic() + self._timeout
        self.socket.settimeout(0)
        while view and not self._ended and (left := until - time.monotonic()) > 0:
            readable, writable, _ = select.select([self.socket] if reads else [], [self.socket], [], left)
            if readable:
                self._receive()
            if writable:
                try:
                    view = view[self.socket.send(view[: 1 << 20]) :]
                except (BlockingIOError, ssl.SSLWantWriteError):
                    continue
                except OSError:
                    self._receive_last()
        return not view

    def offer(self, data: bytes) -> bool:
        """Send as much of the bytes as the system takes now, the rest with the next call; forget what was received.

        Returns:
            Whether the connection goes on.
        """
        self.socket.settimeout(0)
        self._unsent = self._unsent or memoryview(data)
        try:
            self._unsent = self._unsent[self.socket.send(self._unsent) :]
        except (BlockingIOError, ssl.SSLWantWriteError):
            pass
        except OSError:
            self._receive_last()
        if not self._ended:
            self._receive()
        for _ in self.messages(0):
            pass
        return not self._ended

    def messages(self, timeout: float | None = None) -> Iterator[Json]:
        """Read text messages until the connection ends or `timeout` seconds have passed; audio is skipped."""
        until = time.monotonic() + (self._timeout if timeout is None else timeout)
        while True:
            for opcode, payload in self._whole_frames():
                if opcode == TEXT:
                    yield json.loads(payload)
                elif opcode == CLOSE:
                    words = payload[_RECOGNIZED_CLOSE:].decode(errors="replace")
                    self._ended = f"{int.from_bytes(payload[:_RECOGNIZED_CLOSE], 'big')} {words}".strip()
            left = until - time.monotonic()
            if self._ended or left <= 0 or not select.select([self.socket], [], [], left)[0]:
                return
            self._receive()

    def wait_for(self, *types: str, timeout: float | None = None) -> Json | None:
        """Wait for a message of one of the types."""
        return next((message for message in self.messages(timeout) if message["type"] in types), None)

    def wait_for_end(self, timeout: float | None = None) -> str:
        """Wait for the end of the connection; return its code and reason, or "" while it goes on."""
        for _ in self.messages(timeout):
            pass
        return self._ended

    @property
    def ended(self) -> str:
        """How the connection ended, as far as was read: the close code and its reason, or "cut"; "" if it goes on."""
        return self._ended

    @property
    def first_line(self) -> str:
        """The first line of what was received and not taken as messages."""
        return self._incoming.partition(b"\r\n")[0].decode(errors="replace")

    def close(self, reason: bytes = b"") -> None:
        """Close the connection, with a close frame first if it still can be sent; never waits."""
        if self.socket.fileno() < 0:
            return
        self.socket.settimeout(0)
        if not self._ended and self.status == 101:
            try:
                self.socket.send(frame(CLOSE, (1000).to_bytes(2, "big") + reason))
            except OSError:
                self._ended = "cut"
        self.socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _read_head(self) -> None:
        until = time.monotonic() + self._timeout
        self.socket.settimeout(0)
        while b"\r\n\r\n" not in self._incoming and not self._ended and (left := until - time.monotonic()) > 0:
            if select.select([self.socket], [], [], left)[0]:
                self._receive()
        head, _, rest = bytes(self._incoming).partition(b"\r\n\r\n")
        self._incoming = bytearray(rest)
        words = head.split(b" ", 2)
        self.status = int(words[1]) if len(words) > 1 else 0
        if self.status != 101:
            self.refusal = rest.decode(errors="replace").strip()
            self._ended = f"{self.status} {self.refusal}".strip() if self.status else "no answer"

    def _receive(self) -> None:
        try:
            data = self.socket.recv(_RECEIVE_BYTES)
        except (BlockingIOError, ssl.SSLWantReadError):
            return
        except OSError:
            data = b""
        self._incoming += data
        if not data:
            self._ended = self._ended or "cut"

    def _receive_last(self) -> None:
        """Read what is left after a write has failed: a close frame, perhaps."""
        before = -1
        while before != len(self._incoming):
            before = len(self._incoming)
            self._receive()
        ended, self._ended = self._ended, ""
        for _ in self.messages(0):
            pass
        self._ended = self._ended or ended or "cut"

    def _whole_frames(self) -> Iterator[tuple[int, bytes]]:
        """Take the whole frames off what was received; a server's frames are not masked."""
        while self.status == 101 and len(self._incoming) >= 2:
            size, start = self._incoming[1] & 0x7F, 2
            if size >= LONG:
                start = 4 if size == LONG else 10
                size = int.from_bytes(self._incoming[2:start], "big")
            if len(self._incoming) < start + size:
                return
            opcode, payload = self._incoming[0] & 0x0F, bytes(self._incoming[start : start + size])
            del self._incoming[: start + size]
            yield opcode, payload
