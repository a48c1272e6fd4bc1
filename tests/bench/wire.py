"""WebSocket frames for the harness: built once, sent often, and walked instead of parsed (RFC 6455, section 5.2).

The harness must be much faster than what it measures. It sends whole, unfragmented frames that were built beforehand,
and reads only what such a peer sends. What it does not expect is an error, not a figure.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import select
import socket

from websockets.frames import apply_mask

TEXT, BINARY, CLOSE, PING, PONG = 0x81, 0x82, 0x88, 0x89, 0x8A
_NAMES = {TEXT, BINARY, CLOSE, PING, PONG}
_MASKED, _SHORT, _LONG = 0x80, 126, 127
_UNMOVED = bytes(4)  # a key that leaves the payload as it is: a client's frames can be built like a server's
_ACCEPT_SALT = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, section 1.3
_RECEIVE_BYTES = 256 * 1024


class BenchError(Exception):
    """A measurement that failed: there is no figure."""


def frame(kind, payload, *, masked):
    """Return one whole frame.

    Args:
        kind: The first byte: final, and the opcode.
        payload: Its bytes.
        masked: Whether a client sends it.
    """
    bit, key = (_MASKED, _UNMOVED) if masked else (0, b"")
    size = len(payload)
    if size < _SHORT:
        head = bytes((kind, bit | size))
    elif size < 1 << 16:
        head = bytes((kind, bit | _SHORT)) + size.to_bytes(2, "big")
    else:
        head = bytes((kind, bit | _LONG)) + size.to_bytes(8, "big")
    return head + key + payload


def text(event, *, masked):
    """Return a text frame with an event as JSON."""
    return frame(TEXT, json.dumps(event, separators=(",", ":")).encode(), masked=masked)


def walk(data):
    """Take the whole frames off the front of what was received.

    Returns:
        Kind and unmasked payload of each, and the bytes of the frame that is not whole yet.

    Raises:
        BenchError: The peer sends fragments or something that is no frame.
    """
    found = []
    place, end = 0, len(data)
    while place + 2 <= end:
        kind, size = data[place], data[place + 1]
        if kind not in _NAMES:
            raise BenchError(f"a frame that begins with the byte {kind:#x} was received, which the harness cannot read")
        start = place + 2
        is_masked, size = size & _MASKED, size & 0x7F
        if size == _SHORT:
            start += 2
            size = int.from_bytes(data[place + 2 : start], "big")
        elif size == _LONG:
            start += 8
            size = int.from_bytes(data[place + 2 : start], "big")
        if is_masked:
            start += 4
        if start + size > end:
            break
        payload = data[start : start + size]
        if is_masked:
            payload = apply_mask(payload, data[start - 4 : start])
        found.append((kind, payload))
        place = start + size
    return found, data[place:]


def request(host, port, path):
    """Return a client's handshake."""
    key = base64.b64encode(os.urandom(16)).decode()
    lines = (
        f"GET {path} HTTP/1.1",
        f"Host: {host}:{port}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {key}",
        "Sec-WebSocket-Version: 13",
    )
    return "\r\n".join((*lines, "", "")).encode()


def accept(head):
    """Return the answer to a client's handshake, given with its last empty line."""
    fields = dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:] if b": " in line)
    key = next(value for name, value in fields.items() if name.lower() == b"sec-websocket-key")
    digest = base64.b64encode(hashlib.sha1(key + _ACCEPT_SALT, usedforsecurity=False).digest())
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + digest + b"\r\n\r\n"
    )


class Peer:
    """A non-blocking socket that keeps what the system does not take, and the beginning of what is not whole.

    Args:
        sock: Connected; owned from now on.
        poll: The epoll object that tells when it can be read, or written while something is left.
    """

    __slots__ = ("poll", "rest", "sock", "unsent")

    def __init__(self, sock, poll):
        sock.settimeout(0)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock = sock
        self.poll = poll
        self.rest = b""
        self.unsent = b""
        poll.register(sock, select.EPOLLIN)

    def send(self, data):
        """Send what the system takes; the rest goes first the next time."""
        had = self.unsent
        try:
            taken = self.sock.send(had + data if had else data)
        except BlockingIOError:
            taken = 0
        except OSError:  # it is gone; reading tells the same
            return
        self.unsent = (had + data)[taken:]
        if bool(self.unsent) != bool(had):
            self.poll.modify(self.sock, select.EPOLLIN | (select.EPOLLOUT if self.unsent else 0))

    def receive(self):
        """Return what was not whole yet and what is there now, or None at the end of the stream."""
        try:
            data = self.sock.recv(_RECEIVE_BYTES)
        except BlockingIOError:
            return self.rest
        except OSError:
            return None
        if not data:
            return None
        return self.rest + data if self.rest else data

    def drop(self):
        """Close the socket."""
        self.poll.unregister(self.sock)
        self.sock.close()
