"""Defines the settings of a session's rules and times."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from turnstile.config.section import Section


class SessionSection(Section):
    """Rules and timeouts of a session; times in seconds, audio in milliseconds."""

    turns: Literal["server", "proxy"] = Field(
        "server",
        description="Creator of the response to a spoken turn: the API, or the proxy, without collisions.",
    )
    link_timeout: float = Field(20.0, gt=0, description="Timeout of session.created on a new upstream link.")
    update_timeout: float = Field(10.0, gt=0, description="Timeout of the answer to a session.update.")
    create_timeout: float = Field(10.0, gt=0, description="Timeout of the answer to a response.create.")
    expected_timeout: float = Field(5.0, gt=0, description="Timeout of the API's own response to a spoken turn.")
    response_stall: float = Field(30.0, gt=0, description="Time without events after which a response has stalled.")
    cancel_timeout: float = Field(5.0, gt=0, description="Timeout of the end of a cancelled response.")
    item_timeout: float = Field(10.0, gt=0, description="Timeout of the confirmation of a conversation item.")
    commit_timeout: float = Field(5.0, gt=0, description="Timeout of the answer to a commit.")
    settings_timeout: float = Field(
        30.0,
        ge=0,
        description="Time in which a Voice Agent client must send Settings; otherwise: close 1008. KeepAlive does not "
        "count. 0: never.",
    )
    idle_timeout: float = Field(
        0.0,
        ge=0,
        description="Time without speech, messages, responses, function calls and audio that plays, after which the "
        "session ends: close 1000. Silent input audio and KeepAlive do not count. 0: never.",
    )
    max_duration: float = Field(
        0.0,
        ge=0,
        description="Time that a session may last; it ends at its next moment of rest, 10 s later at the latest: close "
        "1001. 0: for ever.",
    )
    retry_delay: float = Field(0.25, gt=0, description="Delay before the second retry; doubles with each further one.")
    create_tries: int = Field(
        4, ge=1, description="Attempts for one response.create, or one session.update that collides with responses."
    )
    max_held: int = Field(256, ge=1, description="Held requests of a client.")
    max_held_bytes: int = Field(
        33_554_432,
        ge=1,
        description="Bytes held or unsent in the name of a session. A request that does not fit is refused; a message "
        "that cannot be read: close 1009.",
    )
    max_open_calls: int = Field(64, ge=1, description="Open function calls of a session.")
    max_call_rounds: int = Field(
        10, ge=1, description="Responses in a row that may call functions within a turn; the next has tool_choice none."
    )
    max_conversation_bytes: int = Field(
        262_144,
        ge=0,
        description="Bytes of the conversation that are kept for another upstream link; beyond it the oldest turns go. "
        "0: nothing is kept.",
    )
    restore_note: str = Field(
        "The connection was replaced; the conversation above goes on here. Do not greet again, and keep the language.",
        max_length=4000,
        description="System message behind the conversation that another upstream link is told. Empty: none.",
    )
    prompt_limit: int = Field(25_000, ge=1, description="Characters of a prompt to which updates have appended.")
    commit_pause: float = Field(0.4, gt=0, description="Without turn detection: commit this long after the last audio.")
    commit_enough: float = Field(0.6, gt=0, description="The same while audio keeps coming, once it is enough.")
    commit_minimum: float = Field(100.0, ge=100, description="Milliseconds of audio that are enough.")
    commit_first: float = Field(1000.0, ge=100, description="The same for the first commit of a session.")
