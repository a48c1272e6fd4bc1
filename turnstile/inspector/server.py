"""The ops listener: waitress on threads of its own, bounded in all that a client can make it hold."""

from __future__ import annotations

import logging
import select
import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from waitress import wasyncore
from waitress.adjustments import Adjustments
from waitress.server import TcpWSGIServer
from waitress.task import ThreadedTaskDispatcher

from turnstile.inspector.app import MESSAGE_BYTES
from turnstile.inspector.ops_channel import OpsChannel
from turnstile.inspector.resources import ENDS, MESSAGES, STREAMS

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Sequence
    from wsgiref.types import WSGIApplication

log = logging.getLogger(__name__)

CONNECTIONS: Final = 64
"""How many connections may be open."""
REQUEST_TIMEOUT: Final = 10.0
"""Seconds in which a client must have sent its request."""
UNREAD_TIMEOUT: Final = 60.0
"""Seconds after which a client that takes nothing of what is sent to it is cut off."""
_HEADER_BYTES: Final = 16 * 1024
# Of an event stream: beyond, its thread waits for the reader. Other answers are one part, and wait for nobody.
_UNREAD_BYTES: Final = 256 * 1024
# Threads beyond those that streams, messages and ends may take: for answers that take no time.
_QUICK: Final = 4
# Seconds without accepting after an accept has failed, such as for want of descriptors.
_REST: Final = 1.0
# Seconds between two looks at the deadlines of clients.
_LOOK_EVERY: Final = 1
# Seconds for the answers that are being given when the listener stops.
_LAST_ANSWERS: Final = 0.5


class _Threads(ThreadedTaskDispatcher):
    """Threads that answer requests; their number is fixed, and they can be waited for."""

    def __init__(self) -> None:
        super().__init__()
        self._started: list[threading.Thread] = []

    def start_new_thread(self, target: Callable[[int], Any], thread_no: int) -> None:
        thread = threading.Thread(target=target, args=(thread_no,), name=f"turnstile-ops-{thread_no}", daemon=True)
        self._started.append(thread)
        thread.start()

    def add_task(self, task: Any) -> None:
        """Queue a request; connections bound how many there are."""
        with self.lock:
            self.queue.append(task)
            self.queue_cv.notify()

    def end(self, deadline: float) -> int:
        """End them, each when it has answered; return how many have not by the deadline."""
        self.set_thread_count(0)
        for thread in self._started:
            thread.join(max(0.0, deadline - time.monotonic()))
        return sum(thread.is_alive() for thread in self._started)


class _Waitress(TcpWSGIServer):
    """Waitress's server, with deadlines for requests and for readers, and room for who comes with a request."""

    channel_class = OpsChannel
    active_channels: dict[int, OpsChannel]  # type: ignore[assignment]  # the stubs have one channel
    trigger: Any
    _map: dict[int, Any]

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self._pulling = threading.Lock()
        self._has_trigger = True
        self._has_closed = False
        self._rests_until = 0.0
        super().__init__(*arguments, **options)

    def run(self) -> None:
        """Serve until `end`; nothing wakes this thread while there is no client."""
        polls: Any = wasyncore  # whose stub does not know a time without end
        has_poll = hasattr(select, "poll")
        while self._map:
            looks = self.active_channels or time.time() < self._rests_until
            poll = polls.poll2 if has_poll else polls.poll
            poll(_LOOK_EVERY if looks else None, self._map)

    def readable(self) -> bool:
        """Return whether a client may be accepted; who waits longest with half a request gives way to it."""
        is_wanted = super().readable()  # may call `maintenance`
        if self.accepting and len(self.active_channels) >= CONNECTIONS:
            waiting = [channel for channel in self.active_channels.values() if not channel.has_request]
            self._close_soon(sorted(waiting, key=lambda channel: channel.creation_time)[:1])
            return False
        return bool(is_wanted and time.time() >= self._rests_until)

    def accept(self) -> Any:
        """Accept a client; rest for a while if that fails, which it may for as long as descriptors are short."""
        if self._has_closed:  # in this round: what is known of a descriptor is not of the client that gets its number
            self._has_closed = False
            return None
        try:
            return super().accept()
        except OSError as error:
            log.warning("The ops listener could not accept a client: %s", error.strerror)
            self._rests_until = time.time() + _REST
            return None

    def maintenance(self, now: float) -> None:
        """Cut off who has not sent a request in time, and who takes nothing of the answer."""
        self._close_soon(
            [
                channel
                for channel in self.active_channels.values()
                if (not channel.has_request and channel.creation_time < now - REQUEST_TIMEOUT)
                or (channel.total_outbufs_len and channel.last_activity < now - UNREAD_TIMEOUT)
            ]
        )

    def pull_trigger(self, call: Callable[[], object] | None = None) -> None:
        """Wake the I/O thread, which makes the call; nothing once it has ended."""
        with self._pulling:
            if self._has_trigger:
                self.trigger.pull_trigger(call)

    def stop_accepting(self) -> None:
        """Close the listening socket; in the I/O thread."""
        wasyncore.dispatcher.close(self)

    def close_channels(self) -> None:
        """Cut off all clients; in the I/O thread."""
        self._close(list(self.active_channels.values()))

    def end(self) -> None:
        """End the I/O thread, from within: nothing is left that it would wait for."""
        self.close_channels()
        with self._pulling:
            self._has_trigger = False
            self.trigger.close()

    def _close_soon(self, channels: Sequence[OpsChannel]) -> None:
        """Close channels when the poll that is being prepared has ended: it knows their descriptors already."""
        if channels:
            self.pull_trigger(partial(self._close, channels))

    def _close(self, channels: Sequence[OpsChannel]) -> None:
        self._has_closed = True
        for channel in channels:
            if channel.socket is not None:
                channel.cut_off()


