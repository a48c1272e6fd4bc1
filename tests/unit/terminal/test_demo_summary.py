from types import SimpleNamespace

from turnstile.terminal.demo import Outcome
from turnstile.terminal.demo_summary import figures, summary

OUTCOME = Outcome(asked=2, acknowledged=1, questions=4, answers=3, faults=())


def log(*broken):
    return SimpleNamespace(broken=broken, collisions=1, updates_under_way=2)


def decided(*effects):
    return {"at": 0.1, "event": {"!": "AgentSpoke"}, "effects": list(effects)}


def held(*refs, waits):
    return {"!": "Held", "refs": list(refs), "reason": {"!": "Reason", "waits": waits}}


def noted(kind, detail):
    return {"!": "Noted", "kind": kind, "detail": detail}


LINES = [
    {"format": 1, "session": "s1"},
    {"at": 0.0, "wire": "upstream", "way": "out", "link": 1, "type": "session.update", "size": 9, "ids": {}},
    {"at": 0.0, "wire": "upstream", "way": "out", "link": 1, "audio": 960, "frames": 1},
    {"at": 0.0, "wire": "upstream", "way": "in", "link": 1, "type": "session.updated", "size": 9, "ids": {}},
    decided(held(1, waits="link"), noted("released", "#1"), noted("merged", "ts_0 #1")),
    decided(held(2, 3, waits="response")),
    decided(held(4, waits="response")),
    decided(noted("released", "#2"), noted("released", "#4"), noted("merged", "ts_1 #2 #3")),
]


def test_the_summary_counts_updates_that_a_response_held_and_events_that_went_upstream():
    *words, counts = summary(OUTCOME, LINES, log())
    assert counts == "1 events upstream, 2 updates held, 1 replayed, 1 collisions, 0 settings lost"
    assert words == [
        "The client was told that 1 of its 2 updates are in force.",
        "The agent answered 3 of 4 questions.",
        "Updates that landed under a running response: 2.",
    ]


def test_the_summary_says_what_upstream_refused():
    broken = SimpleNamespace(event_type="session.update", code="voice_locked", message="Too late.")
    first, *_, counts = summary(OUTCOME, LINES, log(broken))
    assert first == "Upstream refused: voice_locked: Too late."
    assert counts.endswith("1 settings lost")


def test_the_figures_tell_what_is_acknowledged_and_not_in_force():
    broken = SimpleNamespace(event_type="session.update", code="voice_locked", message="Too late.")
    assert figures(OUTCOME, log(broken)) == {
        "questions": 4,
        "answers": 3,
        "asked": 2,
        "acknowledged": 1,
        "not_in_force": 1,
        "during_a_response": 2,
        "collisions": 1,
        "refused": [{"code": "voice_locked", "message": "Too late."}],
    }
