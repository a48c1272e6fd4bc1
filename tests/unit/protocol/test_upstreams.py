from __future__ import annotations

import pytest

from turnstile.protocol.upstreams import KINDS


@pytest.mark.parametrize(
    ("kind", "header"),
    [("openai", {"Authorization": "Bearer made-up"}), ("azure", {"api-key": "made-up"})],
)
def test_a_key_is_sent_in_the_header_of_its_kind_and_found_there(kind, header):
    assert KINDS[kind].key("made-up") == header
    assert KINDS[kind].key_in({name.lower(): value for name, value in header.items()}) == "made-up"


@pytest.mark.parametrize(("kind", "headers"), [("openai", {"authorization": "Basic made-up"}), ("azure", {})])
def test_no_key_is_found_where_none_of_the_kind_is_sent(kind, headers):
    assert KINDS[kind].key_in(headers) == ""
