"""Removes from what is recorded what a recording never holds: credentials, and below the level `all` what is no text.

What is removed leaves a short salted hash: equal values stay equal within a recording, and nothing can be recovered.
"""

from __future__ import annotations

import re
import secrets
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final

import orjson

from turnstile.errors import ClientProtocolError
from turnstile.observability.redaction import BOUNDS, SECRET_NAME, SUSPICIOUS
from turnstile.observability.shown_names import ShownIds, ShownNames
from turnstile.protocol import jsontext
from turnstile.protocol.safe_text import secret_texts

if TYPE_CHECKING:
    from collections.abc import Iterator

Json = dict[str, Any]

LARGEST: Final = 256 * 1024
"""Below `all`, the size in bytes beyond which a text or a frame is not looked into, and only its hash is kept."""

# An address with what may hold a credential: a user before the host, or a query.
_ADDRESS: Final = re.compile(r"\b[a-zA-Z][a-zA-Z0-9+.-]*://[^\s\"'<>\\]+")
_IN_ADDRESS: Final = re.compile(r"(?<=://)[^/?#@]+(?=@)|(?<=\?).+")
# Base64 so long that it is an image or audio.
_BASE64: Final = re.compile(r"[A-Za-z0-9+/_-]{1024,}={0,2}")
_SHORTEST_BASE64: Final = 1024
# Letters of four bytes, two, or one in Python's memory, and one like them.
_WIDER: Final = (
    (re.compile("[\U00010000-\U0010ffff]"), "\U00010000"),
    (re.compile("[\u0100-\uffff]"), "\u0100"),
    (re.compile("[\x80-\xff]"), "\xff"),
)
# A text with none of these holds nothing that looks like a credential.
_HINT: Final = re.compile(r"[es]k-|ek_|ts_|eyJ|org-|proj_|auth|key|token|bearer|://", re.IGNORECASE)
_DIGEST_BYTES: Final = 4
# Up to its space, or whole.
_STANDS_FOR_ONE: Final = re.compile(r"\(secret( [0-9a-f]{8}\)\.*)?")
# How many objects of others are told apart, in a recording.
_OPAQUE_KNOWN: Final = 256


class Redactor:
    """What one recording leaves out.

    Args:
        keeps_all: Content that is no text is kept: the level is `all`.
        salt: Of the hashes; by default one that nobody knows.
    """

    def __init__(self, *, keeps_all: bool = False, salt: bytes | None = None) -> None:
        self.keeps_all = keeps_all
        self._salt = salt or secrets.token_bytes(16)
        self.names, self.ids = ShownNames(self), ShownIds(self)
        """What is shown of names, and of ids."""
        self._opaque: list[tuple[int, object]] = []
        self._numbered = 0

    def digest(self, value: str | bytes) -> str:
        """Return a short hash of a value."""
        data = value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value
        return blake2b(data, key=self._salt, digest_size=_DIGEST_BYTES).hexdigest()

    def secret(self, value: str) -> str:
        """Return what stands for a credential: as long as it was, where that is longer; itself for what stands so."""
        if _STANDS_FOR_ONE.fullmatch(value):
            return value
        return f"(secret {self.digest(value)})".ljust(len(value), ".")

    def text(self, text: str) -> str:
        """Return a text with all that looks like a credential replaced, and users and queries of addresses."""
        if not _HINT.search(text):
            return text
        if "://" in text:
            text = _ADDRESS.sub(lambda one: _IN_ADDRESS.sub(lambda part: self.secret(part[0]), one[0]), text)
        return secret_texts(text, self.secret)

    def parts(self, text: str) -> list[str | Json]:
        """Return a text in parts: what is kept, and ``{"cut": hash, "size": characters}`` for what is not."""
        if self.keeps_all or len(text) < _SHORTEST_BASE64:
            return [self.text(text)]
        if len(text) > LARGEST:
            return [self.cut(text)]
        parts: list[str | Json] = []
        end = 0
        for found in _BASE64.finditer(text):
            parts += [self.text(text[end : found.start()]), self.cut(found[0])]
            end = found.end()
        return [part for part in (*parts, self.text(text[end:])) if part] or [""]

    def cut(self, content: str | bytes) -> Json:
        """Return what stands for content that is left out; of wider text, a letter as wide: it counts by its memory."""
        found: Json = {"cut": self.digest(content), "size": len(content)}
        if isinstance(content, str) and not content.isascii():
            found["of"] = next(letter for widest, letter in _WIDER if widest.search(content))
        return found

    def field(self, name: str, value: Any) -> Any:
        """Return a field of JSON's without credentials: all text and numbers of one whose name says that it is one."""
        return self._hidden(value) if SECRET_NAME.search(name) else value

    def _hidden(self, value: Any, *, is_within: bool = False) -> Any:
        if isinstance(value, str):
            return self.secret(value) if value else value
        if isinstance(value, dict):
            return {name: self._hidden(part, is_within=True) for name, part in value.items()}
        if isinstance(value, list):
            return [self._hidden(part, is_within=True) for part in value]
        # A number by itself may count tokens.
        return self.secret(str(value)) if is_within and type(value) in {int, float} else value

    def json(self, value: Any) -> Any:
        """Return JSON without credentials, by the names of its fields."""
        if isinstance(value, dict):
            return {name: self.field(name, self.json(part)) for name, part in value.items()}
        return [self.json(part) for part in value] if isinstance(value, list) else value

    def _texts(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {name: self._texts(part) for name, part in value.items()}
        return [self._texts(part) for part in value] if isinstance(value, list) else value

    def encoded(self, frame: bytes) -> bytes | None:
        """Return encoded JSON without credentials, as it is otherwise; None for what cannot be looked into."""
        if not SUSPICIOUS.search(frame):
            return frame
        try:
            BOUNDS.check(frame)
            value = jsontext.loads_any(frame)
        except (ValueError, ClientProtocolError):
            return None
        wanted = self.json(value)
        if b"\\" in frame:  # what looks like a credential may be written with escapes
            wanted = self._texts(wanted)
        if wanted == value:
            return frame
        for before, after in _replaced(value, wanted):
            frame = frame.replace(orjson.dumps(before), orjson.dumps(after))
        is_done = jsontext.loads_any(frame) == wanted
        return frame if is_done else orjson.dumps(wanted)  # it had escapes where none are needed

    def opaque(self, value: object) -> int:
        """Return a number for an object that is not recorded: the same for equal ones, of the latest 256."""
        for number, known in self._opaque:
            if known is value or known == value:
                return number
        self._numbered += 1
        self._opaque = [*self._opaque[1 - _OPAQUE_KNOWN :], (self._numbered, value)]
        return self._numbered


def _replaced(before: Any, after: Any) -> Iterator[tuple[Any, Any]]:
    """Yield the values in JSON that differ."""
    if isinstance(before, dict):
        for name, part in before.items():
            yield from _replaced(part, after[name])
    elif isinstance(before, list):
        for part, other in zip(before, after, strict=True):
            yield from _replaced(part, other)
    elif before != after:
        yield before, after
