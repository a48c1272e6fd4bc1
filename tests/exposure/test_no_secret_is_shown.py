"""A whole run with keys of every kind, at debug level: no log line, answer, close or command line has any of them."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import queue
import secrets
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import jwt
import pytest
from websocket import WebSocketBadStatusException, WebSocketConnectionClosedException, create_connection

from actors.simulator_system import SimulatorSystem
from actors.timers import TimerThread
from turnstile.auth.client_keys import new_key
from turnstile.auth.key_file import add_key, remove_keys
from turnstile.config import load_config
from turnstile.simulator.simulator import Simulator
from turnstile.testing import patience

ROOT = Path(__file__).parents[2]
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith(("OPENAI_", "LOG_LEVEL"))}

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


class NotedSimulator(SimulatorSystem):
    """The upstream, and what it was asked."""

    def __init__(self, key):
        self._timers_of_simulator = TimerThread()
        simulator = Simulator(clock=time.monotonic, timers=self._timers_of_simulator, api_key=key)
        self.asked = []
        super().__init__(load_config(flags={"simulator.port": "0"}), simulator=simulator)

    def _decide(self, request):
        self.asked.append(f"{request.path} {request.query} {request.headers}")
        return super()._decide(request)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop(patience())
        assert self._timers_of_simulator.stop(patience())


class Serving:
    """A process that serves, and everything that it says."""

    def __init__(self, upstream, known, environment, **settings):
        host, port = upstream.address
        settings = {
            **{name.replace("__", "."): value for name, value in settings.items()},
            "server.port": "0",
            "log.level": "debug",
            "upstream.url": f"ws://{host}:{port}/v1/realtime",
            "upstream.kind": "openai",
            "limits.close_timeout": "0.1",
        }
        options = [word for name, value in settings.items() for word in ("--set", f"{name}={value}")]
        environment = {
            "OPENAI_API_KEY": known["upstream key"],
            "TURNSTILE_AUTH__TOKEN_SECRET": known["token secret"],
            **environment,
        }
        self.process = subprocess.Popen(
            [sys.executable, str(ROOT / "proxy_main.py"), "serve", *options],
            env={**CLEAN, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.said = ""
        self._lines = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        self.url = f"ws://{self.until('listens on ws').partition('ws://')[2].split('/')[0]}"

    def _read(self):
        for line in self.process.stdout:
            self.said += line
            self._lines.put(line)

    def until(self, words, count=1):
        """Wait for `count` lines with these words; return the last."""
        while True:
            try:
                line = self._lines.get(timeout=patience())
            except queue.Empty:
                pytest.fail(f"{words!r} was not said: {self.said}")
            count -= words in line
            if not count:
                return line

    def command_lines(self):
        """Return the command lines of the process and of its workers."""
        parent = self.process.pid
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        return [Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ") for pid in (parent, *children)]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(patience())
        self._reader.join(patience())
        self.process.stdout.close()


def answers(url, path, **options):
    """Return all that a client is told: a refusal, or a session's messages and its close."""
    try:
        link = create_connection(f"{url}{path}", timeout=patience(), **options)
    except WebSocketBadStatusException as error:
        return f"{error.status_code} {error.resp_headers} {error.resp_body}"
    told = [f"{link.getstatus()} {link.getheaders()} {link.getsubprotocol()}"]
    with contextlib.ExitStack() as open_link, contextlib.suppress(WebSocketConnectionClosedException):
        open_link.callback(link.shutdown)
        if "realtime" not in path:
            link.send('{"type": "Settings", "agent": {"think": {"prompt": "Be brief."}}}')
        told.append(link.recv())
        link.send("no JSON")
        told.append(link.recv())
        link.send_close(1000)
        told.append(str(link.recv_frame()))
    return " ".join(told)


def asked_for_token(serving, header):
    """Ask for a browser token; return the token, or all that is answered to who gets none."""
    host = serving.url.removeprefix("ws://")
    with contextlib.closing(http.client.HTTPConnection(host, timeout=patience())) as link:
        body = json.dumps({"session": {"type": "realtime"}})
        link.request("POST", "/v1/realtime/client_secrets", body, {"Content-Type": "application/json", **header})
        answer = link.getresponse()
        said = answer.read().decode()
    return json.loads(said)["value"] if answer.status == 200 else f"{answer.status} {answer.headers} {said}"


def bearer(key):
    return {"header": {"Authorization": f"Bearer {key}"}}


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
    assert "web from 127.0.0.1" in serving.said
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


def test_no_secret_is_shown_in_a_whole_run_that_asks_for_json_web_tokens():
    known = {**made_up_secrets(), "jwt secret": secrets.token_hex(32)}
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
    settings = {"auth__jwt_algorithms": "HS256", "auth__jwt_audience": AUDIENCE, "log__format": "json"}
    with NotedSimulator(known["upstream key"]) as upstream, Serving(upstream, known, mode, **settings) as serving:
        told = told_to(serving, known["right"], wrong.values(), known)
        commands = serving.command_lines()
    check_that_none_is_shown(known, told, commands, serving, upstream)
