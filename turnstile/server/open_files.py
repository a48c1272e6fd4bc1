"""The limit of open files (``RLIMIT_NOFILE``), and what fits under it: each connection takes one."""

from __future__ import annotations

import math
from contextlib import suppress
from typing import Final

from turnstile.system_features import module_or_none

resource: Final = module_or_none("resource")

_OTHERS: Final = 64  # for files, pipes, function calls and look-ups of names
_MOST_HANDSHAKES: Final = 1_000
_FEWEST_HANDSHAKES: Final = 16
# Where the hard limit is infinite the system still has one for each process, and does not say so beforehand.
_TRIES: Final = (1_048_576, 65_536, 10_240)
# Where nothing limits the files, as on Windows, `select` takes so many sockets in the builds of Python.
_SELECTED: Final = 512


def open_files_limit() -> int:
    """Return how many files this process may have open."""
    if resource is None:
        return _SELECTED
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _TRIES[0] if soft == resource.RLIM_INFINITY else soft


def raise_open_files_limit() -> int:
    """Raise the soft limit to the hard one, as far as the system lets us; return the limit from now on.

    The soft limit is low by custom, for programs that use ``select``, which we do not.
    """
    if resource is None:
        return _SELECTED
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY:
        tries = [number for number in _TRIES if number > soft] if hard == resource.RLIM_INFINITY else [hard]
        for number in tries:
            with suppress(ValueError, OSError):
                resource.setrlimit(resource.RLIMIT_NOFILE, (number, hard))
                break
    return open_files_limit()


def default_handshakes(limit: int) -> int:
    """Return how many handshakes may be under way under a limit of open files: a quarter of it, within bounds."""
    return max(_FEWEST_HANDSHAKES, min(limit // 4, _MOST_HANDSHAKES))


def default_handshakes_of_one(handshakes: int) -> int:
    """Return how many of so many handshakes may be of one address: a quarter of them."""
    return max(1, handshakes // 4)


def sessions_notice(limit: int, sessions: int, workers: int, handshakes: int, of_session: int) -> str | None:
    """Return a warning if the sessions that are allowed do not fit under the limit of open files.

    Args:
        limit: Of each process.
        sessions: How many may be open, in all workers together.
        workers: How many processes share them.
        handshakes: How many clients may be in their opening handshake, in each process.
        of_session: How many files a session takes: its connections.
    """
    fit = max(0, limit - handshakes - _OTHERS) // of_session * workers
    if sessions <= fit:
        return None
    needed = math.ceil(sessions / workers) * of_session + handshakes + _OTHERS
    fix = f"raise it to {needed} (ulimit -n, LimitNOFILE= in a unit of systemd), or lower server.max_sessions"
    return (
        f"server.max_sessions is {sessions}, but about {fit} sessions fit under the limit of open files, {limit}: "
        f"{fix if resource else 'lower server.max_sessions'}"
    )
