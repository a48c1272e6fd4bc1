"""The how-to's applications in real hosts, each with a client that talks to its agent."""

from __future__ import annotations

import base64
import http.client
import signal
import socket
from contextlib import ExitStack

import pytest

from actors import ScriptedSession
from turnstile.errors import SessionError
from turnstile.testing import patience

GUNICORN = "flask under gunicorn"
HOSTS = (GUNICORN, "flask under gunicorn, preloaded", "flask's own server", "django's own server", "wsgiref")


def client_of(host, user="ada"):
    return ScriptedSession(host.url(user), timeout=patience())


def answer_to_page(host, *origins):
    """Ask for a WebSocket as a browser does for a page; returns the answer's status and its words."""
    connection = http.client.HTTPConnection("127.0.0.1", host.port, timeout=patience())
    connection.putrequest("GET", "/agent?user=ada")
    fields = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    for name, value in {**fields, "Sec-WebSocket-Key": base64.b64encode(bytes(16)).decode()}.items():
        connection.putheader(name, value)
    for origin in origins:
        connection.putheader("Origin", origin)
    connection.endheaders()
    response = connection.getresponse()
    text = "" if response.status == http.HTTPStatus.SWITCHING_PROTOCOLS else response.read().decode()
    connection.close()
    return response.status, text


@pytest.mark.parametrize("kind", HOSTS)
def test_a_conversation_calls_the_hosts_function_and_has_its_prompt_changed_in_mid_response(start_host, kind):
    host = start_host(kind)
    with client_of(host) as client:
        client.configure(prompt="What the client says does not count.")
        client.say("What is the weather in London?")
        call = client.wait_for("FunctionCallRequest")["functions"][0]
        assert (call["name"], call["client_side"]) == ("get_weather", False)
        reply = client.wait_for("ConversationText", role="assistant")["content"]
        assert "It is sunny in London." in reply
        assert "You guide ada." in reply
        client.wait_for("AgentDone")
        client.say("And how are you?")
        reply = client.wait_for("ConversationText", role="assistant")["content"]
        assert "Be brief from now on." in reply
    assert host.end() == 0
    assert "Traceback" not in host.output()


def test_more_clients_than_the_host_has_threads_are_served_each_by_its_own_prompt(running_host):
    host = running_host(GUNICORN)
    with ExitStack() as open_clients:
        users = [f"user{number}" for number in range(6)]
        clients = [open_clients.enter_context(client_of(host, user)) for user in users]
        for user, client in zip(users, clients, strict=True):
            client.configure()
            client.say("Hello")
            assert f"You guide {user}." in client.wait_for("ConversationText", role="assistant")["content"]


@pytest.mark.parametrize(
    ("kind", "how"),
    [(GUNICORN, signal.SIGTERM), (GUNICORN, signal.SIGINT), *((kind, signal.SIGINT) for kind in HOSTS[2:])],
)
def test_a_host_that_ends_closes_its_sessions_in_order(start_host, kind, how):
    host = start_host(kind)
    with client_of(host) as client:
        client.configure()
        assert host.end(how) == 0
        with pytest.raises(SessionError, match="1001 shutting down"):
            client.wait_for("AgentDone")
    assert "Traceback" not in host.output()


def test_a_client_that_vanishes_leaves_the_host_as_it_was(start_host):
    host = start_host(GUNICORN)
    vanishing = client_of(host)
    vanishing.configure()
    vanishing.say("Tell me a long story")
    vanishing.wait_for("AgentStartedSpeaking")
    vanishing._connection._socket.sock.shutdown(socket.SHUT_RDWR)
    vanishing.close()
    with client_of(host) as client:
        client.configure()
    assert host.end() == 0
    assert "Traceback" not in host.output()


@pytest.mark.parametrize(("kind", "status"), [(GUNICORN, 400), (HOSTS[3], 426), ("wsgiref", 426)])
def test_a_plain_request_is_answered_in_words(running_host, kind, status):
    host = running_host(kind)
    connection = http.client.HTTPConnection("127.0.0.1", host.port, timeout=patience())
    connection.request("GET", "/agent?user=ada")
    response = connection.getresponse()
    assert (response.status, response.read() != b"") == (status, True)
    connection.close()


@pytest.mark.parametrize("kind", [GUNICORN, *HOSTS[2:]])
def test_a_page_of_another_web_site_is_refused_and_one_of_the_hosts_own_is_not(running_host, kind):
    host = running_host(kind)
    own, other = f"http://127.0.0.1:{host.port}", "https://evil.example"
    assert answer_to_page(host, own) == (101, "")
    status, text = answer_to_page(host, other)
    assert (status, text.count("\n")) == (403, 1)
    assert f"The header Origin, '{other}', is not of this host" in text
    assert answer_to_page(host, own, other)[0] == 403
    assert "Traceback" not in host.output()


def test_the_flask_application_has_at_most_twenty_lines(example):
    assert len(example("flask").splitlines()) <= 20
