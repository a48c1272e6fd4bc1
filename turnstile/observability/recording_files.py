"""The files of recordings: one a session, in a directory that may hold so many bytes, and none for longer than so."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from turnstile.errors import ConfigError
from turnstile.system_features import NOT_BLOCKING, PRIVATE_FILE, can_lock_files, lock_alone, lock_shared

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from turnstile.ports import Clock

_NAME: Final = re.compile(r"\d{8}T\d{6}\.\d{3}Z-[A-Za-z0-9_-]{1,64}\.jsonl")
_NO_NAME: Final = re.compile(r"[^A-Za-z0-9_-]")
_LONGEST: Final = 48
# How many recordings of the same session and moment get a name.
_SAME: Final = 100


class Budgets(NamedTuple):
    """What recordings may take.

    Args:
        session_bytes: One.
        total_bytes: All in the directory.
        age: Seconds since the last line of one; 0: for ever.
    """

    session_bytes: int
    total_bytes: int
    age: float


class _Recording(NamedTuple):
    path: str
    size: int
    changed: float


def require_directory(directory: Path) -> None:
    """Raise unless recordings can be made in a directory.

    Raises:
        ConfigError: It does not exist, or this user cannot make files in it.
    """
    probe = directory / f".turnstile-{os.getpid()}"
    try:
        os.close(os.open(probe, os.O_WRONLY | os.O_CREAT | PRIVATE_FILE, 0o600))
        probe.unlink()
    except OSError as error:
        fault = f"no file can be made in {directory}: {error.strerror}"
        fix = "Make the directory, for the user that the proxy runs as, or name another."
        raise ConfigError("no_directory", f"journal.directory: {fault}. {fix}") from error


class RecordingFile:
    """A file that lines are appended to, which nobody deletes meanwhile.

    Args:
        descriptor: Of the file, locked; closed with this.
        path: Where it is.
    """

    def __init__(self, descriptor: int, path: Path) -> None:
        self.path = path
        self.size = 0
        self._descriptor = descriptor

    def append(self, lines: bytes) -> None:
        """Append whole lines; nothing of them where they cannot be written whole.

        Raises:
            OSError: They cannot be written, as on a full disk.
        """
        written = 0
        try:
            while written < len(lines):
                written += os.write(self._descriptor, lines[written:])
        except OSError:
            with suppress(OSError):
                os.ftruncate(self._descriptor, self.size)
            raise
        self.size += written

    def discard(self) -> None:
        """Delete it: it holds nothing."""
        self.close()
        with suppress(OSError):
            self.path.unlink()

    def close(self) -> None:
        """Close it; it may be deleted now."""
        os.close(self._descriptor)


class RecordingFiles:
    """The recordings in a directory, of this process and of others.

    Args:
        directory: Where they are.
        wall_clock: Seconds since 1970.
        open_file: Opens a file, like `os.open`.
    """

    def __init__(
        self, directory: Path, wall_clock: Clock, open_file: Callable[[Path, int, int], int] = os.open
    ) -> None:
        self.directory = directory
        self._wall_clock = wall_clock
        self._open = open_file

    def create(self, session_id: str, began: datetime) -> RecordingFile:
        """Make the file of a session, for this user alone.

        Args:
            session_id: The session's id.
            began: When it began, in UTC.

        Raises:
            OSError: It cannot be made.
        """
        moment = began.strftime("%Y%m%dT%H%M%S.") + f"{began.microsecond // 1000:03}Z"
        name = f"{moment}-{_NO_NAME.sub('_', session_id)[:_LONGEST] or '_'}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | PRIVATE_FILE
        for number in range(_SAME):
            path = self.directory / (f"{name}-{number}.jsonl" if number else f"{name}.jsonl")
            with suppress(FileExistsError):
                descriptor = self._open(path, flags, 0o600)
                with suppress(OSError):  # a file system without locks
                    lock_shared(descriptor)
                return RecordingFile(descriptor, path)
        raise FileExistsError(f"there are {_SAME} recordings named {name}")

    def prune(self, budgets: Budgets, room: int = 0) -> int:
        """Delete recordings that are too old, and the oldest beyond the budget, but none that is being written.

        Args:
            budgets: What they may take.
            room: How many bytes of that are to be left.

        Returns:
            How many bytes those that are left have.
        """
        found = sorted(self._recordings())
        total = sum([one.size for one in found])
        now = self._wall_clock()
        for one in found:
            is_old = budgets.age and now - one.changed > budgets.age
            if (is_old or total + room > budgets.total_bytes) and _deleted(one.path):
                total -= one.size
        return total

    def _recordings(self) -> Iterator[_Recording]:
        """Yield the recordings, in any order; other files in the directory are none."""
        with suppress(OSError), os.scandir(self.directory) as entries:
            for entry in entries:
                if _NAME.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                    with suppress(OSError):  # deleted by another process meanwhile
                        found = entry.stat(follow_symlinks=False)
                        yield _Recording(entry.path, found.st_size, found.st_mtime)


def _deleted(path: str) -> bool:
    """Delete a recording, unless somebody writes it; return whether it is gone."""
    if not can_lock_files():  # there, as on Windows, the system deletes nothing that is open
        with suppress(OSError):
            Path(path).unlink(missing_ok=True)
            return True
        return False
    try:
        descriptor = os.open(path, os.O_RDONLY | NOT_BLOCKING | PRIVATE_FILE)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    try:
        lock_alone(descriptor)
        Path(path).unlink()
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True


def moment(seconds: float) -> datetime:
    """Return a time of a wall clock, in UTC."""
    return datetime.fromtimestamp(seconds, UTC)
