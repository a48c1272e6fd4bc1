"""The bytes that a session holds by its state and data, derived so that none can be forgotten."""

from __future__ import annotations

from typing import TYPE_CHECKING

from turnstile.errors import Problem
from turnstile.session.memory_size import memory_size

if TYPE_CHECKING:
    from turnstile.session.in_flight import Create
    from turnstile.session.policy import Policy
    from turnstile.session.state import Now, State


def taken_bytes(now: Now) -> int:
    """Return how many bytes all takes that the session has taken and not finished, the configuration apart."""
    state, data = now
    size = data.passthrough_bytes + data.unanswered_bytes
    for update in state.updates:
        size += update.size
    if state.updating:
        for update in state.updating.requests:
            size += update.size
    for message in state.agent_messages:
        size += message.size
    for item in state.items:
        size += item.size
    for call in data.calls:
        size += call.size
    if state.requested:
        size += _create_bytes(state.requested)
    if data.given_up:
        size += _create_bytes(data.given_up)
    if state.response:
        for item in state.response.seen:
            size += item.size
        if state.response.message:
            size += state.response.message.size
        if state.response.unproven:
            size += _create_bytes(state.response.unproven)
    return size


def config_bytes(state: State) -> int:
    """Return how many bytes the configuration takes that the client wants, and the one in force where it differs."""
    size = memory_size(state.accepted) if state.accepted else 0
    if state.in_force and state.in_force is not state.accepted:
        size += memory_size(state.in_force)
    return size


def _create_bytes(create: Create) -> int:
    size = create.agent_message.size if create.agent_message else 0
    for item in create.unmarked_seen:
        size += item.size
    return size


def too_many_bytes(policy: Policy) -> Problem:
    """Return the problem with what would exceed the bytes that may be held."""
    text = f"More than {policy.max_held_bytes} bytes would wait for their turn; this one is dropped."
    return Problem("too_many_held", text)
