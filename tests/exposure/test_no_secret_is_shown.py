"""A whole run with keys of every kind, at debug level: no log line, answer, close or command line has any of them."""

from __future__ import annotations

import json
import re
import secrets
import signal
import sys
import threading
import time
from contextlib import closing
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import jwt
import pytest

from turnstile.auth.client_keys import new_key
from turnstile.auth.key_file import add_key, remove_keys
from turnstile.testing import patience

sys.path.insert(0, str(Path(__file__).parent))
from whole_run import NotedSimulator, Serving, answers, asked_for_token, bearer

AUDIENCE = "turnstile"
# Characters of a secret that would be too many to show.
PIECE = 16


def made_up_secrets():
    """Return what must be shown nowhere, by what it is; some look like no key that anybody knows."""
    shapeless = {
        name: f"q{secrets.token_hex(12)}" for name in ("password", "query", "subprotocol", "api-key", "cookie")
    }
    return {
        **shapeless,
        "upstream key": f"sk-proj-{secrets.token_hex(20)}",
        "token secret": secrets.token_hex(32),
        "wrong key": new_key(),
        "wrong token": f"eyJhbGciOiJIUzI1NiJ9.{secrets.token_hex(20)}.{secrets.token_hex(20)}",
        "wrong client secret": f"ek_{secrets.token_hex(20)}",
        "malformed key": f"ts_{secrets.token_hex(20)}",
        "pasted key": new_key(),
    }


def right_clients(key):
    """Yield the path and the options of each way to send a right key."""
    for path in ("/openai", "/v1/agent/converse", "/v1/realtime"):
        yield path, bearer(key)
        yield path, {"header": {"api-key": key}}
        yield path, {"subprotocols": ["token", key]}
        yield path, {"subprotocols": ["realtime", f"openai-insecure-api-key.{key}"]}
        yield f"{path}?token={key}&region=eu", {}


def wrong_clients(known, key):
    """Yield the path and the options of each way to send one that does not count."""
    yield "/openai", bearer(known["wrong key"])
    yield "/openai", {"header": {"Authorization": f"Basic {known['password']}"}}
    yield "/openai", {"header": {"api-key": known["api-key"], "Cookie": f"session={known['cookie']}"}}
    yield "/openai", bearer(f"{known['malformed key']} {known['malformed key']}")
    yield f"/openai?token={known['query']}", bearer(key)
    yield f"/v1/realtime?token={known['query']}&api-key={known['api-key']}", {}
    yield "/v1/realtime", {"subprotocols": ["bearer", known["subprotocol"]]}
    yield "/v1/realtime", {"subprotocols": ["realtime", f"openai-insecure-api-key.{known['wrong client secret']}"]}
    yield "/v1/realtime", bearer(known["wrong token"])
    yield f"/v1/realtime/{known['wrong key']}?token={known['query']}", {}
    yield "/openai", {**bearer(key), "origin": f"https://evil.example/{known['wrong token']}"}


def told_to(serving, right, wrong, known):
    """Let clients with right keys and with wrong ones in and out; return all that they are told."""
    told = []
    for path, options in right_clients(right):
        told.append(answers(serving.url, path, **options))
        assert told[-1].startswith("101 "), told[-1]
    for path, options in (*wrong_clients(known, right), *(("/openai", bearer(key)) for key in wrong)):
        told.append(answers(serving.url, path, **options))
        assert told[-1].startswith("4"), told[-1]
    return told


def shown_in(text, known):
    """Return which secrets are in a text, or a part of them is."""
    pieces = {
        name: {secret[at : at + PIECE] for at in range(len(secret) - PIECE + 1)} for name, secret in known.items()
    }
    return [name for name, some in pieces.items() if any(piece in text for piece in some)]


def check_that_none_is_shown(known, told, commands, serving, upstream):
    assert re.search(r'session began.*identity(=|": ?")web', serving.said)
    assert "Be brief." in serving.said  # the frames are in the log
    everywhere = {"said": serving.said, "told": "".join(told), "commands": "".join(commands)}
    shown = {where: shown_in(text, known) for where, text in everywhere.items()}
    assert shown == {"said": [], "told": [], "commands": []}
    assert shown_in("".join(upstream.asked), known) == ["upstream key"]


