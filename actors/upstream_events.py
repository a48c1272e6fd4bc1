"""What upstream says, read: the fact in each event, and what the client hears of it; neither is lost with the other."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from turnstile.errors import UpstreamProtocolError
from turnstile.protocol import realtime
from turnstile.protocol.frames import BinaryFrame
from turnstile.protocol.shapes import IS_BUILT, well_built
from turnstile.session.facts import READERS, FactReader
from turnstile.translate.table import SERVER_EVENTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from turnstile.ports import Clock
    from turnstile.protocol.frames import Frame
    from turnstile.session.events import Fact, Json
    from turnstile.translate.translator import Translator

_log = logging.getLogger(__name__)

_NOTHING: list[Frame] = []
_AUDIO = "response.output_audio.delta"
# So many types of events that are new are noted.
_UNKNOWN_NOTED = 32


@dataclass(slots=True)
class Heard:
    """One event, or pieces of the agent's voice that came in a row.

    Args:
        event: In the current words; of several pieces the last.
        fact: What it means for the session, if anything.
        frames: What the client hears of it.
        data: It as it came; None for a piece of the agent's voice.
    """

    event: Json
    fact: Fact | None
    frames: list[Frame]
    data: bytes | None


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
        return self._heard(event, data, is_json=is_json)

    def read_all(self, frames: Iterable[Frame]) -> Iterator[Heard]:
        """Read frames that came at once; pieces of the agent's voice in a row are heard as one.

        Each is translated only when it is asked for, so that what was heard before has been taken by then::

            for heard in events.read_all(frames):
                take(heard)
        """
        row: list[tuple[Json, bytes | None]] = []
        of: tuple[object, object, object] | None = None
        for frame in frames:
            data = frame.data
            try:
                event, is_json = realtime.parse_server_event(data)
            except UpstreamProtocolError as error:
                self._is_no_event(error, is_binary=isinstance(frame, BinaryFrame))
                continue
            kind = event["type"]
            spoken = (event.get("response_id"), event.get("item_id"), event.get("delta").__class__)
            if row and (kind != _AUDIO or spoken != of):
                yield self._row(row)
                row = []
            if kind == _AUDIO:
                row.append((event, data if is_json else None))
                of = spoken
            elif kind in realtime.AUDIO_DELTAS:
                yield self._audio(event, data if is_json else None)
            else:
                yield self._heard(event, data, is_json=is_json)
        if row:
            yield self._row(row)

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
        return Heard(event, None, frames, None)

    def _row(self, row: list[tuple[Json, bytes | None]]) -> Heard:
        """Read pieces of one item's audio; where one of them is none, each by itself, so that it alone is lost."""
        last, frames = row[-1][0], _NOTHING
        try:
            events, data = zip(*row, strict=True)
            frames = self._translator.audio_in_a_row(events, self._clock(), data)
        except UpstreamProtocolError:
            frames = [frame for event, data in row for frame in self._audio(event, data).frames]
        except Exception as error:
            _failed(error)
        return Heard(last, None, frames, None)

    def _heard(self, given: Json, data: bytes, *, is_json: bool) -> Heard:
        """Read any other event: its fact first, from what came and from as few fields as can be.

        What opens the gate is not lost with a field that only the client's words would have needed.
        """
        event, fact, frames, fault, kind = given, None, _NOTHING, None, given["type"]
        is_built = kind not in IS_BUILT or IS_BUILT[kind](given)
        read = READERS.get(kind)
        if read is not None:
            try:
                fact = read(self._facts, given if is_built else well_built(given))
            except Exception as error:
                fault = _failed(error)
        try:
            event = realtime.current_names(given)
            if event is given:
                frames = self._translator.translate(event, self._clock(), data if is_json else None, is_built=is_built)
            else:  # What has other words by now is said anew.
                frames = self._translator.translate(event, self._clock())
        except Exception as error:
            if not isinstance(error, UpstreamProtocolError) or not isinstance(fault, UpstreamProtocolError):
                _failed(error)
        if event["type"] not in SERVER_EVENTS:
            self._note_unknown(event["type"])
        return Heard(event, fact, frames, data)

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
