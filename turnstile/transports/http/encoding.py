"""Encodes a function call as an HTTP request, and decodes the text of the answer."""

from __future__ import annotations

import codecs
import re
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

import orjson

from turnstile.ports import sendable
from turnstile.transports.http.network import HttpCallError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from turnstile.ports import FunctionRequest
    from turnstile.transports.http.allow_list import Address

_WITH_BODY: Final = {"POST", "PUT", "PATCH"}
_WITH_QUERY: Final = {"GET", "DELETE"}
_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE: Final = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f]*")
_CHARSET: Final = re.compile(r""";\s*charset\s*=\s*["']?([^\s"';]+)""", re.IGNORECASE)
# No charsets; Python decodes them in quadratic time.
_OF_HOST_NAMES: Final = {"idna", "punycode"}
# Headers of the connection, not of the call (RFC 9110, section 7.6.1), or set by the proxy.
_LEFT_OUT: Final = {
    "accept-encoding",
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
}


def target_and_content(request: FunctionRequest, address: Address) -> tuple[str, bytes | None]:
    """Return the request target of a call, and its body if its method has one.

    Raises:
        HttpCallError: The method or the arguments cannot be sent.
    """
    method = request.method.upper()
    if method in _WITH_BODY:
        return address.target, (request.arguments or "{}").encode("utf-8", "replace")
    if method in _WITH_QUERY:
        query = _query(request.arguments)
        return address.target + (("&" if "?" in address.target else "?") + query if query else ""), None
    raise HttpCallError(f"The function cannot be called by the method {request.method[:20]!r}.")


def _query(arguments: str) -> str:
    try:
        fields = orjson.loads(arguments or "{}")
    except orjson.JSONDecodeError:
        fields = None
    if not isinstance(fields, dict):
        raise HttpCallError("The function's arguments are no JSON object.")
    return urlencode(
        {name: value if isinstance(value, str) else orjson.dumps(value).decode() for name, value in fields.items()}
    )


def header_fields(headers: Mapping[str, str], address: Address, *, has_body: bool) -> list[tuple[bytes, bytes]]:
    """Return the header fields of a call: the client's, and the proxy's where it has none or must not set them.

    Raises:
        ValueError: One is not a valid header, or would become more than one.
    """
    fields = {
        "host": ("Host", address.authority),
        "accept": ("Accept", "*/*"),
        "accept-encoding": ("Accept-Encoding", "identity"),
        "connection": ("Connection", "close"),
        "user-agent": ("User-Agent", "turnstile"),
    }
    if has_body:
        fields["content-type"] = ("Content-Type", "application/json")
    for name, value in headers.items():
        if not (_HEADER_NAME.fullmatch(name) and _HEADER_VALUE.fullmatch(value)):
            raise ValueError("not a header")
        if name.lower() not in _LEFT_OUT:
            fields[name.lower()] = (name, value.strip(" \t"))
    return [(name.encode("ascii"), value.encode()) for name, value in fields.values()]


def decoded_text(body: bytes, content_type: str) -> str:
    """Return the text of an answer's body, in the charset that it names or UTF-8."""
    named = _CHARSET.search(content_type)
    try:
        codec = codecs.lookup(named[1] if named else "utf-8").name
        text = body.decode("utf-8" if codec in _OF_HOST_NAMES else codec, "replace")
    except (LookupError, UnicodeError):
        text = body.decode("utf-8", "replace")
    return sendable(text)  # some charsets can encode half a character
