"""Compares a session on the stage with its recording, which ran on threads: each wire by itself, and no times."""

from __future__ import annotations

import re

from turnstile.terminal.placeholders import is_name

# Its numbers are times.
_TIMES = frozenset({"AgentStartedSpeaking", "LatencyReport"})
_AUDIO = frozenset({"input_audio_buffer.append", "response.output_audio.delta"})
_LETTER = re.compile(r"[^\W\d_]")
_DIGIT = re.compile(r"\d")


def difference_by_wire(recorded, played):
    """Return the first frame that a wire was sent otherwise, as it was recorded and as it was played; None for none.

    Content is compared by its form: placeholders of one text's parts need not be those of the text around them. Audio
    is compared by its size.
    """
    for wire in sorted({line["to"] for line in (*recorded, *played) if "to" in line}):
        then, now = _sent(recorded, wire), _sent(played, wire)
        for number in range(max(len(then), len(now))):
            one, other = (lines[number] if number < len(lines) else None for lines in (then, now))
            if one is None or other is None or not _is_same(one, other):
                return wire, number, one, other
        sizes = _audio_on(recorded, wire), _audio_on(played, wire)
        if sizes[0] != sizes[1]:
            return wire, "bytes of audio", *sizes
    return None


def _sent(lines, wire):
    """Return the text frames that were sent on a wire, and the client's close; ours of a link is not recorded."""
    found = [line for line in lines if line.get("to") == wire and "audio" not in line]
    frames = [line.get("text") or {"close": line["close"]} for line in found if wire == "client" or "text" in line]
    return [frame for frame in frames if frame.get("type") not in _AUDIO]


def _audio_on(lines, wire):
    """Return how many bytes of audio were sent on a wire."""
    return sum(line.get("audio", 0) or _audio_in(line.get("text", {})) for line in lines if line.get("to") == wire)


def _audio_in(event):
    audio = [event.get("delta"), event.get("audio")] if event.get("type") in _AUDIO else []
    return sum(one["bytes"] for one in audio if isinstance(one, dict))


def _is_same(then, now, name="", *, has_times=False):
    has_times = has_times or (isinstance(then, dict) and then.get("type") in _TIMES)
    if isinstance(then, dict) and isinstance(now, dict):
        return then.keys() == now.keys() and all(
            _is_same(then[key], now[key], key, has_times=has_times) for key in then
        )
    if isinstance(then, list) and isinstance(now, list):
        return len(then) == len(now) and all(map(_is_same, then, now, [name] * len(then)))
    if isinstance(then, str) and isinstance(now, str):
        return then == now if is_name(name) else _form(then) == _form(now)
    return then == now or (has_times and isinstance(then, int | float) and isinstance(now, int | float))


def _form(text):
    return _DIGIT.sub("0", _LETTER.sub("x", text))
