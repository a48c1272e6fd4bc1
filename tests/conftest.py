"""What every test keeps: no thread and no actor is left behind; and what every process that one starts begins with."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import socket
import threading
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings
from pykka import ActorRegistry  # noqa: TID251 - only looked at

from turnstile.testing import patience

if TYPE_CHECKING:
    from collections.abc import Iterator

settings.register_profile("ci", derandomize=True, deadline=None)
settings.load_profile("ci")

# Processes inherit an ignored SIGINT, as that of a shell's background job, and Python's then never see an interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# How often actors are looked at while they end, in seconds.
_GLANCE = 0.01
# Where Debian has a program in a package of another name.
_PACKAGES = {"node": "nodejs", "promtool": "prometheus", "systemd-analyze": "systemd"}


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Leave what is imported and collected out of every run of the collector: there are a million objects of it."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.collect()
        gc.freeze()


def _wait_for_threads(before: set[threading.Thread], deadline: float) -> list[str]:
    """Wait for threads that are just ending, or just starting; returns the names of those that do not end."""
    begun, never = set(threading.enumerate()) - before, threading.Event()
    for thread in begun:
        while not thread.is_alive() and thread in threading.enumerate() and time.monotonic() < deadline:
            never.wait(_GLANCE)  # it is being started, and cannot be joined yet
        if thread.is_alive():
            thread.join(max(0.0, deadline - time.monotonic()))
    return [thread.name for thread in begun if thread.is_alive()]


def _wait_for_actors(before: set[str], deadline: float) -> list[str]:
    never = threading.Event()
    while left := [str(actor) for actor in ActorRegistry.get_all() if actor.actor_urn not in before]:
        if time.monotonic() > deadline:
            break
        never.wait(_GLANCE)
    return left


@pytest.fixture(autouse=True)
def _nothing_is_left_behind():
    threads = set(threading.enumerate())
    actors = {actor.actor_urn for actor in ActorRegistry.get_all()}
    yield
    deadline = time.monotonic() + patience()
    left_actors = _wait_for_actors(actors, deadline)
    left_threads = _wait_for_threads(threads, deadline)
    assert not left_actors, f"actors left behind: {left_actors}"
    assert not left_threads, f"threads left behind: {left_threads}"


@pytest.fixture
def reserve_port():
    """Return a function that reserves a port of this machine for a process that the test starts.

    Until the test ends the port is bound and does not listen: no other process is given it, and one that names it, and
    allows addresses to be used again as servers do, may listen on it.
    """
    with ExitStack() as bound:

        def reserve() -> int:
            sock = bound.enter_context(socket.socket())
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(("127.0.0.1", 0))
            port: int = sock.getsockname()[1]
            return port

        yield reserve


@pytest.fixture(scope="session")
def until_refused():
    """Return a function that waits until nobody listens at an address any more."""

    def wait(address: tuple[str, int]) -> None:
        deadline, never = time.monotonic() + patience(), threading.Event()
        while time.monotonic() < deadline:
            try:
                socket.create_connection(address, timeout=patience()).close()
            except ConnectionRefusedError:
                return
            except ConnectionResetError:
                pass  # it closed just now
            never.wait(_GLANCE)
        pytest.fail(f"{address} still listens")

    return wait


@pytest.fixture
def no_collection():
    """Keep the collector off while calls are counted: it calls finalizers of what other tests left behind."""
    gc.disable()
    yield
    gc.enable()


@pytest.fixture(scope="session")
def required():
    """Return a function of a program's name that returns its path.

    Without the program the test fails where everything is checked (`CI` is set), and is skipped elsewhere.
    """

    def find(program: str) -> str:
        found = shutil.which(program)
        if found is None:
            words = f"{program} is not installed here (apt-get install {_PACKAGES.get(program, program)})"
            pytest.fail(words) if os.environ.get("CI") else pytest.skip(words)
        return found

    return find


@pytest.fixture(scope="session")
def certificates(tmp_path_factory):
    """A folder with a certificate for 127.0.0.1: ``ca.pem``, ``cert.pem``, ``key.pem``; ``both.pem`` for HAProxy."""
    import trustme  # noqa: PLC0415 - for a few tests of many

    folder = tmp_path_factory.mktemp("certificates")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    server = authority.issue_cert("127.0.0.1", "localhost")
    server.private_key_pem.write_to_path(folder / "key.pem")
    server.cert_chain_pems[0].write_to_path(folder / "cert.pem")
    server.private_key_and_cert_chain_pem.write_to_path(folder / "both.pem")
    return folder


@pytest.fixture(scope="session")
def chromium(required):
    """The path of the browser."""
    return required("chromium")


@pytest.fixture(scope="module")
def browser(chromium):
    """A browser without a window, driven by playwright; one a module, since its loop must not outlive the module."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - for a few tests of many

    quiet = ("--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-component-update")
    microphone = ("--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream")
    options = ["--no-sandbox", "--no-proxy-server", "--disable-dev-shm-usage", "--disable-sync", *quiet, *microphone]
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=options)
        yield started
        started.close()


@pytest.fixture
def open_page(browser):
    """Return a function that opens an address in a window of its own, and returns playwright's page.

    Its other arguments are those of playwright's `new_context`, such as `color_scheme`. What a page writes to its
    console as an error, or raises, fails the test, unless the test has taken it from `page.faults`.
    """
    pages = []

    def open_(url: str, **options: object):
        context = browser.new_context(**options)
        context.set_default_timeout(patience() * 1000)
        page = context.new_page()
        page.faults = []
        page.on("pageerror", lambda error: page.faults.append(str(error)))
        page.on("console", lambda said: page.faults.append(said.text) if said.type == "error" else None)
        pages.append(page)
        page.goto(url)
        return page

    yield open_
    faults = [fault for page in pages for fault in page.faults]
    for page in pages:
        page.context.close()
    assert not faults
