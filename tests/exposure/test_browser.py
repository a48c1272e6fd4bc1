"""Pages in a real browser: which of them get through to the proxy, and with which keys."""

from __future__ import annotations

import http.client
import json
import sys
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from actors import ProxySystem
from actors.simulator_system import SimulatorSystem
from turnstile.auth.key_file import add_key
from turnstile.config import load_config
from turnstile.testing import patience

sys.path.insert(0, str(Path(__file__).parent))

from browser import REFUSED, Outcome, PageServer, Visit, visit_all

LISTED = "listed.example"
CONFIGURED = Outcome(opened=True, protocol="", said="SettingsApplied", closed=None)


def visits_without_key(real, simulated):
    return {
        "another port": Visit("127.0.0.1", real),
        "another name of this machine": Visit("foreign.localhost", real),
        "another site": Visit("evil.example", real),
        "a listed site": Visit(LISTED, real),
        "this machine, to the simulator": Visit("127.0.0.1", simulated),
        "localhost, to the simulator": Visit("localhost", simulated),
        "another site, to the simulator": Visit("evil.example", simulated),
    }


def token_of(url, key):
    """Returns a token for a page, as its backend gets it."""
    host, port = url.removeprefix("ws://").split(":")
    with closing(http.client.HTTPConnection(host, int(port), timeout=patience())) as backend:
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        backend.request("POST", "/v1/realtime/client_secrets", "{}", headers)
        return json.load(backend.getresponse())["value"]


def visits_with_token(url, token):
    agent, api = f"{url}/v1/agent/converse", f"{url}/v1/realtime"
    return {
        "a token to the agent": Visit(LISTED, agent, ("token", token)),
        "a token to the API": Visit(LISTED, api, ("realtime", f"openai-insecure-api-key.{token}"), says=""),
        "a token, changed": Visit(LISTED, agent, ("token", f"{token}x")),
        "a token, from another site": Visit("evil.example", agent, ("token", token)),
    }


def visits_with_key(url, key):
    agent, api = f"{url}/v1/agent/converse", f"{url}/v1/realtime"
    return {
        "as token": Visit(LISTED, agent, ("token", key)),
        "as openai-insecure-api-key": Visit(LISTED, api, ("realtime", f"openai-insecure-api-key.{key}"), says=""),
        "in the query": Visit(LISTED, f"{agent}?token={key}"),
        "from another site": Visit("evil.example", agent, ("token", key)),
        "a wrong key": Visit(LISTED, agent, ("token", f"{key}x")),
        "no key": Visit(LISTED, agent),
    }


class Rebound:
    """A site whose name leads to a proxy, on the port that the page was loaded from, once the page is loaded.

    Args:
        flags: The proxy's configuration.
    """

    def __init__(self, stack, flags):
        self._stack, self._flags = stack, flags
        self._pages = PageServer()
        self.port = self._pages.port

    def visit(self, site, *protocols):
        return Visit(site, f"ws://{site}:{self.port}/openai", protocols, port=self.port, loaded=self._rebind)

    def _rebind(self):
        self._pages.close()
        config = load_config(flags={**self._flags, "server.port": str(self.port)})
        self._stack.enter_context(ProxySystem(config))


@pytest.fixture(scope="module")
def outcomes(chromium, tmp_path_factory):
    folder = tmp_path_factory.mktemp("browser")
    with ExitStack() as stack:
        server = PageServer()
        stack.callback(server.close)
        api = SimulatorSystem(load_config(flags={"simulator.port": "0"}))
        api.start()
        stack.callback(api.stop, 0.0)

        def url_of(**flags):
            given = {"server.port": "0", "server.origins": f"http://{LISTED}:{server.port}", **flags}
            host, port = stack.enter_context(ProxySystem(load_config(flags=given))).address
            return f"ws://{host}:{port}"

        host, port = api.address
        real = {"upstream.url": f"ws://{host}:{port}/v1/realtime", "upstream.api_key": "sk-made-up"}
        key, _ = add_key(folder / "keys.txt", "web")
        keys = {**real, "auth.mode": "keys", "auth.keys_file": str(folder / "keys.txt")}
        with_key = url_of(**keys, **{"auth.token_secret": "made up for the tokens of this test"})
        without_key = url_of(**real), url_of(**{"upstream.url": "simulator:"})
        visits = {
            **visits_without_key(*(f"{url}/openai" for url in without_key)),
            **visits_with_key(with_key, key),
            **visits_with_token(with_key, token_of(with_key, key)),
            "a name that leads to the listener": Rebound(stack, real).visit("rebound.example"),
            "a name that leads to it, with a key": Rebound(stack, keys).visit("voice.example", "token", key),
            "a name that leads to it, without a key": Rebound(stack, keys).visit("rebound.example"),
        }
        return visit_all(server, visits, chromium, folder)


def test_a_foreign_page_is_refused(outcomes):
    pages = ("another port", "another name of this machine", "another site", "another site, to the simulator")
    assert {page: outcomes[page] for page in pages} == dict.fromkeys(pages, REFUSED)


def test_a_page_that_may_connect_gets_its_agent(outcomes):
    pages = ("a listed site", "this machine, to the simulator", "localhost, to the simulator")
    assert {page: outcomes[page] for page in pages} == dict.fromkeys(pages, CONFIGURED)


def test_a_page_with_a_key_gets_its_agent_and_the_subprotocol_that_is_no_key(outcomes):
    assert outcomes["as token"] == Outcome(opened=True, protocol="token", said="Welcome", closed=None)
    assert outcomes["in the query"] == Outcome(opened=True, protocol="", said="Welcome", closed=None)
    created = Outcome(opened=True, protocol="realtime", said="session.created", closed=None)
    assert outcomes["as openai-insecure-api-key"] == created


def test_a_page_with_a_token_of_its_backends_gets_its_agent(outcomes):
    assert outcomes["a token to the agent"] == outcomes["as token"]
    assert outcomes["a token to the API"] == outcomes["as openai-insecure-api-key"]
    pages = ("a token, changed", "a token, from another site")
    assert {page: outcomes[page] for page in pages} == dict.fromkeys(pages, REFUSED)


def test_a_page_without_the_right_key_and_a_foreign_one_with_it_are_refused(outcomes):
    pages = ("a wrong key", "no key", "from another site", "a name that leads to it, without a key")
    assert {page: outcomes[page] for page in pages} == dict.fromkeys(pages, REFUSED)


def test_a_page_whose_name_leads_to_the_listener_is_refused_where_no_credentials_are_asked(outcomes):
    assert outcomes["a name that leads to the listener"] == REFUSED
    assert outcomes["a name that leads to it, with a key"] == CONFIGURED._replace(protocol="token")
