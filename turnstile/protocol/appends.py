"""Realtime clients' input audio, forwarded without parsing the event: it may be 20 MB long.

Nearly every ``input_audio_buffer.append`` has the same form: a type, perhaps an event id, the audio in base64 without
escapes, and nothing else. Such an event is recognised by its two ends. The JSON parser reads any other that is small.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

import pybase64

from turnstile.protocol import jsontext

# Most bytes of either end of a plain append, without the audio.
_END_BYTES: Final = 1024
# How many bytes of base64 are decoded at once, in whole groups, and what they come to.
_PIECE: Final = 128 * 1024
_DECODED: Final = _PIECE // 4 * 3
INPUT_COMMIT: Final = "input_audio_buffer.commit"
"""The type of the event that commits the input audio."""
# The events that leave no audio uncommitted; the text stands in each of them, perhaps in others.
_INPUT_ENDS: Final = (INPUT_COMMIT, "input_audio_buffer.clear")
_ENDS_INPUT: Final = b"input_audio_buffer.c"
_AUDIO: Final = re.compile(rb'"audio"\s*:\s*"')
_TYPE: Final = rb'"type"\s*:\s*"input_audio_buffer\.append"'
_TYPE_NAMED: Final = re.compile(_TYPE)
_ID: Final = rb'"event_id"\s*:\s*(?:null|"([ !#-\[\]-~]*)")'
# The event without its audio, with the fields in any order.
_EVENT: Final = re.compile(
    rb"\s*\{\s*(?:%(id)s\s*,\s*)?(?:%(type)s\s*,\s*(?:%(id)s\s*,\s*)?%(audio)s|%(audio)s\s*,\s*(?:%(id)s\s*,\s*)?%(type)s)"
    rb"(?:\s*,\s*%(id)s)?\s*\}\s*" % {b"id": _ID, b"type": _TYPE, b"audio": rb'"audio"\s*:\s*""'}
)


class PlainAppend(NamedTuple):
    """A plainly written append.

    Args:
        event_id: The client's event id; None for none.
        audio: The audio, in base64.
    """

    event_id: str | None
    audio: memoryview


def plain_append(data: bytes) -> PlainAppend | None:
    """Read a plainly written append; return None for anything else.

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
    # Base64 has no escapes, and is UTF-8, without which upstream closes the link; decoding is the fastest check.
    if event is None or len(ids) > 1 or not is_base64(audio):
        return None
    return PlainAppend(ids[0].decode() or None if ids else None, audio)


def audio_size(data: bytes) -> int:
    """Return how many bytes of audio an append holds: three for four characters of base64 without the padding."""
    opening = _AUDIO.search(data, 0, _END_BYTES)
    start = opening.end() if opening else 0
    end = data.find(b'"', start) if opening else len(data)
    return (end - start - data.count(b"=", max(start, end - 2), end)) * 3 // 4


def ends_input(event: bytes) -> str | None:
    """Return the type of a client's event that commits or clears the input audio; None for any other.

    Args:
        event: JSON, an object.
    """
    if len(event) > _END_BYTES or _ENDS_INPUT not in event:
        return None
    kind = jsontext.loads(event).get("type")
    return kind if kind in _INPUT_ENDS else None


def is_append(data: bytes) -> bool:
    """Tell whether either end of an event names the type of an append, in the plain way."""
    return bool(_TYPE_NAMED.search(data, 0, _END_BYTES) or _TYPE_NAMED.search(data, max(0, len(data) - _END_BYTES)))


def is_base64(audio: memoryview) -> bool:
    """Tell whether all of a text is base64.

    Decoded are pieces, since new memory for 16 MB of audio takes the system longer than the decoding.
    """
    left = len(audio)
    try:
        for start in range(0, left, _PIECE):
            decoded = pybase64.b64decode(audio[start : start + _PIECE], validate=True)
            left -= _PIECE
            if left > 0 and len(decoded) < _DECODED:  # padding is the end
                return False
    except ValueError:
        return False
    return True


def named_append(event_id: str, audio: bytes | memoryview) -> bytes:
    """Return an append of `audio`, in base64; `event_id` must not need escapes."""
    head = b'{"type":"input_audio_buffer.append","event_id":"%s","audio":"' % event_id.encode()
    return b"".join((head, audio, b'"}'))
