"""What the files of config/deploy agree on, and what stands in front of proxies: HAProxy and nginx, started by them."""

from __future__ import annotations

import os
import socket
import ssl
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from turnstile.config import load_config, settings
from turnstile.config.loading import LEGACY_ENV, env_name

# The tests here share some words by name.
sys.path.insert(0, str(Path(__file__).parent))

from front_ends import HOSTS, PASSED_THROUGH, FrontEnd, places_for, program_of, stream_module
from two_proxies import settings_of

from actors import ProxySystem
from actors.ops_listener import start_ops
from turnstile.testing import patience

DEPLOY = Path(__file__).parents[2] / "config" / "deploy"


@pytest.fixture(scope="session")
def deploy():
    """The folder of the files."""
    return DEPLOY


@pytest.fixture(scope="session")
def variables():
    """The environment variables that are settings."""
    return {env_name(path) for path, *_ in settings()} | LEGACY_ENV.keys()


@pytest.fixture
def loaded(monkeypatch, tmp_path):
    """Return a function that loads the configuration of an environment and the text of a file, and no more."""

    def load(environment, file=""):
        for name in LEGACY_ENV:
            monkeypatch.delenv(name, raising=False)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        (tmp_path / "turnstile.toml").write_text(file)
        return load_config([tmp_path / "turnstile.toml"])

    return load


@pytest.fixture
def keep_ports():
    """Return a function that keeps two ports on the addresses of both proxies: for clients, and for operators."""
    with ExitStack() as kept:

        def keep(host, port):
            sock = kept.enter_context(socket.socket())
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind((host, port))
            return sock.getsockname()[1]

        def port_of_both():
            while True:
                port = keep(HOSTS[0], 0)
                try:
                    return keep(HOSTS[1], port)
                except OSError:
                    continue

        yield lambda: (port_of_both(), port_of_both())


@pytest.fixture
def tls(certificates):
    """What clients trust."""
    return ssl.create_default_context(cafile=certificates / "ca.pem")


@pytest.fixture(scope="session")
def program_for(required):
    """Return a function of a file's name that returns the path of HAProxy or nginx; see `required`."""

    def find(name):
        program = required(program_of(name))
        if name == "nginx-stream.conf" and not stream_module(program).exists():
            words = "nginx has no stream module here (apt-get install libnginx-mod-stream)"
            pytest.fail(words) if os.environ.get("CI") else pytest.skip(words)
        return program

    return find


@pytest.fixture
def start_front_end(tmp_path, program_for, certificates, reserve_port):
    """Start HAProxy or nginx by a file of `config/deploy`, in front of the two at these ports."""
    with ExitStack() as started:

        def start(name, ports):
            entrance = reserve_port()
            places = places_for(entrance, *ports, certificates)
            front = FrontEnd(name, places, entrance, tmp_path / name, program_for(name))
            started.callback(front.close)
            return front

        yield start


@pytest.fixture
def start_both(keep_ports, start_front_end, certificates):
    """Start two proxies in this process behind a front end; return the clients' address, the front end, the proxies.

    Takes the name of the front end's file, and settings of both by their names.
    """
    with ExitStack() as started:

        def start(name, **settings):
            ports = keep_ports()
            if name in PASSED_THROUGH:
                settings |= {f"server.tls_{part}_file": str(certificates / f"{part}.pem") for part in ("cert", "key")}
            proxies = []
            for number in (0, 1):
                flags = {**settings_of(number, *ports), "ops.token": "made-up-for-this-test", **settings}
                proxy = ProxySystem(load_config(flags=flags))
                started.callback(proxy.stop, patience())
                proxy.start()
                started.callback(start_ops(proxy.config, proxy.view, proxy.is_alive).stop)
                proxies.append(proxy)
            front = start_front_end(name, ports)
            return f"wss://127.0.0.1:{front.port}", front, proxies

        yield start
