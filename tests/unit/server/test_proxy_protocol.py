from __future__ import annotations

import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnstile.server.proxy_protocol import (
    LONGEST_HEADER,
    SIGNATURE_2,
    ProxyHeader,
    ProxyHeaderError,
    ProxyHeaderReader,
    parse_proxy_header,
)

LINE = b"PROXY TCP4 203.0.113.7 192.0.2.1 4711 443\r\n"


def binary(command=0x21, family=0x11, rest=b""):
    return SIGNATURE_2 + bytes([command, family]) + len(rest).to_bytes(2, "big") + rest


def ports(source=4711, target=443):
    return source.to_bytes(2, "big") + target.to_bytes(2, "big")


FOUR = socket.inet_aton("203.0.113.7") + socket.inet_aton("192.0.2.1") + ports()
SIX = socket.inet_pton(socket.AF_INET6, "2001:db8::7") + socket.inet_pton(socket.AF_INET6, "2001:db8::1") + ports()
MAPPED = socket.inet_pton(socket.AF_INET6, "::ffff:203.0.113.7") + bytes(16) + ports()
EXTENSION = b"\x02\0\x09localhost"


@pytest.mark.parametrize(
    ("header", "client"),
    [
        (LINE, "203.0.113.7:4711"),
        (b"PROXY TCP6 2001:db8::7 2001:db8::1 4711 443\r\n", "[2001:db8::7]:4711"),
        (b"PROXY TCP6 ::ffff:203.0.113.7 ::1 0 65535\r\n", "203.0.113.7:0"),
        (b"PROXY UNKNOWN\r\n", None),
        (b"PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n", None),
        (binary(rest=FOUR), "203.0.113.7:4711"),
        (binary(rest=FOUR + EXTENSION), "203.0.113.7:4711"),
        (binary(family=0x21, rest=SIX), "[2001:db8::7]:4711"),
        (binary(family=0x21, rest=MAPPED), "203.0.113.7:4711"),
        (binary(0x20, 0x00), None),
        (binary(0x20, 0x11, FOUR), None),
        (binary(0x20, 0x77, b"whatever"), None),
        (binary(0x21, 0x00, EXTENSION), None),
        (binary(0x21, 0x12, FOUR), None),
        (binary(0x21, 0x31, bytes(216)), None),
    ],
)
def test_a_header_is_read_to_its_end_and_no_further(header, client):
    assert parse_proxy_header(header) == ProxyHeader(len(header), client)
    assert parse_proxy_header(header + b"\x16\x03\x01") == ProxyHeader(len(header), client)
    assert {parse_proxy_header(header[:size]) for size in range(len(header))} == {None}


@pytest.mark.parametrize(
    "data", [b"GET / HTTP/1.1\r\n", b"\x16\x03\x01", b"PUT", b"PROXYS", b"\r\n\r\nG", b"\r\n\r\n\0\r\nQ!"]
)
def test_a_connection_that_begins_otherwise_has_no_header(data):
    assert parse_proxy_header(data) == ProxyHeader(0)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"PROXY " + b"a" * 101, "does not end within 107 bytes"),
        (b"PROXY \r\n", "two addresses and two ports"),
        (b"PROXY TCP4 203.0.113.7 192.0.2.1 4711 443\n", "two addresses and two ports"),
        (b"PROXY TCP4 203.0.113.7 192.0.2.1 4711\r\n", "two addresses and two ports"),
        (b"PROXY TCP4  203.0.113.7 192.0.2.1 4711 443\r\n", "two addresses and two ports"),
        (b"PROXY TCP4 203.0.113.7 192.0.2.1 +4711 443\r\n", "two addresses and two ports"),
        (b"PROXY TCP4 203.0.113.7 192.0.2.1 04711 443\r\n", "two addresses and two ports"),
        (b"PROXY TCP5 203.0.113.7 192.0.2.1 4711 443\r\n", "two addresses and two ports"),
        (b"PROXY UNKNOWNS\r\n", "two addresses and two ports"),
        (b"PROXY /path HTTP/1.1\r\n", "two addresses and two ports"),
        (b"PROXY TCP4 203.0.113.7 192.0.2.1 65536 443\r\n", "a port past 65535"),
        (b"PROXY TCP4 203.0.113.7 192.0.2.1 4711 99999\r\n", "a port past 65535"),
        (b"PROXY TCP4 203.0.113.777 192.0.2.1 4711 443\r\n", "no addresses of that version"),
        (b"PROXY TCP4 203.0.113.7 2001:db8::1 4711 443\r\n", "no addresses of that version"),
        (b"PROXY TCP6 203.0.113.7 192.0.2.1 4711 443\r\n", "no addresses of that version"),
        (binary(0x11, 0x11, FOUR), "its command, 0x11,"),
        (binary(0x22, 0x11, FOUR), "its command, 0x22,"),
        (binary(0x21, 0x10, FOUR), "its family, 0x10,"),
        (binary(0x21, 0x41, FOUR), "its family, 0x41,"),
        (binary(rest=FOUR[:-1]), "announces 11 bytes, which cannot hold"),
        (binary(family=0x21, rest=FOUR), "announces 12 bytes, which cannot hold"),
        (binary(rest=bytes(1025))[:16], "announces 1025 bytes, more than 1024"),
    ],
)
def test_a_malformed_header_is_an_error_that_says_what_is_wrong(data, words):
    with pytest.raises(ProxyHeaderError, match=words):
        parse_proxy_header(data)