class OpsServer:
    """Serves a WSGI application on a socket that listens, from `start` to `stop`; makes no thread before.

    Args:
        application: Answers the requests.
        close: Ends the application's streams, so that their threads end.
        sock: The listening socket, which becomes the server's own.
    """

    def __init__(self, application: WSGIApplication, close: Callable[[], object], sock: socket.socket) -> None:
        self._application = application
        self._close = close
        self._sock = sock
        self.address: tuple[str, int] = sock.getsockname()[:2]
        """The address and port that are listened on."""
        self._waitress: _Waitress | None = None
        self._threads = _Threads()
        self._io: threading.Thread | None = None

    def start(self) -> None:
        """Begin to answer requests; once."""
        options = Adjustments(
            sockets=[self._sock],
            ident=None,
            recv_bytes=_HEADER_BYTES,
            max_request_header_size=_HEADER_BYTES,
            max_request_body_size=MESSAGE_BYTES + 1,
            inbuf_overflow=2 * MESSAGE_BYTES,  # a body is kept in memory
            outbuf_overflow=1 << 30,  # so is an answer
            outbuf_high_watermark=_UNREAD_BYTES,
            connection_limit=2 * CONNECTIONS,  # never reached: who is half served gives way before
            cleanup_interval=_LOOK_EVERY,
            log_socket_errors=False,
        )
        family, kind, protocol = self._sock.family, self._sock.type, self._sock.proto
        self._threads.set_thread_count(_QUICK + STREAMS + MESSAGES + ENDS)
        server = self._waitress = _Waitress(
            self._application,
            {},
            _sock=self._sock,
            dispatcher=self._threads,
            adj=options,
            sockinfo=(family, kind, protocol, self._sock.getsockname()),
            bind_socket=False,
        )
        self._io = threading.Thread(target=server.run, name="turnstile-ops", daemon=True)
        self._io.start()

    def stop(self, timeout: float) -> None:
        """Accept no more clients, end the streams, give the other answers a moment, and end all threads.

        Args:
            timeout: Seconds after which a thread that is still answering is abandoned; at least half a second.
        """
        server, self._waitress = self._waitress, None
        if server is None or self._io is None:
            self._sock.close()
            return
        deadline = time.monotonic() + max(timeout, _LAST_ANSWERS)
        server.pull_trigger(server.stop_accepting)
        self._close()
        if self._threads.end(min(deadline, time.monotonic() + _LAST_ANSWERS)):
            server.pull_trigger(server.close_channels)  # which wakes those that wait for a reader
        left = self._threads.end(deadline)
        server.pull_trigger(server.end)
        self._io.join(max(0.0, deadline - time.monotonic()) + _LAST_ANSWERS)
        if left:
            log.warning("%s threads of the ops listener did not end in time and are abandoned", left)
