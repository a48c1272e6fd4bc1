"""The interface of a translator: an upstream link's events to one client's frames."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from turnstile.audio.formats import AudioFormat
    from turnstile.protocol.frames import Frame

Json = dict[str, Any]


class Translator:
    """A translator that sends the client nothing; a dialect's translator overrides what the dialect has."""

    @property
    def kept_bytes(self) -> int:
        """The bytes that it keeps between events, about: bounded, whatever upstream sends."""
        return 0

    def translate(self, event: Json, now: float, data: bytes | None = None, *, is_valid: bool = False) -> list[Frame]:
        """Return the frames of one server event.

        Args:
            event: The event, parsed and under its current names.
            now: The time, in seconds.
            data: The event as received, if it may be forwarded so.
            is_valid: Whether the event is known to be valid.

        Raises:
            UpstreamProtocolError: A required field of the event is missing or invalid.
        """
        raise NotImplementedError

    def audio(self, event: Json, now: float, data: bytes | None = None) -> list[Frame]:
        """Translate one ``response.output_audio.delta``: the hot path downstream.

        Raises:
            UpstreamProtocolError: A required field of the event is missing or invalid.
        """
        return self.translate(event, now, data)

    def audio_batch(self, events: Sequence[Json], now: float, data: Sequence[bytes | None]) -> list[Frame]:
        """Translate several of them that arrived together: of one response and item, and forwarded alike.

        Raises:
            UpstreamProtocolError: An event is invalid; then none is translated, and the translator is unchanged.
        """
        return [frame for event, each in zip(events, data, strict=True) for frame in self.audio(event, now, each)]

    def configure_output(self, output: AudioFormat, container: str, *, keeps_history: bool) -> None:
        """Set the client's audio format, its container (``none`` or ``wav``), and whether it also gets a history."""

    def set_upstream_format(self, shown: object) -> None:
        """Set upstream's audio format, as its session shows it; None where it shows none."""

    def set_proxy_functions(self, names: Collection[str]) -> None:
        """Set the names of the functions that the proxy calls; the client calls all others."""

    def start_latency(self, now: float) -> None:
        """Count the next response's latencies from `now`, unless an earlier turn or request still waits for it."""

    def remember_metadata(self, sent: Any, given: Any) -> None:
        """Remember the metadata that the client has `given` for the response that is created with those `sent`."""

    def mute(self, response_id: str) -> None:
        """Send no more audio of a response that is being cancelled."""

    def take_truncations(self) -> tuple[tuple[str, int], ...]:
        """Return, once, the items that a barge-in cut off, with the milliseconds played of each."""
        return ()

    def cancel_calls(self, call_ids: tuple[str, ...]) -> list[Frame]:
        """Return the message that these calls need no result; calls that were not sent to the client are left out."""
        del call_ids
        return []

    def show_call_result(self, call_id: str, output: str) -> list[Frame]:
        """Return the message with the result of a call that the proxy made."""
        del call_id, output
        return []

    def close_call(self, call_id: str, output: str) -> list[Frame]:
        """Close a call whose result goes upstream; return the message for a client that keeps a history."""
        del call_id, output
        return []

    @property
    def played_until(self) -> float:
        """When the agent's audio will have been played, or has been: seconds, of the clock of `now`."""
        return -math.inf

    def restored(self, item_ids: Iterable[str]) -> None:
        """Show nothing of what upstream says of these items from now on: the client knows them from an earlier link."""

    def removed(self, item_ids: Iterable[str]) -> None:
        """Do not show that these items are deleted: each is put in again, as it was or shorter."""

    def link_lost(self) -> list[Frame]:
        """Return the end of each response that the lost link cut off."""
        return []
