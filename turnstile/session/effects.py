"""The effects that a session's decisions have; the actors perform them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from turnstile.session.ending import CloseAtRest, MeasureSilence
from turnstile.session.journal_notes import Held, Noted
from turnstile.session.link_effects import LinkEffect
from turnstile.session.record import record

if TYPE_CHECKING:
    from turnstile.errors import Problem
    from turnstile.protocol.frames import Closed
    from turnstile.session.client_requests import Json, Ref
    from turnstile.session.deadlines import Deadline


@record
class OpenLink:
    """Open the upstream link, for the client's `model`; None for the operator's default."""

    model: str | None


@record
class SendUpdate:
    """Send ``session.update``.

    Args:
        event_id: Ours.
        patch: A partial Realtime ``session``.
        epoch: How many facts that close the gate were known when it was decided.
        endpoints: The endpoint of each function by name, once this is in force; None: they stay.
    """

    event_id: str
    patch: Json
    epoch: int
    endpoints: Json | None = None


@record
class SendItem:
    """Send ``conversation.item.create``; the item carries an id of ours."""

    event_id: str
    item: Json


@record
class SendCreate:
    """Send ``response.create``, decided when `epoch` facts that close the gate were known."""

    event_id: str
    response: Json
    epoch: int


@record
class PassOn:
    """Forward an event of the client's as it is."""

    event: bytes


@record
class SendCancel:
    """Send ``response.cancel`` for one response."""

    event_id: str
    response_id: str


@record
class SendTruncate:
    """Send ``conversation.item.truncate``: the agent's item ends at the barge-in, after `milliseconds` of audio."""

    event_id: str
    item_id: str
    milliseconds: int


@record
class SendCommit:
    """Send ``input_audio_buffer.commit``, behind silence up to the API's minimum where less audio went."""

    event_id: str


@record
class ApplyLocal:
    """Put a request's `local` part in force, the settings that the UpstreamActor itself applies."""

    local: Any


@record
class OpenAudio:
    """Send input audio on this link as it comes, up to the next mark."""


@record
class LetAudioGo:
    """Send the input audio behind `mark`, and behind earlier marks: what goes before it has gone."""

    mark: int


@record
class ObserveAudio:
    """Begin to report input audio as `AudioHeard`, or stop: the proxy commits, or does so no longer.

    Args:
        on: Whether to report.
        counts_buffer: Also report what upstream holds uncommitted: the user was speaking when the proxy took over.
    """

    on: bool
    counts_buffer: bool = False


@record
class SetDeadlines:
    """Send `TimerFired` when one of these deadlines passes. Those that were set before go on, all others end."""

    deadlines: tuple[Deadline, ...]


@record
class Answered:
    """Answer a request, once.

    Args:
        ref: The request.
        problem: Why it is not done or not in force; None: it is.
        in_force: Whether it took effect, except for its shortfalls.
        shortfalls: The parts of it that did not take effect, each with its field named.
    """

    ref: Ref
    problem: Problem | None = None
    in_force: bool = True
    shortfalls: tuple[Problem, ...] = ()


@record
class Unlocked:
    """Acknowledge a request whose voice came too late for one link (`Answered`), and is in force on the next."""

    ref: Ref


@record
class CallFunction:
    """Call a function at its `endpoint`, and send its result back (`CallReturned`)."""

    call_id: str
    arguments: str
    endpoint: Any


@record
class CallsCancelled:
    """Cancel function calls: they need no result any more."""

    call_ids: tuple[str, ...]


@record
class Reported:
    """Report a problem that answers no request: a stall, or an error of upstream's own.

    Args:
        problem: The problem.
        event_id: The client's id of the event that it is about, if it is about one.
    """

    problem: Problem
    event_id: str | None = None


@record
class SessionAssumed:
    """Show the client the session as far as it is known: the link is up, and upstream has shown none."""

    session: Json


@record
class EndSession:
    """End the session.

    Args:
        problem: Why it cannot go on.
        closing: How its client is closed; None: by the problem's code.
        is_told: The client has got the problem already.
        by: Who is to blame: upstream, which has lost, refused or not answered a link, or the proxy, by a limit of its.
    """

    problem: Problem
    closing: Closed | None = None
    is_told: bool = False
    by: Literal["upstream", "proxy"] = "proxy"


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
    | MeasureSilence
    | LinkEffect
)
"""What the UpstreamActor performs."""

ClientEffect = Answered | Unlocked | SessionAssumed | Reported
"""What the ClientActor performs."""

Effect = UpstreamEffect | ClientEffect | SetDeadlines | Held | Noted | EndSession | CloseAtRest
