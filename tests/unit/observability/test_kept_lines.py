import pytest

from turnstile.observability.kept_lines import LinesJournal
from turnstile.observability.session_facts import Client, Ending, SessionFacts
from turnstile.session.data import Data
from turnstile.session.events import ResponseFinished
from turnstile.session.policy import Policy
from turnstile.session.state import State
from turnstile.testing import ManualClock

SAID = b'{"type": "UpdatePrompt", "prompt": "Be brief."}'


@pytest.fixture
def clock():
    return ManualClock(100.0)


def begun(journal, session_id):
    facts = SessionFacts(session_id, "component", Client(), None, Policy(), State(), Data())
    return journal.begin(facts)


def test_each_session_has_its_lines_from_the_head_to_the_end(clock):
    journal = LinesJournal(clock)
    one, other = begun(journal, "one"), begun(journal, "other")
    clock.now = 100.5
    one.frame("client", "in", SAID)
    other.decided(ResponseFinished("resp_1"), (), 0)
    clock.now = 101.0
    journal.end(one, Ending(1000, "bye", "client"))
    sessions = journal.sessions()
    assert list(sessions) == ["one", "other"]
    head, frame, end = sessions["one"]
    assert (head["session"], head["level"]) == ("one", "text")
    assert (frame["at"], frame["frame"]["prompt"]) == (0.5, "Be brief.")
    assert (end["at"], end["end"]) == (1.0, {"code": 1000, "reason": "bye", "by": "client"})
    assert [line.get("event", {}).get("!") for line in sessions["other"]] == [None, "ResponseFinished"]


def test_content_is_kept_as_the_level_says(clock):
    journal = LinesJournal(clock, "events")
    begun(journal, "one").frame("client", "in", SAID)
    assert "brief" not in str(journal.sessions())


def test_audio_that_goes_on_is_shown(clock):
    journal = LinesJournal(clock)
    begun(journal, "one").audio("client", "in", [b"1234"])
    assert journal.sessions()["one"][1]["audio"] == 4
