"""Pages in a real browser: which of them get through to the proxy."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from actors import ProxySystem
from actors.simulator_system import SimulatorSystem
from turnstile.config import load_config

sys.path.insert(0, str(Path(__file__).parent))

from browser import REFUSED, Outcome, PageServer, Visit, browser, visit_all

CONFIGURED = Outcome(opened=True, protocol="", said="SettingsApplied", closed=None)
LISTED = "listed.example"


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    browser()
    with ExitStack() as stack:
        server = PageServer()
        stack.callback(server.close)
        api = SimulatorSystem(load_config(flags={"simulator.port": "0"}))
        api.start()
        stack.callback(api.stop, 0.0)
        listens = {"server.port": "0", "server.origins": f"http://{LISTED}:{server.port}"}
        host, port = api.address
        flags = {**listens, "upstream.url": f"ws://{host}:{port}/v1/realtime", "upstream.api_key": "sk-made-up"}

        def url_of(flags):
            host, port = stack.enter_context(ProxySystem(load_config(flags=flags))).address
            return f"ws://{host}:{port}/openai"

        real, simulated = url_of(flags), url_of({**listens, "upstream.url": "simulator:"})
        visits = {
            "another port": Visit("127.0.0.1", real),
            "another name of this machine": Visit("foreign.localhost", real),
            "another site": Visit("evil.example", real),
            "a listed site": Visit(LISTED, real),
            "this machine, to the simulator": Visit("127.0.0.1", simulated),
            "localhost, to the simulator": Visit("localhost", simulated),
            "another site, to the simulator": Visit("evil.example", simulated),
        }
        return visit_all(server, visits, tmp_path_factory.mktemp("profile"))


def test_a_foreign_page_is_refused(outcomes):
    pages = ("another port", "another name of this machine", "another site", "another site, to the simulator")
    assert {page: outcomes[page] for page in pages} == dict.fromkeys(pages, REFUSED)


def test_a_page_that_may_connect_gets_its_agent(outcomes):
    pages = ("a listed site", "this machine, to the simulator", "localhost, to the simulator")
    assert {page: outcomes[page] for page in pages} == dict.fromkeys(pages, CONFIGURED)
