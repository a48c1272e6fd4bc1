"""A WebSocket request that a synchronous server has received, and the way to the proxy."""

from __future__ import annotations

import base64
import io
import socket
import ssl
import struct
import threading

import flask
import pytest
from django.conf import settings
from django.http import HttpRequest
from werkzeug.middleware.proxy_fix import ProxyFix

from actors import ProxySystem
from turnstile import embed
from turnstile.config import load_config
from turnstile.embed import django as embed_django
from turnstile.embed import flask as embed_flask
from turnstile.embed.upgrade import Upgrade
from turnstile.embed.wsgi import HandedOverBody, converse, hand_over
from turnstile.errors import ConfigError
from turnstile.server.addresses import owner_of
from turnstile.server.requests import Rejection
from turnstile.testing import patience

FULL = Rejection(503, "Too many sessions are open; try again later.\n", {"Retry-After": "5"})


def environ(**others):
    key = base64.b64encode(bytes(16)).decode()
    return {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "/app",
        "PATH_INFO": "/agent",
        "QUERY_STRING": "user=ada",
        "REMOTE_ADDR": "10.0.0.1",
        "REMOTE_PORT": "4711",
        "HTTP_HOST": "localhost",
        "HTTP_CONNECTION": "Upgrade",
        "HTTP_UPGRADE": "websocket",
        "HTTP_SEC_WEBSOCKET_KEY": key,
        "HTTP_SEC_WEBSOCKET_VERSION": "13",
        "HTTP_SEC_WEBSOCKET_PROTOCOL": "token, KEY",
        "SERVER_SOFTWARE": "Nobody/1.0",
        **others,
    }


@pytest.fixture
def pair():
    with socket.create_server(("127.0.0.1", 0)) as server:
        client = socket.create_connection(server.getsockname())
        theirs, _ = server.accept()
    yield theirs, client
    theirs.close()
    client.close()


class Proxy:
    """Who takes clients over, or turns them away."""

    def __init__(self, outcome):
        self.outcome = outcome
        self.adopted = []

    def adopt(self, upgrade, dialect, *, overrides, on_event):
        self.adopted.append((upgrade, dialect, overrides, on_event))
        return self.outcome


def test_what_the_client_wants_is_read_from_the_environment(pair):
    request = Upgrade(environ(**{"gunicorn.socket": pair[0]})).request
    assert (request.path, request.query, request.peer) == ("/app/agent", {"user": "ada"}, "10.0.0.1:4711")
    assert request.subprotocols == ("token", "KEY")


def test_the_address_of_the_client_is_the_one_that_the_server_believes(pair):
    behind = environ(HTTP_X_FORWARDED_FOR="1.2.3.4, 203.0.113.7", **{"gunicorn.socket": pair[0]})
    assert Upgrade(behind).request.peer == "10.0.0.1:4711"
    ProxyFix(lambda *_: [], x_for=1)(behind, lambda *_: None)
    assert owner_of(Upgrade(behind).request.peer) == "203.0.113.7"


def test_an_ipv6_address_of_the_client_is_in_brackets(pair):
    request = Upgrade(environ(REMOTE_ADDR="2001:db8::7", **{"gunicorn.socket": pair[0]})).request
    assert request.peer == "[2001:db8::7]:4711"


def test_an_application_at_the_root_has_a_path_too(pair):
    bare = environ(SCRIPT_NAME="", PATH_INFO="", QUERY_STRING="", **{"gunicorn.socket": pair[0]})
    assert Upgrade(bare).request.path == "/"


def test_the_socket_is_the_proxys_from_then_on_and_the_servers_reaches_nobody(pair):
    theirs, client = pair
    upgrade = Upgrade(environ(**{"werkzeug.socket": theirs}))
    ours, protocol = upgrade.accept("token", 1000)
    with pytest.raises(OSError, match="Broken pipe"):
        theirs.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    assert theirs.recv(1) == b""
    theirs.close()
    ours.sendall(b"".join(protocol.data_to_send()))
    answer = client.recv(4096)
    assert answer.startswith(b"HTTP/1.1 101 ")
    assert b"Sec-WebSocket-Protocol: token\r\n" in answer
    ours.close()


@pytest.mark.parametrize(
    "path", ["/two words", "/a\r\nX: y", "/\xc3\xbc", "/\udcff"], ids=["space", "line end", "UTF-8", "half character"]
)
def test_the_clients_frames_are_read_whatever_the_path_of_the_route_is_decoded_to(pair, path):
    ours, protocol = Upgrade(environ(**{"werkzeug.socket": pair[0], "PATH_INFO": path})).accept(None, 1000)
    protocol.receive_data(b"\x81\x82\0\0\0\0hi")
    assert [event.data for event in protocol.events_received()] == [b"hi"]
    ours.close()


