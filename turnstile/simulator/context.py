"""What the parts of a simulated session share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from random import Random

    from turnstile.simulator.conversation_items import Conversation
    from turnstile.simulator.faults import Faults
    from turnstile.simulator.ids import Ids
    from turnstile.simulator.log import SimulatorLog
    from turnstile.simulator.outbox import Wire
    from turnstile.simulator.quirks import Quirks
    from turnstile.simulator.scenario import Run


@dataclass(slots=True)
class Desk:
    """The parts of one session that all others work with.

    Args:
        session: The session object in force; replaced, never changed.
        conversation: The default conversation.
        run: What is answered.
        wire: What goes out.
        ids: Makes ids.
        random: The one source of chance.
        faults: What goes wrong.
        quirks: What differs from the recorded API.
        log: What was seen.
        interleaved: Whether the items of a response come mixed; None leaves it to the model.
    """

    session: dict[str, Any]
    conversation: Conversation
    run: Run
    wire: Wire
    ids: Ids
    random: Random
    faults: Faults
    quirks: Quirks
    log: SimulatorLog
    interleaved: bool | None
