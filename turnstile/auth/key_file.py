"""The file of clients' keys: read, and changed by `turnstile key`."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from turnstile.auth.client_keys import NAME_RULE, KeyEntry, digest_of, entries_of, entry_of, is_name, new_key
from turnstile.errors import ConfigError
from turnstile.system_features import lock_alone, user_id

if TYPE_CHECKING:
    from collections.abc import Iterator

_LARGEST: Final = 16 * 1024 * 1024
# What a file that others can read keeps of its mode when it is changed.
_OWNER_AND_GROUP: Final = 0o770


def read_keys(file: Path) -> list[KeyEntry]:
    """Return what the file holds.

    Raises:
        ConfigError: It cannot be read, or a line of it.
    """
    return entries_of(_text_of(file), str(file))


def add_key(file: Path, name: str) -> tuple[str, KeyEntry]:
    """Add a new key of a name; make the file, for its owner alone, if there is none.

    Returns:
        The key, which is in no file, and what is kept of it.

    Raises:
        ConfigError: The name is none, or the file cannot be read or written.
    """
    if not is_name(name):
        raise ConfigError("invalid_name", NAME_RULE)
    key = new_key()
    entry = KeyEntry(name, digest_of(key), datetime.now(UTC).date().isoformat())
    with _locked(file):
        text = _text_of(file) if file.exists() else ""
        entries_of(text, str(file))
        _replace(file, f"{text.rstrip()}\n{entry}\n".lstrip())
    return key, entry


def remove_keys(file: Path, name: str, key_id: str | None = None) -> list[KeyEntry]:
    """Remove the keys of a name.

    Args:
        file: The file of keys.
        name: Whose.
        key_id: Which of them; by default all.

    Returns:
        What is removed.

    Raises:
        ConfigError: There is none, or the file cannot be read or written.
    """
    if not is_name(name):
        raise ConfigError("invalid_name", NAME_RULE)
    with _locked(file):
        text = _text_of(file)
        gone = [entry for entry in entries_of(text, str(file)) if entry.name == name and key_id in {None, entry.id}]
        if not gone:
            which = " with this id" if key_id else ""
            words = f"{file}: has no key of {name!r}{which}; `turnstile key list` shows those it has."
            raise ConfigError("unknown_key", words)
        kept = [line for line in text.splitlines() if entry_of(line) not in gone]
        _replace(file, "".join(f"{line}\n" for line in kept))
    return gone


def exposure_of(file: Path) -> str | None:
    """Return in words what others on this machine may do with the file, and the fix; None if nothing.

    Where files have no such modes nothing is known of that, and None returned.
    """
    try:
        mode = file.stat().st_mode
    except OSError:
        return None
    if user_id() is None:
        return None
    fix = f"chmod g-w,o-rwx {file}"
    if mode & stat.S_IWOTH:
        return f"can be changed by everybody on this machine, who could add keys: {fix}"
    if mode & stat.S_IWGRP:
        return f"can be changed by its group, who could add keys: {fix}"
    if mode & stat.S_IROTH:
        return f"can be read by everybody on this machine: chmod o-rwx {file}"
    return None


def _text_of(file: Path) -> str:
    try:
        with file.open("rb") as stream:
            data = stream.read(_LARGEST + 1)
    except OSError as error:
        fix = "; `turnstile key add NAME` makes it" if isinstance(error, FileNotFoundError) else ""
        raise ConfigError("unreadable_keys_file", f"{file}: cannot be read: {error.strerror}{fix}.") from None
    if len(data) > _LARGEST:
        raise ConfigError("invalid_keys_file", f"{file}: is larger than 16 MiB; is it the file of keys?")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigError("invalid_keys_file", f"{file}: is no text in UTF-8; is it the file of keys?") from None


@contextlib.contextmanager
def _locked(file: Path) -> Iterator[None]:
    """Keep all others from changing files of keys in this folder; the file itself is replaced, and cannot be locked.

    Where directories cannot be locked, nobody is kept from it.

    Raises:
        ConfigError: The folder cannot be locked, or the file not written within this.
    """
    try:
        if user_id() is None:
            yield
            return
        folder = os.open(file.resolve().parent, os.O_RDONLY)
        try:
            lock_alone(folder, waits=True)
            yield
        finally:
            os.close(folder)
    except OSError as error:
        raise ConfigError("unwritable_keys_file", f"{file}: cannot be written: {error.strerror}.") from None


def _replace(file: Path, text: str) -> None:
    """Write the file whole or not at all: a proxy that reads it meanwhile reads the one or the other."""
    target = file.resolve()
    descriptor, written = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")  # mode 0600
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            _keep_access(target, descriptor)
            os.fsync(descriptor)
        os.replace(written, target)  # noqa: PTH105 - both are names
    except BaseException:
        Path(written).unlink(missing_ok=True)
        raise


def _keep_access(target: Path, descriptor: int) -> None:
    """Let the owner and the group who could read the file so far read the new one, where they may be given it."""
    if user_id() is None:
        return
    with contextlib.suppress(FileNotFoundError, PermissionError):
        before = target.stat()
        os.fchown(descriptor, before.st_uid, before.st_gid)
        os.fchmod(descriptor, before.st_mode & _OWNER_AND_GROUP)
