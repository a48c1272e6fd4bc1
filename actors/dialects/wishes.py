"""What becomes of the wishes of a session's host, and of operators, in either dialect."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from actors.host_messages import HostDecided, PromptAdded
from turnstile.errors import Problem

if TYPE_CHECKING:
    from actors.host_messages import Wish
    from turnstile.session.effects import Answered
    from turnstile.translate.host_overlay import HostOverlay

_STORED_PROMPT: Final = Problem(
    "not_supported", "prompt: the host's is a stored prompt, to which nothing can be added; give a whole one instead."
)


def refused_by(overlay: HostOverlay, wish: Wish) -> Problem | None:
    """Return why a wish cannot be had beside what the host has decided; None if it can."""
    if isinstance(wish, PromptAdded):
        return _STORED_PROMPT if overlay.has_stored_prompt else None
    return overlay.refusal(wish.overrides) if isinstance(wish, HostDecided) else None


def note_answer(overlay: HostOverlay, answered: Answered) -> None:
    """Forget of a decision what is not in force: all of it, or a voice that came too late."""
    problems = (answered.problem, *answered.shortfalls)
    has_voice = all(problem is None or problem.code != "voice_locked" for problem in problems)
    overlay.answered(answered.ref, is_in_force=answered.in_force, has_voice=has_voice)
