"""Reads the headers in which proxies name whom they forward for: ``Forwarded`` (RFC 7239), ``X-Forwarded-For``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from turnstile.server.addresses import parse_address, peer_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# Of all lines. A chain of proxies is shorter: more is what a client wrote, to be read on the I/O thread.
_MOST_CHARACTERS: Final = 2048
_WORD: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
# A pair of an element, or none, with what follows it. Possessive where two repetitions could share their characters.
_PAIR: Final = re.compile(
    rf'[ \t]*+(?:(?P<name>{_WORD})=(?:(?P<token>{_WORD})|"(?P<quoted>(?:[^"\\]|\\.)*+)"))?[ \t]*+(?P<end>[;,]|\Z)'
)
_SIX: Final = r"[0-9a-fA-F]*:[0-9a-fA-F:.]+"
_PORT: Final = r"(?::(?:(?P<port>[0-9]{1,5})|_[0-9A-Za-z._-]+))?"  # or an obfuscated one
_NODE: Final = re.compile(rf"(?:\[(?P<six>{_SIX})\]|(?P<four>[0-9.]+)){_PORT}|(?P<bare>{_SIX})")


def forwarded_nodes(lines: Sequence[str]) -> Iterator[str | None]:
    """Yield for whom each proxy has forwarded, as ``host:port``, the nearest proxy's first.

    Args:
        lines: The values of the headers ``Forwarded``, in their order.

    Yields:
        None for what names no address: ``unknown``, an obfuscated name, a malformed line, the first that is too
            much.
    """
    read = 0
    for line in reversed(lines):
        read += len(line)
        if read > _MOST_CHARACTERS:
            yield None
            return
        yield from map(_node, reversed(_elements(line)))


def x_forwarded_nodes(lines: Sequence[str]) -> Iterator[str | None]:
    """Yield what `forwarded_nodes` does, from the headers ``X-Forwarded-For``."""
    for line in reversed(lines):
        yield from (_node(text.strip(" \t")) for text in reversed(line.split(",")) if text.strip(" \t"))


def _elements(line: str) -> list[str]:
    """Return for whom each element is, as it is written; of a line that cannot be read one that is for nobody."""
    nodes: list[str] = []
    element: dict[str, str] = {}
    position = 0
    while True:
        pair = _PAIR.match(line, position)
        if pair is None:
            return [""]
        position = pair.end()
        if pair["name"] is not None:
            name = pair["name"].lower()
            if name in element:
                return [""]
            element[name] = pair["token"] or re.sub(r"\\(.)", r"\1", pair["quoted"] or "")
        if pair["end"] == ";":
            continue
        if element:  # an empty one between two commas counts for nothing (RFC 9110, section 5.6.1)
            nodes.append(element.get("for", ""))
        if not pair["end"]:
            return nodes
        element = {}


def _node(text: str) -> str | None:
    node = _NODE.fullmatch(text)
    address = parse_address(node["six"] or node["four"] or node["bare"]) if node else None
    return peer_of(str(address), node["port"] or "?") if node and address else None
