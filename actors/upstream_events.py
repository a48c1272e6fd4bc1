"""Parsing of upstream's events: the fact in each, and its translation for the client, each in a guard of its own."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import orjson

from turnstile.errors import UpstreamProtocolError
from turnstile.protocol import jsontext, realtime
from turnstile.protocol.beta_events import current_server_event
from turnstile.protocol.error_texts import MARK, with_safe_errors
from turnstile.protocol.frames import BinaryFrame
from turnstile.protocol.json_bounds import cut_levels, is_deeper
from turnstile.protocol.safe_text import on_one_line
from turnstile.protocol.shapes import IS_CANONICAL, valid_event
from turnstile.session.facts import READERS, FactReader
from turnstile.translate.event_table import SERVER_EVENTS
from turnstile.translate.heard_events import FOLLOWED
from turnstile.translate.heard_text import HeardText
from turnstile.translate.item_names import ItemNames

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from turnstile.protocol.frames import Frame
    from turnstile.session.client_requests import Json
    from turnstile.session.events import Fact
    from turnstile.translate.translator import Translator

    Follow = Callable[[HeardText, Json], None]
    Kind = tuple[Callable[[Json], bool] | None, Callable[[FactReader, Json], Fact | None] | None, Follow | None]
    Batch = Sequence[tuple[Json, bytes | None]]
    Take = Callable[[Json, Fact | None, list[Frame], bytes | None, Batch], None]

_log = logging.getLogger(__name__)

_NOTHING: list[Frame] = []
_AUDIO, _OLD_AUDIO = realtime.AUDIO_DELTAS
_OTHER: Kind = (lambda _: False, None, None)
# By the type of an event: whether its form is canonical, where it may not be; what reads its fact; what follows it.
_KINDS: dict[str, Kind] = {
    kind: (IS_CANONICAL.get(kind), READERS.get(kind), FOLLOWED.get(kind)) for kind in SERVER_EVENTS
}
# Most levels of an event: a client's has no more than 200, and orjson encodes 254. None has more in so few bytes.
_LEVELS = 220
_SHALLOW = 2 * _LEVELS
# How many types of unknown events are logged.
_UNKNOWN_NOTED = 32


class UpstreamEvents:
    """Parses the events of a session's links, valid or not.

    Args:
        translator: Translates events for the client.
    """

    def __init__(self, translator: Translator) -> None:
        self.heard = HeardText()
        """What was heard of the agent's items."""
        self._translator = translator
        self._facts = FactReader()
        self._unknown: set[str] = set()
        self._has_binary = False
        self._secrets: Sequence[str] = ()
        self._names = ItemNames()

    def begin_link(self, secrets: Sequence[str] = (), names: ItemNames | None = None) -> None:
        """Forget the facts of the link before: a new link has a conversation of its own, and these credentials.

        Args:
            secrets: The credentials.
            names: Those that the link gives to items which the client knows by others.
        """
        self._names = names or ItemNames()
        self._facts = FactReader()
        self.heard.begin_link()
        self._secrets = secrets

    def replace_by(self, other: UpstreamEvents) -> None:
        """Read the link from now on that `other` has read so far."""
        self._facts, self._secrets, self._names = other._facts, other._secrets, other._names
        self.heard.begin_link()

    def read(self, frames: Iterable[Frame], now: float, take: Take) -> None:
        """Parse frames that came at once; deltas of one item's audio in a row are translated together.

        An event is translated only when those before it have been taken.

        Args:
            frames: Text; or binary, as some gateways send events. One that is no event is logged, a binary one once.
            now: The time, in seconds.
            take: Called with each event under its current names, the fact in it, if any, the client's frames, the event
                as it came, and (); for a batch of audio with the last delta, None for how it came, and the batch.
        """
        batch: list[tuple[Json, bytes | None]] = []
        for frame in frames:
            data, is_json = frame.data, True
            if len(data) > jsontext.LARGE:
                jsontext.require_memory(len(data))
            try:
                event = orjson.loads(data)
                kind = _KINDS[event["type"]]
            except (ValueError, LookupError, TypeError):  # An event of the beta, a new one, or none.
                try:
                    event, kind, is_json = _read_in_full(data)
                except UpstreamProtocolError as error:
                    self._log_no_event(error, is_binary=isinstance(frame, BinaryFrame))
                    continue
            is_audio = event["type"] == _AUDIO
            if batch and not (is_audio and _continues(batch[-1][0], event)):
                take(batch[-1][0], None, self._translate_audio(batch, now), None, batch)
                batch = []
            if is_audio:
                batch.append((event, data if is_json else None))
            else:
                self._take_event(event, kind, data, is_json, now, take)
        if batch:
            take(batch[-1][0], None, self._translate_audio(batch, now), None, batch)

    def _log_no_event(self, error: UpstreamProtocolError, *, is_binary: bool) -> None:
        if not is_binary:
            _log_unreadable(error)
        elif not self._has_binary:
            self._has_binary = True
            _log.warning("Upstream sends binary frames that are no events; they are ignored.")

    def _translate_audio(self, batch: list[tuple[Json, bytes | None]], now: float) -> list[Frame]:
        """Translate deltas of one item's audio; where one is not valid, each by itself, so that it alone is lost."""
        try:
            events, data = zip(*batch, strict=True)
            if len(batch) == 1:
                frames = self._translator.audio(events[0], now, data[0])
            else:
                frames = self._translator.audio_batch(events, now, data)
            if frames:  # Of a muted response the client gets none.
                self.heard.audio(events)
        except UpstreamProtocolError as error:
            if len(batch) > 1:
                return [frame for piece in batch for frame in self._translate_audio([piece], now)]
            _log_unreadable(error)
            return _NOTHING
        except Exception as error:
            _log_failure(error)
            return _NOTHING
        return frames

    def _take_event(self, given: Json, kind: Kind, data: bytes, is_json: bool, now: float, take: Take) -> None:  # noqa: FBT001
        """Read any other event: its fact first, from as few fields as possible.

        So a fact that opens the gate is not lost with a field that only the translation needs, nor with what is nested
        too deeply to be compared and encoded.
        """
        is_plain, read, follow = kind
        if len(data) > _SHALLOW and data.count(b"[") + data.count(b"{") > _LEVELS and is_deeper(data, _LEVELS):
            cut_levels(given, _LEVELS)
        if MARK in data:
            safe = with_safe_errors(given, self._secrets)
            if safe is not given:
                given, data = safe, orjson.dumps(safe)
        if self._names.is_used and (renamed := self._names.shown(given)) is not given:
            given, data = renamed, orjson.dumps(renamed)
        event, fact, frames, is_unreadable = given, None, _NOTHING, False
        plain = is_plain is None or is_plain(given)
        if read is not None:
            try:
                fact = read(self._facts, given if plain else valid_event(given))
            except Exception as error:
                is_unreadable = _log_failure(error)
        try:
            if not plain:
                event = current_server_event(given)
                follow = FOLLOWED.get(event["type"])
            # An event of the beta does not go on as it came.
            passed = data if is_json and event is given else None
            frames = self._translator.translate(event, now, passed, is_valid=plain)
        except Exception as error:
            if not (is_unreadable and isinstance(error, UpstreamProtocolError)):
                _log_failure(error)
        if follow is not None:
            try:
                follow(self.heard, event if plain else valid_event(event))
            except UpstreamProtocolError:
                pass  # It is logged where the dialect needs it.
            except Exception as error:
                _log_failure(error)
        if not plain and event["type"] not in SERVER_EVENTS:
            self._log_unknown(event["type"])
        take(event, fact, frames, data, ())

    def _log_unknown(self, kind: str) -> None:
        kind = kind[:64]
        if kind not in self._unknown and len(self._unknown) < _UNKNOWN_NOTED:
            self._unknown.add(kind)
            _log.info("Upstream sends events of a type that is new: %s", on_one_line(kind))


def _continues(before: Json, event: Json) -> bool:
    """Tell whether a delta belongs to the same item as the one before it, with audio of the same class."""
    return (
        before.get("response_id") == event.get("response_id")
        and before.get("item_id") == event.get("item_id")
        and before.get("delta").__class__ is event.get("delta").__class__
    )


def _read_in_full(data: bytes) -> tuple[Json, Kind, bool]:
    """Return any event under its current names, its kind, and whether it came as JSON."""
    event, is_json = realtime.parse_server_event(data)
    if event["type"] == _OLD_AUDIO:
        event, is_json = {**event, "type": _AUDIO}, False
    return event, _KINDS.get(event["type"], _OTHER), is_json


def _log_failure(error: Exception) -> bool:
    """Log why an event was lost, and return whether its form is to blame, which is upstream's fault.

    An exception that is kept would hold this session's frames, and they it.
    """
    if isinstance(error, UpstreamProtocolError):
        _log_unreadable(error)
        return True
    _log.error("The proxy failed at an event of upstream's; the fault is the proxy's own.", exc_info=error)
    return False


def _log_unreadable(error: UpstreamProtocolError) -> None:
    # The session goes on without it.
    _log.warning("Upstream sent an event that cannot be read: %s", on_one_line(error.problem.description))
