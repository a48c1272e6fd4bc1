from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.datastructures import Headers

from turnstile.server.addresses import address_of
from turnstile.server.forwarded import forwarded_nodes, x_forwarded_nodes
from turnstile.server.trusted_proxies import TrustedProxies

PROXY = "10.0.0.5:5000"
OURS = TrustedProxies(["10.0.0.0/8", "fd00::/8", "192.0.2.1"])


def client(*headers, peer=PROXY, proxies=OURS):
    return proxies.client_of(peer, Headers(headers).get_all)


def x_forwarded(*lines):
    return client(*(("X-Forwarded-For", line) for line in lines))


def forwarded(*lines):
    return client(*(("Forwarded", line) for line in lines))


@pytest.mark.parametrize(
    ("peer", "is_trusted"),
    [
        ("10.255.0.1:80", True),
        ("11.0.0.1:80", False),
        ("192.0.2.1:80", True),
        ("192.0.2.2:80", False),
        ("[fd12::1]:80", True),
        ("[fe80::1]:80", False),
        ("[::ffff:10.0.0.1]:80", True),
        ("?:?", False),
    ],
)
def test_the_proxies_of_the_networks_are_trusted_and_no_others(peer, is_trusted):
    assert OURS.trusts(peer) == is_trusted
    assert not TrustedProxies().trusts(peer)


@pytest.mark.parametrize("name", ["Forwarded", "X-Forwarded-For"])
def test_a_stranger_is_not_believed(name):
    assert client((name, "for=203.0.113.7"), peer="198.51.100.1:80") == "198.51.100.1:80"
    assert client((name, "203.0.113.7"), proxies=TrustedProxies()) == PROXY


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["203.0.113.7"], "203.0.113.7:?"),
        (["203.0.113.7:4711"], "203.0.113.7:4711"),
        (["2001:db8::7"], "[2001:db8::7]:?"),
        (["[2001:db8::7]:4711"], "[2001:db8::7]:4711"),
        (["::ffff:203.0.113.7"], "203.0.113.7:?"),
        (["1.2.3.4, 203.0.113.7"], "203.0.113.7:?"),  # the first one is what a client wrote
        (["203.0.113.7, 10.0.0.9 ,fd00::2,"], "203.0.113.7:?"),
        (["1.2.3.4", "203.0.113.7", "10.0.0.9"], "203.0.113.7:?"),
        (["10.0.0.8, 10.0.0.9"], "10.0.0.8:?"),
        ([""], PROXY),
        (["203.0.113.7, unknown"], PROXY),
        (["203.0.113.7, nonsense, 10.0.0.9"], "10.0.0.9:?"),
        (["203.0.113.07"], PROXY),
        (["[203.0.113.7]"], PROXY),
        (["[2001:db8::7"], PROXY),
        (["203.0.113.7:123456"], PROXY),
        (["fe80::1%eth0"], PROXY),
    ],
)
def test_the_first_one_from_the_right_that_is_no_trusted_proxy_is_the_client(lines, expected):
    assert x_forwarded(*lines) == expected


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["for=203.0.113.7"], "203.0.113.7:?"),
        (['For="203.0.113.7:4711"; Proto=https;by=10.0.0.5'], "203.0.113.7:4711"),
        (['for="[2001:db8::7]:4711"'], "[2001:db8::7]:4711"),
        (['for="[2001:db8::7]"'], "[2001:db8::7]:?"),
        (['for="203.0.113.7:_hidden"'], "203.0.113.7:?"),
        (['for="203\\.0.113.7"'], "203.0.113.7:?"),
        (['for="203.0.113.7";host="a,b;c\\"d"'], "203.0.113.7:?"),
        (["for=1.2.3.4, for=203.0.113.7;proto=http, for=10.0.0.9"], "203.0.113.7:?"),
        (["for=1.2.3.4", "for=203.0.113.7", " , for=10.0.0.9, ,"], "203.0.113.7:?"),
        (["for=203.0.113.7, for=unknown"], PROXY),
        (["for=203.0.113.7, for=_hidden, for=10.0.0.9"], "10.0.0.9:?"),
        (["for=203.0.113.7, proto=https"], PROXY),
        (["for=1.2.3.4;for=203.0.113.7"], PROXY),
        (['for=203.0.113.7;host="a'], PROXY),
        (["for=203.0.113.7 x"], PROXY),
        (["203.0.113.7"], PROXY),
        (["for=203.0.113.7:4711"], PROXY),  # a colon must be quoted
        (['for="', "for=203.0.113.7"], "203.0.113.7:?"),  # what a client wrote into a line of its own spoils no other
        (['for="', "for=10.0.0.9"], "10.0.0.9:?"),
        (['for="x, for=203.0.113.7'], PROXY),
        (["for=1.2.3.4," * 200 + "for=203.0.113.7"], PROXY),  # more than any chain of proxies
        (["for=1.2.3.4," * 200, "for=203.0.113.7"], "203.0.113.7:?"),
        (["for=203.0.113.7", "," * 1_000, "," * 1_000, "for=10.0.0.9"], "203.0.113.7:?"),
        (["for=203.0.113.7", *[" , " * 500] * 2, "for=10.0.0.9"], "10.0.0.9:?"),
    ],
)
def test_forwarded_is_walked_in_the_same_way(lines, expected):
    assert forwarded(*lines) == expected


