from __future__ import annotations

from ipaddress import ip_address

import pytest

from turnstile.server.addresses import address_of, owner_of, parse_address, peer_of


@pytest.mark.parametrize(
    ("peer", "owner"),
    [
        ("192.0.2.7:1234", "192.0.2.7"),
        ("[2001:db8:1:2:3:4:5:6]:1234", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1:1234", "2001:db8:1:2::/64"),
        ("[fe80::1%eth0]:1234", "fe80::/64"),
        ("[::ffff:192.0.2.7]:1234", "192.0.2.7"),
        ("?:?", "?"),
        ("", ""),
    ],
)
def test_a_client_is_counted_by_its_address_of_ipv6_by_its_network(peer, owner):
    assert owner_of(peer) == owner


@pytest.mark.parametrize(
    ("host", "port", "peer"),
    [
        ("192.0.2.7", 1234, "192.0.2.7:1234"),
        ("2001:db8::7", 1234, "[2001:db8::7]:1234"),
        ("fe80::1%eth0", "?", "[fe80::1]:?"),
    ],
)
def test_the_address_of_a_peer_is_read_as_it_was_written(host, port, peer):
    assert peer_of(host, port) == peer
    assert address_of(peer) == ip_address(host.partition("%")[0])


@pytest.mark.parametrize(
    "text", ["", "?", "unknown", "_hidden", "192.0.2.07", "192.0.2.7:80", "fe80::1%eth0", "a.example"]
)
def test_what_is_no_address_is_none(text):
    assert parse_address(text) is None
