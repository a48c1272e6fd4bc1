"""The access log: a line at each session's start and end, and one for each message that somebody else has given it."""

from __future__ import annotations

import json
import logging
import re
from typing import TYPE_CHECKING, Any, Final

from turnstile.observability.record_fields import log_with_fields
from turnstile.protocol.safe_text import on_one_line, without_secrets

if TYPE_CHECKING:
    from collections.abc import Mapping

    from turnstile.observability.journal import SessionJournal
    from turnstile.observability.session_facts import Ending, SessionFacts

    Fields = Mapping[str, Any]

_log = logging.getLogger("turnstile.access")

# Characters of a value; the rest is cut off.
_LONGEST: Final = 200
# A value of these characters stands as it is; any other between quotation marks, as JSON has it.
_PLAIN: Final = re.compile(r"[\w.:/@%+*-]+", re.ASCII)
# Behind a value such as "token" that is not quoted, the next field would be masked as a credential.
_NEXT_FIELD: Final = " by=client"


def session_began(facts: SessionFacts) -> None:
    """Log the start of a session: who its client is, and what it asks for."""
    _say("session began", _who(facts))


def session_ended(session: SessionJournal, ending: Ending) -> None:
    """Log the end of a session: what there was of it, how it ended, and who ended it."""
    counts = session.counts
    client, upstream = counts.client_wire.snapshot(), counts.upstream_wire.snapshot()
    _say(
        "session ended",
        {
            **_who(session.facts),
            "model": session.model,
            "upstream_sessions": counts.upstream_sessions,
            "duration": round(session.seconds, 3),
            "turns": counts.turns,
            "responses": sum(counts.responses.values()),
            "updates_held": counts.updates_held,
            "updates_merged": counts.updates_merged,
            "updates_replayed": counts.updates_replayed,
            "longest_hold": round(counts.longest_hold, 3),
            "collisions": counts.collisions,
            "repairs": counts.repairs,
            "links": counts.links_opened,
            "links_lost": counts.links_lost,
            "client_bytes_in": client["in"],
            "client_bytes_out": client["out"],
            "upstream_bytes_in": upstream["in"],
            "upstream_bytes_out": upstream["out"],
            "code": ending.code,
            "reason": ending.reason,
            "by": ending.by,
        },
    )


def steered(session_id: str, message: str, asker: str, outcome: str) -> None:
    """Log that a session was given a message by somebody else than its client.

    Args:
        session_id: The session.
        message: The message's type, such as ``UpdatePrompt``; nothing of what it says.
        asker: Who gave it: an address, or what else is known.
        outcome: What became of it: ``done``, or the code of the problem.
    """
    _say("session steered", {"session": session_id, "message_type": message, "asker": asker, "outcome": outcome})


def _who(facts: SessionFacts) -> Fields:
    identity, address, path = facts.client
    return {
        "session": facts.session_id,
        "identity": identity,
        "address": address,
        "dialect": facts.dialect,
        "path": path,
        "model": facts.model,
    }


def _say(event: str, fields: Fields) -> None:
    """Log an event with its fields: in words for a log of text, and as fields of the record for any other.

    What is empty is left out. Every value is bounded, without credentials, and cannot look like another field or line.
    """
    shown = {name: _bounded(value) for name, value in fields.items() if value not in {None, "", ()}}
    words = " ".join([f"{name}={_quoted(value)}" for name, value in shown.items()])
    log_with_fields(_log, logging.INFO, "%s %s", event, words, fields={"event": event, **shown})


def _bounded(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_bounded(one) for one in value]
    if not isinstance(value, str):
        return value
    # Cut at last: the beginning of a key does not look like one.
    text = without_secrets(value[: 2 * _LONGEST])
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _quoted(value: Any) -> str:
    if isinstance(value, list):
        return _quoted(",".join(value))
    text = str(value)
    if _PLAIN.fullmatch(text) and without_secrets(text + _NEXT_FIELD).endswith(_NEXT_FIELD):
        return text
    return on_one_line(json.dumps(text, ensure_ascii=False))
