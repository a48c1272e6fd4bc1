"""The data of a session that are only counted or remembered: what gates is in `state`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from turnstile.session.conversation import Conversation
from turnstile.session.fifo import Fifo
from turnstile.session.in_flight import InputAudio

if TYPE_CHECKING:
    from turnstile.session.client_requests import AgentMessageGiven, AudioFollows, ConfigRequested, EventGiven
    from turnstile.session.deadlines import Deadline
    from turnstile.session.in_flight import Aside, Call, Create, Passed
    from turnstile.session.link_events import LinkLost
    from turnstile.session.standby import Standby


class Data(NamedTuple):
    """Data that are only counted or remembered: a change of them releases no held request.

    Args:
        standby: The link that is prepared to be the next.
        generation: How many standbys there were.
        has_opened: A link of the session was open.
        outage: The loss that the session has not recovered from, by the generation of then; 0 for none.
        losses: Links lost, or tried in vain, in a row.
        is_restoring: The loss of the link was reported to the client, and not yet that another one replaces it.
        restored: The items that the link in use has from the record, since they were said on one before it.
        told_lost: How much the client was told that cannot be restored.
        loss: The last loss of a link, or of a standby.
        renewals: The deadlines by which another link takes over, since the session of the one in use ends.
        has_uncommitted: Input audio is on the link that only the proxy or the client will commit.
        speeches: Counts the beginnings of speech.
        modalities: The kinds of output as upstream last showed them, if it did.
        locked: The last request for another voice that came too late.
        model: The model that the link was opened for.
        one_by_one: How many of them go alone, since upstream refused them together.
        update_tries: Updates refused in a row after a turn had overtaken them, or for a response that is over.
        late: Answers of updates given up on that may still come.
        given_up: The last create that was given up on; its response may begin all the same.
        asides: Creates out of band that upstream has not answered.
        asides_running: Responses out of band in progress: a drained session waits for them.
        unanswered: Events of a Realtime client's that upstream has not answered, in order...
        unanswered_bytes: ...and how large they are together.
        ended: The last responses that ended.
        earlier: Turns expected to be answered before that one, whose responses have not begun either.
        passthrough_queue: Events and responses of a Realtime client, and the marks of audio between them, in order.
        passthrough_audio: How many of them are marks, or about the audio before them.
        passthrough_creates: How many of them are responses.
        passthrough_bytes: How large the events and responses among them are together.
        passthrough_dropped: An event did not fit: the next response that is asked for is not made without it.
        conversation: The record of the conversation, for another link.
        calls: Function calls whose result has not gone upstream.
        call_rounds: Responses in a row that called functions, within the user's turn; counted up to the bound.
        closed_calls: The last calls that were answered or cancelled, for an honest answer to a late result.
        voice: The agent's voice as upstream last showed it, if it did.
        voice_locked: Assistant audio is in the conversation.
        tries: Creates that failed in a row.
        epoch: Counts the facts that close the gate.
        input_audio: What was heard of the user.
        follow_up_due: The last response called functions that a Realtime client answers itself; no other has begun.
        is_draining: The proxy shuts down, or the session has expired: it ends as soon as nothing is unfinished.
        has_expired: The session has lasted as long as it may.
        activity: Counts what was said, asked or answered, while a session that is idle for too long ends.
        silence: For how many seconds nothing had been heard or played when that was last measured.
        progress: Counts the signs of life of responses.
        serial: Counts the ids given out.
    """

    standby: Standby | None = None
    generation: int = 0
    has_opened: bool = False
    outage: int = 0
    losses: int = 0
    is_restoring: bool = False
    restored: frozenset[str] = frozenset()
    told_lost: int = 0
    loss: LinkLost | None = None
    renewals: tuple[Deadline, ...] = ()
    has_uncommitted: bool = False
    speeches: int = 0
    modalities: Any = None
    locked: ConfigRequested | None = None
    model: str | None = None
    one_by_one: int = 0
    update_tries: int = 0
    late: int = 0
    given_up: Create | None = None
    asides: tuple[Aside, ...] = ()
    asides_running: tuple[str, ...] = ()
    unanswered: tuple[Passed, ...] = ()
    unanswered_bytes: int = 0
    ended: tuple[str, ...] = ()
    earlier: tuple[str, ...] = ()
    passthrough_queue: Fifo[EventGiven | AgentMessageGiven | AudioFollows] = Fifo()
    passthrough_audio: int = 0
    passthrough_creates: int = 0
    passthrough_bytes: int = 0
    passthrough_dropped: bool = False
    conversation: Conversation = Conversation()
    calls: tuple[Call, ...] = ()
    call_rounds: int = 0
    closed_calls: tuple[tuple[str, str], ...] = ()
    voice: Any = None
    voice_locked: bool = False
    tries: int = 0
    epoch: int = 0
    input_audio: InputAudio = InputAudio()
    follow_up_due: bool = False
    is_draining: bool = False
    has_expired: bool = False
    activity: int = 0
    silence: float = 0.0
    progress: int = 0
    serial: int = 0