@pytest.mark.parametrize(
    ("others", "status"),
    [
        ({"HTTP_UPGRADE": "h2c"}, 426),
        ({"HTTP_CONNECTION": "keep-alive"}, 426),
        ({"HTTP_SEC_WEBSOCKET_KEY": "short"}, 400),
        ({"HTTP_SEC_WEBSOCKET_VERSION": "8"}, 400),
    ],
)
def test_a_request_that_is_no_websocket_is_answered_in_words(others, status):
    rejection = Upgrade(environ(**others)).rejection
    assert rejection.status == status
    assert "WebSocket" in rejection.text


def test_what_is_wrong_is_told_without_the_value_which_may_be_a_key():
    rejection = Upgrade(environ(HTTP_SEC_WEBSOCKET_PROTOCOL="token, my KEY")).rejection
    assert rejection.status == 400
    assert "Sec-WebSocket-Protocol" in rejection.text
    assert "KEY" not in rejection.text


def test_a_path_of_any_characters_is_taken(pair):
    theirs, client = pair
    ours, protocol = Upgrade(environ(PATH_INFO="/a b\r\né", **{"werkzeug.socket": theirs})).accept(None, 1000)
    protocol.receive_data(b"\x81\x81\0\0\0\0a")
    assert [frame.data for frame in protocol.events_received()] == [b"a"]
    ours.close()
    client.close()


def test_a_server_that_keeps_its_sockets_is_named():
    with pytest.raises(ConfigError, match=r"no_socket: Nobody/1\.0 does not expose its sockets"):
        Upgrade(environ(**{"wsgi.input": io.BytesIO()}))


def test_the_input_of_a_server_leads_to_its_socket(pair):
    with pair[0].makefile("rb") as stream:
        assert Upgrade(environ(**{"wsgi.input": stream})).rejection is None


def test_a_websocket_over_tls_is_not_handed_over(pair):
    wrapped = ssl.create_default_context().wrap_socket(
        pair[0], do_handshake_on_connect=False, server_hostname="localhost"
    )
    with pytest.raises(ConfigError, match=r"tls_not_handed_over: .* terminate TLS in front of it"):
        Upgrade(environ(**{"gunicorn.socket": wrapped}))
    wrapped.close()


def test_what_the_host_decides_goes_to_the_proxy(pair):
    proxy = Proxy("the session")

    def get_time() -> str:
        return "noon"

    def watch(session, event):
        """Look on."""

    outcome = hand_over(
        proxy,
        environ(**{"gunicorn.socket": pair[0]}),
        dialect="deepgram",
        prompt="p",
        voice="marin",
        model="m",
        functions=[get_time],
        tags=["a", "b"],
        on_event=watch,
    )
    assert outcome == "the session"
    ((_, dialect, overrides, on_event),) = proxy.adopted
    assert (dialect, on_event) == ("deepgram", watch)
    assert (overrides.prompt, overrides.voice, overrides.model) == ("p", "marin", "m")
    assert overrides.labels == {"tags": "a,b"}
    assert [function.name for function in overrides.functions] == ["get_time"]


@pytest.fixture
def running_proxy():
    with ProxySystem(load_config(flags={"upstream.url": "simulator:"}), listens=False) as proxy:
        yield proxy


def test_a_session_ends_when_its_client_was_gone_before_it_was_handed_over(pair, running_proxy):
    theirs, client = pair
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
    session = hand_over(running_proxy, environ(**{"gunicorn.socket": theirs}))
    assert session.wait(patience())
    assert running_proxy.sessions == 0


@pytest.mark.parametrize(("offer", "chosen"), [("bearer, token", "bearer"), ("x, token, realtime", "token")])
def test_a_hosts_client_is_not_answered_with_its_key_where_that_is_the_word_of_a_scheme(
    pair, running_proxy, offer, chosen
):
    theirs, client = pair
    session = hand_over(running_proxy, environ(HTTP_SEC_WEBSOCKET_PROTOCOL=offer, **{"gunicorn.socket": theirs}))
    with client, client.makefile("rb") as answer:
        head = b"".join(iter(answer.readline, b"\r\n")).decode()
    assert f"\r\nSec-WebSocket-Protocol: {chosen}\r\n" in head
    assert session.wait(patience())


def test_a_client_that_is_handed_over_to_a_proxy_that_has_stopped_is_turned_away(pair, running_proxy):
    upgrade = Upgrade(environ(**{"gunicorn.socket": pair[0]}))
    running_proxy.start()
    running_proxy.stop()
    assert running_proxy.adopt(upgrade).status == 503


def test_a_page_of_another_web_site_is_refused_before_anything_begins(pair):
    theirs, client = pair
    threads = set(threading.enumerate())
    proxy = ProxySystem(load_config(flags={"upstream.url": "simulator:"}), listens=False)
    foreign = environ(HTTP_ORIGIN="https://evil.example", **{"gunicorn.socket": theirs})
    outcome = hand_over(proxy, foreign)
    assert (outcome.status, "evil.example" in outcome.text) == (403, True)
    assert set(threading.enumerate()) <= threads  # one of a peer of an earlier test may have ended
    theirs.sendall(b"still the server's")
    assert client.recv(100) == b"still the server's"
    proxy.stop()


