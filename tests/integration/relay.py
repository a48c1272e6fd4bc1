"""A relay of TCP connections, which ends them where a test says so, also within a frame."""

from __future__ import annotations

import contextlib
import selectors
import socket
import struct
import threading


class Relay:
    """Relays connections to an address, on one thread; a context manager.

    Args:
        target: The host and port behind it.
    """

    def __init__(self, target: tuple[str, int]) -> None:
        self._target = target
        self._selector = selectors.DefaultSelector()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address: tuple[str, int] = self._listener.getsockname()
        self._peers: dict[socket.socket, socket.socket] = {}
        self._from_server: set[socket.socket] = set()
        self._cutting = False
        self.cuts = 0
        """How many connections were ended within a frame."""
        self._wake, self._woken = socket.socketpair()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._selector.register(self._woken, selectors.EVENT_READ)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._wake.close()
        self._thread.join()
        for sock in (self._listener, self._woken, *self._peers):
            sock.close()
        self._selector.close()

    def cut_in_next_frame(self) -> None:
        """End each connection that is open now: what the server sends next arrives without its last byte."""
        self._cutting = True

    def _run(self) -> None:
        while True:
            for key, _ in self._selector.select():
                sock = key.fileobj
                if sock is self._woken:
                    return
                if sock is self._listener:
                    self._accept()
                elif sock in self._peers:
                    self._pass_on(sock)

    def _accept(self) -> None:
        client, _ = self._listener.accept()
        server = socket.create_connection(self._target)
        self._from_server.add(server)
        for sock, peer in ((client, server), (server, client)):
            self._peers[sock] = peer
            self._selector.register(sock, selectors.EVENT_READ)

    def _pass_on(self, sock: socket.socket) -> None:
        data = b""
        with contextlib.suppress(OSError):
            data = sock.recv(65536)
        peer = self._peers[sock]
        is_cut = self._cutting and sock in self._from_server
        with contextlib.suppress(OSError):
            peer.sendall(data[:-1] if is_cut else data)
        if is_cut:
            self._cutting = False
            self.cuts += 1
        if is_cut or not data:
            for end in (sock, peer):
                self._end(end, reset=is_cut and end is sock)

    def _end(self, sock: socket.socket, *, reset: bool) -> None:
        self._selector.unregister(sock)
        del self._peers[sock]
        if reset:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()
