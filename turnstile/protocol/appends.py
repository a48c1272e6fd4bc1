"""Input audio of clients that speak the API's own language, passed on without parsing it: it may be 20 MB long.

Nearly every ``input_audio_buffer.append`` is written the same way: a type, perhaps an event id, the audio in letters
that need no escape, and nothing else. Such an event is known by its two ends. Any other is for the JSON parser.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

import pybase64

# Both ends together, without the audio; what is longer is no plain append.
_END_BYTES: Final = 1024
_AUDIO: Final = re.compile(rb'"audio"\s*:\s*"')
_TYPE: Final = rb'"type"\s*:\s*"input_audio_buffer\.append"'
_ID: Final = rb'"event_id"\s*:\s*"([ !#-\[\]-~]+)"'
# What is left without the audio's letters, in each order in which it may come.
_EVENT: Final = re.compile(
    rb"\s*\{\s*(?:%(id)s\s*,\s*)?(?:%(type)s\s*,\s*(?:%(id)s\s*,\s*)?%(audio)s|%(audio)s\s*,\s*(?:%(id)s\s*,\s*)?%(type)s)"
    rb"(?:\s*,\s*%(id)s)?\s*\}\s*" % {b"id": _ID, b"type": _TYPE, b"audio": rb'"audio"\s*:\s*""'}
)


class PlainAppend(NamedTuple):
    """One such event.

    Args:
        event_id: The client's own name for it; None where it gave none.
        audio: What it holds, in base64.
    """

    event_id: str | None
    audio: memoryview


def plain_append(data: bytes) -> PlainAppend | None:
    """Read an append that is written plainly; None for anything else.

    Args:
        data: A text frame.
    """
    opening = _AUDIO.search(data, 0, _END_BYTES)
    if opening is None:
        return None
    start = opening.end()
    end = data.find(b'"', start)
    if end < 0 or len(data) - end > _END_BYTES:
        return None
    event = _EVENT.fullmatch(data[:start] + data[end:])
    ids = [name for name in event.groups() if name is not None] if event else []
    audio = memoryview(data)[start:end]
    # An escape, or what is no UTF-8 and would end a link, is no base64; to look at it this way is the quickest.
    if event is None or len(ids) > 1 or not _is_base64(audio):
        return None
    return PlainAppend(ids[0].decode() if ids else None, audio)


def _is_base64(audio: memoryview) -> bool:
    try:
        pybase64.b64decode(audio, validate=True)
    except ValueError:
        return False
    return True


def named_append(event_id: str, audio: bytes | memoryview) -> bytes:
    """Return an append of `audio`, in base64, under a name that needs no escape."""
    head = b'{"type":"input_audio_buffer.append","event_id":"%s","audio":"' % event_id.encode()
    return b"".join((head, audio, b'"}'))
