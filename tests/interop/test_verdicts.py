from __future__ import annotations

import socket
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from clients import CHECKS, CLIENTS
from environments import last_line, variables
from upstreams import UPSTREAMS, WORKS, is_litellm
from verdicts import Row, exit_code, judged, table

CLIENT = CLIENTS[0]


@pytest.fixture
def told():
    """What a row without a hole tells: all is well where upstream works, and nothing is elsewhere."""
    return {
        (name, check): "nothing came" if upstream.is_broken else None
        for name, upstream in UPSTREAMS.items()
        for check in upstream.checks
    }


def test_a_row_passes_when_each_check_passes_and_finds_each_broken_upstream(told):
    row = judged(CLIENT, told)
    assert row.faults == []
    assert set(row.cells()[1:]) == {"yes", "no"}
    assert exit_code([row], is_ci=True) == 0


def test_every_check_has_an_upstream_in_which_it_must_find_a_fault():
    broken = {check for upstream in UPSTREAMS.values() if upstream.is_broken for check in upstream.checks}
    assert broken == set(CHECKS)


def test_every_check_has_one_upstream_in_which_it_must_find_none():
    working = [check for upstream in UPSTREAMS.values() if not upstream.is_broken for check in upstream.checks]
    assert sorted(working) == sorted(CHECKS)


def test_a_row_fails_when_a_check_fails(told):
    row = judged(CLIENT, {**told, (WORKS, "text"): "no answer"})
    assert row.lines == [f"{CLIENT.name}: text: no answer"]
    assert row.cells().count("HOLE") == 1
    assert exit_code([row], is_ci=False) == 1


def test_a_row_fails_when_a_check_never_told_anything(told):
    del told[WORKS, "audio"]
    assert judged(CLIENT, told).faults == ["audio: it never ended"]


def test_a_row_whose_script_fails_says_what_it_failed_with():
    wanted = [f"{check}: NameError" for check in CHECKS]
    assert judged(CLIENT, {}, unheard="NameError").faults == wanted


@pytest.mark.parametrize(("said", "line"), [(b"one\ntwo\n \n", "two"), (b"", "it says nothing"), (b"\xff", "\ufffd")])
def test_the_last_line_of_what_was_said_is_told(said, line):
    assert last_line(said) == line


def test_a_port_that_somebody_else_has_taken_is_not_litellms(monkeypatch):
    monkeypatch.setenv("TURNSTILE_TEST_PATIENCE", "0.02")
    with socket.create_server(("127.0.0.1", 0)) as other:
        assert not is_litellm(other.getsockname()[1])


def test_what_is_installed_is_given_no_key_and_stays_on_this_machine(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-real")
    given = variables()
    assert "OPENAI_API_KEY" not in given
    assert given["LITELLM_LOCAL_MODEL_COST_MAP"] == "True"


def test_a_row_fails_when_a_check_passes_against_a_broken_upstream(told):
    row = judged(CLIENT, {**told, ("endless", "text"): None})
    assert row.faults == ["text: passes though upstream is broken (endless)"]
    assert row.cells().count("BLIND") == 1
    assert exit_code([row], is_ci=False) == 1


def test_a_row_fails_when_upstream_refused_something(told):
    row = judged(CLIENT, told, ["response.create: in progress"])
    assert row.cells()[-1] == "HOLE"
    assert exit_code([row], is_ci=False) == 1


@pytest.mark.parametrize("is_ci", [True, False])
def test_a_skipped_row_says_why_and_is_a_failure_in_ci_only(told, is_ci):
    rows = [judged(CLIENT, told), Row(CLIENTS[-1], skipped="there is no Node here")]
    assert rows[1].lines == [f"{CLIENTS[-1].name}: skipped: there is no Node here"]
    assert "skipped" in table(rows)
    assert exit_code(rows, is_ci=is_ci) == int(is_ci)
