"""What `turnstile sessions` and `turnstile send` say of a proxy: its real ops listener, with made-up sessions."""

from __future__ import annotations

import json
import threading
import time
from contextlib import ExitStack
from datetime import UTC, datetime

import pytest

import proxy_main
from turnstile.errors import SessionError
from turnstile.inspector.app import OpsApp
from turnstile.inspector.guard import Guard
from turnstile.inspector.resources import Resources
from turnstile.inspector.server import OpsServer
from turnstile.server.listening import listening_socket
from turnstile.terminal import ops_client, ops_commands
from turnstile.terminal.session_table import session_table
from turnstile.testing import patience

TOKEN = "ts_ops_made-up-for-a-test"
UPDATE = '{"type": "UpdatePrompt", "prompt": "Be brief."}'
BEGAN = "2026-11-26T10:00:00.000Z"


class MadeUp:
    """A `View` of sessions that a test makes up."""

    def __init__(self):
        self.open = {}
        self.given = []
        self.outcome = {"done": True}

    def sessions(self):
        return [{**session, "waiting": len(session["waiting"])} for session in self.open.values()]

    def session(self, session_id):
        return self.open.get(session_id)

    def give(self, session_id, message, timeout):
        self.given.append((session_id, message, timeout))
        return self.outcome


def session(session_id, **known):
    client = {"identity": "web", "address": "192.0.2.7", "path": "/openai"}
    rest = {"dialect": "deepgram", "client": client, "state": "idle", "began": BEGAN, "turns": 2, "waiting": []}
    return {"id": session_id, **rest, **known}


@pytest.fixture
def view():
    return MadeUp()


@pytest.fixture
def serve(view, monkeypatch):
    """Start the listener, and configure the commands for it; `is_local` as for the guard."""
    with ExitStack() as stack:

        def start(*, is_local=True, token=TOKEN):
            sock = listening_socket("127.0.0.1", 0)
            guard = Guard(TOKEN, "127.0.0.1", (), is_local=is_local, clock=time.monotonic)
            resources = Resources(
                view,
                exposition=lambda _: b"",
                exposition_type="text/plain",
                version="1",
                is_alive=lambda: True,
                clock=time.monotonic,
            )
            monkeypatch.setenv("TURNSTILE_OPS__PORT", str(sock.getsockname()[1]))
            monkeypatch.setenv("TURNSTILE_OPS__TOKEN", token)
            server = OpsServer(OpsApp(resources.routes(), guard), resources.close, sock)
            server.start()
            stack.callback(server.stop, patience())

        yield start


@pytest.fixture
def run(capsys, monkeypatch):
    """Run a command; returns its exit code, and what it has said on standard output and of its failure."""
    failures = []
    for module in (proxy_main, ops_commands):
        monkeypatch.setattr(module, "complain", failures.append)

    def run_command(*words):
        failures.clear()
        return proxy_main.main(words), capsys.readouterr().out, "".join(failures)

    return run_command


def test_the_sessions_are_a_table_with_what_waits_for_how_long_and_what_for(serve, view, run):
    waiting = [
        {"request": "1", "message": "UpdatePrompt", "reason": "the end of a response (r1)", "for": 0.5},
        {"request": "2", "message": "InjectUserMessage", "reason": "the end of a response (r1)", "for": 2.25},
    ]
    view.open = {"aa11": session("aa11", waiting=waiting, state="in progress"), "bb22": session("bb22", turns=0)}
    serve()
    code, out, _ = run("sessions")
    assert code == 0
    head, first, second = out.splitlines()
    assert head.split() == ["ID", "DIALECT", "IDENTITY", "ADDRESS", "STATE", "TURNS", "AGE", "WAITS"]
    assert first.split()[:6] == ["aa11", "deepgram", "web", "192.0.2.7", "in", "progress"]
    assert first.endswith("InjectUserMessage 2.2 s for the end of a response (r1), and 1 more")
    assert second.endswith("-")


def test_no_open_session_is_said_in_words(serve, run):
    serve()
    assert run("sessions") == (0, "No session is open.\n", "")


def test_programs_get_the_sessions_as_json(serve, view, run):
    view.open = {"aa11": session("aa11")}
    serve()
    code, out, _ = run("sessions", "--json")
    assert code == 0
    assert json.loads(out)["sessions"] == view.sessions()


def test_a_message_goes_to_the_session_whose_id_begins_so_and_its_outcome_is_said(serve, view, run):
    view.open = {name: session(name) for name in ("aa11", "aa22", "aa")}
    serve()
    assert run("send", "aa2", UPDATE, "--timeout", "7") == (0, "Done: UpdatePrompt, session aa22.\n", "")
    assert run("send", "aa", '{"type": "End"}')[0] == 0
    assert view.given == [("aa22", json.loads(UPDATE), 7.0), ("aa", {"type": "End"}, 30.0)]


def test_a_message_that_is_refused_or_not_in_force_in_time_says_why(serve, view, run):
    view.open = {"aa11": session("aa11")}
    serve()
    for code in ("voice_locked", "timeout"):
        view.outcome = {"done": False, "code": code, "description": "The voice has spoken."}
        assert run("send", "aa", UPDATE) == (1, "", "The voice has spoken.")


def test_a_message_that_is_none_of_the_protocol_is_a_misuse(serve, view, run):
    view.open = {"aa11": session("aa11")}
    serve()
    view.outcome = {"done": False, "code": "invalid_message", "description": "prompt: is missing."}
    assert run("send", "aa", '{"type": "UpdatePrompt"}') == (2, "", "prompt: is missing.")


