"""The attacks stay on this machine."""

from __future__ import annotations

import pytest
from loopback import Client, NotLoopbackError, require_loopback


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "localhost"])
def test_an_address_of_this_machine_is_attacked(host):
    assert require_loopback(host)


@pytest.mark.parametrize("host", ["192.0.2.1", "10.0.0.1", "0.0.0.0", "::", "example.com", ""])  # noqa: S104 - refused
def test_any_other_address_is_refused_before_anything_is_sent(host):
    with pytest.raises(NotLoopbackError, match="stay on this machine"):
        Client((host, 9), "/openai")
