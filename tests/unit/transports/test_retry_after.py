"""The wait that a refusal asks for: seconds, milliseconds or a date; bounded, and nonsense is none."""

from __future__ import annotations

import pytest

from turnstile.transports.retry_after import retry_after

NOW = 1_800_000_000.0  # Fri, 15 Jan 2027 08:00:00 GMT


def head(*headers):
    return "\r\n".join(("HTTP/1.1 503 Busy", "Server: x", *headers, "", "")).encode()


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        (["Retry-After: 0"], 0.0),
        (["RETRY-AFTER: 120 "], 120.0),
        (["Retry-After:\t1.5"], 1.5),
        (["Retry-After: 1000000"], 3600.0),
        (["Retry-After: Fri, 15 Jan 2027 08:01:00 GMT"], 60.0),
        (["Retry-After: Friday, 15-Jan-27 08:01:00 GMT"], 60.0),
        (["Retry-After: Fri, 15 Jan 2027 07:00:00 GMT"], 0.0),
        (["Retry-After: Sat, 15 Jan 2028 08:00:00 GMT"], 3600.0),
        (["Retry-After: 1", "Retry-After-Ms: 250"], 0.25),
        (["Retry-After-Ms: soon", "Retry-After: 1"], 1.0),
    ],
)
def test_the_wait_is_read_as_upstream_writes_it(headers, seconds):
    assert retry_after(head(*headers), NOW) == seconds


@pytest.mark.parametrize(
    "header",
    [
        "X-Retry-After: 5",
        "Retry-After:",
        "Retry-After: soon",
        "Retry-After: -5",
        "Retry-After: nan",
        "Retry-After: inf",
        "Retry-After: Fri, 99 Jan 99999999999999999999 08:01:00 GMT",
        "Retry-After: " + "1" * 100,
    ],
)
def test_nonsense_asks_for_no_wait(header):
    assert retry_after(head(header), NOW) is None
