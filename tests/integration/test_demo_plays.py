"""The server of the demo's page: what it plays for whom, and how a play ends."""

from __future__ import annotations

import json
import socket
import threading
from contextlib import closing
from http.client import HTTPConnection
from time import monotonic

import pytest

from actors.commands import demo_page
from turnstile.config import load_config
from turnstile.errors import ConfigError
from turnstile.terminal.terminal_client import TerminalClient
from turnstile.testing import patience

PLAY = "/plays/gated/events"


def configured(**flags):
    return load_config(flags={"server.port": "0", "upstream.url": "simulator:", "journal.level": "text", **flags})


@pytest.fixture
def server():
    started = demo_page.demo_server(configured())
    started.start()
    yield started
    started.stop(patience())


def ask(server, path, method="GET", **headers):
    """Return the answer to a request, of which nothing of the body is read yet."""
    connection = HTTPConnection(*server.address, timeout=patience())
    connection.request(method, path, headers=headers)
    return connection.getresponse()


def playing():
    """Return the threads of conversations that are being held."""
    return [thread for thread in threading.enumerate() if thread.name == "turnstile-demo-client"]


def events(answer):
    """Return what the events of a stream hold."""
    found = [line.removeprefix(b"data: ") for line in answer.read().splitlines() if line.startswith(b"data: ")]
    return [json.loads(data) for data in found]


def await_silence():
    """Wait until no conversation is held any more."""
    deadline = monotonic() + patience()
    for thread in playing():
        thread.join(deadline - monotonic())
    assert playing() == []


def test_a_play_is_the_journal_from_its_first_line_on_and_then_its_figures(server):
    with closing(ask(server, PLAY)) as answer:
        head, first, *_, end, figures, last = events(answer)
    assert (head["format"], head["level"], head["dialect"]) == (1, "text", "component")
    assert (first["type"], first["way"]) == ("Settings", "in")
    assert (end["end"]["by"], last) == ("client", {})
    assert (figures["figures"]["answers"], figures["figures"]["acknowledged"]) == (4, 5)


def test_a_page_of_another_site_starts_no_play(server, monkeypatch):
    monkeypatch.setattr(demo_page, "Play", None)  # which would fail
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}):
        assert ask(server, PLAY, **headers).status == 403
    opened = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    assert ask(server, PLAY, **opened).status == 403
    assert ask(server, PLAY, Host="evil.example").status == 421
    assert ask(server, PLAY, "HEAD").status == 200


def test_there_are_no_more_plays_at_once_than_there_is_room_for(monkeypatch):
    monkeypatch.setattr(demo_page, "PLAYS", 1)
    small = demo_page.demo_server(configured())
    small.start()
    with closing(ask(small, PLAY)):
        assert ask(small, PLAY).status == 503
    small.stop(patience())
    await_silence()


@pytest.fixture
def endless(monkeypatch):
    """Hold a conversation that ends only with its session; return an event that says that it has begun."""
    begun = threading.Event()

    def hold(url, _):
        with TerminalClient(url, timeout=2 * patience()) as client:
            begun.set()
            client.wait_until(lambda: None)

    monkeypatch.setattr("actors.commands.demo_play.hold_conversation", hold)
    return begun


def test_a_play_ends_when_its_reader_leaves(server, endless):
    answer = ask(server, PLAY)
    assert endless.wait(patience())
    answer.close()
    await_silence()


def test_a_play_ends_with_its_server(server, endless):
    with closing(ask(server, PLAY)):
        assert endless.wait(patience())
        server.stop(patience())
        await_silence()


def test_a_conversation_that_cannot_be_held_says_why(server, monkeypatch):
    def refuse(*_):
        raise OSError("the proxy cannot be reached")

    monkeypatch.setattr("actors.commands.demo_play.hold_conversation", refuse)
    with closing(ask(server, PLAY)) as answer:
        assert events(answer)[-2] == {"fault": "The conversation could not be played: the proxy cannot be reached."}


def test_a_port_that_is_taken_is_named_with_the_fix():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=rf"ops.port: port {port} on 127.0.0.1 is taken: .*, or leave it out"):
            demo_page.demo_server(configured(**{"ops.port": str(port)}))
