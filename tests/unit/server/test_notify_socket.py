"""What is told to systemd, over real sockets."""

from __future__ import annotations

import logging
import os
import socket
import time
import uuid

import pytest

from turnstile.server.notify_socket import NotifySocket, WorkersReload
from turnstile.testing import patience


@pytest.fixture
def systemd(tmp_path):
    """The socket that systemd reads."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.settimeout(patience())
        sock.bind(str(tmp_path / "notify"))
        yield sock


@pytest.fixture
def told(systemd):
    """Return a function that returns the next datagram's variables."""
    return lambda: dict(line.split("=", 1) for line in systemd.recv(4096).decode().split("\n"))


@pytest.fixture
def service(systemd):
    return NotifySocket(systemd.getsockname(), watchdog=30.0)


def test_each_state_is_told_in_order_with_words_for_people(service, told):
    service.ready("Accepts clients.")
    service.reloading()
    service.reloaded("The configuration\nstays as it is.")
    service.stopping("Ending 2 open sessions.")
    assert told() == {"READY": "1", "STATUS": "Accepts clients."}
    reloading = told()
    assert 0 < int(reloading["MONOTONIC_USEC"]) <= time.monotonic() * 1e6
    assert reloading["RELOADING"] == "1"
    assert told() == {"READY": "1", "STATUS": "Accepts clients. The configuration stays as it is."}
    assert told() == {"STOPPING": "1", "STATUS": "Ending 2 open sessions."}


def test_only_signs_of_life_are_told_once_the_service_is_ending(service, told):
    service.stopping("Ending.")
    service.reloaded()
    service.beat()
    assert told()["STOPPING"] == "1"
    assert told() == {"WATCHDOG": "1"}


def test_a_reload_during_the_start_is_not_told_since_its_end_would_say_that_clients_are_accepted(service, told):
    service.reloading()
    service.reloaded()
    service.ready("Accepts clients.")
    service.stopping("Ending.")
    assert [next(iter(told())) for _ in range(2)] == ["READY", "STOPPING"]


def test_a_name_that_begins_with_an_at_sign_is_abstract():
    name = f"turnstile-{uuid.uuid4()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.settimeout(patience())
        systemd.bind(f"\0{name}")
        NotifySocket(f"@{name}").ready("Accepts clients.")
        assert systemd.recv(100) == b"READY=1\nSTATUS=Accepts clients."


def test_nobody_is_told_anything_without_a_socket():
    service = NotifySocket(watchdog=30.0)
    service.ready("Accepts clients.")
    service.beat()
    assert service.watchdog == 0


def test_a_socket_that_is_gone_is_logged_once_and_stops_nothing(tmp_path, caplog):
    service = NotifySocket(str(tmp_path / "nobody"), watchdog=30.0)
    with caplog.at_level(logging.WARNING):
        service.ready("Accepts clients.")
        service.beat()
        service.stopping("Ending.")
    assert [record.getMessage().split(":")[0] for record in caplog.records] == ["NOTIFY_SOCKET"]


def test_a_sign_of_life_that_there_is_no_room_for_is_left_out(service, systemd):
    sent = 0
    while sent < 100_000 and not is_full(systemd.getsockname()):
        sent += 1
    service.beat()  # would wait for ever
    assert systemd.recv(100) == b"fill"


def is_full(address):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        try:
            sock.sendto(b"fill", socket.MSG_DONTWAIT, address)
        except BlockingIOError:
            return True
    return False


@pytest.mark.parametrize(
    ("pid", "microseconds", "expected"),
    [("", "30000000", 30.0), ("own", "1500000", 1.5), ("1", "30000000", 0.0), ("", "soon", 0.0)],
)
def test_signs_of_life_are_given_where_they_are_asked_of_this_process(pid, microseconds, expected):
    environment = {
        "NOTIFY_SOCKET": "/run/notify",
        "WATCHDOG_PID": pid.replace("own", str(os.getpid())),
        "WATCHDOG_USEC": microseconds,
        "HOME": "/",
    }
    assert NotifySocket.of_environment(environment).watchdog == expected
    assert environment == {"HOME": "/"}  # what this process starts has nothing to say for the service


def test_an_address_of_another_kind_is_ignored():
    service = NotifySocket.of_environment({"NOTIFY_SOCKET": "vsock:2:1234", "WATCHDOG_USEC": "30000000"})
    service.ready("Accepts clients.")
    assert service.watchdog == 0


def test_a_reload_of_workers_is_done_when_the_last_has_reloaded_or_ended(service, told):
    service.ready("2 processes serve.")
    reload = WorkersReload(service)
    reload.begin({1, 2})
    reload.done(2)
    reload.done(2)
    reload.done(1)
    reload.done(1)
    service.stopping("Ending.")
    assert [next(iter(told())) for _ in range(4)] == ["READY", "RELOADING", "READY", "STOPPING"]


def test_a_reload_without_workers_is_done_at_once(service, told):
    service.ready("2 processes serve.")
    WorkersReload(service).begin(set())
    assert [next(iter(told())) for _ in range(3)] == ["READY", "RELOADING", "READY"]
