"""One conversation of the demo as a stream of events, for its page: its journal as it happens, then its figures."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, cast

import orjson

from actors.system import ProxySystem
from turnstile.session.machine import Session
from turnstile.terminal.demo import PATIENCE, hold_conversation
from turnstile.terminal.demo_summary import figures
from turnstile.terminal.ungated_session import UngatedSession

if TYPE_CHECKING:
    from collections.abc import Iterator

    from turnstile.config import Config
    from turnstile.observability.watching import Watch
    from turnstile.terminal.demo import Outcome


class Play:
    """A conversation that begins when its stream is read, and ends with its reader (`turnstile.inspector.view`).

    It has a proxy and a simulator of its own, so that as many as are wanted are played at once.

    Args:
        config: All settings, of a proxy with the simulator.
        is_gated: Whether there is a gate.
    """

    def __init__(self, config: Config, *, is_gated: bool) -> None:
        self._config = config
        self._is_gated = is_gated
        self._changing = threading.Lock()
        self._watch: Watch | None = None
        self._is_closed = False
        self._outcome: Outcome | None = None
        self._fault = ""

    def __iter__(self) -> Iterator[bytes]:
        """Yield each line of the journal, b"" when a while has passed without one, and the figures as the last."""
        proxy = ProxySystem(self._config, make_session=Session if self._is_gated else UngatedSession)
        talking = threading.Thread(target=self._talk, args=(proxy,), name="turnstile-demo-client", daemon=True)
        try:
            proxy.start()
            watch = self._begin_watching(proxy)
            talking.start()
            for line in watch:
                yield line
                if _is_end(line) or self._fault:
                    break
            if not self._is_closed:
                talking.join()
                yield orjson.dumps(self._last_line(proxy))
        finally:
            self.close()
            proxy.stop(0)
            if talking.ident is not None:
                talking.join()

    def close(self) -> None:
        """End it; from any thread."""
        with self._changing:
            self._is_closed = True
            watch, self._watch = self._watch, None
        if watch is not None:
            watch.close()

    def _begin_watching(self, proxy: ProxySystem) -> Watch:
        """Return the journal of all sessions, of which there will be one: so nothing of its beginning is missed."""
        watch = cast("Watch", proxy.watch())  # that of all sessions there always is
        with self._changing:
            self._watch, is_closed = watch, self._is_closed
        if is_closed:
            watch.close()
        return watch

    def _talk(self, proxy: ProxySystem) -> None:
        """Hold the conversation, on a thread of its own; it ends soon after the proxy."""
        host, port = proxy.address
        url = f"ws://{host}:{port}{self._config.server.component_path}"
        try:
            self._outcome = hold_conversation(url, PATIENCE[self._is_gated])
        except OSError as error:
            self._fault = str(error) or "the connection has ended"

    def _last_line(self, proxy: ProxySystem) -> dict[str, object]:
        if self._outcome is None:
            return {"fault": f"The conversation could not be played: {self._fault.removesuffix('.')}."}
        return {"figures": figures(self._outcome, proxy.simulator.logs[0])}


def _is_end(line: bytes) -> bool:
    return b'"end":' in line and "end" in orjson.loads(line)
