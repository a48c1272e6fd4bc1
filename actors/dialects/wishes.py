"""What becomes of the wishes of a session's host, and of operators, in either dialect."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from actors.host_messages import HostAsked, HostDecided, PromptAdded
from turnstile.errors import Problem
from turnstile.session.effects import Answered

if TYPE_CHECKING:
    from actors.dialects.base import Dialect
    from actors.host_messages import Wish
    from turnstile.session.client_requests import Request
    from turnstile.translate.host_overlay import HostOverlay

NO_AGENT: Final = Problem(
    "not_supported", "This session only transcribes: it has no prompt, voice or functions, and no agent."
)
"""What is wrong with any wish for a transcription session."""
_STORED_PROMPT: Final = Problem(
    "not_supported", "prompt: the host's is a stored prompt, to which nothing can be added; give a whole one instead."
)


def asked_of(dialect: Dialect, wish: Wish) -> Request | Answered | None:
    """Return what a wish asks of the session, or its answer; None where it waits for the client's configuration."""
    ref = wish.request.ref if isinstance(wish, HostAsked) else wish.ref
    refusal = dialect.refusal(wish)
    if refusal is not None:
        return Answered(ref, refusal, in_force=False)
    if isinstance(wish, HostAsked):
        return wish.request
    if isinstance(wish, PromptAdded):
        return dialect.prompt_added(ref, wish.text)
    return dialect.decided(ref, wish.overrides) or Answered(ref)


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
