"""WebSocket frames and handshakes, built byte by byte (RFC 6455): a client's as hostile as it likes, and a server's."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

Json = dict[str, Any]

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
_FINAL, _MASKED = 0x80, 0x80
LONG, LONGEST = 126, 127
SECRET = "made up for the attacks: 32 bytes or more"
_SALT = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # section 1.3


def web_token(header: Json, claims: Json, signature: bytes | None = None) -> str:
    """Return a JSON web token; by default signed with `SECRET`, as HS256 has it (RFC 7515, appendix A.1)."""
    signed = ".".join(_segment(json.dumps(part).encode()) for part in (header, claims))
    mac = hmac.digest(SECRET.encode(), signed.encode(), "sha256")
    return f"{signed}.{_segment(mac if signature is None else signature)}"


def _segment(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()


KEY = web_token({"alg": "HS256"}, {"sub": "beside", "exp": 4_102_444_800})
"""That of all clients here; a proxy that asks for none does not read it."""


def frame(opcode: int, payload: bytes = b"", *, is_final: bool = True, size: int | None = None) -> bytes:
    """Return a client's frame, masked with zeros.

    Args:
        opcode: What it is.
        payload: What it carries.
        is_final: Whether it ends its message.
        size: The size that its header tells, if that is not the payload's.
    """
    size = len(payload) if size is None else size
    first = opcode | (_FINAL if is_final else 0)
    if size < LONG:
        head = bytes((first, _MASKED | size))
    elif size < 1 << 16:
        head = bytes((first, _MASKED | LONG)) + size.to_bytes(2, "big")
    else:
        head = bytes((first, _MASKED | LONGEST)) + size.to_bytes(8, "big")
    return head + bytes(4) + payload


def text(message: Json | str | bytes) -> bytes:
    """Return a text frame: a message as JSON, or what is given as it is."""
    if isinstance(message, dict):
        message = json.dumps(message, separators=(",", ":"))
    return frame(TEXT, message.encode() if isinstance(message, str) else message)


def server_frame(opcode: int, payload: bytes) -> bytes:
    """Return a whole frame as a server sends it."""
    size = len(payload)
    if size < 126:
        head = bytes((_FINAL | opcode, size))
    elif size < 1 << 16:
        head = bytes((_FINAL | opcode, LONG)) + size.to_bytes(2, "big")
    else:
        head = bytes((_FINAL | opcode, LONGEST)) + size.to_bytes(8, "big")
    return head + payload


def upgrade(path: str, address: tuple[str, int], key: str = KEY) -> bytes:
    """Return the request that opens a WebSocket, with a key."""
    lines = (
        f"GET {path} HTTP/1.1",
        f"Host: {address[0]}:{address[1]}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {base64.b64encode(bytes(16)).decode()}",
        "Sec-WebSocket-Version: 13",
        f"Authorization: Bearer {key}",
    )
    return "\r\n".join((*lines, "", "")).encode()


def accepted(head: str) -> bytes:
    """Return the answer to the request that opens a WebSocket."""
    fields = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
    key = next(value for name, value in fields.items() if name.lower() == "sec-websocket-key")
    digest = base64.b64encode(hashlib.sha1(key.encode() + _SALT, usedforsecurity=False).digest())
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + digest + b"\r\n\r\n"
    )
