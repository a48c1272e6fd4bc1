"""Configuration updates: those requested, in flight and in force."""

from __future__ import annotations

from typing import TYPE_CHECKING

from turnstile.errors import Problem
from turnstile.session.collisions import last_ended
from turnstile.session.config_comparison import differences, is_shown, with_shown
from turnstile.session.config_patch import ENDPOINTS, at, difference, merged, without
from turnstile.session.effects import (
    Answered,
    ApplyLocal,
    OpenLink,
    Reported,
    SendUpdate,
)
from turnstile.session.gate import update_waits_for
from turnstile.session.in_flight import Update
from turnstile.session.journal_notes import Noted
from turnstile.session.requested_config import prompt_with, wanted
from turnstile.session.shortfalls import MODEL, VOICE, field_name, has_at, locked, names, not_in_force, voice_asked
from turnstile.session.state import Now, Step
from turnstile.session.turns import turn_unheard

if TYPE_CHECKING:
    from collections.abc import Iterator

    from turnstile.session.client_requests import ConfigRequested, Json
    from turnstile.session.config_comparison import Difference, Path
    from turnstile.session.effects import Effect
    from turnstile.session.events import ConfigAnswered
    from turnstile.session.policy import Policy

_DETECTION = ("audio", "input", "turn_detection")


def take_config(now: Now, request: ConfigRequested, _: Policy) -> Step:
    """Take a configuration request when the gate lets it; open the link if there is none."""
    if now.state.link == "closed":
        model = request.patch.get("model")
        return Step(now.change(link="opening", model=model), (OpenLink(model),), update_waits_for(now.state))
    waits = update_waits_for(now.state)
    return Step(now, waits=waits) if waits else Step(now.change(updates=(*now.state.updates, request)))


def settle_config(now: Now, policy: Policy) -> Step | None:
    """Send the requested configuration as one update; answer at once the requests that are already in force."""
    if not now.state.updates and now.state.is_in_sync:
        return None
    batch = next_batch(now, policy)
    if now.state.updates and not batch:
        return _too_long(now, policy)
    rest = without_batch(now, batch)
    target = sendable(rest, wanted(rest, batch), policy)
    patch = difference(target, rest.state.in_force)
    if not patch:
        return _confirmed(rest, batch, target, policy)
    if "type" in target:  # required in every update, and not that of an ordinary session
        patch = {**patch, "type": target["type"]}
    event_id = f"{policy.id_prefix}{rest.data.serial}"
    update = Update(event_id, batch, patch, target, rest.data.epoch, last_ended(rest))
    endpoints = patch.get(ENDPOINTS)
    effects: list[Effect] = [SendUpdate(event_id, without(patch, ENDPOINTS), rest.data.epoch, endpoints)]
    if batch:
        refs = " ".join([f"#{request.ref}" for request in batch])
        effects.insert(0, Noted("merged", f"{event_id} {refs}"))
    return Step(rest.change(updating=update, serial=rest.data.serial + 1), tuple(effects))


def next_batch(now: Now, policy: Policy) -> tuple[ConfigRequested, ...]:
    """Return the requests that go in the next update: those ahead of the first that makes the prompt too long."""
    requests = now.state.updates[:1] if now.data.one_by_one else now.state.updates
    prompt = now.state.accepted.get("instructions") or ""
    for number, request in enumerate(requests):
        prompt = prompt_with(prompt, request)
        if request.added_prompt and len(prompt) > policy.prompt_limit:
            return requests[:number]
    return requests


def without_batch(now: Now, batch: tuple[ConfigRequested, ...]) -> Now:
    """Remove the requests of `next_batch` from the queue."""
    alone = 1 if now.data.one_by_one else 0
    return now.change(updates=now.state.updates[len(batch) :], one_by_one=now.data.one_by_one - alone)


def _too_long(now: Now, policy: Policy) -> Step:
    request, *rest = now.state.updates
    length, limit = len(prompt_with(now.state.accepted.get("instructions") or "", request)), policy.prompt_limit
    name = field_name(request, ("instructions",))
    text = f"{name}: the prompt would be {length} characters long, at most {limit} fit; send less."
    after = now.change(updates=tuple(rest), one_by_one=max(now.data.one_by_one - 1, 0))
    return Step(after, (Answered(request.ref, Problem("prompt_too_long", text), in_force=False),))


def sendable(now: Now, config: Json, policy: Policy) -> Json:
    """Return of `config` what may be in force: no other model, no other voice once one was heard, turns as set."""
    target = without(config, "model")
    if now.data.voice_locked and at(target, *VOICE) is not None:
        voice = at(now.state.in_force, *VOICE)
        target = without(target, *VOICE)
        if voice is not None:
            target = merged(target, {"audio": {"output": {"voice": voice}}})
    if policy.turns == "proxy" and at(target, *_DETECTION, default={}) is not None:
        # "server_vad" is the API's default, and `type` is required wherever turn detection is set.
        kind = at(target, *_DETECTION, "type", default="server_vad")
        target = merged(target, {"audio": {"input": {"turn_detection": {"type": kind, "create_response": False}}}})
    return target


