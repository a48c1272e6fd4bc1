"""Everything that a session can want done. The actors do it; nothing here is done by deciding it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from turnstile.session.record import record

if TYPE_CHECKING:
    from turnstile.errors import Problem
    from turnstile.protocol.frames import Closed
    from turnstile.session.events import Json, Ref


@record
class OpenLink:
    """Connect upstream; `model` is the one asked for, None for the operator's default."""

    model: str | None


@record
class SendUpdate:
    """``session.update``, decided when `epoch` facts that close the gate were known.

    Args:
        event_id: Ours.
        patch: A partial Realtime ``session``.
        epoch: How many facts that close the gate were known.
        endpoints: Where functions are called from when this is in force, by name; None: nothing changes about that.
    """

    event_id: str
    patch: Json
    epoch: int
    endpoints: Json | None = None


@record
class SendItem:
    """``conversation.item.create``; the item carries an id of ours."""

    event_id: str
    item: Json


@record
class SendCreate:
    """``response.create``, decided when `epoch` facts that close the gate were known."""

    event_id: str
    response: Json
    epoch: int


@record
class PassOn:
    """An event of the client's own, as it is."""

    event: bytes


@record
class SendCancel:
    """``response.cancel`` for one response."""

    event_id: str
    response_id: str


@record
class SendTruncate:
    """``conversation.item.truncate``: the agent's item ends where the user broke in, after `milliseconds` of audio."""

    event_id: str
    item_id: str
    milliseconds: int


@record
class SendCommit:
    """``input_audio_buffer.commit``, padded with silence to the API's minimum where less was heard."""

    event_id: str


@record
class ApplyLocal:
    """A request's `local` part is in force, on this side of the API."""

    local: Any


@record
class OpenAudio:
    """The session is ready for input audio on this link: it may go as it comes, up to the next mark."""


@record
class LetAudioGo:
    """All that was to go before the input audio behind `mark` has gone; so has what was before earlier marks."""

    mark: int


@record
class ObserveAudio:
    """Begin, or stop, reporting input audio as `AudioHeard`: the proxy commits, or does no longer.

    Args:
        on: Whether to report.
        counts_buffer: Report what upstream holds uncommitted, too: the user was speaking when the proxy took over.
    """

    on: bool
    counts_buffer: bool = False


class Deadline(NamedTuple):
    """One thing waited for.

    Args:
        name: What.
        token: Names the occasion: the same name with another token is another wait.
        delay: Seconds from the moment when the session began to wait.
    """

    name: str
    token: str
    delay: float


@record
class SetDeadlines:
    """Send `TimerFired` when one of these is over. Those that were waited for before go on, all others end."""

    deadlines: tuple[Deadline, ...]


@record
class Answered:
    """The one answer to a request.

    Args:
        ref: The request.
        problem: None: it is in force, or done. Otherwise why not.
        in_force: Whether it took effect, but for its shortfalls.
        shortfalls: What of it did not, each with the field named.
    """

    ref: Ref
    problem: Problem | None = None
    in_force: bool = True
    shortfalls: tuple[Problem, ...] = ()


@record
class CallFunction:
    """Call a function at its `endpoint`, and say what it returned (`CallReturned`)."""

    call_id: str
    arguments: str
    endpoint: Any


@record
class CallsCancelled:
    """Function calls that need no result any more."""

    call_ids: tuple[str, ...]


@record
class Reported:
    """Something went wrong that answers no request: a stall, or an error of upstream's own.

    Args:
        problem: What.
        event_id: The client's own name for the event that it is about, if it is about one.
    """

    problem: Problem
    event_id: str | None = None


@record
class SessionAssumed:
    """The link is up, and upstream has shown no session: what is known of it, for a client that waits for it."""

    session: Json


@record
class Held:
    """A note for the journal: a request waits, `because` of this."""

    ref: Ref
    because: str


@record
class Noted:
    """A note for the journal.

    Args:
        kind: `released`: a held request has been decided. `merged`: one ``session.update`` carries several requests.
            `collided`: a create or an update of ours lost a race, and is sent again.
        detail: Which request (``#2``), which event and its requests (``ts_5 #1 #2``), which event and which try
            (``ts_5 try 1``).
    """

    kind: Literal["released", "merged", "collided"]
    detail: str


@record
class EndSession:
    """The session cannot go on.

    Args:
        problem: Why.
        closing: How its client is closed; None: as the problem's code says.
        is_told: The client has heard of the problem already.
    """

    problem: Problem
    closing: Closed | None = None
    is_told: bool = False


UpstreamEffect = (
    OpenLink
    | SendUpdate
    | SendItem
    | SendCreate
    | PassOn
    | SendCancel
    | SendTruncate
    | SendCommit
    | ApplyLocal
    | OpenAudio
    | LetAudioGo
    | ObserveAudio
    | CallFunction
    | CallsCancelled
)
"""What the UpstreamActor performs."""

ClientEffect = Answered | SessionAssumed | Reported
"""What the ClientActor performs."""

Effect = UpstreamEffect | ClientEffect | SetDeadlines | Held | Noted | EndSession
