"""What the tests of the session share: configurations, and readings of effects."""

from __future__ import annotations

from turnstile.session.effects import Answered
from turnstile.session.journal_notes import Noted

CONFIG = {"instructions": "Be brief."}
MESSAGE = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hello."}]}


def detection(value):
    """Return a configuration with this turn detection."""
    return {**CONFIG, "audio": {"input": {"turn_detection": value}}}


def of(kind, effects):
    """Return the effects of one kind."""
    return [effect for effect in effects if isinstance(effect, kind)]


def notes(kind, effects):
    """Return the details of the notes of one kind."""
    return [note.detail for note in of(Noted, effects) if note.kind == kind]


def answers(effects):
    """Return what was answered, as (ref, code of the problem, whether it is in force)."""
    return [(a.ref, a.problem.code if a.problem else None, a.in_force) for a in of(Answered, effects)]
