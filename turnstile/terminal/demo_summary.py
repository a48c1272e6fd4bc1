"""The summary of the demo's conversation: what the gate did, or what is lost without it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from turnstile.session.waits import Waits
from turnstile.terminal.timeline import held

if TYPE_CHECKING:
    from turnstile.observability.memory_journal import Entry
    from turnstile.simulator.log import SimulatorLog
    from turnstile.terminal.demo import Outcome


def summary(outcome: Outcome, entries: list[Entry], log: SimulatorLog) -> list[str]:
    """Return the lines of the summary, of which the last has the counts.

    Args:
        outcome: The client's result.
        entries: Of the journal, of both connections.
        log: The simulator's.
    """
    upstream = sum(entry.wire == "upstream" and entry.direction == "out" for entry in entries)
    updates = {ref for entry in entries if entry.kind == "merged" for ref in entry.detail.split()[1:]}
    notes = [held(entry) for entry in entries if entry.kind == "held"]
    # An update held only because the link was not open was held by no response.
    waited = {ref for refs, reason in notes for ref in refs if reason != Waits.LINK}
    released = {entry.detail for entry in entries if entry.kind == "released"}
    lost = sum(rule.event_type == "session.update" for rule in log.broken)
    counts = (
        f"{upstream} events upstream",
        f"{len(updates & waited)} updates held",
        f"{len(updates & waited & released)} replayed",
        f"{log.collisions} collisions",
        f"{lost} settings lost",
    )
    return [
        *(f"Upstream refused: {rule.code}: {rule.message}" for rule in log.broken),
        f"The client was told that {outcome.acknowledged} of its {outcome.asked} updates are in force.",
        f"The agent answered {outcome.answers} of {outcome.questions} questions.",
        f"Updates that landed under a running response: {log.updates_under_way}.",
        ", ".join(counts),
    ]
