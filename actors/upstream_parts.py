"""What the parts of an UpstreamActor share."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from actors.audio_uplink import AudioUplink
    from actors.function_runner import FunctionRunner
    from actors.upstream_output import UpstreamOutput
    from turnstile.audio.confirmed_formats import ConfirmedFormats
    from turnstile.observability.journal import SessionJournal
    from turnstile.ports import Clock
    from turnstile.translate.translator import Translator


class UpstreamParts(NamedTuple):
    """The parts that reading, writing and replacing a session's links have in common.

    Args:
        journal: Is told what goes and comes on the links.
        translator: Writes for the client, in its dialect.
        audio: The input audio on its way up.
        functions: Keeps who calls a function.
        formats: Keeps the audio formats in force on the link in use.
        output: To the other two actors.
        clock: Seconds.
        wall_clock: Seconds since 1970, as upstream counts them.
    """

    journal: SessionJournal
    translator: Translator
    audio: AudioUplink
    functions: FunctionRunner
    formats: ConfirmedFormats
    output: UpstreamOutput
    clock: Clock
    wall_clock: Clock
