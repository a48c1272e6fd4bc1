"""Faults that the simulator injects on demand, and its pace."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

NEVER: Final = frozenset[int]()


@dataclass(frozen=True, slots=True)
class RefusedEvent:
    """Refuse one valid client event.

    Args:
        event: Its type, such as ``session.update``.
        nth: Its number among the events of that type, from 1.
        code: The error's code; None for none.
        type: The error's type.
        echoes: Whether the error carries the client's event id.
        message: The error's text.
    """

    event: str
    nth: int = 1
    code: str | None = "server_error"
    type: str = "server_error"
    echoes: bool = True
    message: str = "Refused on demand."


@dataclass(frozen=True, slots=True)
class SentEvent:
    """One event that the server sends.

    Args:
        event: Its type, such as ``response.output_audio.delta``.
        nth: Its number among the events of that type, from 1.
    """

    event: str
    nth: int = 1


@dataclass(frozen=True, slots=True)
class Faults:
    """The faults of one session. Numbers count from 1.

    Args:
        order_jitter: Order events at random where the API allows it: audio against its transcript and their ends,
            interleaved items, the user's transcription against the response.
        audio_done_early: `output_audio.done` comes before the last of the transcript.
        transcript_done_first: `output_audio_transcript.done` comes before `output_audio.done`.
        refused: Events to refuse.
        lost_done: Responses whose `response.done` is never sent, though they have ended.
        hung: Responses that end only when they are cancelled.
        early_cancel_unanswered: A cancel before `response.created` is ignored instead of refused; the response goes on
            either way.
        update_cuts_speech: An update in mid-response cancels the response, as users of the beta have reported.
        lost_updated: Updates that are applied and never confirmed.
        failed_transcriptions: Voice turns whose transcription fails.
        late_empty_commit: Seconds by which the error of an empty commit is late.
        disconnect_after_events: End the link after so many client events.
        disconnect_after_responses: End the link after so many `response.done`.
        disconnect_at: End the link right behind this event of the server's; nothing is sent behind it.
        disconnect_code: Close code of that end; 1006 stands for a link that breaks.
        refused_key: Refuse the key, after the handshake as api.openai.com does.
        rejected: Refuse the connection likewise, with the error of this code.
        slow: Seconds by which every answer is late.
        opening_delay: Seconds by which the first event is late, and with it the answers to what comes before it.
    """

    order_jitter: bool = False
    audio_done_early: bool = False
    transcript_done_first: bool = False
    refused: tuple[RefusedEvent, ...] = ()
    lost_done: frozenset[int] = NEVER
    hung: frozenset[int] = NEVER
    early_cancel_unanswered: bool = False
    update_cuts_speech: bool = False
    lost_updated: frozenset[int] = NEVER
    failed_transcriptions: frozenset[int] = NEVER
    late_empty_commit: float = 0.0
    disconnect_after_events: int | None = None
    disconnect_after_responses: int | None = None
    disconnect_at: SentEvent | None = None
    disconnect_code: int = 1011
    refused_key: bool = False
    rejected: Literal["invalid_model", "insufficient_quota"] | None = None
    slow: float = 0.0
    opening_delay: float = 0.0

    def refusal(self, event: str, nth: int) -> RefusedEvent | None:
        """Return the fault that refuses the nth event of a type."""
        return next((fault for fault in self.refused if (fault.event, fault.nth) == (event, nth)), None)


NO_FAULTS: Final = Faults()


@dataclass(frozen=True, slots=True)
class Pace:
    """The durations of a session, in seconds.

    Args:
        answer: From a client event to its answer.
        first: From the acceptance of a response to `response.created`.
        step: Between two events of a response.
        jitter: How much a step may be shorter or longer, as a part of it, from 0 to 1.
        cancel: From a cancel to its effect; events until then are still sent.
        transcription: From the commit of a voice turn to each delta of its transcription.
    """

    answer: float = 0.002
    first: float = 0.02
    step: float = 0.005
    jitter: float = 0.0
    cancel: float = 0.0
    transcription: float = 0.012