@pytest.mark.parametrize("message", ["Be brief.", "[]", '"UpdatePrompt"', "{}", '{"type": 5}'])
def test_what_is_no_message_is_not_sent(serve, view, run, message):
    view.open = {"aa11": session("aa11")}
    serve()
    code, _, err = run("send", "aa", message)
    assert code == 2
    assert "must be an object with a type" in err
    assert not view.given


@pytest.mark.parametrize(
    ("beginning", "code", "words"),
    [
        ("cc", 1, "No open session has an id that begins with 'cc'"),
        ("aa", 2, "2 sessions have one that begins so"),
        ("", 2, "give more"),
    ],
)
def test_a_session_that_is_none_or_one_of_several_is_said(serve, view, run, beginning, code, words):
    view.open = {name: session(name) for name in ("aa11", "aa22")}
    serve()
    given, _, err = run("send", beginning, UPDATE)
    assert given == code
    assert words in err
    assert not view.given


@pytest.mark.parametrize("seconds", ["-1", "nan", "1000"])
def test_a_timeout_that_is_none_is_a_misuse(serve, run, seconds):
    serve()
    code, _, err = run("send", "aa", UPDATE, f"--timeout={seconds}")
    assert code == 2
    assert "--timeout: must be a number of seconds from 0 to 300" in err


def test_a_listener_beyond_this_machine_gets_the_token(serve, view, run):
    view.open = {"aa11": session("aa11")}
    serve(is_local=False)
    assert run("sessions")[0] == 0


def test_a_wrong_token_is_said(serve, view, run):
    view.open = {"aa11": session("aa11")}
    serve(token="ts_ops_another-one-of-a-test")
    code, _, err = run("send", "aa", UPDATE)
    assert code == 2
    assert "ops.token: 127.0.0.1:" in err
    assert "does not accept it" in err
    assert not view.given


def test_the_token_is_read_from_its_file_and_a_file_that_is_not_there_is_said(serve, view, run, monkeypatch, tmp_path):
    view.open = {"aa11": session("aa11")}
    serve()
    file = tmp_path / "token"
    monkeypatch.delenv("TURNSTILE_OPS__TOKEN")
    monkeypatch.setenv("TURNSTILE_OPS__TOKEN_FILE", str(file))
    code, _, err = run("send", "aa", UPDATE)
    assert code == 2
    assert "Is `turnstile serve` running, as this user?" in err
    file.write_text(f"{TOKEN}\n")
    assert run("send", "aa", UPDATE)[0] == 0


def test_that_nothing_listens_is_said(run, reserve_port):
    code, _, err = run("sessions", "--set", f"ops.port={reserve_port()}")
    assert code == 1
    assert "is `turnstile serve` running" in err


def test_that_there_is_no_listener_to_ask_is_a_misuse(run):
    code, _, err = run("sessions", "--set", "ops.port=0")
    assert code == 2
    assert "ops.port: is 0" in err


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n<ht>",
        b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{",
    ],
)
def test_that_something_else_listens_is_said(run, answer):
    with listening_socket("127.0.0.1", 0) as sock:
        sock.settimeout(patience())

        def answer_once():
            connection, _ = sock.accept()
            with connection:
                connection.settimeout(patience())
                connection.recv(4096)
                connection.sendall(answer)

        thread = threading.Thread(target=answer_once)
        thread.start()
        code, _, err = run("sessions", "--set", f"ops.port={sock.getsockname()[1]}")
        thread.join(patience())
    assert code == 1
    assert "is not the ops listener of a Turnstile" in err


def test_that_no_answer_comes_is_said(run, monkeypatch):
    monkeypatch.setattr(ops_client, "_TIMEOUT", 0.05)
    with listening_socket("127.0.0.1", 0) as sock:
        code, _, err = run("sessions", "--set", f"ops.port={sock.getsockname()[1]}")
    assert code == 1
    assert "did not answer within 0.05 s" in err


@pytest.mark.parametrize(("host", "asked"), [("0.0.0.0", "127.0.0.1:1"), ("::", "[::1]:1"), ("[::1]", "[::1]:1")])  # noqa: S104
def test_a_listener_on_all_addresses_is_asked_on_this_machine(host, asked):
    with pytest.raises(SessionError) as error:
        ops_client.OpsClient(host, 1, str).get("/sessions")
    assert f"Nothing listens at {asked}:" in str(error.value)


def test_the_table_shows_the_worker_of_each_session_where_there_are_workers():
    now = datetime(2026, 11, 26, 12, 5, tzinfo=UTC)
    lines = list(session_table([session("b", worker=2), session("a", waiting=3, began=None)], now))
    assert lines[0].split()[-2:] == ["WORKER", "WAITS"]
    assert "  3 requests" in lines[1]
    assert "2 h 05 min  2" in lines[2]


@pytest.mark.parametrize(("minutes", "age"), [(0, "0 s"), (-5, "0 s"), (59, "59 min")])
def test_the_table_shows_how_old_a_session_is(minutes, age):
    began = datetime.fromisoformat(BEGAN)
    _, line = session_table([session("a", waiting=1)], began.fromtimestamp(began.timestamp() + 60 * minutes, UTC))
    assert f"  {age}  " in line
    assert line.endswith("1 request")


def test_a_name_that_would_steer_a_terminal_is_shown_as_text():
    client = {"identity": "a\x1b[2Jb\n", "address": "", "path": ""}
    waiting = [{"request": None, "message": "", "reason": "a moment\r", "for": None}]
    lines = list(session_table([session("a", client=client, waiting=waiting)], datetime.now(UTC)))
    assert len(lines) == 2
    assert lines[1].isprintable()
    assert "a request for a moment" in lines[1]
