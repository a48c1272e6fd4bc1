"""What a proxy shows of itself: its address, its sessions, and what is counted of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnstile.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from actors.local_view import LocalView
    from actors.messages import Snapshot
    from actors.proxy_parts import ProxyParts
    from turnstile.observability.watching import Watch
    from turnstile.simulator.simulator import Simulator


class ProxyState:
    """Shows a proxy; it may be asked from any thread, before the start and after the stop.

    Args:
        parts: What the proxy is made of.
    """

    def __init__(self, parts: ProxyParts) -> None:
        self._parts = parts

    @property
    def simulator(self) -> Simulator:
        """The Realtime API behind ``simulator:``."""
        return self._parts.adapters.simulator

    @property
    def address(self) -> tuple[str, int]:
        """The host and port that clients connect to.

        Raises:
            ConfigError: The proxy does not listen, since `listens` is false.
        """
        if self._parts.listener is None:
            raise ConfigError("no_address", "This proxy listens on no port: make it without listens=False.")
        return self._parts.listener.address

    @property
    def sessions(self) -> int:
        """The number of open sessions."""
        return len(self._parts.sessions)

    @property
    def refusals(self) -> Mapping[str, int]:
        """How many clients were refused so far, by reason, such as ``origin``."""
        return self._parts.refusals.counts

    def counts(self) -> dict[str, Any]:
        """Return what is counted since the start, and measured now, as plain values that JSON can carry.

        `turnstile.observability.figures` says what each is; no counter ever goes back.
        """
        return self._parts.view.counts()

    @property
    def held_bytes(self) -> int:
        """The number of bytes held or unsent for all sessions, by our own count; 0 once all have ended."""
        return self._parts.sessions.held_bytes

    def is_alive(self, timeout: float = 2.0) -> bool:
        """Return whether the I/O thread goes round, which every session needs, within `timeout` seconds."""
        return self._parts.threads.go_round(timeout)

    def wait_until_empty(self, timeout: float, but: int = 0) -> bool:
        """Wait until at most `but` sessions are open; return False if more are after `timeout` seconds."""
        return self._parts.sessions.wait_until_empty(timeout, but)

    def inspect(self, timeout: float) -> dict[str, Snapshot]:
        """Return a snapshot of every session; one that ends meanwhile, or does not answer in time, is left out.

        Args:
            timeout: Seconds to wait for all of them together.
        """
        return self._parts.view.snapshots(timeout)

    @property
    def view(self) -> LocalView:
        """What operators see of the sessions, as JSON; it may be asked before `start` and after `stop`."""
        return self._parts.view

    def watch(self, session_id: str | None = None) -> Watch | None:
        """Return the journal of a session from now on, as lines of JSON: what is said, where `journal.level` says so.

        Args:
            session_id: The session's id; None for all sessions, also those that begin later.

        Returns:
            The stream; None where no such session is open.

        Raises:
            SessionError: As many streams are open as may be.
        """
        return self._parts.adapters.journaling.watch(session_id)
