"""Plays the lines of a transcript on a stage."""

from __future__ import annotations

from contextlib import nullcontext

from stage import Stage

from turnstile.observability.recorded_values import decode
from turnstile.protocol.voice_agent.profile import COMPONENT, DEEPGRAM
from turnstile.session.policy import Policy

# How many seconds may lie between what came at once: more before the end of a link, since nothing is sent on it then.
_MOMENT, _BEFORE_ITS_END = 0.0011, 0.1
PROFILES = {profile.name: profile for profile in (COMPONENT, DEEPGRAM)}


def stage_of(head):
    """Return the stage that a transcript's head asks for."""
    if not head.get("is_recorded"):
        policy = Policy(id_prefix="ts_", turns=head["turns"])
        return Stage(PROFILES[head["profile"]], head["functions"], policy)
    policy, *first = (decode({"!": kind} | head[kind.lower()]) for kind in ("Policy", "State", "Data"))
    profile = PROFILES.get(head["profile"])
    return Stage(profile, {}, policy, model=head["model"], first=first, may_call=lambda _: head.get("may_call", True))


def play_recorded(stage, lines):
    """Play what came in a recording: at once what a link said within a moment, while nothing was sent on it."""
    came = [number for number, line in enumerate(lines) if "from" in line]
    for number, following in zip(came, [*came[1:], len(lines)], strict=True):
        with stage.nobody_works() if _come_at_once(lines[number : following + 1]) else nullcontext():
            play(stage, lines[number])


def _come_at_once(lines):
    """Tell whether the first and the last of these lines came together."""
    one, *between, other = lines if len(lines) > 1 else (*lines, {})
    link = one["from"]
    moment = _BEFORE_ITS_END if "close" in other else _MOMENT
    if not link.startswith("upstream") or other.get("from") != link or other["at"] - one["at"] > moment:
        return False
    return not any(line.get("to") == link for line in between)


def play(stage, line):
    """Play what came in a line."""
    stage.advance_to(line["at"])
    match line:
        case {"from": "client", "text": message}:
            stage.client_says(message)
        case {"from": "client", "speech": milliseconds}:
            stage.client_speaks(milliseconds)
        case {"from": "client", "silence": milliseconds}:
            stage.client_is_silent(milliseconds)
        case {"from": "client", "audio": size}:
            stage.client_sends_audio(size)
        case {"from": "client", "close": [code, reason]}:
            stage.client_leaves(code, reason)
        case {"from": "function", "call_id": call_id, "output": output}:
            stage.function_returns(call_id, output)
        case {"from": link, "text": event}:
            stage.upstream_says(event, link)
        case {"from": link, "close": [code, reason]}:
            stage.upstream_closes(code, reason, link)
