"""What becomes of a message that an operator gives a session, as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnstile.errors import ClientProtocolError, Problem, SessionError
from turnstile.translate.steering_messages import (
    AgentTextGiven,
    EndGiven,
    OverridesGiven,
    PromptGiven,
    UserTextGiven,
    read_steering,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from actors.steering import Steering
    from turnstile.translate.steering_messages import Steered

Json = dict[str, Any]


def steer(steering: Steering, message: Json, may_call: Callable[[str], bool], timeout: float) -> Json:
    """Give a session a message, and wait for what becomes of it.

    Args:
        steering: Steers the session.
        message: In the words of the Voice Agent protocol, or ``{"type": "End"}``.
        may_call: Returns whether the proxy may call a function at a URL.
        timeout: Seconds to wait.

    Returns:
        ``{"done": True}``, or ``{"done": False, "code": ..., "description": ...}``.
    """
    try:
        given = read_steering(message, may_call)
    except ClientProtocolError as error:
        return _not_done(error.problem)
    try:
        _asked(steering, given).result(timeout)
    except TimeoutError:
        kind = message["type"]
        text = f"{kind} is not in force after {timeout:g} s; it stays asked for, and may be in force later."
        return _not_done(Problem("timeout", text))
    except SessionError as error:
        is_what_was_asked = isinstance(given, EndGiven) and error.problem.code == "session_ended"
        return {"done": True} if is_what_was_asked else _not_done(error.problem)
    return {"done": True}


def _asked(steering: Steering, given: Steered) -> Future[None]:
    match given:
        case PromptGiven(text=text):
            return steering.add_prompt(text)
        case OverridesGiven(overrides=overrides):
            return steering.decide(overrides)
        case UserTextGiven(text=text):
            return steering.say(text)
        case AgentTextGiven(response=response, behavior=behavior):
            return steering.respond(response, behavior)
        case EndGiven(code=code, reason=reason):
            return steering.end(code, reason, by="operator")


def _not_done(problem: Problem) -> Json:
    return {"done": False, "code": problem.code, "description": problem.description}