def _confirmed(
    now: Now,
    requests: tuple[ConfigRequested, ...],
    target: Json,
    policy: Policy,
    found: tuple[Difference, ...] = (),
) -> Step:
    """`target` is in force, but for what upstream shows otherwise: every request behind it gets its one answer.

    What is shown otherwise counts as accepted from here on: it was said, and to ask for it again would change nothing.
    """
    answers: list[Effect] = []
    asked = [*_reported(found, requests, policy)] if found else []
    for request in requests:
        if request.local is not None:
            answers.append(ApplyLocal(request.local))
        own = [one for asker, one in asked if asker is request]
        answers.append(_answer(now, request, target, own))
    accepted = with_shown(target, found)
    in_force = with_shown(now.state.in_force, found)
    after = now.change(
        accepted=accepted,
        in_force=in_force if difference(accepted, in_force) else accepted,
        configured=now.state.configured or bool(requests),
        update_tries=0,
        locked=_last_locked(now, requests, target) if now.data.voice_locked or now.data.locked else None,
    )
    return Step(after, tuple(answers))


def _last_locked(now: Now, requests: tuple[ConfigRequested, ...], target: Json) -> ConfigRequested | None:
    """Return the last request for a voice, if that came too late: another link may take it yet."""
    late = now.data.locked
    for request in requests:
        if voice_asked(request) is not None:
            late = request if VOICE in dict(_staying(now, request, target)) else None
    return late


def _reported(
    found: tuple[Difference, ...], requests: tuple[ConfigRequested, ...], policy: Policy
) -> Iterator[tuple[ConfigRequested | None, Difference]]:
    """Yield the differences to report, each behind its request if there is one.

    A Realtime client sees in `session.updated` what is in force; the host of its session, and operators, do not.
    """
    for one in found:
        asker = _asker(requests, one)
        is_seen = policy.is_transparent and (asker is None or asker.ref >= 0)
        if not one.is_made_up_for and not is_seen:
            yield asker, one


def _asker(requests: tuple[ConfigRequested, ...], found: Difference) -> ConfigRequested | None:
    """Return the request that decided the field: the last that names it."""
    return next((request for request in reversed(requests) if names(request, found.path)), None)


def _answer(now: Now, request: ConfigRequested, target: Json, found: list[Difference]) -> Answered:
    """Acknowledge `request` with its shortfalls; refuse it if everything that it asks for is locked."""
    stays = dict(_staying(now, request, target))
    shortfalls = tuple(stays.values())
    if stays and not _has_more(now, request, tuple(stays)):
        return Answered(request.ref, shortfalls[-1], in_force=False, shortfalls=shortfalls[:-1])
    return Answered(request.ref, shortfalls=(*shortfalls, *(not_in_force(request, one) for one in found)))


def _staying(now: Now, request: ConfigRequested, target: Json) -> Iterator[tuple[Path, Problem]]:
    """Yield the parts of `request` that cannot change any more."""
    model = request.patch.get("model")
    if model is not None and model != now.data.model:
        yield MODEL, locked(request, MODEL, model)
    voice = at(request.patch, *VOICE)
    if now.data.voice_locked and voice is not None and voice not in (at(target, *VOICE), now.data.voice):
        yield VOICE, locked(request, VOICE, voice)


def _has_more(now: Now, request: ConfigRequested, staying: tuple[Path, ...]) -> bool:
    """Return whether `request` asks for, or changes, more than the locked parts."""
    rest = request.patch
    for path in staying:
        rest = without(rest, *path)
    named = any(has_at(rest, tuple(path.split("."))) for path in request.fields) if request.fields else bool(rest)
    return named or bool(request.added_prompt) or bool(differences(rest, now.state.accepted))


def config_answered(now: Now, answer: ConfigAnswered, policy: Policy) -> Step:
    """Accept the configuration that ``session.updated`` shows; if turn detection is off in it, end the user's turn."""
    step = _answered(now, answer, policy)
    is_off = step.now.state.proxy_commits
    return Step(turn_unheard(step.now), step.effects) if is_off else step


def _answered(now: Now, answer: ConfigAnswered, policy: Policy) -> Step:
    """It carries no event id, so it answers the one update that is out (first in, first out)."""
    now = now.change(voice=at(answer.session, *VOICE, default=now.data.voice))
    update = now.state.updating
    found = differences(update.patch, answer.session) if update else ()
    if now.data.late and (update is None or found or not is_shown(update.patch, answer.session)):
        after = now.change(late=now.data.late - 1)
        if policy.is_shared:  # it may be another client's as well
            return Step(_configured_by_others(after, answer))
        # Its client was told that it is not in force: what it changed after all is set right by the next update.
        return Step(
            after.change(in_force=with_shown(now.state.in_force, differences(now.state.in_force, answer.session)))
        )
    if policy.is_shared and not (update and _has_effect(update, found, answer)):
        return Step(_configured_by_others(now, answer))
    if update is None:
        return Step(now)
    after = now.change(updating=None, in_force=merged(now.state.in_force, update.patch))
    step = _confirmed(after, update.requests, update.target, policy, found)
    # What no request named was restored on a new link, or is a rule of ours.
    unasked = (one for asker, one in _reported(found, update.requests, policy) if asker is None)
    reports = [Reported(not_in_force(None, one)) for one in unasked if at(now.state.in_force, *one.path) != one.shown]
    return Step(step.now, (*reports, *step.effects))


def _has_effect(update: Update, found: tuple[Difference, ...], answer: ConfigAnswered) -> bool:
    """Return whether the answer shows a field of the update as it was sent; one of several parts as a whole."""
    sent = update.patch
    for one in found:
        sent = without(sent, *one.path[: len(VOICE)])
    return not found or is_shown(sent, answer.session)


def _configured_by_others(now: Now, answer: ConfigAnswered) -> Now:
    """Accept the configuration that another client of a shared session has set: it is in force, and stays so."""
    accepted = with_shown(now.state.accepted, differences(now.state.accepted, answer.session))
    in_force = with_shown(now.state.in_force, differences(now.state.in_force, answer.session))
    return now.change(accepted=accepted, in_force=in_force)
