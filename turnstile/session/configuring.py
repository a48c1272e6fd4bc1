"""The configuration: what the client wants, what is out, what is in force."""

from __future__ import annotations

from typing import TYPE_CHECKING

from turnstile.errors import Problem
from turnstile.session.effects import Answered, ApplyLocal, EndSession, Merged, OpenLink, SendUpdate
from turnstile.session.patch import ENDPOINTS, as_shown, at, difference, merged, reflects, without
from turnstile.session.state import State, Update, wanted
from turnstile.session.step import Step

if TYPE_CHECKING:
    from turnstile.session.effects import Effect
    from turnstile.session.events import ConfigAnswered, ConfigRequested, Json, Refused
    from turnstile.session.state import Policy

_VOICE = ("audio", "output", "voice")
_DETECTION = ("audio", "input", "turn_detection")


def take_config(state: State, request: ConfigRequested) -> Step:
    """Take a configuration request when it is its turn; it opens the link when there is none."""
    if state.link == "closed":
        model = request.patch.get("model")
        return Step(state._replace(link="opening", model=model), (OpenLink(model),), postpone=True)
    if not state.gate_is_open:
        return Step(state, postpone=True)
    return Step(state._replace(updates=(*state.updates, request)))


def settle_config(state: State, policy: Policy) -> Step | None:
    """Send what is wanted and not in force, in one update; answer at once what is in force already."""
    if not state.gate_is_open or (not state.updates and state.is_in_sync):
        return None
    alone = state.one_by_one > 0
    batch = _fitting(state, state.updates[:1] if alone else state.updates, policy)
    if state.updates and not batch:
        return _too_long(state, policy)
    rest = state._replace(updates=state.updates[len(batch) :], one_by_one=state.one_by_one - alone)
    target = sendable(rest, wanted(rest, batch), policy)
    patch = difference(target, rest.in_force)
    if not patch:
        return _confirmed(rest, batch, target)
    if "type" in target:  # required in every update, and not that of an ordinary session
        patch = {**patch, "type": target["type"]}
    event_id = f"{policy.id_prefix}{rest.serial}"
    update = Update(event_id, batch, patch, target, rest.epoch)
    endpoints = patch.get(ENDPOINTS)
    effects: list[Effect] = [SendUpdate(event_id, without(patch, ENDPOINTS), rest.epoch, endpoints)]
    if batch:
        effects.insert(0, Merged(event_id, tuple(request.ref for request in batch)))
    return Step(rest._replace(updating=update, serial=rest.serial + 1), tuple(effects))


def _fitting(state: State, requests: tuple[ConfigRequested, ...], policy: Policy) -> tuple[ConfigRequested, ...]:
    """Return the requests ahead of the first that makes the prompt too long: that one is answered after them."""
    for number, request in enumerate(requests):
        if request.added_prompt and _prompt_length(state, requests[: number + 1]) > policy.prompt_limit:
            return requests[:number]
    return requests


def _prompt_length(state: State, requests: tuple[ConfigRequested, ...]) -> int:
    return len(wanted(state, requests).get("instructions") or "")


def _too_long(state: State, policy: Policy) -> Step:
    request, *rest = state.updates
    length, limit = _prompt_length(state, (request,)), policy.prompt_limit
    text = f"UpdatePrompt.prompt: the prompt would be {length} characters long, at most {limit} fit; send less."
    after = state._replace(updates=tuple(rest), one_by_one=max(state.one_by_one - 1, 0))
    return Step(after, (Answered(request.ref, Problem("prompt_too_long", text), in_force=False),))


def sendable(state: State, config: Json, policy: Policy) -> Json:
    """Return of `config` what may be in force: no other model, no other voice once one was heard, turns as set."""
    target = without(config, "model")
    if state.voice_locked and at(target, *_VOICE) is not None:
        voice = at(state.in_force, *_VOICE)
        target = without(target, *_VOICE)
        if voice is not None:
            target = merged(target, {"audio": {"output": {"voice": voice}}})
    if policy.turns == "proxy" and at(target, *_DETECTION, default={}) is not None:
        # "server_vad" is the API's default, and `type` is required wherever turn detection is set.
        kind = at(target, *_DETECTION, "type", default="server_vad")
        target = merged(target, {"audio": {"input": {"turn_detection": {"type": kind, "create_response": False}}}})
    return target


