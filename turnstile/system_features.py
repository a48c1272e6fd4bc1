"""What Unix has and other systems lack: asked for here, feature by feature, so that all the rest runs without it.

A system is asked what it has, not for its name, so that a test can take a feature away.
"""

from __future__ import annotations

import os
import socket
from importlib import import_module
from typing import Any, Final


def module_or_none(name: str) -> Any:
    """Return a module of the standard library, or None where Python has it not on this system."""
    try:
        return import_module(name)
    except ImportError:
        return None


_fcntl: Final = module_or_none("fcntl")

PRIVATE_FILE: Final = sum(getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_CLOEXEC", "O_BINARY"))
"""Flags of `os.open` for a file of this program's: no symbolic link, not for children, its bytes as they are."""
NOT_BLOCKING: Final[int] = getattr(os, "O_NONBLOCK", 0)
"""The flag of `os.open` by which a pipe that was put in a file's place is not waited for."""


def user_id() -> int | None:
    """Return the number of this process's user; None where files have no owners and modes as Unix has them."""
    ask = getattr(os, "getuid", None)
    return ask() if ask else None


def can_hand_sockets_over() -> bool:
    """Return whether a socket can be given to another process, or taken from a server, by its descriptor."""
    return hasattr(socket, "send_fds")


def can_lock_files() -> bool:
    """Return whether `lock_shared` and `lock_alone` lock anything."""
    return _fcntl is not None


def lock_shared(descriptor: int) -> None:
    """Lock an open file as one of several who use it; does nothing where files have no such locks.

    Raises:
        OSError: Another has it for itself alone, or its file system knows no locks.
    """
    if _fcntl is not None:
        _fcntl.flock(descriptor, _fcntl.LOCK_SH | _fcntl.LOCK_NB)


def lock_alone(descriptor: int, *, waits: bool = False) -> None:
    """Lock an open file for this process alone; does nothing where files have no such locks.

    Args:
        descriptor: Of the file, or of a directory.
        waits: Whether to wait for others.

    Raises:
        OSError: Another has it, or its file system knows no locks.
    """
    if _fcntl is not None:
        _fcntl.flock(descriptor, _fcntl.LOCK_EX | (0 if waits else _fcntl.LOCK_NB))
