from __future__ import annotations

from turnstile.simulator import log
from turnstile.simulator.log import COLLISION, BrokenRule, SimulatorLog


def test_broken_rules_do_not_fill_the_memory(monkeypatch):
    monkeypatch.setattr(log, "_KEPT_RULES", 2)
    seen = SimulatorLog()
    for _ in range(5):
        seen.note_broken(BrokenRule("invalid_json", "x", None, None))
    assert len(seen.broken) == 2


def test_collisions_are_counted_among_other_rules():
    seen = SimulatorLog()
    for code in (COLLISION, "invalid_value", COLLISION):
        seen.note_broken(BrokenRule(code, "x", "response.create", None))
    assert seen.collisions == 2