def test_a_walk_along_more_proxies_than_any_chain_has_ends():
    for proxies, expected in ((31, "203.0.113.7:?"), (32, "10.0.0.9:?")):
        assert x_forwarded("203.0.113.7", *["10.0.0.9"] * proxies) == expected
        assert x_forwarded("203.0.113.7" + ", 10.0.0.9" * proxies) == expected
        assert forwarded("for=203.0.113.7" + ",for=10.0.0.9" * proxies) == expected


def test_an_address_that_the_proxy_protocol_named_is_walked_from_like_any_other():
    headers = ("X-Forwarded-For", "203.0.113.7")
    assert client(headers, peer="198.51.100.1:4711") == "198.51.100.1:4711"
    assert client(headers, peer="192.0.2.1:4711") == "203.0.113.7:?"


def test_two_headers_that_name_the_same_client_are_believed():
    assert client(("Forwarded", 'for="203.0.113.7:4711"'), ("X-Forwarded-For", "203.0.113.7")) == "203.0.113.7:4711"


@pytest.mark.parametrize("spoofed", ["Forwarded", "X-Forwarded-For"])
def test_of_two_headers_that_name_different_clients_neither_is_believed(spoofed, caplog):
    proxies = TrustedProxies(["10.0.0.0/8"])
    values = {"Forwarded": "for=203.0.113.7", "X-Forwarded-For": "203.0.113.7"}
    for last in range(3):
        values[spoofed] = values[spoofed][:-1] + str(last)
        assert client(*values.items(), proxies=proxies) == PROXY
    assert [record.message.partition(":")[0] for record in caplog.records] == [
        "Forwarded and X-Forwarded-For from 10.0.0.5"
    ]
    assert "have that proxy remove the one that it does not write itself" in caplog.text


@pytest.mark.parametrize(
    "line",
    [
        " " * 16_000 + "x",
        "for=" + "a" * 16_000 + "/",
        'for="' + "\\a" * 8_000,
        "," * 16_000 + '"',
        "for=1.2.3.4," * 1_300 + '"',
        "[" * 16_000,
        "1.1.1.1:" * 2_000,
    ],
)
def test_a_line_as_long_as_a_request_may_be_takes_no_time(line):
    begun = time.thread_time()
    nodes = [*forwarded_nodes([line]), *x_forwarded_nodes([line])]
    assert time.thread_time() - begun < 0.5
    assert set(nodes) <= {None, "1.2.3.4:?"}


WORDS = st.sampled_from(["for=", "by=", "203.0.113.7", "10.0.0.9", "2001:db8::7", "_x", *'"\\[]:;, ='])
# Of what a request may have in a header at all.
TEXTS = st.lists(
    WORDS | st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=3)
).map("".join)


@given(st.lists(TEXTS, max_size=3))
def test_any_header_names_an_address_or_nobody(lines):
    for node in (*forwarded_nodes(lines), *x_forwarded_nodes(lines)):
        assert node is None or address_of(node) is not None
    assert address_of(forwarded(*lines)) is not None
    assert address_of(x_forwarded(*lines)) is not None


@given(TEXTS)
def test_no_header_of_a_client_keeps_its_proxy_from_naming_it(claimed):
    assert address_of(x_forwarded(f"{claimed},203.0.113.7")) == address_of("203.0.113.7:1")
    assert address_of(x_forwarded(claimed, "203.0.113.7")) == address_of("203.0.113.7:1")
    assert address_of(forwarded(claimed, "for=203.0.113.7")) == address_of("203.0.113.7:1")
    assert address_of(forwarded(f"{claimed}, for=203.0.113.7")) in {address_of("203.0.113.7:1"), address_of(PROXY)}
