from __future__ import annotations

import resource

import pytest

from turnstile.server.open_files import (
    default_handshakes,
    default_handshakes_of_one,
    open_files_limit,
    raise_open_files_limit,
    sessions_notice,
)


class System:
    """What stands for the system's own calls."""

    def __init__(self, soft, hard, most=1 << 40):
        self.limits, self.most = (soft, hard), most

    def getrlimit(self, _):
        return self.limits

    def setrlimit(self, _, limits):
        if limits[0] > self.most:
            raise ValueError("not allowed to raise maximum limit")
        self.limits = limits


@pytest.fixture
def limited(monkeypatch):
    """Give the process other limits."""

    def limited(*limits):
        system = System(*limits)
        monkeypatch.setattr(resource, "getrlimit", system.getrlimit)
        monkeypatch.setattr(resource, "setrlimit", system.setrlimit)
        return system

    return limited


@pytest.mark.parametrize(
    ("limits", "raised"),
    [
        ((1024, 524_288), (524_288, 524_288)),
        ((1024, 1024), (1024, 1024)),
        ((256, resource.RLIM_INFINITY, 10_240), (10_240, resource.RLIM_INFINITY)),
        ((256, resource.RLIM_INFINITY, 256), (256, resource.RLIM_INFINITY)),
        ((1024, 4096, 1024), (1024, 4096)),
    ],
)
def test_the_soft_limit_is_raised_as_far_as_the_system_lets_us(limited, limits, raised):
    system = limited(*limits)
    assert raise_open_files_limit() == raised[0]
    assert system.limits == raised


def test_no_limit_at_all_is_taken_as_a_large_one(limited):
    limited(resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    assert raise_open_files_limit() == open_files_limit() == 1_048_576


@pytest.mark.parametrize(("limit", "handshakes"), [(10, 16), (1024, 256), (4096, 1000), (1_048_576, 1000)])
def test_a_quarter_of_the_files_may_be_handshakes_within_bounds(limit, handshakes):
    assert default_handshakes(limit) == handshakes


@pytest.mark.parametrize(("handshakes", "of_one"), [(1000, 250), (256, 64), (2, 1)])
def test_a_quarter_of_the_handshakes_may_be_of_one_address(handshakes, of_one):
    assert default_handshakes_of_one(handshakes) == of_one


def test_sessions_that_do_not_fit_are_told_with_what_mends_it():
    assert sessions_notice(1024, 1000, 1, 256, 2) == (
        "server.max_sessions is 1000, but about 352 sessions fit under the limit of open files, 1024: raise it to 2320 "
        "(ulimit -n, LimitNOFILE= in a unit of systemd), or lower server.max_sessions"
    )


@pytest.mark.parametrize(
    ("limit", "sessions", "workers", "handshakes", "of_session"),
    [(2320, 1000, 1, 256, 2), (1024, 700, 2, 256, 2), (1024, 704, 1, 256, 1)],
)
def test_sessions_that_fit_are_not_told(limit, sessions, workers, handshakes, of_session):
    assert sessions_notice(limit, sessions, workers, handshakes, of_session) is None
