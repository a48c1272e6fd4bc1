"""What a rule may change of a session, for the type checker: the fields of the state and of the data, in one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict

if TYPE_CHECKING:
    from turnstile.session.client_requests import AgentMessageGiven, AudioFollows, ConfigRequested, EventGiven, Json
    from turnstile.session.conversation import Conversation
    from turnstile.session.deadlines import Deadline
    from turnstile.session.fifo import Fifo
    from turnstile.session.in_flight import (
        Aside,
        Call,
        Commit,
        Create,
        InputAudio,
        Item,
        Passed,
        Response,
        Restored,
        Update,
        UserAudio,
    )
    from turnstile.session.link_events import LinkLost
    from turnstile.session.standby import Standby
    from turnstile.session.state import Link, Switching


class Changes(TypedDict, total=False):
    """The keyword arguments of `Now.change`; a test holds that they are the fields of `State` and `Data`."""

    link: Link
    switching: Switching
    accepted: Json
    in_force: Json
    configured: bool
    updates: tuple[ConfigRequested, ...]
    updating: Update | None
    update_delay: float
    response: Response | None
    requested: Create | None
    expected: str
    blocked_by: str
    items: tuple[Item, ...]
    agent_messages: tuple[AgentMessageGiven, ...]
    interrupting: bool
    audio_open: bool
    commits: tuple[Commit, ...]
    user_audio: UserAudio
    create_delay: float
    restoring: tuple[Restored, ...]
    standby: Standby | None
    generation: int
    has_opened: bool
    outage: int
    losses: int
    is_restoring: bool
    restored: frozenset[str]
    told_lost: int
    loss: LinkLost | None
    renewals: tuple[Deadline, ...]
    has_uncommitted: bool
    speeches: int
    modalities: Any
    locked: ConfigRequested | None
    model: str | None
    one_by_one: int
    update_tries: int
    late: int
    given_up: Create | None
    asides: tuple[Aside, ...]
    asides_running: tuple[str, ...]
    unanswered: tuple[Passed, ...]
    unanswered_bytes: int
    ended: tuple[str, ...]
    earlier: tuple[str, ...]
    passthrough_queue: Fifo[EventGiven | AgentMessageGiven | AudioFollows]
    passthrough_audio: int
    passthrough_creates: int
    passthrough_bytes: int
    passthrough_dropped: bool
    conversation: Conversation
    calls: tuple[Call, ...]
    call_rounds: int
    closed_calls: tuple[tuple[str, str], ...]
    voice: Any
    voice_locked: bool
    tries: int
    epoch: int
    input_audio: InputAudio
    follow_up_due: bool
    is_draining: bool
    has_expired: bool
    activity: int
    silence: float
    progress: int
    serial: int
