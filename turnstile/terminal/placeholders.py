"""Placeholders for what was said, of the same length and structure, from which nothing can be recovered.

Each letter and digit is shifted by a keyed hash of its word up to there: the same words give the same placeholders, and
the beginning of a word that of its placeholder, so that a text may come in parts or be cut. The key is thrown away.
"""

from __future__ import annotations

import re
import secrets
from hashlib import blake2b
from typing import Any, Final

from turnstile.protocol.realtime import MARK

Json = dict[str, Any]

# Fields whose texts are names of the protocols', of functions or of things; all others are content.
_NAMES: Final = frozenset(
    {"action", "behavior", "code", "container", "conversation", "eagerness", "encoding", "event", "format", "include"}
    | {"language", "max_output_tokens", "method", "modalities", "model", "name", "object", "output_modalities", "param"}
    | {"required", "retry", "role", "status", "tool_choice", "tracing", "truncation", "type", "voice"}
)
_ID: Final = re.compile(rf"(^|_)ids?$|^{MARK}$")
# Where a sentence of a server's stands, in which only what is quoted may be a client's.
_SENTENCES: Final = frozenset({"message", "description"})
_PROBLEMS: Final = frozenset({"error", "Error", "Warning"})
_QUOTED: Final = re.compile(r"(?P<mark>['\"`])(?P<text>.*?)(?P=mark)", re.DOTALL)
# Whose fields have names of their owners' choice: all that they hold is content, but for the mark of a proxy's.
_FREE: Final = frozenset({"metadata", "variables"})
_ADDRESS: Final = re.compile(r"^[a-z]+://")
# Texts that are JSON.
_ENCODED: Final = frozenset({"arguments"})
_TOKEN: Final = re.compile(
    r'"(?P<text>(?:[^"\\]|\\.)*)(?:"(?P<key>\s*:)?)?|(?P<number>-?\d[\d.]*(?:[eE][+-]?\d+)?)', re.DOTALL
)
_ESCAPE: Final = re.compile(r"\\u(?P<code>[0-9a-fA-F]{4})|\\.|[^\\]", re.DOTALL)
_LETTERS: Final = 26


def is_name(field: str) -> bool:
    """Return whether the texts of a field are names, which stay as they are."""
    return field in _NAMES or _ID.search(field) is not None


class Placeholders:
    """The placeholders of one conversation.

    Args:
        key: Of the hashes; by default one that nobody knows.
    """

    def __init__(self, key: bytes | None = None) -> None:
        self._key = key or secrets.token_bytes(32)
        self._names: set[str] = set()

    def text(self, text: str) -> str:
        """Return the placeholder of a text."""
        word = blake2b(key=self._key)
        found = []
        for letter in text:
            found.append(self._shifted(letter, word.digest()[0]) if letter.isalnum() else letter)
            if letter.isspace():
                word = blake2b(key=self._key)
            else:
                word.update(letter.encode("utf-8", "surrogatepass"))
        return "".join(found)

    def _shifted(self, letter: str, by: int, first: int = 0) -> str:
        """Return another letter or digit; digits up to 9 from `first` on."""
        if "0" <= letter <= "9":
            count = 10 - first
            return str(first + (int(letter) - first + 1 + by % (count - 1)) % count)
        base = "A" if letter.isupper() else "a"
        # Letters beyond ASCII become one of ASCII.
        return chr(ord(base) + (ord(letter) - ord(base) + 1 + by % (_LETTERS - 1)) % _LETTERS)

    def encoded(self, text: str) -> str:
        """Return the placeholder of JSON as text, or of a part of it: the names of its fields stay."""
        if not text.lstrip().startswith(("{", "[")):
            return self.text(text)
        return _TOKEN.sub(self._token, text)

    def _token(self, found: re.Match[str]) -> str:
        if found["number"] is not None:
            return self._number(found["number"])
        if found["key"] is not None:
            return found[0]
        mapped = self.text("".join([_unescaped(one) for one in _ESCAPE.finditer(found["text"])]))
        again = [_escaped(one, letter) for one, letter in zip(_ESCAPE.finditer(found["text"]), mapped, strict=True)]
        return f'"{"".join(again)}{found[0][len(found["text"]) + 1 :]}'

    def _number(self, text: str) -> str:
        """Return a number of as many digits, with no leading zero where there was none."""
        digest = blake2b(text.encode(), key=self._key, digest_size=32).digest()
        is_first = True
        found = []
        for place, letter in enumerate(text):
            if not letter.isdigit() or (is_first and letter == "0"):
                found.append(letter)
                continue
            found.append(self._shifted(letter, digest[place % 32], 1 if is_first else 0))
            is_first = False
        return "".join(found)

    def frame(self, frame: Json) -> Json:
        """Return a message of either protocol with placeholders for its content."""
        is_problem = str(frame.get("type")) in _PROBLEMS
        return {name: self._field(name, value, is_problem=is_problem) for name, value in frame.items()}

    def _field(self, name: str, value: Any, *, is_problem: bool = False) -> Any:
        if name in _FREE:
            return self._content(value)
        if isinstance(value, dict):
            is_problem = is_problem or name in {"error", "status_details"}
            return {field: self._field(field, part, is_problem=is_problem) for field, part in value.items()}
        if isinstance(value, list):
            return [self._field(name, part, is_problem=is_problem) for part in value]
        if not isinstance(value, str):
            return value
        if is_name(name) and _is_word(value):
            self._names.add(value)
            return value
        if is_problem and name in _SENTENCES:
            return _QUOTED.sub(self._quoted, value)
        if name in _ENCODED:
            return self.encoded(value)
        scheme = _ADDRESS.match(value)
        return scheme[0] + self.text(value[scheme.end() :]) if scheme else self.text(value)

    def _content(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {name: part if name == MARK else self._content(part) for name, part in value.items()}
        if isinstance(value, list):
            return [self._content(part) for part in value]
        return self.text(value) if isinstance(value, str) else value

    def _quoted(self, quoted: re.Match[str]) -> str:
        """Return what a sentence quotes: a name that has stayed elsewhere as it is."""
        mark, text = quoted["mark"], quoted["text"]
        return quoted[0] if text in self._names else f"{mark}{self.text(text)}{mark}"


def _is_word(text: str) -> bool:
    """Return whether a text may be a name: a peer may put any where one is expected."""
    return text.isascii() and text.isprintable() and " " not in text


def _unescaped(one: re.Match[str]) -> str:
    """Return a character of a JSON string; an escape that is none of a letter as a space."""
    if one["code"]:
        letter = chr(int(one["code"], 16))
        return letter if letter.isalnum() else "-"
    return " " if one[0].startswith("\\") else one[0]


def _escaped(one: re.Match[str], letter: str) -> str:
    """Return a character's placeholder, escaped as it was."""
    if one["code"]:
        return f"\\u{ord(letter):04x}" if letter != "-" else one[0]
    return one[0] if one[0].startswith("\\") else letter
