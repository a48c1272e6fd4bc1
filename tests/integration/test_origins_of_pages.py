"""Which web sites' pages may connect to the listener."""

from __future__ import annotations

import base64
import http.client

import pytest

from turnstile.config import load_config
from turnstile.testing import patience

UPSTREAM = {"upstream.url": "wss://api.example.com", "upstream.kind": "compatible"}
EVIL = "https://evil.example"
UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": base64.b64encode(bytes(16)).decode(),
}


def ask(proxy, origin, path="/openai", host=None):
    """Ask for a WebSocket as a browser does for a page; returns the answer's status and its words."""
    address, port = proxy.system.address
    connection = http.client.HTTPConnection(address, port, timeout=patience())
    headers = UPGRADE if host is None else {**UPGRADE, "Host": host}
    connection.request("GET", path, headers=headers if origin is None else {**headers, "Origin": origin})
    response = connection.getresponse()
    words = "" if response.status == http.HTTPStatus.SWITCHING_PROTOCOLS else response.read().decode()
    connection.close()
    return response.status, words


@pytest.mark.parametrize("path", ["/openai", "/v1/agent/converse", "/v1/realtime", "/nothing"])
def test_a_foreign_page_is_refused_on_every_path_with_what_would_let_it_in(start_proxy, path):
    status, words = ask(start_proxy(UPSTREAM), EVIL, path)
    assert status == 403
    assert "list it with --set server.origins=https://evil.example\n" in words


def test_a_foreign_page_is_refused_by_a_name_that_resolves_to_the_listener(start_proxy):
    proxy = start_proxy(UPSTREAM)
    site = f"evil.example:{proxy.system.address[1]}"
    status, words = ask(proxy, f"http://{site}", host=site)
    assert status == 403
    assert "by name only" in words


def test_what_comes_from_no_page_and_from_the_listeners_own_may_connect(start_proxy):
    proxy = start_proxy()
    host, port = proxy.system.address
    assert ask(proxy, None)[0] == 101
    assert ask(proxy, f"http://{host}:{port}")[0] == 101


def test_a_page_that_is_listed_may_connect_once_the_configuration_was_read_anew(start_proxy):
    proxy = start_proxy()
    assert ask(proxy, EVIL)[0] == 403
    proxy.system.reload(load_config(flags={"server.port": "0", "upstream.url": "simulator:", "server.origins": EVIL}))
    assert ask(proxy, EVIL)[0] == 101
    assert ask(proxy, "https://other.example")[0] == 403
