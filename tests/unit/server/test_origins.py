"""Which web sites' pages may open a WebSocket of a host."""

from __future__ import annotations

import pytest

from turnstile.errors import ConfigError
from turnstile.server.origins import Origins


def refused(origin, host="app.example", listed=None):
    rejection = Origins(listed).rejection({"origin": origin, "host": host})
    if rejection is None:
        return None
    assert rejection.status == 403
    assert "The header Origin" in rejection.text
    assert "origins=" in rejection.text
    assert rejection.text.splitlines(keepends=True) == [rejection.text]
    assert rejection.text.endswith("\n")
    return rejection.text


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("https://app.example", "app.example"),
        ("http://app.example", "app.example"),
        ("https://APP.example", "app.EXAMPLE"),
        ("https://app.example:443", "app.example"),
        ("https://app.example", "app.example:443"),
        ("http://app.example", "app.example:80"),
        ("https://app.example", "app.example:80"),
        ("http://127.0.0.1:8000", "127.0.0.1:8000"),
        ("http://[::1]:8000", "[::1]:8000"),
        ("http://[::1]:8000", "[0:0::1]:8000"),
    ],
)
def test_a_page_of_the_same_host_may_connect(origin, host):
    assert refused(origin, host) is None


def test_a_client_that_is_no_page_may_connect():
    assert Origins().rejection({"host": "app.example"}) is None


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("https://evil.example", "app.example"),
        ("https://app.example.evil.example", "app.example"),
        ("https://evilapp.example", "app.example"),
        ("https://sub.app.example", "app.example"),
        ("http://app.example:5173", "app.example:8000"),
        ("http://app.example:8000", "app.example"),
        ("http://app.example", "app.example:8000"),
        ("https://app.example", ""),
        ("https://app.example", "app.example,evil.example"),
    ],
)
def test_a_page_of_another_host_is_refused_with_its_origin_and_the_fix(origin, host):
    text = refused(origin, host)
    assert repr(origin) in text
    assert f"list it with origins=[{origin!r}]" in text


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "",
        "app.example",
        "https://app.example/",
        "https://app.example,https://app.example",
        "https://app.example, https://evil.example",
        "https://app.example https://app.example",
        "https://user@app.example",
        "https://app.example\n",
        "file://",
    ],
)
def test_an_origin_that_is_not_one_web_sites_is_refused(origin):
    assert "is not the origin of one web site" in refused(origin)
    assert refused(origin, host=origin) is not None
    assert refused(origin, listed=["https://app.example"]) is not None


@pytest.mark.parametrize(
    ("origin", "listed"),
    [
        ("https://app.example.com", ["https://app.example.com"]),
        ("https://app.example.com", ["http://other.example", "https://APP.example.com:443"]),
        ("http://app.example.com:80", ("http://app.example.com",)),
        ("http://localhost:5173", ["http://localhost:5173"]),
        ("capacitor://localhost", ["capacitor://localhost"]),
        ("chrome-extension://abcdefghijklmnop", ["chrome-extension://abcdefghijklmnop"]),
        ("https://xn--bcher-kva.example", ["https://XN--bcher-kva.example"]),
        ("http://[::1]:5173", ["http://[0:0:0:0:0:0:0:1]:5173"]),
        ("http://[::ffff:7f00:1]:5173", ["http://[::FFFF:127.0.0.1]:5173"]),
    ],
)
def test_a_listed_page_may_connect_and_the_hosts_own_still_may(origin, listed):
    assert refused(origin, listed=listed) is None
    assert refused("https://app.example", listed=listed) is None


@pytest.mark.parametrize(
    "origin", ["http://app.example.com", "https://app.example.com:8443", "https://example.com", "app://app.example.com"]
)
def test_a_page_with_another_scheme_port_or_host_than_the_listed_is_refused(origin):
    assert refused(origin, listed=["https://app.example.com"]) is not None


@pytest.mark.parametrize("listed", ["*", ["*"], ["https://app.example.com", "*"]])
@pytest.mark.parametrize("origin", ["https://evil.example", "null"])
def test_any_page_may_connect_when_any_is_listed(origin, listed):
    assert refused(origin, listed=listed) is None


@pytest.mark.parametrize("listed", [None, [], ()])
def test_only_the_same_host_may_connect_when_nothing_is_listed(listed):
    assert refused("https://app.example", listed=listed) is None
    assert refused("https://evil.example", listed=listed) is not None


