from __future__ import annotations

import ipaddress

import pytest

from turnstile.errors import ConfigError
from turnstile.transports.http.allow_list import Address, AllowList, is_public, parse_address


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("https://api.example.com", Address("https", "api.example.com", 443, "/")),
        ("HTTP://API.Example.com.:8080/a/b?c=d#e", Address("http", "api.example.com", 8080, "/a/b?c=d")),
        ("https://bücher.example/ü?ä", Address("https", "xn--bcher-kva.example", 443, "/%C3%BC?%C3%A4")),
        ("http://h/a%20b?x[0]=%7b", Address("http", "h", 80, "/a%20b?x[0]=%7b")),
        ("https://[2001:DB8:0::1]:8443/", Address("https", "2001:db8::1", 8443, "/")),
        ("https://[::1]?q", Address("https", "::1", 443, "/?q")),
        ("http://127.0.0.1/", Address("http", "127.0.0.1", 80, "/")),
        ("http://h:0/", Address("http", "h", 0, "/")),
    ],
)
def test_a_url_is_taken_apart(url, address):
    assert parse_address(url) == address


@pytest.mark.parametrize(
    "url",
    [
        "",
        "api.example.com",
        "ftp://api.example.com",
        "file:///etc/passwd",
        "https://",
        "https:///path",
        "https://user@api.example.com",
        "https://user:secret@api.example.com",
        "https://@api.example.com",
        "https://api.example.com\\@evil.example",
        "https://evil.example\\.example.com",
        "https://api.example.com:port",
        "https://api.example.com:65536",
        "https://api..example.com",
        "https://-api.example.com",
        "https://%61pi.example.com",
        "https://api example.com",
        "https://api.example.com/a\r\nb",
        " https://api.example.com",
        f"https://{'a' * 64}.example.com",
        "https://[::1",
        "https://[fe80::1%25eth0]/",
        "https://[v1.x]/",
        "https://h/\ud800",
    ],
)
def test_a_url_is_refused_without_its_text_when_it_cannot_be_called(url):
    with pytest.raises(ValueError, match=r"^no address of http or https$") as caught:
        parse_address(url)
    assert caught.value.__suppress_context__


@pytest.mark.parametrize(
    ("url", "authority"),
    [
        ("https://a.example:443", "a.example"),
        ("http://a.example:443", "a.example:443"),
        ("http://[::1]", "[::1]"),
        ("http://[::1]:81", "[::1]:81"),
    ],
)
def test_the_authority_names_the_port_when_it_is_not_the_schemes_own(url, authority):
    assert parse_address(url).authority == authority


@pytest.mark.parametrize(
    ("entry", "allowed", "refused"),
    [
        (
            "api.example.com",
            ["https://api.example.com", "http://API.example.COM./x", "https://api.example.com:443"],
            ["https://api.example.com:8443", "http://api.example.com:443", "https://x.api.example.com", "https://com"],
        ),
        ("API.Example.com.", ["https://api.example.com"], ["https://api.example.org"]),
        (
            "*.example.com",
            ["https://a.example.com", "https://a.b.example.com"],
            ["https://example.com", "https://aexample.com", "https://a.example.com:8443", "https://a.example.com.evil"],
        ),
        (
            "*.example.com:8443",
            ["https://a.example.com:8443"],
            ["https://a.example.com", "https://example.com:8443"],
        ),
        (
            " api.example.com:443 ",
            ["https://api.example.com", "http://api.example.com:443"],
            ["http://api.example.com"],
        ),
        ("bücher.example", ["https://xn--bcher-kva.example", "https://BÜCHER.example"], ["https://bucher.example"]),
        ("[2001:db8::1]", ["https://[2001:DB8:0::1]"], ["https://[2001:db8::1]:8443", "https://[2001:db8::2]"]),
        ("[::1]:8443", ["https://[::1]:8443"], ["https://[::1]"]),
        ("127.0.0.1:80", ["http://127.0.0.1"], ["https://127.0.0.1", "http://2130706433"]),
    ],
)
def test_an_entry_allows_its_host_at_its_port_and_nothing_else(entry, allowed, refused):
    hosts = AllowList([entry, "other.example"])
    assert [url for url in allowed if parse_address(url) not in hosts] == []
    assert [url for url in refused if parse_address(url) in hosts] == []


def test_no_host_is_allowed_when_none_is_listed():
    assert parse_address("https://api.example.com") not in AllowList([])


@pytest.mark.parametrize(
    "entry",
    [
        "",
        "*",
        "*.",
        "a.*.example",
        "https://api.example.com",
        "api.example.com/path",
        "user@api.example.com",
        "api.example.com:",
        "api.example.com:https",
        "api.example.com:0",
        "api.example.com:65536",
        "::1",
        "[::1",
        "[api]",
        "[fe80::1%eth0]",
    ],
)
def test_an_entry_that_is_no_host_is_a_config_error(entry):
    with pytest.raises(ConfigError, match="is not a host"):
        AllowList([entry])


@pytest.mark.parametrize(
    "address",
    ["93.184.215.14", "8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "2002:808:808::1", "64:ff9b::808:808"],
)
def test_an_address_of_the_open_internet_is_public(address):
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",  # noqa: S104 - that it is refused is the point
        "10.0.0.1",
        "100.64.0.1",
        "100.100.100.200",
        "127.0.0.1",
        "127.255.0.3",
        "168.63.129.16",
        "169.254.169.254",
        "172.16.0.1",
        "192.0.0.192",
        "192.168.1.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::7f00:1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::1",
        "2001::1",
        "2001:db8::1",
        "2002:7f00:1::",
        "4000::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fec0::1",
        "ff02::1",
    ],
)
def test_an_address_of_this_machine_or_a_private_network_is_not_public(address):
    assert not is_public(ipaddress.ip_address(address))
