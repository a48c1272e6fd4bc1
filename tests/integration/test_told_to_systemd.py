"""What `turnstile serve` tells systemd, which gives it a socket, as a unit of `Type=notify` does."""

from __future__ import annotations

import signal
import socket
import struct

import pytest
from test_signals_to_the_process import CLEAN, Serving

from turnstile.testing import patience

_CREDENTIALS = struct.Struct("3i")  # of a process, its user, its group


class Systemd:
    """Reads what is told, and by whom."""

    def __init__(self, sock):
        self._sock = sock

    def told(self):
        """Return the next datagram that is no sign of life, and the process that sent it."""
        while True:
            data, ancillary, _, _ = self._sock.recvmsg(4096, socket.CMSG_SPACE(_CREDENTIALS.size))
            pid, _, _ = _CREDENTIALS.unpack(ancillary[0][2])
            if data != b"WATCHDOG=1":
                return data.decode().split("\n"), pid

    def sign_of_life(self):
        while self._sock.recv(4096) != b"WATCHDOG=1":
            pass


@pytest.fixture
def systemd(tmp_path, monkeypatch):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.settimeout(patience())
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        sock.bind(str(tmp_path / "notify"))
        monkeypatch.setitem(CLEAN, "NOTIFY_SOCKET", sock.getsockname())
        monkeypatch.setitem(CLEAN, "WATCHDOG_USEC", "200000")
        yield Systemd(sock)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_systemd_is_told_when_clients_are_accepted_of_reloads_of_life_and_of_the_end(systemd, workers):
    serving = Serving("--workers", workers)
    try:
        ready, pid = systemd.told()
        assert pid == serving.process.pid
        assert ready[0] == "READY=1"
        assert ready[1].startswith(f"STATUS=Accepts clients at {serving.address}.")
        socket.create_connection(serving.address.split(":"), timeout=patience()).close()
        systemd.sign_of_life()
        serving.process.send_signal(signal.SIGHUP)
        assert systemd.told()[0][0] == "RELOADING=1"
        done, pid = systemd.told()
        assert (done, pid) == (ready, serving.process.pid)
        serving.process.send_signal(signal.SIGTERM)
        assert systemd.told()[0][0] == "STOPPING=1"
        code, said = serving.end()
        assert (code, said.count("was read anew")) == (0, int(workers)), said
    finally:
        serving.process.kill()
        serving.process.wait()
        serving.process.stdout.close()
