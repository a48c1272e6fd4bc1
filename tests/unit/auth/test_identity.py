import pytest

from turnstile.auth.identity import Identity


@pytest.mark.parametrize(
    ("name", "peer", "shown"),
    [
        ("web", "192.0.2.7:1234", "web from 192.0.2.7"),
        ("", "192.0.2.7:1234", "from 192.0.2.7"),
        ("web", "[2001:db8::1]:1234", "web from 2001:db8::1"),
        ("web", "?:?", "web from ?"),
    ],
)
def test_the_log_shows_who_and_where_a_client_is(name, peer, shown):
    assert Identity(name).shown_with(peer) == shown
