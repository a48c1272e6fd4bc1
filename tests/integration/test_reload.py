"""SIGHUP: new handshakes use the certificate that is there now, new sessions the limits; open sessions stay."""

from __future__ import annotations

import os
import queue
import signal
import ssl
import subprocess
import sys
import threading
from contextlib import ExitStack
from pathlib import Path

import pytest
import trustme
from websocket import WebSocketBadStatusException, create_connection

from turnstile.testing import patience

ROOT = Path(__file__).parents[2]
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith(("OPENAI_", "LOG_LEVEL"))}
CLEAN["TURNSTILE_OPS__PORT"] = "0"  # one port of this machine, which all processes would want


class Serving:
    """A serving process, whose configuration is a file."""

    def __init__(self, file, *options):
        program = [sys.executable, str(ROOT / "proxy_main.py"), "serve", "--port", "0", "--config", str(file)]
        command = [*program, "--set", "limits.close_timeout=0.1", *options]  # the clients do not answer the close
        self.process = subprocess.Popen(
            command, env=CLEAN, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self.said = ""
        self._lines = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        scheme, _, rest = self.until(" on ws").partition("listens on ")[2].partition("://")
        self.url = f"{scheme}://{rest.split('/')[0]}/openai"

    def _read(self):
        for line in self.process.stdout:
            self._lines.put(line)

    def until(self, words):
        """Return the next line with these words."""
        while True:
            try:
                line = self._lines.get(timeout=patience())
            except queue.Empty:
                pytest.fail(f"{words!r} was not said: {self.said}")
            self.said += line
            if words in line:
                return line

    def reload(self, words="was read anew"):
        self.process.send_signal(signal.SIGHUP)
        return self.until(words)

    def end(self):
        self.process.terminate()
        code = self.process.wait(patience())
        self._reader.join(patience())
        assert "Traceback" not in self.said
        return code


@pytest.fixture
def file(tmp_path):
    return tmp_path / "mine.toml"


@pytest.fixture
def serve(file):
    with ExitStack() as started:

        def start(*options):
            serving = Serving(file, *options)
            started.callback(serving.process.stdout.close)
            started.callback(serving._reader.join, patience())
            started.callback(serving.process.wait)
            started.callback(serving.process.kill)
            return serving

        yield start


@pytest.fixture
def clients():
    with ExitStack() as open_ones:

        def connect(url, authority=None):
            context = {"context": trusting(authority)} if authority else None
            link = create_connection(url, sslopt=context, timeout=patience())
            open_ones.callback(link.shutdown)
            return link

        yield connect


def trusting(authority):
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


def is_open(link):
    link.send('{"type": "Settings", "agent": {}}')
    return "SettingsApplied" in link.recv()


def write_certificate(folder):
    """Write a certificate of a new authority; return the authority."""
    authority = trustme.CA()
    server = authority.issue_cert("127.0.0.1")
    server.cert_chain_pems[0].write_to_path(folder / "server.pem")
    server.private_key_pem.write_to_path(folder / "server.key")
    return authority


def test_new_sessions_get_the_new_limits_and_open_ones_stay(serve, file, clients):
    file.write_text("[server]\nmax_sessions = 1\n")
    serving = serve()
    stays = clients(serving.url)
    with pytest.raises(WebSocketBadStatusException, match="503"):
        clients(serving.url)
    file.write_text("[server]\nmax_sessions = 2\n[limits]\nclient_message_bytes = 2048\n")
    serving.reload()
    second = clients(serving.url)
    second.send("x" * 3000)
    opcode, data = second.recv_data()
    assert (opcode, int.from_bytes(data[:2], "big")) == (8, 1009)
    assert is_open(stays)
    assert serving.end() == 0


@pytest.mark.parametrize(
    ("setting", "sent", "expected"),
    [
        ("message_values = 100", ['{"a": [' + "0," * 200 + "0]}"], "too_many_values"),
        ("message_depth = 8", ["[" * 9 + "]" * 9], "too_many_levels"),
        ("invalid_messages = 1", ["{}", "{}"], "too many invalid messages"),
    ],
)
def test_new_sessions_get_the_new_bounds_on_messages(serve, file, clients, setting, sent, expected):
    file.write_text("[limits]\nping_interval = 0\n")  # pings would hide that nothing comes
    serving = serve()
    file.write_text(f"[limits]\nping_interval = 0\n{setting}\n")
    serving.reload()
    client = clients(serving.url)
    for message in sent:
        client.send(message)
    answers = [client.recv_data()[1].decode(errors="replace") for _ in range(len(sent) * 2 - 1)]
    assert expected in "".join(answers)


def test_new_handshakes_get_the_new_certificate_and_open_sessions_stay(serve, file, clients, tmp_path):
    cert, key = tmp_path / "server.pem", tmp_path / "server.key"
    file.write_text(f"[server]\ntls_cert_file = '{cert}'\ntls_key_file = '{key}'\n")
    old = write_certificate(tmp_path)
    serving = serve()
    stays = clients(serving.url, old)
    new = write_certificate(tmp_path)
    serving.reload()
    assert is_open(clients(serving.url, new))
    with pytest.raises(ssl.SSLCertVerificationError):
        clients(serving.url, old)
    assert is_open(stays)
    cert.write_text("no certificate")
    line = serving.reload("The configuration stays as it is")
    assert "server.pem" in line
    assert is_open(clients(serving.url, new))


def test_a_configuration_that_cannot_be_used_changes_nothing_and_is_named(serve, file, clients):
    file.write_text("")
    serving = serve()
    for text, words in (("[server]\nmax_sessions = 0\n", "server.max_sessions"), ("[server", "not valid TOML")):
        file.write_text(text)
        assert words in serving.reload("The configuration stays as it is")
    file.unlink()
    assert "cannot be read" in serving.reload("The configuration stays as it is")
    assert is_open(clients(serving.url))
    assert serving.end() == 0


def test_what_needs_a_restart_is_named(serve, file):
    file.write_text("")
    serving = serve()
    file.write_text("[upstream]\nmodel = 'other'\n[limits]\nclient_message_bytes = 4096\n")
    assert serving.reload("need a restart").endswith(": upstream.model\n")
    assert serving.end() == 0


def test_a_parent_has_each_of_its_workers_read_the_configuration_anew(serve, file, clients):
    file.write_text("[server]\nworkers = 2\nmax_sessions = 1\n")
    serving = serve()
    stays = clients(serving.url)
    file.write_text("[server]\nworkers = 2\nmax_sessions = 2\n")
    serving.reload()
    serving.until("was read anew")
    assert is_open(clients(serving.url))
    assert is_open(stays)
    assert serving.end() == 0
