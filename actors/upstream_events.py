"""What upstream says, read: the fact in each event, and what the client hears of it; neither is lost with the other."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import orjson

from turnstile.errors import UpstreamProtocolError
from turnstile.protocol import realtime
from turnstile.protocol.beta_events import current_server_event
from turnstile.protocol.frames import BinaryFrame
from turnstile.protocol.shapes import IS_CANONICAL, valid_event
from turnstile.session.facts import READERS, FactReader
from turnstile.translate.event_table import SERVER_EVENTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from turnstile.protocol.frames import Frame
    from turnstile.session.events import Fact, Json
    from turnstile.translate.translator import Translator

    Kind = tuple[Callable[[Json], bool] | None, Callable[[FactReader, Json], Fact | None] | None]
    Take = Callable[[Json, Fact | None, list[Frame], bytes | None], None]

_log = logging.getLogger(__name__)

_NOTHING: list[Frame] = []
_AUDIO, _OLD_AUDIO = realtime.AUDIO_DELTAS
_OTHER: Kind = (lambda _: False, None)
# By the type of an event: what tells that nothing in it is odd or old, where that may be; what reads its fact.
_KINDS: dict[str, Kind] = {kind: (IS_CANONICAL.get(kind), READERS.get(kind)) for kind in SERVER_EVENTS}
# So many types of events that are new are noted.
_UNKNOWN_NOTED = 32


class UpstreamEvents:
    """Reads one session's upstream, whatever comes.

    Args:
        translator: Puts events into the client's words.
    """

    def __init__(self, translator: Translator) -> None:
        self._translator = translator
        self._facts = FactReader()
        self._unknown: set[str] = set()
        self._has_binary = False

    def begin_link(self) -> None:
        """From now on a new link is read, with a conversation of its own."""
        self._facts = FactReader()

    def read(self, frames: Iterable[Frame], now: float, take: Take) -> None:
        """Read frames that came at once; pieces of the agent's voice in a row are heard as one.

        Each is translated only when what was heard before has been taken.

        Args:
            frames: Text; or binary, as some gateways send events: that such a one is none is said once.
            now: The time, in seconds.
            take: Is given each event in the current words, the fact in it, if any, what the client hears of it, and it
                as it came; of the agent's voice the last piece of a row, and None for how it came.
        """
        row: list[tuple[Json, bytes | None]] = []
        for frame in frames:
            data, is_json = frame.data, True
            try:
                event = orjson.loads(data)
                kind = _KINDS[event["type"]]
            except (ValueError, LookupError, TypeError):  # It is in the words of the beta, or new, or no event at all.
                try:
                    event, kind, is_json = _read_in_full(data)
                except UpstreamProtocolError as error:
                    self._is_no_event(error, is_binary=isinstance(frame, BinaryFrame))
                    continue
            is_spoken = event["type"] == _AUDIO
            if row and not (is_spoken and _goes_on(row[-1][0], event)):
                take(row[-1][0], None, self._spoken(row, now), None)
                row = []
            if is_spoken:
                row.append((event, data if is_json else None))
            else:
                self._hear(event, kind, data, is_json, now, take)
        if row:
            take(row[-1][0], None, self._spoken(row, now), None)

    def _is_no_event(self, error: UpstreamProtocolError, *, is_binary: bool) -> None:
        if not is_binary:
            _cannot_be_read(error)
        elif not self._has_binary:
            self._has_binary = True
            _log.warning("Upstream sends binary frames that are no events; they are ignored.")

    def _spoken(self, row: list[tuple[Json, bytes | None]], now: float) -> list[Frame]:
        """Translate pieces of one item's audio; where one of them is none, each by itself, so that it alone is lost."""
        try:
            if len(row) == 1:
                return self._translator.audio(row[0][0], now, row[0][1])
            events, data = zip(*row, strict=True)
            return self._translator.audio_batch(events, now, data)
        except UpstreamProtocolError as error:
            if len(row) > 1:
                return [frame for piece in row for frame in self._spoken([piece], now)]
            _cannot_be_read(error)
        except Exception as error:
            _failed(error)
        return _NOTHING

    def _hear(self, given: Json, kind: Kind, data: bytes, is_json: bool, now: float, take: Take) -> None:  # noqa: FBT001
        """Read any other event: its fact first, from what came and from as few fields as can be.

        What opens the gate is not lost with a field that only the client's words would have needed.
        """
        event, fact, frames, fault = given, None, _NOTHING, None
        is_plain, read = kind
        plain = is_plain is None or is_plain(given)
        if read is not None:
            try:
                fact = read(self._facts, given if plain else valid_event(given))
            except Exception as error:
                fault = _failed(error)
        try:
            if not plain:
                event = current_server_event(given)
            # What has other words by now is said anew.
            passed = data if is_json and event is given else None
            frames = self._translator.translate(event, now, passed, is_valid=plain)
        except Exception as error:
            if not isinstance(error, UpstreamProtocolError) or not isinstance(fault, UpstreamProtocolError):
                _failed(error)
        if not plain and event["type"] not in SERVER_EVENTS:
            self._note_unknown(event["type"])
        take(event, fact, frames, data)

    def _note_unknown(self, kind: str) -> None:
        kind = kind[:64]
        if kind not in self._unknown and len(self._unknown) < _UNKNOWN_NOTED:
            self._unknown.add(kind)
            _log.info("Upstream sends events of a type that is new: %s", kind)


def _goes_on(before: Json, event: Json) -> bool:
    """Tell whether a piece of audio belongs to the same item as the one before it, and is of the same class."""
    return (
        before.get("response_id") == event.get("response_id")
        and before.get("item_id") == event.get("item_id")
        and before.get("delta").__class__ is event.get("delta").__class__
    )


def _read_in_full(data: bytes) -> tuple[Json, Kind, bool]:
    """Return any event, its kind, and whether it is JSON as written, in the current words."""
    event, is_json = realtime.parse_server_event(data)
    if event["type"] == _OLD_AUDIO:
        event, is_json = {**event, "type": _AUDIO}, False
    return event, _KINDS.get(event["type"], _OTHER), is_json


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
