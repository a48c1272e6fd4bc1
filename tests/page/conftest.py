"""A proxy with the simulator, in this process, and its ops listener, whose page a browser opens."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from typing import NamedTuple

import pytest

from actors import ProxySystem
from actors.ops_application import ops_server
from turnstile.config import load_config
from turnstile.testing import patience

TOKEN = "correct-horse-battery-staple"


class Shown(NamedTuple):
    """A proxy, and the address of the page that shows it."""

    proxy: ProxySystem
    page: str


@pytest.fixture
def start_shown():
    """Start a proxy with a page; takes settings by their dotted names, with `__` for a dot."""
    with ExitStack() as stack:

        def start(*, is_local: bool = True, **settings: str) -> Shown:
            flags = {name.replace("__", "."): value for name, value in settings.items()}
            config = load_config(flags={"server.port": "0", "upstream.url": "simulator:", **flags})
            proxy = stack.enter_context(ProxySystem(config))
            sock = socket.create_server(("127.0.0.1", 0))
            server = ops_server(config.ops, proxy.view, proxy.is_alive, sock, TOKEN, is_local=is_local)
            server.start()
            stack.callback(server.stop, patience())
            host, port = server.address
            return Shown(proxy, f"http://{host}:{port}/")

        yield start
