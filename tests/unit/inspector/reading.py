"""Reads what comes from a socket."""

from __future__ import annotations


def read_all(sock):
    """Return what comes up to the end of a connection."""
    parts = []
    while part := sock.recv(65536):
        parts.append(part)
    return b"".join(parts)


def read_to(sock, end):
    """Return what comes up to a text."""
    got = b""
    while end not in got:
        part = sock.recv(65536)
        assert part, got
        got += part
    return got
