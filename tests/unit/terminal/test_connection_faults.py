"""What `talk` says of whoever is no proxy of Turnstile's, or does not want it."""

import io
import socket
import ssl
import threading
from contextlib import contextmanager, suppress

import pytest
import trustme

from actors import ProxySystem
from turnstile.config import load_config
from turnstile.terminal.talk import talk
from turnstile.testing import patience

KEYS = "/openai or /v1/agent/converse"


@contextmanager
def answering(data):
    """A server that answers a request with these bytes, and closes."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer():
            try:
                connection, _ = listener.accept()
                with connection:
                    connection.recv(4096)
                    connection.sendall(data)
                    connection.shutdown(socket.SHUT_WR)
                    connection.recv(4096)
            except OSError:
                return

        thread = threading.Thread(target=answer)
        thread.start()
        yield listener.getsockname()[1]
        thread.join(patience())


def said_by(url):
    out = io.StringIO()
    assert not talk(url, "Be kind.", ["Hello"], out, patience())
    (line,) = out.getvalue().splitlines()
    return line


def http(status, body="", headers=""):
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{headers}\r\n{body}".encode()


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (
            http("401 Unauthorized", "no key"),
            "it answered 401: no key. talk sends the key in the variable TURNSTILE_",
        ),
        (http("403 Forbidden"), "it answered 403. It is not open to this client: ask who runs it"),
        (http("404 Not Found"), f"Is it a proxy of Turnstile? talk connects to a path of Voice Agent clients: {KEYS}."),
        (http("503 Service Unavailable", "full"), "it answered 503: full. Try again later."),
        (http("429 Too Many Requests"), "it answered 429. Try again later."),
        (http("200 OK", "<html>Hello</html>"), "it answered 200. This is a web server, not a proxy of Turnstile"),
        (http("501 Unsupported method"), "This is a web server, not a proxy of Turnstile: check host and port"),
        (http("418 I'm a teapot"), "it answered 418."),
    ],
)
def test_a_refused_handshake_is_told_in_one_line_with_what_to_do(monkeypatch, answer, told):
    monkeypatch.delenv("TURNSTILE_KEY", raising=False)
    with answering(answer) as port:
        line = said_by(f"ws://127.0.0.1:{port}/openai")
    assert line.startswith(f"ws://127.0.0.1:{port}/openai refused the handshake: ")
    assert told in line
    assert "<html>" not in line


def test_a_key_that_is_refused_is_told_apart_from_none(monkeypatch):
    monkeypatch.setenv("TURNSTILE_KEY", "ts_made-up")
    with answering(http("401 Unauthorized")) as port:
        line = said_by(f"ws://127.0.0.1:{port}/openai")
    assert line.endswith("It does not take the key in TURNSTILE_KEY.")
    assert "made-up" not in line


@pytest.mark.parametrize("data", [b"SSH-2.0-OpenSSH_9.2\r\n", b"\x15\x03\x01\x00\x02\x02\x46", b""])
def test_who_speaks_no_http_is_told_to_be_no_websocket_server(data):
    with answering(data) as port:
        line = said_by(f"ws://127.0.0.1:{port}/openai")
    assert line.startswith(f"ws://127.0.0.1:{port}/openai ")
    assert line.endswith("Is this the proxy's port? Perhaps its address begins with wss://.")


def test_tls_where_none_is_spoken_is_told_with_the_fix():
    with answering(http("400 Bad Request")) as port:
        line = said_by(f"wss://127.0.0.1:{port}/openai")
    assert line.endswith("Does it speak TLS? Without, its address begins with ws://.")


@contextmanager
def shaking_hands():
    """A server whose certificate nobody trusts, which greets, and ends connections at once."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("localhost", "127.0.0.1").configure_cert(context)
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer():
            with suppress(OSError), listener.accept()[0] as connection:
                context.wrap_socket(connection, server_side=True).close()

        thread = threading.Thread(target=answer)
        thread.start()
        yield listener.getsockname()[1]
        thread.join(patience())


def test_a_certificate_that_is_not_trusted_is_told_with_the_variable_that_names_others():
    with shaking_hands() as port:
        line = said_by(f"wss://127.0.0.1:{port}/openai")
    assert "certificate verify failed" in line
    assert line.endswith("Is its certificate to be trusted? SSL_CERT_FILE names a file of those that are.")


def test_a_server_that_speaks_tls_is_told_to_be_one_perhaps():
    with shaking_hands() as port:
        line = said_by(f"ws://127.0.0.1:{port}/openai")
    assert line.endswith("Is this the proxy's port? Perhaps its address begins with wss://.")


def test_a_name_that_is_none_is_told_to_be_looked_at(monkeypatch):
    def no_name(*_):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", no_name)
    line = said_by("ws://nowhere/openai")
    assert line.endswith("cannot be reached: [Errno -2] Name or service not known. Is the host's name right?")


@pytest.fixture
def proxy():
    with ProxySystem(load_config(flags={"server.port": "0", "upstream.url": "simulator:"})) as system:
        yield f"ws://127.0.0.1:{system.address[1]}"


def test_a_path_of_the_realtime_api_is_told_at_once_with_those_that_talk_connects_to(proxy):
    line = said_by(f"{proxy}/v1/realtime")
    assert line == (
        f"{proxy}/v1/realtime: this is a path of the Realtime API, whose events talk does not speak; "
        f"talk connects to a path of Voice Agent clients: {KEYS}."
    )


def test_a_path_of_nothing_is_told_with_those_that_there_are(proxy):
    line = said_by(f"{proxy}/nothing")
    assert "There is nothing at this path; clients connect to one of " in line
    assert "Is it a proxy of Turnstile?" in line
