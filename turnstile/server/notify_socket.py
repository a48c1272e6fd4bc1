"""Tells systemd what this process is about to do, by the datagrams of sd_notify(3).

They are a few lines of text, sent to a socket that systemd names in the environment of a unit of `Type=notify`. This is
done here because no library on PyPI that is kept sends all of them; the binding of libsystemd needs a compiler.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import threading
import time
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from collections.abc import MutableMapping

_log = logging.getLogger(__name__)

_MICROSECONDS: Final = 1_000_000  # in a second
_NANOSECONDS: Final = 1000  # in a microsecond
_ROOM_WITHIN: Final = 1.0  # seconds that a datagram may wait for room


class NotifySocket:
    """Says to systemd when this process accepts clients, reloads, drains, and lives; from any thread.

    A socket that cannot be reached stops nothing: it is logged once.

    Args:
        address: A path, or a name that begins with ``@``; empty: nobody is told anything.
        watchdog: Seconds within which signs of life are expected; 0: none are.
    """

    def __init__(self, address: str = "", watchdog: float = 0.0) -> None:
        self.watchdog = watchdog if address else 0.0
        """Seconds within which signs of life are expected; 0: none are."""
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        self._telling = threading.Lock()  # guards the next three, and the order of what is told
        self._status = ""
        self._is_stopping = False
        self._is_unreachable = False

    @classmethod
    def of_environment(cls, environment: MutableMapping[str, str]) -> Self:
        """Return the socket that systemd has named for this process.

        Args:
            environment: The process's, from which the names are removed: the processes that it starts have nothing to
                say for the service.
        """
        address, microseconds, pid = (
            environment.pop(name, "") for name in ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")
        )
        is_watched = microseconds.isdecimal() and pid in {"", str(os.getpid())}
        return cls(
            address if address[:1] in {"/", "@"} else "", int(microseconds) / _MICROSECONDS if is_watched else 0.0
        )

    def ready(self, status: str) -> None:
        """Say that clients are accepted.

        Args:
            status: What the service does from now on, in words, for `systemctl status`.
        """
        self._status = status
        self._tell("READY=1", status)

    def reloading(self) -> None:
        """Say that the configuration is about to be read anew; not during the start, since what follows is READY."""
        if not self._status:
            return
        now = time.monotonic_ns() // _NANOSECONDS
        self._tell(f"RELOADING=1\nMONOTONIC_USEC={now}", "Reads the configuration anew.")

    def reloaded(self, fault: str = "") -> None:
        """Say that this is done.

        Args:
            fault: Why the configuration has stayed as it was.
        """
        if self._status:
            self._tell("READY=1", f"{self._status} {fault}".strip())

    def stopping(self, status: str) -> None:
        """Say that the service is ending: nothing but signs of life is told from now on.

        Args:
            status: What it still does, in words.
        """
        self._tell("STOPPING=1", status)
        self._is_stopping = True

    def beat(self) -> None:
        """Give a sign of life if one is expected; does not block, and leaves one out that there is no room for."""
        if self.watchdog:
            with contextlib.suppress(OSError):  # whoever waits for it notices
                self._send(b"WATCHDOG=1", 0.0)

    def _tell(self, state: str, status: str) -> None:
        with self._telling:
            if not self._address or self._is_stopping:
                return
            try:
                self._send(f"{state}\nSTATUS={' '.join(status.split())}".encode(), _ROOM_WITHIN)
            except OSError as error:
                if not self._is_unreachable:
                    _log.warning("NOTIFY_SOCKET: systemd cannot be told that %s: %s", state.partition("\n")[0], error)
                self._is_unreachable = True

    def _send(self, datagram: bytes, timeout: float) -> None:
        """Send a datagram by a socket of its own, so that none is to be closed at the end.

        Raises:
            OSError: Nobody is there, or there is no room for it within `timeout` seconds.
        """
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.settimeout(timeout)
            sock.sendto(datagram, self._address)


class WorkersReload:
    """The reload of several workers: it is done when the last of those that were told to has reloaded, or ended.

    Args:
        service: Is told when it begins, and when it is done.
    """

    def __init__(self, service: NotifySocket) -> None:
        self._service = service
        self._left: set[int] = set()

    def begin(self, numbers: set[int]) -> None:
        """Note that the workers with these numbers are told to reload."""
        self._service.reloading()
        self._left = numbers
        if not numbers:
            self._service.reloaded()

    def done(self, number: int) -> None:
        """Note that a worker has reloaded, or ended."""
        if number in self._left:
            self._left.discard(number)
            if not self._left:
                self._service.reloaded()
