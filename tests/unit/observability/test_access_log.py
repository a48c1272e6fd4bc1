import io
import json
import logging
import re

import pytest

from turnstile.observability import access_log
from turnstile.observability.journal import Journal
from turnstile.observability.logs import LogHandler, set_up_logging
from turnstile.observability.session_facts import Client, Ending, SessionFacts
from turnstile.session.data import Data
from turnstile.session.policy import Policy
from turnstile.session.state import State
from turnstile.testing import ManualClock, patience

FORGED = "x\n2026-01-01T00:00:00.000Z INFO    [s-2] turnstile.access: session ended by=host"
WEB = Client("web", "192.0.2.7", "/openai")
VALUES = [
    FORGED,
    'a" by="host',
    "a by=host",
    "a\\",
    '\\" by=host \\"',
    "\x1b[2Ka",
    "a\u2028b",
    "a\u202eb",
    "a\x00b",
    "\ud800",
    "ü, né",
    "=",
    "-",
    "token",
    "web-Bearer",
    "authorization:",
    'a" authorization:',
    "/?token=",
]


@pytest.fixture(autouse=True)
def _root_as_it_was():
    root = logging.getLogger()
    before = root.handlers[:], root.level
    yield
    for handler in root.handlers:
        if isinstance(handler, LogHandler):
            handler.stop()
    root.handlers[:], root.level = before


@pytest.fixture(params=["text", "json"])
def read(request):
    """Return what reads the fields of the only line that was logged, whatever the form."""
    stream = io.StringIO()
    handler = set_up_logging("info", request.param, stream)

    def fields():
        assert handler._writer.flush(patience())
        (line,) = stream.getvalue().splitlines()
        return (json.loads if request.param == "json" else parsed)(line)

    return fields


def parsed(line):
    """Read a line of text, as anybody may."""
    head = re.fullmatch(
        r"(?P<time>\S+Z) (?P<level>\w+) +\[(?P<session>\S+)\] (?P<logger>\S+): "
        r"(?P<message>[a-z ]+?)(?P<rest>( \w+=.*)*)",
        line,
    )
    found = {**head.groupdict(), "level": head["level"].lower()}
    pairs = re.findall(r' (\w+)=("(?:[^"\\]|\\.)*"|\S+)', found.pop("rest"))
    assert "".join([f" {name}={value}" for name, value in pairs]) == head["rest"]
    for name, value in pairs:
        found[name] = json.loads(value) if value[0] == '"' else value
    return found


def make_session(client=WEB, model=None, session_id="s1", clock=None):
    facts = SessionFacts(session_id, "component", client, model, Policy(), State(), Data())
    return Journal(clock or ManualClock()).begin(facts)


def test_the_start_says_who_and_what(read):
    access_log.session_began(make_session(model="gpt-realtime").facts)
    found = read()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", found.pop("time"))
    assert found == {
        "level": "info",
        "logger": "turnstile.access",
        "message": "session began",
        "session": "s1",
        "identity": "web",
        "address": "192.0.2.7",
        "dialect": "component",
        "path": "/openai",
        "model": "gpt-realtime",
    }


def test_the_end_says_what_there_was_and_how_it_ended(read):
    clock = ManualClock(10.0)
    session = make_session(clock=clock)
    counts = session.counts
    counts.turns, counts.updates_held, counts.updates_merged, counts.updates_replayed = 3, 4, 5, 6
    counts.collisions, counts.repairs, counts.links_opened, counts.links_lost = 7, 8, 9, 10
    counts.responses["completed"] = 2
    counts.held.observe(1.23456)
    counts.upstream_sessions = ("sess_1", "sess_2")
    clock.now = 12.5
    access_log.session_ended(session, Ending(1001, "shutting down", "proxy"))
    found = read()
    sessions = found.pop("upstream_sessions")
    assert (",".join(sessions) if isinstance(sessions, list) else sessions) == "sess_1,sess_2"
    assert {name: str(value) for name, value in found.items()}.items() >= {
        "message": "session ended",
        "duration": "2.5",
        "turns": "3",
        "responses": "2",
        "updates_held": "4",
        "updates_merged": "5",
        "updates_replayed": "6",
        "longest_hold": "1.235",
        "collisions": "7",
        "repairs": "8",
        "links": "9",
        "links_lost": "10",
        "client_bytes_in": "0",
        "upstream_bytes_out": "0",
        "code": "1001",
        "reason": "shutting down",
        "by": "proxy",
    }.items()


@pytest.mark.parametrize("value", VALUES, ids=ascii)
@pytest.mark.parametrize("field", ["identity", "path", "model", "reason"])
def test_no_value_is_another_field_or_another_line(read, field, value):
    named = {"identity": "web", "path": "/openai"} | ({field: value} if field in {"identity", "path"} else {})
    session = make_session(Client(address="192.0.2.7", **named), value if field == "model" else None)
    access_log.session_ended(session, Ending(1000, value if field == "reason" else "bye", "client"))
    found = read()
    assert found[field] == value
    assert (found["by"], found["message"]) == ("client", "session ended")


def test_what_a_host_logs_by_its_own_means_is_on_one_line_too(caplog):
    with caplog.at_level(logging.INFO):
        access_log.session_began(make_session(Client(FORGED, "192.0.2.7", "/openai")).facts)
    assert "\n" not in caplog.messages[0]
    assert caplog.records[0].identity == FORGED


def test_a_host_whose_own_records_have_such_fields_gets_both_lines(caplog, monkeypatch):
    factory = logging.getLogRecordFactory()

    def of_host(*arguments, **named):
        record = factory(*arguments, **named)
        record.session, record.path, record.request_id = "a session of the host's", "/checkout", "r-1"
        return record

    monkeypatch.setattr(logging, "_logRecordFactory", of_host)
    with caplog.at_level(logging.INFO):
        access_log.session_began(make_session(Client("web", "192.0.2.7", "/openai")).facts)
    (record,) = caplog.records
    assert (record.session, record.path, record.request_id) == ("s1", "/openai", "r-1")
    assert (record.filename, record.funcName) == ("access_log.py", "_say")


@pytest.mark.parametrize("field", ["identity", "path"])
def test_a_value_is_bounded_and_without_credentials(read, field):
    key = "sk-proj-1234567890"
    client = Client(**{"address": "192.0.2.7", field: f"/{key}/" + "x" * 1000})
    access_log.session_began(make_session(client).facts)
    assert read()[field] == "/***/" + "x" * 195 + "…"


def test_what_is_not_known_is_left_out(read):
    access_log.session_began(make_session(Client()).facts)
    assert set(read()) == {"time", "level", "logger", "message", "session", "dialect"}


def test_a_message_of_somebody_else_is_logged_without_what_it_says(read):
    access_log.steered("s1", "UpdatePrompt", "192.0.2.9", "injection_refused")
    assert {**read(), "time": ""} == {
        "time": "",
        "level": "info",
        "logger": "turnstile.access",
        "message": "session steered",
        "session": "s1",
        "message_type": "UpdatePrompt",
        "asker": "192.0.2.9",
        "outcome": "injection_refused",
    }
