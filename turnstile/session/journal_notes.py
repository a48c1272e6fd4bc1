"""The notes that a session's decisions leave in the journal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from turnstile.session.record import record

if TYPE_CHECKING:
    from turnstile.session.client_requests import Ref
    from turnstile.session.waits import Reason


@record
class Held:
    """A note for the journal: requests wait, for something that they did not wait for before.

    Args:
        refs: The requests.
        reason: What they wait for.
    """

    refs: tuple[Ref, ...]
    reason: Reason


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
