"""The parts of a simulated session that all others use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from random import Random

    from turnstile.simulator.conversation_items import Conversation
    from turnstile.simulator.faults import Faults
    from turnstile.simulator.ids import Ids
    from turnstile.simulator.log import SimulatorLog
    from turnstile.simulator.outbox import Outbox
    from turnstile.simulator.quirks import Quirks
    from turnstile.simulator.scenario import Run


@dataclass(slots=True)
class SessionContext:
    """The parts of one session that all others use.

    Args:
        session: The session object in force; replaced, never changed.
        conversation: The default conversation.
        run: The session's run through its scenario.
        outbox: The outgoing frames.
        ids: Makes ids.
        random: The one source of chance.
        faults: The faults to inject.
        quirks: The differences from the recorded API.
        log: The log that tests read.
        interleaved: Whether the items of a response come mixed; None leaves it to the model.
    """

    session: dict[str, Any]
    conversation: Conversation
    run: Run
    outbox: Outbox
    ids: Ids
    random: Random
    faults: Faults
    quirks: Quirks
    log: SimulatorLog
    interleaved: bool | None
