import pytest

from actors.admission import owner_of


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
