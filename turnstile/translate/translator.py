"""What an upstream link's events are put into a client's words by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from turnstile.audio.formats import AudioFormat
    from turnstile.protocol.frames import Frame

Json = dict[str, Any]


class Translator:
    """Tells a client what upstream says. This one tells nothing; a language overrides what it has words for."""

    def translate(self, event: Json, now: float, data: bytes | None = None, *, is_built: bool = False) -> list[Frame]:
        """Return the frames that one server event comes to.

        Args:
            event: Parsed, in the current words.
            now: The time, in seconds.
            data: The event as it came, if it may be passed on so.
            is_built: It is known to be well built.

        Raises:
            UpstreamProtocolError: The event is not built as its type is.
        """
        raise NotImplementedError

    def audio(self, event: Json, now: float, data: bytes | None = None) -> list[Frame]:
        """Translate one ``response.output_audio.delta``: the hot path of the way down.

        Raises:
            UpstreamProtocolError: It is not built as one.
        """
        return self.translate(event, now, data)

    def audio_in_a_row(self, events: Sequence[Json], now: float, data: Sequence[bytes | None]) -> list[Frame]:
        """Translate several of them that came at once: all of one response and item, their audio of one kind of value.

        Raises:
            UpstreamProtocolError: One is not built as one; then nothing of any is told, and nothing has changed.
        """
        return [frame for event, each in zip(events, data, strict=True) for frame in self.audio(event, now, each)]

    def configure_output(self, output: AudioFormat, container: str, *, keeps_history: bool) -> None:
        """From now on the client hears `output`, in a `container` (``none`` or ``wav``).

        `keeps_history`: the client also wants each turn as history.
        """

    def upstream_speaks(self, shown: object) -> None:
        """From now on upstream speaks the format that it shows, in the API's words; None where it shows none."""

    def call_from_here(self, names: Collection[str]) -> None:
        """From now on the functions of these names are called by the proxy, all others by the client."""

    def asked(self, now: float) -> None:
        """Something that wants an answer goes upstream: latencies count from here, if nothing else waits for one."""

    def created(self, sent: Any, given: Any) -> None:
        """A response is asked for with the metadata `sent`, of which the client has `given` its own."""

    def silence(self, response_id: str) -> None:
        """The response is being cancelled: nothing more is heard of its audio."""

    def take_cut_off(self) -> tuple[tuple[str, int], ...]:
        """Return, once, which items the user did not hear to their end, with the milliseconds heard of each."""
        return ()

    def calls_cancelled(self, call_ids: tuple[str, ...]) -> list[Frame]:
        """Tell the client that these calls need no result; calls that it never heard of are left out."""
        del call_ids
        return []

    def call_returned(self, call_id: str, output: str) -> list[Frame]:
        """Show the client the result of a call that the proxy made."""
        del call_id, output
        return []

    def call_answered(self, call_id: str, output: str) -> list[Frame]:
        """A call's result goes into the conversation: part of its history."""
        del call_id, output
        return []

    def link_lost(self) -> list[Frame]:
        """The link is gone: what it was saying is over."""
        return []
