import io

import orjson
import pytest

from turnstile.terminal.live_timeline import LiveTimeline


def head(session, identity="web"):
    client = {"identity": identity, "address": "192.0.2.7", "path": "/openai"}
    return {"format": 1, "session": session, "dialect": "component", "level": "events", "client": client}


def frame(session, kind, at=0.25):
    return {"session": session, "at": at, "wire": "client", "way": "in", "type": kind, "size": 9, "ids": {}}


def end(session):
    return {"session": session, "at": 1.0, "end": {"code": 1000, "reason": "", "by": "client"}}


def shown(*lines, chosen=""):
    """Return the rows below the columns' heads."""
    output = io.StringIO()
    timeline = LiveTimeline([orjson.dumps(line) if line else b"" for line in lines], chosen, output)
    timeline.start()
    timeline.close()
    return output.getvalue().splitlines()[2:]


def test_each_row_begins_with_its_session():
    rows = shown(head("aaaaaa111111"), head("bbbbbb222222"), None, frame("bbbbbb222222", "KeepAlive"))
    assert rows[:2] == [
        "aaaaaa session aaaaaa111111 (component) web 192.0.2.7 /openai",
        "bbbbbb session bbbbbb222222 (component) web 192.0.2.7 /openai",
    ]
    assert rows[2].startswith("bbbbbb    250  --> KeepAlive (9 bytes)")


@pytest.mark.parametrize("chosen", ["bbbb", "bbbbbb222222", "phone"])
def test_one_session_can_be_chosen_by_its_id_or_its_clients_identity(chosen):
    one, other = head("aaaaaa111111"), head("bbbbbb222222", "phone")
    rows = shown(one, other, frame("aaaaaa111111", "x"), frame("bbbbbb222222", "y"), chosen=chosen)
    assert [row[:6] for row in rows] == ["bbbbbb", "bbbbbb"]


def test_what_is_missing_is_said_and_an_end_ends():
    rows = shown(head("aaaaaa111111"), {"at": 0.5, "lost": 3}, end("aaaaaa111111"), frame("aaaaaa111111", "late"))
    assert [row.split(" = ")[-1] for row in rows[1:]] == ["3 entries are missing here", "ended by client: 1000"]


def test_a_client_cannot_write_a_row():
    rows = shown(head("aaaaaa111111", "web\nforged"), frame("aaaaaa111111", "x\nforged"))
    assert len(rows) == 2
    assert all(row.isprintable() for row in rows)
