"""A whole run of `serve` for a test: the process, its upstream, its clients, and all that each of them says."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import queue
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from websocket import WebSocketBadStatusException, WebSocketConnectionClosedException, create_connection

from actors.simulator_system import SimulatorSystem
from actors.timers import TimerThread
from turnstile.config import load_config
from turnstile.simulator.simulator import Simulator
from turnstile.testing import patience

ROOT = Path(__file__).parents[2]
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith(("OPENAI_", "LOG_LEVEL"))}
CLEAN["TURNSTILE_OPS__PORT"] = "0"  # one port of this machine, which all processes would want


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
