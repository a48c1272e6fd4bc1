"""A whole run with keys of every kind, at debug level: no log line, answer, close or command line has any of them."""

from __future__ import annotations

import contextlib
import os
import queue
import secrets
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

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

Secrets = dict[str, str]


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
    """A process that serves, with two workers, and everything that it says."""

    def __init__(self, upstream, file, known):
        host, port = upstream.address
        settings = {
            "server.port": "0",
            "server.workers": "2",
            "log.level": "debug",
            "upstream.url": f"ws://{host}:{port}/v1/realtime",
            "upstream.kind": "openai",
            "limits.close_timeout": "0.1",
        }
        options = [word for name, value in settings.items() for word in ("--set", f"{name}={value}")]
        environment = {
            "OPENAI_API_KEY": known["upstream key"],
            "TURNSTILE_AUTH__TOKEN_SECRET": known["token secret"],
            "TURNSTILE_AUTH__MODE": "keys",
            "TURNSTILE_AUTH__KEYS_FILE": str(file),
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


def test_no_secret_is_shown_in_a_whole_run_at_debug_level(tmp_path):
    file, known = tmp_path / "keys.txt", made_up_secrets()
    known["key"], _ = add_key(file, "web")
    known["revoked key"], _ = add_key(file, "app")
    told, commands = [], []
    with NotedSimulator(known["upstream key"]) as upstream, Serving(upstream, file, known) as serving:
        for path, options in right_clients(known["key"]):
            told.append(answers(serving.url, path, **options))
            assert told[-1].startswith("101 "), told[-1]
        for path, options in wrong_clients(known, known["key"]):
            told.append(answers(serving.url, path, **options))
            assert told[-1].startswith("4"), told[-1]
        remove_keys(file, "app")
        serving.process.send_signal(signal.SIGHUP)
        serving.until("was read anew", count=2)
        told.append(answers(serving.url, "/openai", **bearer(known["revoked key"])))
        file.write_text(f"web {known['pasted key']}\n")
        serving.process.send_signal(signal.SIGHUP)
        serving.until("holds a key itself", count=2)
        commands += serving.command_lines()
    assert len(commands) >= 3
    assert "web from 127.0.0.1" in serving.said
    assert "Be brief." in serving.said  # the frames are in the log
    everywhere = {"said": serving.said, "told": "".join(told), "commands": "".join(commands)}
    shown = {where: [name for name, secret in known.items() if secret in text] for where, text in everywhere.items()}
    assert shown == {"said": [], "told": [], "commands": []}
    passed_on = "".join(upstream.asked)
    assert [name for name, secret in known.items() if secret in passed_on] == ["upstream key"]