def _confirmed(state: State, requests: tuple[ConfigRequested, ...], target: Json) -> Step:
    """`target` is in force, but for what a late answer showed: every request behind it gets its one answer."""
    answers: list[Effect] = []
    for request in requests:
        if request.local is not None:
            answers.append(ApplyLocal(request.local))
        answers.append(Answered(request.ref, _shortfall(state, request, target)))
    in_force = state.in_force if difference(target, state.in_force) else target
    configured = state.configured or bool(requests)
    return Step(state._replace(accepted=target, in_force=in_force, configured=configured, overtaken=0), tuple(answers))


def _shortfall(state: State, request: ConfigRequested, target: Json) -> Problem | None:
    """Return what of `request` could not be brought into force, if anything."""
    model = request.patch.get("model")
    if model is not None and model != state.model:
        text = f"model: {model!r} cannot replace the model of a running session; start a new one. The rest is in force."
        return Problem("model_locked", text)
    voice = at(request.patch, *_VOICE)
    if state.voice_locked and voice is not None and voice != at(target, *_VOICE):
        text = f"voice: {voice!r} cannot replace one that has spoken; start a new session. The rest is in force."
        return Problem("voice_locked", text)
    return None


def config_answered(state: State, answer: ConfigAnswered) -> Step:
    """``session.updated``: it carries no event id, so it answers the one update that is out (first in, first out)."""
    update = state.updating
    if state.late and (update is None or not reflects(answer.session, update.patch)):
        # Its client was told that it is not in force: what it changed after all is set right by the next update.
        return Step(state._replace(late=state.late - 1, in_force=as_shown(state.in_force, answer.session)))
    if update is None:
        return Step(state)
    after = state._replace(updating=None, in_force=merged(state.in_force, update.patch))
    return _confirmed(after, update.requests, update.target)


def config_refused(state: State, update: Update, error: Refused, policy: Policy) -> Step:
    """A refused update is discarded whole: take it apart, so that only the bad request gets the error.

    But where a turn began while it was under way, it may have been refused for that: then it goes again behind it.
    """
    if update.epoch < state.epoch and state.overtaken + 1 < policy.create_tries:
        return config_handed_back(state._replace(overtaken=state.overtaken + 1), update)
    back = state._replace(updating=None, overtaken=0, updates=(*update.requests, *state.updates))
    if len(update.requests) > 1:
        return Step(back._replace(one_by_one=len(update.requests)))
    if error.code == "cannot_update_voice" and not state.voice_locked:
        return Step(back._replace(voice_locked=True, one_by_one=state.one_by_one + len(update.requests)))
    return _given_up(state, update, Problem(error.code, error.message))


def config_stalled(state: State, update: Update, policy: Policy) -> Step:
    """No answer came in time: say so, and do not take a late answer for the next one's."""
    text = f"Upstream did not confirm the configuration (session.updated) within {policy.update_timeout:g} s."
    return _given_up(state._replace(late=state.late + 1), update, Problem("update_stalled", text))


def _given_up(state: State, update: Update, problem: Problem) -> Step:
    after = state._replace(updating=None, overtaken=0)
    if update.requests:
        return Step(after, tuple(Answered(request.ref, problem, in_force=False) for request in update.requests))
    # A new link that does not take what the old one took is none that the client could go on with.
    return Step(after._replace(link="ended"), (EndSession(problem),))


def config_handed_back(state: State, update: Update) -> Step:
    """The update did not go: it waits again, ahead of what came later."""
    alone = 1 if state.one_by_one and update.requests else 0
    updates = (*update.requests, *state.updates)
    return Step(state._replace(updating=None, updates=updates, one_by_one=state.one_by_one + alone))
