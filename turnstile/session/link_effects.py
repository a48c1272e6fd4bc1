"""The effects that prepare another link beside the one in use, or after it, and have it take over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from turnstile.session.record import record

if TYPE_CHECKING:
    from turnstile.session.client_requests import Json
    from turnstile.session.effects import SendUpdate


@record
class OpenStandby:
    """Open a link beside the one in use, if there is one; a standby that there was is closed.

    What upstream says on it comes as `OfStandby`, and is not shown to the client. No input audio goes to it.

    Args:
        generation: Names it.
        model: The client's model; None for the operator's default.
    """

    generation: int
    model: str | None


@record
class RestoreItem:
    """Send ``conversation.item.create`` for an item of the record, which the client knows: no answer to it is shown.

    Args:
        event_id: Ours.
        item: The item, with the id under which it is known here.
        previous_id: The item that it comes behind; None: at the end.
    """

    event_id: str
    item: Json
    previous_id: str | None = None


@record
class RemoveItem:
    """Send ``conversation.item.delete`` for an item that another takes the place of: no answer to it is shown."""

    event_id: str
    item_id: str


@record
class TruncateRestored:
    """Answer a client's ``conversation.item.truncate`` for upstream, which has the restored item as text.

    The API truncates audio only. What was heard of the item comes as `ItemTruncated`, if that is known.

    Args:
        event: The event, encoded.
    """

    event: bytes


@record
class OnStandby:
    """Send a command on the standby."""

    generation: int
    command: SendUpdate | RestoreItem | RemoveItem


@record
class TakeOver:
    """Use the standby as the link from now on, and close the link before it; the answer is `TookOver`.

    Input audio waits on it for `OpenAudio`.

    Args:
        generation: Which standby.
        epoch: How many facts that close the gate were known when it was decided; a later one puts it off
            (`TakeOverPutOff`). None: nothing does.
        speeches: How many `SpeechStarted` were known, likewise.
    """

    generation: int
    epoch: int | None = None
    speeches: int = 0


@record
class CloseStandby:
    """Close the standby: it is of no use."""


@record
class PauseAudio:
    """Hold input audio from now on, until `OpenAudio`; the answer is `AudioPaused`."""


LinkEffect = (
    OpenStandby | OnStandby | RestoreItem | RemoveItem | TruncateRestored | TakeOver | CloseStandby | PauseAudio
)
