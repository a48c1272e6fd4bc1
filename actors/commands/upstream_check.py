"""Opens a link to the upstream as a session does, and tells what it answers."""

from __future__ import annotations

import queue
import time
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from websockets.frames import CloseCode

from actors.connection_limits import upstream_limits
from turnstile.config import SIMULATOR, upstream_target
from turnstile.ports import LinkFailed, LinkInbox, LinkReady
from turnstile.protocol import jsontext
from turnstile.protocol.frames import Closed, TextFrame
from turnstile.protocol.safe_text import on_one_line, without_secrets
from turnstile.transports.connector import WebSocketConnector
from turnstile.transports.loop import IoLoop

if TYPE_CHECKING:
    from collections.abc import Callable

    from turnstile.config import Config
    from turnstile.ports import Connection, UpstreamTarget

_STOP: Final = 2.0
_LONGEST_SHOWN: Final = 500


class UpstreamAnswer(NamedTuple):
    """What the upstream answers.

    Args:
        is_usable: Whether sessions can be served by it.
        words: A line that holds no secret.
    """

    is_usable: bool
    words: str


class _Answers(LinkInbox):
    """Keeps what comes of a link, for the thread that waits for it."""

    def __init__(self) -> None:
        self._messages: queue.SimpleQueue[object] = queue.SimpleQueue()

    def tell(self, message: object, /) -> None:
        self._messages.put(message)

    def when_unwanted(self, call: Callable[[], None], /) -> None:
        """Make no call: the link is wanted until its answer has come."""

    def next_by(self, deadline: float) -> object:
        """Return the next message; None at the deadline."""
        try:
            return self._messages.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            return None


def ask_upstream(config: Config) -> UpstreamAnswer:
    """Open a link with the configured key, wait for its first event, and close it.

    Takes no longer than ``upstream.connect_timeout`` for the link, and as long again for the event.

    Args:
        config: All settings.

    Raises:
        ConfigError: A file of the configuration cannot be used.
    """
    if config.upstream_url == SIMULATOR:
        return UpstreamAnswer(is_usable=True, words="Upstream: the simulator in this process; nobody to ask")
    upstream = config.upstream
    loop, target, answers = IoLoop(), upstream_target(config, None), _Answers()
    connector = WebSocketConnector(
        loop,
        upstream_limits(config),
        timeout=upstream.connect_timeout,
        ca_file=str(upstream.ca_file) if upstream.ca_file else None,
    )
    loop.start()
    try:
        connector.connect(target, answers)
        return _answer(answers, target, upstream.connect_timeout)
    finally:
        connector.close(_STOP)
        loop.stop(_STOP)


def _answer(answers: _Answers, target: UpstreamTarget, timeout: float) -> UpstreamAnswer:
    match answers.next_by(time.monotonic() + 2 * timeout):  # the connector keeps to the timeout
        case LinkReady(connection):
            return _first_event(connection, answers, target, timeout)
        case LinkFailed(problem):
            return UpstreamAnswer(is_usable=False, words=_shown(f"Upstream: {problem.description}", target))
        case _:
            return UpstreamAnswer(is_usable=False, words=f"Upstream: no answer within {timeout:g} s")


def _first_event(connection: Connection, answers: _Answers, target: UpstreamTarget, timeout: float) -> UpstreamAnswer:
    try:
        message = answers.next_by(time.monotonic() + timeout)
    finally:
        connection.close(CloseCode.NORMAL_CLOSURE)
    match message:
        case TextFrame():
            event = _event(message)
            return UpstreamAnswer(event.get("type") != "error", _shown(_told(event), target))
        case Closed(code, reason):
            words = f"Upstream: opened the connection, and closed it at once ({code} {reason})"
            return UpstreamAnswer(is_usable=False, words=_shown(words, target))
        case _:  # a compatible service may begin with no event
            return UpstreamAnswer(is_usable=True, words=f"Upstream: accepted; sent no event within {timeout:g} s")


def _event(frame: TextFrame) -> dict[str, Any]:
    try:
        event = jsontext.loads(frame.data)
    except ValueError:
        return {}
    return event if isinstance(event, dict) else {}


def _told(event: dict[str, Any]) -> str:
    if event.get("type") == "error":
        error = event.get("error")
        fields = error if isinstance(error, dict) else {}
        return f"Upstream: {fields.get('code') or fields.get('type')}: {fields.get('message')}"
    session = event.get("session")
    fields = session if isinstance(session, dict) else {}
    named = ", ".join(f"{name} {fields[name]}" for name in ("model", "id") if isinstance(fields.get(name), str))
    return f"Upstream: accepted; {event.get('type', 'its first frame is no event')}{f' ({named})' if named else ''}"


def _shown(words: str, target: UpstreamTarget) -> str:
    return on_one_line(without_secrets(words, target.secrets))[:_LONGEST_SHOWN]
