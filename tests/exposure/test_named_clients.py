"""What counts and names clients, with a trusted proxy that names them in their requests."""

from __future__ import annotations

import socket
from contextlib import ExitStack

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from turnstile.server.addresses import peer_of
from turnstile.testing import patience


@pytest.fixture
def arrive(start_proxy):
    """Connect to a proxy, or to a new one with these settings, in the name of clients; the sessions stay open."""
    with ExitStack() as stack:

        def start(system=None, **settings):
            host, port = (system or start_proxy(server__trusted_proxies="127.0.0.1", **settings)).address

            def arrive(client, path="/v1/agent/converse"):
                headers = {"X-Forwarded-For": f"1.2.3.4, {client}"}
                address = f"ws://{peer_of(host, port)}{path}"
                link = stack.enter_context(connect(address, additional_headers=headers, proxy=None))
                link.recv(patience())  # its session has begun

            return arrive

        yield start


def test_quotas_of_an_address_are_each_clients_own(arrive):
    client = arrive(quotas__address_sessions="1")
    client("203.0.113.7")
    client("203.0.113.8")
    client("2001:db8::7")
    with pytest.raises(InvalidStatus) as refused:
        client("203.0.113.7")
    assert refused.value.response.status_code == 429
    assert b"from 203.0.113.7" in refused.value.response.body
    with pytest.raises(InvalidStatus):
        client("2001:db8::8")


def test_a_refusal_is_logged_with_the_clients_address(arrive, caplog):
    client = arrive()
    with pytest.raises(InvalidStatus):
        client("203.0.113.7", "/elsewhere")
    assert " 203.0.113.7:? at /elsewhere: 404" in caplog.text


@pytest.mark.parametrize("dialect", ["/v1/agent/converse", "/v1/realtime"])
def test_a_session_is_logged_with_the_clients_address(arrive, caplog, dialect):
    with caplog.at_level("INFO"):
        arrive()("203.0.113.7", dialect)
    assert "address=203.0.113.7 " in caplog.text
    assert "127.0.0.1" not in caplog.text


def test_a_reload_says_who_is_trusted_from_now_on(arrive, start_proxy, caplog):
    system = start_proxy()
    client = arrive(system)
    with caplog.at_level("INFO"):
        client("203.0.113.7")
        assert "address=127.0.0.1 " in caplog.text
        server = system.config.server.model_copy(update={"trusted_proxies": ("127.0.0.1",)})
        system.reload(system.config.model_copy(update={"server": server}))
        assert "need a restart" not in caplog.text
        client("203.0.113.8")
        assert "address=203.0.113.8 " in caplog.text


@pytest.mark.skipif(not socket.has_ipv6, reason="this machine has no IPv6")
def test_a_proxy_may_connect_over_ipv6(arrive, start_proxy, caplog):
    client = arrive(start_proxy(server__host="::1", server__trusted_proxies="::1"))
    with caplog.at_level("INFO"):
        client("203.0.113.7")
    assert "address=203.0.113.7 " in caplog.text