@pytest.mark.parametrize(
    "entry",
    [
        "app.example.com",
        "https://app.example.com/",
        "https://app.example.com/agent",
        "https://*.example.com",
        "https://bücher.example",
        "https://app.example.com:https",
        "https://",
        "wss://app.example.com",
        "null",
        "",
        7,
        None,
        b"https://app.example.com",
        ["https://app.example.com"],
    ],
)
def test_an_entry_that_is_no_origin_is_named_with_the_fix(entry):
    with pytest.raises(ConfigError) as caught:
        Origins(["https://fine.example", entry])
    words = caught.value.problem.description
    assert words.startswith(f"origins: {entry!r} is not an origin: write scheme and host")
    assert '"https://app.example.com"' in words


def test_an_entry_with_characters_beyond_ascii_is_to_be_written_as_browsers_send_it():
    with pytest.raises(ConfigError, match=r"a name in ASCII, as browsers send it \(xn--\.\.\.\)"):
        Origins(["https://bücher.example"])


@pytest.mark.parametrize("listed", ["https://app.example.com", 7, True])
def test_what_is_no_list_of_origins_is_named_with_the_fix(listed):
    with pytest.raises(ConfigError, match="must be a list of origins") as caught:
        Origins(listed)
    assert caught.value.problem.description.startswith(f"origins: {listed!r} is not an origin")


def test_a_password_before_a_host_is_not_told():
    with pytest.raises(ConfigError, match=r"origins: 'app\.example\.com' is not an origin") as caught:
        Origins(["https://ada:secret@app.example.com"])
    assert "secret" not in str(caught.value)


# What the words repeat of a header.


@pytest.mark.parametrize(
    ("listed", "fix"),
    [
        ([], "origins=['https://evil.example']"),
        (["https://app.example.com"], "origins=['https://app.example.com', 'https://evil.example']"),
    ],
)
def test_the_fix_lists_also_what_is_listed_already(listed, fix):
    assert refused("https://evil.example", listed=listed).endswith(f"{fix}\n")


@pytest.mark.parametrize(
    "hostile",
    ["https://$(reboot)", "https://a.example\r\n2026-01-01 ERROR", "https://a;reboot", "x" * 8000, "https://\x1b[2Ja"],
)
def test_a_hostile_header_is_not_repeated(hostile):
    assert hostile not in refused(hostile)
    assert hostile[8:] not in refused("https://evil.example", host=hostile)
    assert len(refused(hostile)) < 300


# The listener's rule: names prove nothing, or pages of this machine may connect.


@pytest.mark.parametrize("host", ["127.0.0.1:8080", "localhost:8080", "LOCALHOST:8080", "192.0.2.7", "[::1]:8080"])
def test_a_page_of_the_listeners_own_address_may_connect_where_names_prove_nothing(host):
    assert Origins(trusts_names=False).rejection({"origin": f"http://{host}", "host": host}) is None


@pytest.mark.parametrize(
    "host",
    [
        "evil.example:8080",
        "127.0.0.1.evil.example:8080",
        "localhost.evil.example",
        "127.0.0.01",
        "localhost.",
        "127.1:8080",
        "2130706433",
        "0x7f.1",
        "[127.0.0.1]",
    ],
)
def test_a_page_whose_name_resolves_to_the_listener_is_refused_where_names_prove_nothing(host):
    rejection = Origins(trusts_names=False).rejection({"origin": f"http://{host}", "host": host})
    assert rejection.status == 403
    assert "by name only, which proves nothing" in rejection.text
    assert Origins([f"http://{host}"], trusts_names=False).rejection({"origin": f"http://{host}"}) is None


@pytest.mark.parametrize(
    "origin",
    [
        "http://localhost:5173",
        "https://localhost",
        "http://127.0.0.1:3000",
        "http://127.8.9.1",
        "https://[::1]:8443",
        "http://[::ffff:7f00:1]:5173",
    ],
)
def test_a_page_of_this_machine_may_connect_from_any_port_where_that_is_admitted(origin):
    headers = {"origin": origin, "host": "127.0.0.1:8080"}
    assert Origins(admits_local=True).rejection(headers) is None
    assert Origins().rejection(headers) is not None


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "http://evil.example",
        "http://localhost.evil.example",
        "http://192.0.2.7:5173",
        "http://[2001:db8::1]:5173",
        "capacitor://localhost",
        "http://0.0.0.0:5173",
    ],
)
def test_any_other_page_is_refused_where_those_of_this_machine_are_admitted(origin):
    assert Origins(admits_local=True).rejection({"origin": origin, "host": "127.0.0.1:8080"}).status == 403