def test_a_page_of_a_listed_web_site_is_let_in_by_each_kind_of_route(pair):
    if not settings.configured:
        settings.configure()
    listed = environ(HTTP_ORIGIN="https://app.example.com", **{"gunicorn.socket": pair[0]})
    request = HttpRequest()
    request.META = listed
    proxy, origins = Proxy("the session"), ["https://app.example.com"]
    converse(proxy, listed, lambda *_: None, origins=origins)
    embed_django.converse(proxy, request, origins=origins)
    with flask.Flask("host").test_request_context(environ_base=listed):
        embed_flask.converse(proxy, origins=origins)
    assert [upgrade.rejection for upgrade, *_ in proxy.adopted] == [None, None, None]


def test_an_origin_that_is_malformed_is_told_whoever_connects(pair):
    with pytest.raises(ConfigError, match=r"invalid_origins: origins: 'app\.example\.com' is not an origin"):
        hand_over(Proxy(None), environ(**{"gunicorn.socket": pair[0]}), origins=["app.example.com"])


async def later(session, event):
    """Look on, some time."""


@pytest.mark.parametrize(
    ("decided", "words"),
    [
        ({"prompt": 5}, "invalid_prompt: prompt: must be text, not int"),
        ({"voice": b"ash"}, "invalid_voice: voice: must be text, not bytes"),
        ({"model": ["m"]}, "invalid_model: model: must be text, not list"),
        ({"tags": "ada"}, "invalid_tags: tags: must be a list of texts, not 'ada'"),
        ({"tags": [5]}, "invalid_tags: tags: must be a list of texts"),
        ({"tags": 5}, "invalid_tags: tags: must be a list of texts"),
        ({"tags": ["a\ud800"]}, "invalid_tags: tags: must be a list of texts"),
        ({"on_event": 5}, "invalid_on_event: on_event: must be a function"),
        ({"on_event": later}, "invalid_on_event: on_event: .* not an asynchronous one"),
        (
            {"dialect": "klingon"},
            "invalid_dialect: dialect: must be one of deepgram, component, realtime, not 'klingon'",
        ),
    ],
)
def test_an_argument_that_is_not_what_it_should_be_is_named_and_the_socket_stays_with_the_host(
    pair, running_proxy, decided, words
):
    theirs, client = pair
    with pytest.raises(ConfigError, match=words):
        hand_over(running_proxy, environ(**{"gunicorn.socket": theirs}), **decided)
    theirs.sendall(b"still here")
    assert client.recv(10) == b"still here"
    assert running_proxy.sessions == 0


def test_tags_that_are_too_long_are_refused(pair):
    with pytest.raises(ConfigError, match="invalid_tags: tags: must have at most 512 characters together"):
        hand_over(Proxy(None), environ(**{"gunicorn.socket": pair[0]}), tags=["x" * 513])


def test_a_wsgi_route_answers_with_no_answer_or_in_words(pair):
    here = environ(**{"gunicorn.socket": pair[0]})
    told = []
    body = converse(Proxy("the session"), here, lambda *answer: told.append(answer))
    assert told == [("200 OK", [])]
    assert iter(body) is body
    with pytest.raises(ConnectionResetError):
        next(body)
    body = converse(Proxy(FULL), here, lambda *answer: told.append(answer))
    assert told[1] == ("503 Service Unavailable", [("Content-Type", "text/plain; charset=utf-8"), ("Retry-After", "5")])
    assert list(body) == [FULL.text.encode()]


def test_a_flask_route_answers_with_a_conversation_or_in_words(pair):
    app = flask.Flask("host")
    with app.test_request_context(environ_base=environ(**{"gunicorn.socket": pair[0]})):
        response = embed_flask.converse(Proxy("the session"), prompt="p")
        assert response.session == "the session"
        assert isinstance(response.response, HandedOverBody)
        response = embed_flask.converse(Proxy(FULL))
        assert (response.status_code, response.headers["Retry-After"]) == (503, "5")


def test_a_django_view_answers_with_a_conversation_or_in_words(pair):
    if not settings.configured:
        settings.configure()
    request = HttpRequest()
    request.META = environ(**{"gunicorn.socket": pair[0]})
    response = embed_django.converse(Proxy("the session"), request, prompt="p")
    assert response.session == "the session"
    assert response.streaming
    response = embed_django.converse(Proxy(FULL), request)
    assert (response.status_code, response.headers["Retry-After"]) == (503, "5")
    assert response.content == FULL.text.encode()


def test_the_package_has_the_function_for_any_host_and_no_other_name():
    assert embed.converse is converse
    with pytest.raises(AttributeError, match=r"'turnstile\.embed' has no attribute 'convers'"):
        embed.convers  # noqa: B018
