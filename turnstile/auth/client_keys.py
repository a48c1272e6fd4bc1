"""The keys of clients: how they are made, what is kept of them, and how one is recognised."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Final

from turnstile.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable

_PREFIX: Final = "ts_"
_RANDOM_BYTES: Final = 32
_ALGORITHM: Final = "sha256:"
_DIGEST: Final = re.compile(r"sha256:([0-9a-fA-F]{64})")
# Names stand in log lines, in quotas, and in a file whose fields are parted by spaces.
_NAME: Final = re.compile(rf"(?!{_PREFIX})[A-Za-z0-9][A-Za-z0-9._@+-]{{0,63}}")
# Of the digest: what people name a key by, and what it is looked up by.
_ID_BYTES: Final = 6

NAME_RULE: Final = (
    "name: write 1 to 64 letters, digits or . _ @ + -, beginning with a letter or digit, and not with ts_ as keys do."
)
"""What a name must be."""


@dataclass(frozen=True, slots=True)
class KeyEntry:
    """What is kept of one key: a line of the file; its text is that line.

    Args:
        name: Whose it is; several keys may be of one name.
        digest: The key's SHA-256.
        added: The day, as ``2026-11-26``; "" where it is not known.
    """

    name: str
    digest: bytes
    added: str = ""

    @property
    def id(self) -> str:
        """The beginning of the digest, by which people tell the keys of a name apart; no secret."""
        return self.digest[:_ID_BYTES].hex()

    def __str__(self) -> str:
        return f"{self.name} {_ALGORITHM}{self.digest.hex()} {self.added}".rstrip()


class KnownKeys:
    """Recognises keys.

    Args:
        entries: What is kept of them.
    """

    def __init__(self, entries: Iterable[KeyEntry]) -> None:
        self._by_id: defaultdict[bytes, list[KeyEntry]] = defaultdict(list)
        for entry in entries:
            self._by_id[entry.digest[:_ID_BYTES]].append(entry)

    def name_of(self, key: str) -> str | None:
        """Return whose key it is, None if nobody's.

        The time that this takes tells nothing of a key: it is looked up by the id, which is no secret, and compared in
        constant time; and who could measure more would learn of digests, from which no key follows. Nor does it grow
        with the number of keys, so that wrong ones cost no more.
        """
        digest = digest_of(key)
        names = [
            entry.name for entry in self._by_id.get(digest[:_ID_BYTES], ()) if hmac.compare_digest(entry.digest, digest)
        ]
        return names[0] if names else None


def new_key() -> str:
    """Return a new key: 256 random bits behind a prefix by which people and secret scanners know it."""
    return _PREFIX + secrets.token_urlsafe(_RANDOM_BYTES)


def digest_of(key: str) -> bytes:
    """Return what is kept of a key: its SHA-256.

    One round and no salt: those slow down who guesses passwords, and 256 random bits are guessed by nobody. A slow hash
    would be of use to who sends wrong keys only.
    """
    return hashlib.sha256(key.encode()).digest()


def is_name(text: str) -> bool:
    """Return whether it follows `NAME_RULE`."""
    return _NAME.fullmatch(text) is not None


def entries_of(text: str, file: str) -> list[KeyEntry]:
    """Parse the text of a file of keys; empty lines and those that begin with ``#`` count for nothing.

    Args:
        text: One entry a line.
        file: Its name, for errors.

    Raises:
        ConfigError: A line cannot be read; it is named, and not repeated: it may hold a key.
    """
    lines: dict[bytes, int] = {}
    entries = []
    for number, line in enumerate(text.splitlines(), start=1):
        try:
            entry = entry_of(line)
            if entry is not None and entry.digest in lines:
                raise _wrong(f"is the key of line {lines[entry.digest]}; remove one of them.")
        except ConfigError as error:
            words = f"{file}, line {number}: {error.problem.description}"
            raise ConfigError(error.problem.code, words) from None
        if entry is not None:
            lines[entry.digest] = number
            entries.append(entry)
    return entries


def entry_of(line: str) -> KeyEntry | None:
    """Parse a line of a file of keys; None for one without an entry.

    Raises:
        ConfigError: It cannot be read.
    """
    fields = line.split()
    if not fields or fields[0].startswith("#"):
        return None
    if any(field.startswith(_PREFIX) for field in fields):
        raise _wrong("holds a key itself, which whoever reads the file could use; remove it and add another.")
    if len(fields) not in {2, 3}:
        raise _wrong('write "NAME sha256:DIGEST", as `turnstile key add NAME` does.')
    if not is_name(fields[0]):
        raise _wrong(NAME_RULE)
    digest = _DIGEST.fullmatch(fields[1])
    if digest is None:
        raise _wrong("the digest must be sha256: and 64 hexadecimal digits; add the key anew.")
    added = fields[2] if len(fields) > 2 else ""  # noqa: PLR2004 - the third
    if added and not _is_day(added):
        raise _wrong("the day must be a date such as 2026-11-26, or left out.")
    return KeyEntry(fields[0], bytes.fromhex(digest[1]), added)


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _wrong(words: str) -> ConfigError:
    return ConfigError("invalid_keys_file", words)
