"""The proxy as strangers reach it: through HAProxy, from browsers, with credentials."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from actors import ProxySystem
from turnstile.config import load_config
from turnstile.testing import patience

sys.path.insert(0, str(Path(__file__).parents[1] / "credentials"))


@pytest.fixture
def start_proxy():
    """Start a proxy in this process, with the simulator behind it; takes settings by their dotted names."""
    started = []

    def start(**settings):
        flags = {name.replace("__", "."): value for name, value in settings.items()}
        config = load_config(flags={"server.port": "0", "upstream.url": "simulator:", **flags})
        system = ProxySystem(config)
        started.append(system)
        system.start()
        return system

    yield start
    for system in started:
        system.stop(patience())


@pytest.fixture
def run_haproxy(tmp_path, required):
    """Start HAProxy by a configuration that binds ``:443``; return the process, and the port that it has instead."""
    program = required("haproxy")
    with ExitStack() as stack:

        def start(configuration):
            # Bound and not listening, it keeps the port for HAProxy, which shares it.
            kept = stack.enter_context(socket.socket())
            kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            kept.bind(("127.0.0.1", 0))
            address = kept.getsockname()
            file = tmp_path / f"haproxy-{address[1]}.cfg"
            # Without TLS 1.3, whose tickets have some clients lose their request: see `server_tls`.
            tls = " ssl-default-bind-options ssl-max-ver TLSv1.2\n"
            everywhere = f"global\n maxconn 1000\n log stderr format raw local0\n{tls}"
            file.write_text(everywhere + configuration.replace("bind :443", f"bind 127.0.0.1:{address[1]}"))
            command = [program, "-db", "-f", str(file)]
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
            stack.callback(process.stderr.close)
            stack.callback(process.wait, patience())
            stack.callback(process.kill)
            _wait_until_it_listens(address, process)
            return process, address[1]

        yield start


@pytest.fixture
def start_haproxy(run_haproxy):
    """Start HAProxy with these lines in its frontend, its backend, and behind ``bind``; return its port."""

    def start(frontend, backend, bind=""):
        times = " timeout connect 60s\n timeout client 60s\n timeout server 60s\n timeout tunnel 60s\n"
        clients = f"frontend clients\n bind :443 {bind}\n{frontend}\n default_backend turnstile\n"
        return run_haproxy(f"defaults\n{times}{clients}backend turnstile\n{backend}\n")[1]

    return start


def _wait_until_it_listens(address, process):
    deadline, never = time.monotonic() + patience(), threading.Event()
    while True:
        try:
            socket.create_connection(address, timeout=patience()).close()
        except ConnectionRefusedError:
            assert process.poll() is None, f"HAProxy has ended: {process.stderr.read()}"
            assert time.monotonic() < deadline, "HAProxy does not listen"
            never.wait(0.01)
        else:
            return
