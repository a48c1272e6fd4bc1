"""What the files of config/deploy agree on, and what stands in front of proxies: HAProxy and nginx, started by them."""

from __future__ import annotations

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

from front_ends import HOSTS, FrontEnd, places_for, program_of

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
def ports():
    """Two ports that are free on the addresses of both proxies, kept for them: for clients, and for operators."""
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

        yield port_of_both(), port_of_both()


@pytest.fixture
def tls(certificates):
    """What clients trust."""
    return ssl.create_default_context(cafile=certificates / "ca.pem")


@pytest.fixture
def start_front_end(tmp_path, required, certificates, reserve_port, ports):
    """Start HAProxy or nginx in front of the two, by a file of `config/deploy`."""
    with ExitStack() as started:

        def start(name):
            entrance = reserve_port()
            places = places_for(entrance, *ports, certificates)
            front = FrontEnd(name, places, entrance, tmp_path / name, required(program_of(name)))
            started.callback(front.close)
            return front

        yield start