HEADERS = st.sampled_from([LINE, b"PROXY UNKNOWN\r\n", binary(rest=FOUR + EXTENSION), binary(family=0x21, rest=SIX)])


@st.composite
def altered(draw):
    """Return a header with some of its bytes replaced, and bytes behind it."""
    data = bytearray(draw(HEADERS))
    for _ in range(draw(st.integers(0, 3))):
        data[draw(st.integers(0, len(data) - 1))] = draw(st.integers(0, 255))
    return bytes(data) + draw(st.binary(max_size=8))


def outcome(data):
    try:
        return parse_proxy_header(data)
    except ProxyHeaderError:
        return "malformed"


@given(altered() | st.binary(max_size=40))
def test_any_bytes_are_a_header_or_none_or_malformed_and_more_of_them_change_no_decision(data):
    outcomes = [outcome(data[:size]) for size in range(len(data) + 1)]
    decided = [found for found in outcomes if found is not None]
    assert len(set(decided)) <= 1
    assert decided == outcomes[len(outcomes) - len(decided) :]


@pytest.fixture
def ends():
    ours, theirs = socket.socketpair()
    ours.settimeout(0)
    with ours, theirs:
        yield ours, theirs


@pytest.mark.parametrize("header", [LINE, binary(rest=FOUR), binary(rest=FOUR + bytes(LONGEST_HEADER - 28))])
@pytest.mark.parametrize("size", [1, 5, 4096])
def test_the_bytes_behind_a_header_stay_in_the_socket_however_they_came(ends, header, size):
    ours, theirs = ends
    reader, found = ProxyHeaderReader(ours, is_believed=True), None
    assert reader.read() is None
    data = header + b"\x16\x03\x01"
    for start in range(0, len(data), size):
        theirs.sendall(data[start : start + size])
        if found is None:
            found = reader.read()
    assert found == ProxyHeader(len(header), "203.0.113.7:4711")
    assert ours.recv(4096) == b"\x16\x03\x01"


def test_what_is_no_header_is_kept_or_stays_in_the_socket(ends):
    ours, theirs = ends
    reader = ProxyHeaderReader(ours, is_believed=True)
    theirs.sendall(b"P")
    assert reader.read() is None
    theirs.sendall(b"UT /")
    assert reader.read() == ProxyHeader(0)
    assert reader.received + ours.recv(4096) == b"PUT /"


def test_an_incomplete_header_does_not_wake_the_loop_again(ends):
    ours, theirs = ends
    theirs.sendall(LINE[:-1])
    assert ProxyHeaderReader(ours, is_believed=True).read() is None
    with pytest.raises(BlockingIOError):
        ours.recv(1)


def test_a_connection_that_ends_before_its_header_does_is_broken(ends):
    ours, theirs = ends
    theirs.shutdown(socket.SHUT_WR)
    with pytest.raises(ConnectionResetError):
        ProxyHeaderReader(ours, is_believed=True).read()
