"""Reads the head of a client's request: its first line and its headers (RFC 9112), checked as they come.

What cannot become a request any more is answered at once: a client that speaks another protocol waits for the server to
speak, and both would wait until the time is up. Strict where two readers of one request could disagree, as a proxy in
front and we could; the framing library, which parses the headers, leaves these checks to its users.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from websockets.exceptions import SecurityError
from websockets.http11 import Request
from websockets.streams import StreamReader

from turnstile.server.requests import Rejection, split_target

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from websockets.datastructures import Headers

HEAD_BYTES: Final = 16 * 1024
_LINE_BYTES: Final = 8 * 1024  # the framing library's limit
_END: Final = b"\r\n\r\n"

_TOKEN: Final = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}"
_TARGET: Final = rb"[^\0-\x20\x7f]"
_REQUEST_LINE: Final = re.compile(
    rb"(?P<method>%s) (?P<target>%s+)(?: HTTP/(?P<version>[0-9.]{1,8}))?\r\n" % (_TOKEN, _TARGET)
)
_BEGINNING: Final = re.compile(rb"%s(?: %s*(?: [HTP/0-9.]{0,13}\r?)?)?|[\r\x16]" % (_TOKEN, _TARGET))
_BARE: Final = re.compile(rb"(?<!\r)\n|\r(?=[^\n])")
_WEBSOCKET_TARGET: Final = re.compile(rb"(?:(?:https?|wss?)://(?P<authority>[^/?#]*))?(?P<path>[/?].*)?", re.IGNORECASE)
_BODY: Final = re.compile(rb"\r\n(?:transfer-encoding:|content-length:(?![ \t]*0+[ \t]*\r\n))", re.IGNORECASE)
# A name, an IPv4 or IPv6 address, and a port (RFC 3986, section 3.2), without a user.
_HOST: Final = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+;=%-]+|\[[0-9A-Fa-f:.]+(?:%25[A-Za-z0-9._~-]+)?\])(?::[0-9]{0,5})?")
# Of which one alone has a meaning (RFC 9110, section 5.3; RFC 6455, section 11.3).
_SINGLE: Final = ("Host", "Origin", "Authorization", "Api-Key", "Sec-WebSocket-Key", "Sec-WebSocket-Version")
# Which the framing library takes apart, and repeats in the words of an error.
_SYNTACTIC: Final = ("Connection", "Upgrade", *(f"Sec-WebSocket-{name}" for name in ("Key", "Protocol", "Extensions")))
_VERSION: Final = "13"


def _malformed(words: str) -> Rejection:
    return Rejection(HTTPStatus.BAD_REQUEST, f"{words}\n", reason="malformed")


_NO_REQUEST: Final = _malformed("This is not an HTTP request.")
_NO_TARGET: Final = _malformed("The target of the request is no path: it must begin with a slash.")
_NO_ASCII_TARGET: Final = _malformed("The target of the request has characters beyond ASCII: percent-encode them.")
_LINE_ENDS: Final = _malformed("Each line of a request ends with CR LF, and has neither of them elsewhere.")
_HAS_BODY: Final = _malformed("A request for a WebSocket has no body: leave out Content-Length and Transfer-Encoding.")
_TWO_LENGTHS: Final = _malformed("A request has the header Content-Length or Transfer-Encoding, not both.")
_HEADER: Final = _malformed(
    "A header is malformed: it is a name, a colon right behind it, and a value without control characters, on one line."
)
_NO_HOST: Final = _malformed("The header Host is missing; a request of HTTP/1.1 has exactly one.")
_BAD_HOST: Final = _malformed(
    "The header Host must be one name or address, and a port where it is not the default one."
)
_NO_HTTP_1_1: Final = Rejection(
    HTTPStatus.HTTP_VERSION_NOT_SUPPORTED, "Use HTTP/1.1, which WebSockets begin with.\n", reason="http_version"
)
_LONG_TARGET: Final = Rejection(
    HTTPStatus.REQUEST_URI_TOO_LONG, f"The request's first line is longer than {_LINE_BYTES} bytes.\n", reason="size"
)


def _too_large(words: str) -> Rejection:
    return Rejection(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, f"{words}\n", reason="size")


_LONG_HEAD: Final = _too_large(f"The request's headers are longer than {HEAD_BYTES} bytes.")
_LONG_LINE: Final = _too_large(f"A line of the request is longer than {_LINE_BYTES} bytes.")
_MANY_HEADERS: Final = _too_large("The request has too many headers.")
_OTHER_WEBSOCKET: Final = Rejection(
    HTTPStatus.UPGRADE_REQUIRED,
    f"Use version {_VERSION} of the WebSocket protocol (RFC 6455).\n",
    {"Upgrade": "websocket", "Sec-WebSocket-Version": _VERSION},
    "handshake",
)


def is_tls(received: bytes | bytearray) -> bool:
    """Return whether a connection begins as TLS does: with a record of a handshake (RFC 8446, section 5.1)."""
    return received.startswith(b"\x16\x03")


def head_size(received: bytearray, checked: int) -> int | Rejection | None:
    """Check what has come of a request; drop an empty line in front of it (RFC 9112, section 2.2).

    Args:
        received: Its first bytes.
        checked: How many of them an earlier call has checked.

    Returns:
        The bytes of its head; None as long as that is not complete; a rejection as soon as it cannot become one.
    """
    if received.startswith(b"\r\n"):
        del received[:2]
        checked = 0
    if not received:
        return None
    line_end = received.find(b"\n")
    rejection = _of_beginning(received) if line_end < 0 else None
    if line_end >= checked:
        rejection = _of_first_line(received[: line_end + 1])
    if rejection is not None:
        return rejection
    end = received.find(_END, max(0, checked - len(_END)))
    if _BARE.search(received, max(0, checked - 1), len(received) if end < 0 else end + len(_END)):
        return _LINE_ENDS
    if 0 <= end <= HEAD_BYTES:
        return end + len(_END)
    return _LONG_HEAD if len(received) > HEAD_BYTES else None


def _of_beginning(line: bytearray) -> Rejection | None:
    if not _BEGINNING.fullmatch(line):
        return _NO_REQUEST
    return _LONG_TARGET if len(line) > _LINE_BYTES else None


def _of_first_line(line: bytearray) -> Rejection | None:
    if len(line) > _LINE_BYTES:
        return _LONG_TARGET
    parts = _REQUEST_LINE.fullmatch(line)
    if parts is None:
        return _NO_REQUEST
    is_get = parts["method"] == b"GET"
    if parts["version"] is None and not is_get:
        return _NO_REQUEST  # such as SMTP; of HTTP/0.9 there was only GET
    if parts["version"] != b"1.1":
        return _NO_HTTP_1_1
    if not parts["target"].isascii():
        return _NO_ASCII_TARGET
    return _NO_TARGET if is_get and not _WEBSOCKET_TARGET.fullmatch(parts["target"]) else None


def method_and_path(head: bytes) -> tuple[str, str]:
    """Return the method and the decoded path, without the query, of a head that `head_size` has found complete."""
    method, target, _ = head.split(b" ", 2)
    return method.decode("ascii"), split_target(own_target(target)[0])[0]


def header_lines(head: bytes, name: str) -> list[str]:
    """Return the values of all headers of a name, in their order.

    Args:
        head: One that `head_size` has found complete; its other headers may be malformed.
        name: The name, in any case.
    """
    # A line may be folded (RFC 9112, section 5.2): an older proxy in front reads it as one.
    values = re.findall(rb"\r\n%s:((?:[^\r\n]|\r\n[ \t])*)" % re.escape(name.encode()), head, re.IGNORECASE)
    return [value.decode("latin-1").strip(" \t") for value in values]


def own_target(target: bytes) -> tuple[str, str | None]:
    """Return a target without scheme and authority, and the authority; one of another form as it is."""
    parts = _WEBSOCKET_TARGET.fullmatch(target)
    if parts is None:
        return target.decode("ascii"), None
    path = (parts["path"] or b"/").decode("ascii")
    path = path if path.startswith("/") else f"/{path}"
    return path, None if parts["authority"] is None else parts["authority"].decode("ascii")


def ambiguity(values_of: Callable[[str], Sequence[str]], authority: str | None) -> Rejection | None:
    """Return what two readers of a request's headers could read in two ways; None where there is nothing.

    Args:
        values_of: Returns all values of a header, by its name.
        authority: That of the request's target, which counts as the host.
    """
    doubled = next((name for name in _SINGLE if len(values_of(name)) > 1), None)
    if doubled is not None:
        return _malformed(f"The header {doubled} is there more than once.")
    if not values_of("Host"):
        return _NO_HOST
    if values_of("Content-Length") and values_of("Transfer-Encoding"):
        return _TWO_LENGTHS
    return None if _HOST.fullmatch(values_of("Host")[0] if authority is None else authority) else _BAD_HOST


def parse_get(head: bytes) -> Request | Rejection:
    """Parse the head of a GET request, and check what must be right in any request for a WebSocket.

    A target with scheme and authority (RFC 9112, section 3.2.2) is taken apart: its authority counts as the host.
    """
    if _BODY.search(head):
        return _HAS_BODY
    if any(len(line) > _LINE_BYTES for line in head.split(b"\r\n")):
        return _LONG_LINE
    request = _parsed(head)
    if isinstance(request, Rejection):
        return request
    headers = request.headers
    beyond_ascii = next((name for name in _SYNTACTIC if not "".join(headers.get_all(name)).isascii()), None)
    if beyond_ascii is not None:
        return _malformed(f"The header {beyond_ascii} has characters beyond ASCII.")
    request.path, authority = own_target(head.split(b" ", 2)[1])
    fault = ambiguity(headers.get_all, authority)
    if fault is not None:
        return fault
    if authority is not None:
        del headers["Host"]
        headers["Host"] = authority
    return _OTHER_WEBSOCKET if _is_of_other_version(headers) else request


def _parsed(head: bytes) -> Request | Rejection:
    reader = StreamReader()
    reader.feed_data(head)
    reader.feed_eof()
    try:
        next(Request.parse(reader.read_line))
    except StopIteration as parsed:
        request: Request = parsed.value
        return request
    except SecurityError:
        return _MANY_HEADERS
    except (ValueError, LookupError, EOFError):
        pass
    return _HEADER


def _is_of_other_version(headers: Headers) -> bool:
    return headers.get("Sec-WebSocket-Version", _VERSION) != _VERSION
