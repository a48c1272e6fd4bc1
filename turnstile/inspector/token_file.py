"""The file with the token of the ops listener: for this user alone, as long as the listener is there."""

from __future__ import annotations

import errno
import os
import secrets
import stat
import tempfile
from pathlib import Path
from typing import Final

from turnstile.errors import ConfigError
from turnstile.system_features import NOT_BLOCKING, PRIVATE_FILE, user_id

SHORTEST: Final = 16
"""Characters that a token has at least."""
_LONGEST: Final = 1024
# As the keys that this program makes begin, which no log shows.
_PREFIX: Final = "ts_ops_"
_RANDOM_BYTES: Final = 32


def make_token() -> str:
    """Return a token that nobody can guess."""
    return _PREFIX + secrets.token_urlsafe(_RANDOM_BYTES)


def token_path(configured: Path | None, port: int) -> Path:
    """Return where the token of the listener on a port is, for who writes it and who reads it.

    Args:
        configured: The setting ``ops.token_file``.
        port: The listener's port.

    Raises:
        ConfigError: None is configured, and there is no directory for one.
    """
    return configured or _directory() / f"ops-{port}.token"


def _directory() -> Path:
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    # One that is relative counts for nothing (XDG Base Directory Specification): each directory would have its own.
    if Path(runtime).is_absolute():
        return Path(runtime) / "turnstile"
    user = user_id()  # where there is none, as on Windows, each user has a directory for temporary files
    try:
        return Path(tempfile.gettempdir()) / ("turnstile" if user is None else f"turnstile-{user}")
    except OSError:
        words = "ops.token_file: there is no directory that this user may write to; name a file."
        raise ConfigError("token_file", words) from None


def read_token(path: Path) -> str:
    """Return the token in a file.

    Raises:
        ConfigError: There is none, or it is another user's, who would be told what is sent with it.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | NOT_BLOCKING | PRIVATE_FILE)
        with open(descriptor, encoding="ascii") as file:  # noqa: PTH123 - a descriptor
            if user_id() is not None and os.fstat(descriptor).st_uid not in {user_id(), 0}:
                raise ConfigError("token_file", f"ops.token_file: {path} belongs to another user; name another file.")
            token = file.read(_LONGEST).strip()
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text"
        words = f"ops.token_file: {path} cannot be read: {why}. Is `turnstile serve` running, as this user?"
        raise ConfigError("token_file", words) from None
    if not token:
        raise ConfigError("token_file", f"ops.token_file: {path} is empty; set ops.token, or start the proxy anew.")
    return token


def require_writable(path: Path) -> None:
    """Refuse a configured path that a `TokenFile` cannot have; leave what is there, which a running proxy may use.

    Raises:
        ConfigError: It cannot be written.
    """
    try:
        if path.is_dir() and not path.is_symlink():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        new, descriptor = _open_beside(path)
        os.close(descriptor)
        new.unlink()
    except OSError as error:
        raise _unwritable(path, error) from None


class TokenFile:
    """A token in a file, from its making to `remove`.

    Args:
        path: The file, which replaces one that is there; its directory is made, for this user alone, where the path is
            not configured.
        token: What is written.
        makes_directory: Whether the directory is this program's own.

    Raises:
        ConfigError: It cannot be written safely.
    """

    def __init__(self, path: Path, token: str, *, makes_directory: bool) -> None:
        self.path = path
        try:
            if makes_directory:
                _make_private(path.parent)
            self._written = _write(path, f"{token}\n".encode())
        except OSError as error:
            raise _unwritable(path, error) from None

    def remove(self) -> None:
        """Delete the file if it is still this one, and not that of a process that was started after this one."""
        try:
            found = os.lstat(self.path)
            if (found.st_dev, found.st_ino) == self._written:
                self.path.unlink()
        except OSError:
            pass  # it is gone, and so is what it was for


def _make_private(directory: Path) -> None:
    """Make a directory for this user alone; refuse one that others have made, or may write to.

    Where files have no such modes, who may read it is what the directory for temporary files says.
    """
    directory.mkdir(mode=0o700, exist_ok=True)
    user = user_id()
    if user is None:
        return
    found = os.lstat(directory)
    is_private = stat.S_ISDIR(found.st_mode) and found.st_uid == user and not found.st_mode & 0o077
    if not is_private:
        raise PermissionError(0, f"{directory} is not a directory of this user alone")


def _write(path: Path, content: bytes) -> tuple[int, int]:
    """Replace a file at once by one that only this user can read; return its device and number."""
    new, descriptor = _open_beside(path)
    try:
        with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor
            file.write(content)
            made = os.fstat(descriptor)
        new.replace(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
    return made.st_dev, made.st_ino


def _open_beside(path: Path) -> tuple[Path, int]:
    """Make a file that only this user can read in the directory of another; return it, open."""
    new = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    return new, os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | PRIVATE_FILE, 0o600)


def _unwritable(path: Path, error: OSError) -> ConfigError:
    words = f"ops.token_file: {path} cannot be written: {error.strerror or error}; name another file."
    return ConfigError("token_file", words)
