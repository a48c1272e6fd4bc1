"""What an upstream link's first events show of its session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from turnstile.session.config_patch import at
from turnstile.session.link_events import LinkOpened
from turnstile.session.shortfalls import VOICE

if TYPE_CHECKING:
    from turnstile.session.client_requests import Json

SAY_THAT_IT_IS_UP: Final = frozenset({"session.created", "conversation.created", "session.updated"})
"""The types of the events with which a link is up: some servers begin with another than OpenAI's."""
_SHOW_THE_SESSION: Final = frozenset({"session.created", "session.updated"})
# The longest that an end is believed in, in seconds: the API's sessions last an hour.
_LONGEST: Final = 86_400


def shows_session(event: Json) -> bool:
    """Tell whether an event shows the whole session."""
    return event["type"] in _SHOW_THE_SESSION and isinstance(event.get("session"), dict)


def opened_by(event: Json, wall_time: float) -> LinkOpened:
    """Return the fact that a link is open, from the first of its events that says so.

    Args:
        event: The event, under its current names.
        wall_time: Seconds since 1970, as ``expires_at`` counts them.
    """
    return LinkOpened(
        shows_session(event),
        at(event, "session", *VOICE),
        _lifetime(at(event, "session", "expires_at"), wall_time),
        at(event, "session", "output_modalities"),
    )


def _lifetime(expires_at: Any, wall_time: float) -> float | None:
    """Return the seconds until a session's end; None where its end is no time in the next day."""
    is_number = isinstance(expires_at, int | float) and not isinstance(expires_at, bool)
    if not is_number or not wall_time < expires_at <= wall_time + _LONGEST:
        return None
    return float(expires_at - wall_time)
