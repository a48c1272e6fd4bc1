"""What upstream says, read: the fact in each event, and what the client hears of it; neither is lost with the other."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, NamedTuple

from turnstile.errors import UpstreamProtocolError
from turnstile.protocol import realtime
from turnstile.session.facts import FactReader
from turnstile.translate.table import SERVER_EVENTS

if TYPE_CHECKING:
    from turnstile.ports import Clock
    from turnstile.protocol.frames import Frame
    from turnstile.session.events import Fact, Json
    from turnstile.translate.translator import Translator

_log = logging.getLogger(__name__)

_NOTHING: list[Frame] = []
_AUDIO = "response.output_audio.delta"
# So many types of events that are new are noted.
_UNKNOWN_NOTED = 32


class Heard(NamedTuple):
    """One event.

    Args:
        event: In the current words.
        fact: What it means for the session, if anything.
        frames: What the client hears of it.
        is_audio: It is a piece of the agent's voice.
    """

    event: Json
    fact: Fact | None
    frames: list[Frame]
    is_audio: bool = False


class UpstreamEvents:
    """Reads one session's upstream, whatever comes.

    Args:
        translator: Puts events into the client's words.
        clock: Seconds.
    """

    def __init__(self, translator: Translator, clock: Clock) -> None:
        self._translator = translator
        self._clock = clock
        self._facts = FactReader()
        self._unknown: set[str] = set()
        self._has_binary = False

    def begin_link(self) -> None:
        """From now on a new link is read, with a conversation of its own."""
        self._facts = FactReader()

    def read(self, data: bytes, *, is_binary: bool = False) -> Heard | None:
        """Read a frame; None for what is no event.

        Some gateways send events in binary frames; that others are none is said once.
        """
        try:
            event, is_json = realtime.parse_server_event(data)
        except UpstreamProtocolError as error:
            self._is_no_event(error, is_binary=is_binary)
            return None
        if event["type"] in realtime.AUDIO_DELTAS:
            return self._audio(event, data if is_json else None)
        return self._heard(event, data if is_json else None)

    def _is_no_event(self, error: UpstreamProtocolError, *, is_binary: bool) -> None:
        if not is_binary:
            _cannot_be_read(error)
        elif not self._has_binary:
            self._has_binary = True
            _log.warning("Upstream sends binary frames that are no events; they are ignored.")

    def _audio(self, given: Json, data: bytes | None) -> Heard:
        """Read a piece of the agent's voice: the hot path, on which there is no fact."""
        event, frames = given, _NOTHING
        try:
            if given["type"] != _AUDIO:
                event = realtime.current_names(given)
            frames = self._translator.audio(event, self._clock(), data if event is given else None)
        except Exception as error:
            _failed(error)
        return Heard(event, None, frames, is_audio=True)

    def _heard(self, given: Json, data: bytes | None) -> Heard:
        """Read any other event: its fact first, from what came and from as few fields as can be.

        What opens the gate is not lost with a field that only the client's words would have needed.
        """
        event, fact, frames, fault = given, None, _NOTHING, None
        try:
            fact = self._facts.fact(given)
        except Exception as error:
            fault = _failed(error)
        try:
            event = realtime.current_names(given)
            # What has other words by now is said anew.
            frames = self._translator.translate(event, self._clock(), data if event is given else None)
        except Exception as error:
            if not isinstance(error, UpstreamProtocolError) or not isinstance(fault, UpstreamProtocolError):
                _failed(error)
        if event["type"] not in SERVER_EVENTS:
            self._note_unknown(event["type"])
        return Heard(event, fact, frames)

    def _note_unknown(self, kind: str) -> None:
        kind = kind[:64]
        if kind not in self._unknown and len(self._unknown) < _UNKNOWN_NOTED:
            self._unknown.add(kind)
            _log.info("Upstream sends events of a type that is new: %s", kind)


def _failed(error: Exception) -> Exception:
    """Say why an event was not read, or not told: what upstream sent, or a fault of ours."""
    if isinstance(error, UpstreamProtocolError):
        _cannot_be_read(error)
    else:
        _log.error("The proxy failed at an event of upstream's; the fault is the proxy's own.", exc_info=error)
    return error


def _cannot_be_read(error: UpstreamProtocolError) -> None:
    # One event that cannot be read is dropped; the session may well go on without it.
    _log.warning("Upstream sent an event that cannot be read: %s", error.problem.description)
