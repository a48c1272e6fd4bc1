"""The summary of the demo's conversation: what the gate did, or what is lost without it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from turnstile.session.waits import Waits
from turnstile.terminal.line_values import kind_of, members, text_of, why_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from turnstile.simulator.log import SimulatorLog
    from turnstile.terminal.demo import Outcome
    from turnstile.terminal.line_values import Json


def figures(outcome: Outcome, log: SimulatorLog) -> Json:
    """Return what became of the conversation, in numbers, and what upstream refused.

    Args:
        outcome: The client's result.
        log: The simulator's.
    """
    return {
        "questions": outcome.questions,
        "answers": outcome.answers,
        "asked": outcome.asked,
        "acknowledged": outcome.acknowledged,
        "not_in_force": _settings_lost(log),
        "during_a_response": log.updates_under_way,
        "collisions": log.collisions,
        "refused": [{"code": rule.code, "message": rule.message} for rule in log.broken],
    }


def summary(outcome: Outcome, lines: Sequence[Json], log: SimulatorLog) -> list[str]:
    """Return the lines of the summary, of which the last has the counts.

    Args:
        outcome: The client's result.
        lines: Of the session's journal.
        log: The simulator's.
    """
    upstream = sum(line.get("wire") == "upstream" and line.get("way") == "out" and "type" in line for line in lines)
    effects = [effect for line in lines for effect in line.get("effects", ())]
    notes = [(effect["kind"], text_of(effect["detail"])) for effect in effects if kind_of(effect) == "Noted"]
    updates = {ref for kind, detail in notes if kind == "merged" for ref in detail.split()[1:]}
    held = [effect for effect in effects if kind_of(effect) == "Held"]
    # An update held only because the link was not open was held by no response.
    waited = {f"#{ref}" for effect in held if why_of(effect) != Waits.LINK for ref in members(effect["refs"])}
    released = {detail for kind, detail in notes if kind == "released"}
    counts = (
        f"{upstream} events upstream",
        f"{len(updates & waited)} updates held",
        f"{len(updates & waited & released)} replayed",
        f"{log.collisions} collisions",
        f"{_settings_lost(log)} settings lost",
    )
    return [
        *(f"Upstream refused: {rule.code}: {rule.message}" for rule in log.broken),
        f"The client was told that {outcome.acknowledged} of its {outcome.asked} updates are in force.",
        f"The agent answered {outcome.answers} of {outcome.questions} questions.",
        f"Updates that landed under a running response: {log.updates_under_way}.",
        ", ".join(counts),
    ]


def _settings_lost(log: SimulatorLog) -> int:
    return sum(rule.event_type == "session.update" for rule in log.broken)