def test_no_secret_is_shown_in_a_whole_run_of_workers_that_ask_for_keys(tmp_path):
    file, known = tmp_path / "keys.txt", made_up_secrets()
    known["key"], _ = add_key(file, "web")
    known["revoked key"], _ = add_key(file, "app")
    mode = {"TURNSTILE_AUTH__MODE": "keys", "TURNSTILE_AUTH__KEYS_FILE": str(file)}
    with (
        NotedSimulator(known["upstream key"]) as upstream,
        Serving(upstream, known, mode, server__workers="2") as serving,
    ):
        told = told_to(serving, known["key"], [], known)
        known["browser token"] = asked_for_token(serving, **bearer(known["key"]))
        told += [answers(serving.url, path, **options) for path, options in right_clients(known["browser token"])]
        assert all(words.startswith("101 ") for words in told[-15:])
        told += [asked_for_token(serving, **bearer(key)) for key in (known["wrong key"], known["browser token"])]
        assert [words[:3] for words in told[-2:]] == ["401", "403"]
        remove_keys(file, "app")
        serving.process.send_signal(signal.SIGHUP)
        serving.until("was read anew", count=2)
        told.append(answers(serving.url, "/openai", **bearer(known["revoked key"])))
        assert told[-1].startswith("401 ")
        file.write_text(f"web {known['pasted key']}\n")
        serving.process.send_signal(signal.SIGHUP)
        serving.until("holds a key itself", count=2)
        commands = serving.command_lines()
    assert len(commands) == 3
    check_that_none_is_shown(known, told, commands, serving, upstream)


def told_to_operators(port, known):
    """Ask the ops listener with its token, and with wrong ones; return all that it answers."""
    told = []
    wrong = [f"Bearer {known[name]}" for name in ("wrong ops token", "wrong key", "password")]
    for authorization in (f"Bearer {known['ops token']}", *wrong, f"Basic {known['ops token']}"):
        headers = {"Authorization": authorization, "Content-Type": "application/json"}
        for method, path in (
            ("POST", f"/sessions/{known['query']}/messages"),
            ("GET", "/sessions"),
            ("GET", "/metrics"),
        ):
            with closing(HTTPConnection("127.0.0.1", port, timeout=patience())) as client:
                client.request(method, path, f'{{"type": "{known["password"]}"}}', headers)
                answer = client.getresponse()
                told.append(f"{answer.status} {answer.headers} {answer.read().decode()}")
    assert {words[:3] for words in told} == {"200", "401", "404"}
    return [words.replace(known["query"], "the path that was asked for") for words in told]


def test_no_secret_is_shown_in_a_whole_run_that_asks_for_json_web_tokens(reserve_port):
    port = reserve_port()
    known = {**made_up_secrets(), "jwt secret": secrets.token_hex(32)}
    known |= {"ops token": secrets.token_hex(16), "wrong ops token": f"ts_ops_{secrets.token_urlsafe(32)}"}
    claims = {"sub": "web", "aud": AUDIENCE, "exp": int(time.time()) + 3_600}
    known["right"] = jwt.encode(claims, known["jwt secret"], "HS256")
    wrong = {
        "expired": jwt.encode({**claims, "exp": 1}, known["jwt secret"], "HS256"),
        "of another audience": jwt.encode({**claims, "aud": "other"}, known["jwt secret"], "HS256"),
        "of another issuer's secret": jwt.encode(claims, secrets.token_hex(32), "HS256"),
        "unsigned": jwt.encode(claims, None, "none"),
    }
    known |= wrong
    mode = {"TURNSTILE_AUTH__MODE": "jwt", "TURNSTILE_AUTH__JWT_SECRET": known["jwt secret"]}
    mode |= {"TURNSTILE_OPS__PORT": str(port), "TURNSTILE_OPS__TOKEN": known["ops token"]}
    settings = {"auth__jwt_algorithms": "HS256", "auth__jwt_audience": AUDIENCE, "log__format": "json"}
    with NotedSimulator(known["upstream key"]) as upstream, Serving(upstream, known, mode, **settings) as serving:
        told = told_to(serving, known["right"], wrong.values(), known)
        told += told_to_operators(port, known)
        commands = serving.command_lines()
    check_that_none_is_shown(known, told, commands, serving, upstream)


@pytest.fixture
def service():
    """A service that decides about clients, and tells those with a wrong key which one they sent."""
    right = new_key()

    class Decides(BaseHTTPRequestHandler):
        def do_POST(self):
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            is_right = asked.get("credential") == right
            body = b'{"identity": "web"}' if is_right else f"No: {asked.get('credential')}".encode()
            self.send_response(200 if is_right else 401)
            self.send_header("Content-Type", "application/json" if is_right else "text/plain")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Decides)
    server.right = right
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join(patience())


def test_no_secret_is_shown_in_a_whole_run_that_asks_a_service(service):
    known = {**made_up_secrets(), "right": service.right, "service's token": secrets.token_hex(32)}
    mode = {"TURNSTILE_AUTH__MODE": "ask", "TURNSTILE_AUTH__ASK_TOKEN": known["service's token"]}
    url = f"http://127.0.0.1:{service.server_port}/decide"
    with (
        NotedSimulator(known["upstream key"]) as upstream,
        Serving(upstream, known, mode, auth__ask_url=url) as serving,
    ):
        told = told_to(serving, known["right"], [], known)
        commands = serving.command_lines()
    assert any("No: ***" in words for words in told)
    check_that_none_is_shown(known, told, commands, serving, upstream)
