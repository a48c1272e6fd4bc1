"""Comparison of a requested configuration with the one that ``session.updated`` shows to be in force.

A field that is not shown counts as in force. One thing written in two ways is no difference: ``null``, ``""``, ``[]``
and the field's documented default; a number as an integer or a float; tools in another order, objects with their keys
in another order or with more of them. Anything else is a difference, and what is shown is in force.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from turnstile.audio.formats import read_format
from turnstile.session.config_patch import ENDPOINTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from turnstile.session.client_requests import Json

Path = tuple[str, ...]

_PCM: Json = {"type": "audio/pcm", "rate": 24_000}
# Defaults as the API reference documents them, and the silence that is recorded besides. Turn detection itself is not
# among them: its null turns it off.
_DEFAULTS: dict[Path, tuple[Any, ...]] = {
    ("output_modalities",): (["audio"],),
    ("tool_choice",): ("auto",),
    ("max_output_tokens",): ("inf",),
    ("truncation",): ("auto",),
    ("audio", "input", "format"): (_PCM,),
    ("audio", "input", "turn_detection", "threshold"): (0.5,),
    ("audio", "input", "turn_detection", "prefix_padding_ms"): (300,),
    ("audio", "input", "turn_detection", "silence_duration_ms"): (500, 200),
    ("audio", "input", "turn_detection", "create_response"): (True,),
    ("audio", "input", "turn_detection", "interrupt_response"): (True,),
    ("audio", "input", "turn_detection", "eagerness"): ("auto",),
    ("audio", "output", "format"): (_PCM,),
    ("audio", "output", "speed"): (1.0,),
    ("tools", "parameters"): ({"type": "object", "properties": {}},),
}
# Objects of which each field is compared by itself; the first three hold nothing but such fields, and mean nothing
# themselves.
_HOLDERS = frozenset({("audio",), ("audio", "input"), ("audio", "output")})
_BY_FIELD = frozenset({"turn_detection", "transcription", "noise_reduction"})
# A server shows no credentials of a tool's, or shows them masked.
_FORMATS = frozenset({("audio", "input", "format"), ("audio", "output", "format")})
_NEVER_SHOWN = frozenset({"authorization", "headers"})
# A server may work with 32 bits where we have 64.
_PRECISION = 1e-6


class Difference(NamedTuple):
    """A field that upstream shows otherwise than it was asked for.

    Args:
        path: Where it is in the session.
        asked: What was sent.
        shown: What is in force.
    """

    path: Path
    asked: Any
    shown: Any

    @property
    def is_made_up_for(self) -> bool:
        """Whether the proxy compensates for the difference, by converting audio, so that the client sees none."""
        return self.path in _FORMATS and read_format(self.shown) is not None


# Values that are the same where they are equal.
_PLAIN = frozenset({str, int, bool})


def differences(asked: Json, session: Json) -> tuple[Difference, ...]:
    """Return the fields of `asked`, a partial session, that `session` shows otherwise."""
    return tuple(_differences(asked, session, ()))


def is_shown(asked: Json, session: Json, path: Path = ()) -> bool:
    """Return whether `session` shows any field of `asked`, a partial session; without any it proves nothing."""
    return any(
        is_shown(wanted, session[key], (*path, key))
        if (*path, key) in _HOLDERS and isinstance(wanted, dict) and isinstance(session[key], dict)
        else (*path, key) not in _HOLDERS
        for key, wanted in asked.items()
        if key in session
    )


def with_shown(config: Json, found: tuple[Difference, ...]) -> Json:
    """Return `config` with what upstream shows of the fields in which it differs."""
    if not found:
        return config
    copies: dict[Path, Json] = {(): dict(config)}  # each object is copied once, however many fields differ
    for difference in found:
        *inner_path, last = difference.path
        holder = copies[()]
        for depth, key in enumerate(inner_path, 1):
            place = difference.path[:depth]
            if place not in copies:
                inner = holder.get(key)
                copies[place] = holder[key] = dict(inner) if isinstance(inner, dict) else {}
            holder = copies[place]
        holder[last] = difference.shown
    return copies[()]


def _differences(asked: Json, shown: Json, path: Path) -> Iterator[Difference]:
    for key, wanted in asked.items():
        if key not in shown or key == ENDPOINTS:
            continue
        has = shown[key]
        if wanted.__class__ is has.__class__ and wanted.__class__ in _PLAIN and wanted == has:
            continue
        place = (*path, key)
        if place in _HOLDERS:
            if isinstance(wanted, dict) and isinstance(has, dict):
                yield from _differences(wanted, has, place)
        elif key in _BY_FIELD and _is_one_kind(wanted, has):
            yield from _differences(wanted, has, place)
        elif not _is_identical(wanted, has) and not _is_same(wanted, has, place):
            yield Difference(place, wanted, has)


def _is_identical(asked: Any, shown: Any) -> bool:
    """Tell whether two objects or lists are the same JSON, as they mostly are: far faster than value by value."""
    if not (isinstance(asked, dict | list) and isinstance(shown, dict | list)):
        return False
    try:
        return orjson.dumps(asked) == orjson.dumps(shown)
    except orjson.JSONEncodeError:  # objects of the host's
        return False


def _is_one_kind(asked: Any, shown: Any) -> bool:
    """Return whether two objects have the same fields, as those of one type do."""
    if not isinstance(asked, dict) or not isinstance(shown, dict):
        return False
    return "type" not in asked or shown.get("type", asked["type"]) == asked["type"]


def _is_same(asked: Any, shown: Any, place: Path) -> bool:
    if _is_nothing(asked) or _is_nothing(shown):
        value = shown if _is_nothing(asked) else asked
        return _is_nothing(value) or any(_is_same(default, value, ()) for default in _DEFAULTS.get(place, ()))
    if place == ("tools",):
        return _are_same_tools(asked, shown)
    if isinstance(asked, bool) or isinstance(shown, bool):
        return asked is shown
    if isinstance(asked, int | float) and isinstance(shown, int | float):
        return math.isclose(asked, shown, rel_tol=_PRECISION)
    if place in _FORMATS and (read_format(asked) == read_format(shown) is not None):
        return True
    if isinstance(asked, dict) and isinstance(shown, dict):
        return _is_same_object(asked, shown, place)
    if isinstance(asked, list) and isinstance(shown, list):
        return len(asked) == len(shown) and all(map(_is_same, asked, shown, [()] * len(asked)))
    return bool(asked == shown)


def _is_nothing(value: Any) -> bool:
    return value is None or value in ("", [])


def _is_same_object(asked: Json, shown: Json, place: Path) -> bool:
    return all(
        _is_same(value, shown[key], (*place, key))
        for key, value in asked.items()
        if key in shown and key not in _NEVER_SHOWN
    )


def _are_same_tools(asked: Any, shown: Any) -> bool:
    wanted, had = _tools_by_name(asked), _tools_by_name(shown)
    if wanted is None or had is None:
        return bool(asked == shown)
    return wanted.keys() == had.keys() and all(
        _is_same_object(tool, had[name], ("tools",)) for name, tool in wanted.items()
    )


def _tools_by_name(tools: Any) -> dict[str, Json] | None:
    """Return tools by their names, or None for what is no list of them; a server of MCP has a label for a name."""
    if not isinstance(tools, list) or not all(isinstance(tool, dict) for tool in tools):
        return None
    return {str(tool.get("name", tool.get("server_label"))): tool for tool in map(_flat, tools)}


def _flat(tool: Json) -> Json:
    """Return a tool with its name beside its type, which some servers put one level lower."""
    function = tool.get("function")
    return {**tool, **function} if isinstance(function, dict) else tool
