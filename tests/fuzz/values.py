"""JSON as a wire may bring it: any value, the ones that hurt, and valid messages spoilt here and there."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Iterator

SECRET = "sk-the-one-that-nobody-may-see"
SECRET_NAMES = ("key", "api_key", "token", "authorization", "headers", "secret", "password", "credentials")
DEPTHS = (8, 30, 60)


class Raw(str):
    """JSON text that stands for itself, however wrong it is."""

    __slots__ = ()


def encoded(value: Any) -> bytes:
    """Return `value` as the wire has it: `Raw` as it is, all else as JSON (with NaN and lone surrogates, escaped)."""
    return _text(value).encode()


def _text(value: Any) -> str:
    if isinstance(value, Raw):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(name)}:{_text(inner)}" for name, inner in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(_text, value)) + "]"
    return json.dumps(value)


def deep(depth: int, opening: str = "[", closing: str = "]", core: str = "1") -> Raw:
    """Return a value that is nested `depth` times."""
    return Raw(opening * depth + core + closing * depth)


_HOSTILE = [
    None, True, False, 0, -1, 1, 0.5, -0.0, 1e308, 5e-324, 2**31, 2**53 + 1, -(2**63), 2**64 - 1, 2**64, 10**40,
    Raw("1e999"), Raw("NaN"), Raw("-Infinity"), Raw("01"), Raw("9" * 4_500), Raw('"\\ud800"'), Raw('"\\u0000"'),
    Raw('{"a":1,"a":2}'), Raw("'"), Raw(""),
    "", " ", "0", "null", "\x00", "\u202e", "é", "𝄞", "ÿ" * 300, "x" * 3_000, "{", '{"a":', "{}", "[]", "%s {0}",
    "audio", "text", "inf", "auto", "https://example.com/", "http://[", "https://u:p@example.com/",
    [], [[]], [None], ["a", "a"], [1, "a", {}], {}, {"": ""}, {"type": None}, {"type": "x"}, {"type": []},
    {"type": {"type": {}}}, {"id": "x", "type": "message", "content": None},
]  # fmt: skip

deeps = st.builds(deep, st.sampled_from(DEPTHS)) | st.builds(
    deep, st.sampled_from(DEPTHS), st.just('{"a":'), st.just("}")
)
scalars = st.one_of(
    st.sampled_from(_HOSTILE),
    st.text(max_size=12),
    st.integers(),
    st.floats(allow_nan=True, allow_infinity=False),
)
values = st.one_of(
    scalars,
    st.lists(scalars, max_size=3),
    st.dictionaries(st.text(max_size=6), scalars, max_size=3),
    deeps,
)


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Name all the places inside a message, but not the message itself."""
    inner: Any = ()
    if isinstance(value, dict):
        inner = value.items()
    elif isinstance(value, list):
        inner = enumerate(value)
    for name, one in inner:
        yield (*path, name)
        yield from _places(one, (*path, name))


def _copied(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _copied(inner) for name, inner in value.items()}
    return [_copied(inner) for inner in value] if isinstance(value, list) else value


def _renamed(holder: Any, name: Any, new: str) -> None:
    if isinstance(holder, dict):
        holder[new] = holder.pop(name)


@st.composite
def spoilt(draw: st.DrawFn, messages: st.SearchStrategy[dict[str, Any]], most: int = 3) -> Any:
    """Draw a message and spoil up to `most` places of it; often none, so that sequences get somewhere."""
    message = _copied(draw(messages))
    for _ in range(draw(st.integers(0, most))):
        places = [*_places(message)]
        if not places:
            break
        *path, name = draw(st.sampled_from(places))
        holder = message
        for step in path:
            holder = holder[step]
        _spoil(draw, message, holder, name)
    return message


def _spoil(draw: st.DrawFn, message: Any, holder: Any, name: Any) -> None:
    """Do one thing to the value of `name` in `holder`."""
    value = holder[name]
    match draw(st.sampled_from(["drop", "value", "value", "value", "nest", "twice", "other", "case", "add", "secret"])):
        case "drop":
            del holder[name]
        case "value":
            holder[name] = _copied(draw(values))
        case "nest":
            opening, closing = draw(st.sampled_from([("[", "]"), ('{"a":', "}"), ('{"type":', "}")]))
            holder[name] = deep(draw(st.sampled_from((1, 2, *DEPTHS))), opening, closing, _text(value))
        case "twice" if isinstance(holder, dict) and isinstance(value, dict):
            inner = _text(value)[1:-1]
            holder[name] = Raw("{" + ",".join(part for part in (inner, inner) if part) + "}")
        case "other":
            places = [*_places(message)]
            taken = message
            for step in draw(st.sampled_from(places)):
                taken = taken[step]
            # A secret stays where secrets are.
            holder[name] = None if SECRET in _text(taken) else _copied(taken)
        case "case":
            _renamed(holder, name, draw(st.sampled_from([str(name).upper(), str(name).title(), f"{name} "])))
        case "add" if isinstance(value, dict):
            value[draw(st.text(max_size=8) | st.sampled_from(["extra", "type", "x" * 200]))] = _copied(draw(values))
        case "secret" if isinstance(value, dict):
            value[draw(st.sampled_from(SECRET_NAMES))] = _copied(
                draw(st.sampled_from([SECRET, [SECRET], {"x": SECRET}]))
            )
        case _:
            holder[name] = [value, value]


@st.composite
def _scratched(draw: st.DrawFn, texts: st.SearchStrategy[bytes]) -> bytes:
    """Draw a message's bytes and break one place."""
    text = draw(texts)
    at = draw(st.integers(0, len(text)))
    match draw(st.sampled_from(["cut", "swap", "insert", "mark"])):
        case "cut":
            return text[:at]
        case "swap":
            return text[:at] + draw(st.binary(min_size=1, max_size=1)) + text[at + 1 :]
        case "insert":
            return text[:at] + draw(st.binary(max_size=3)) + text[at:]
        case _:
            return b"\xef\xbb\xbf" + text


def wire(messages: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[bytes]:
    """Return frames: mostly messages with something wrong, some broken bytes, some that are nothing at all."""
    texts = spoilt(messages).map(encoded)
    return st.one_of(texts, texts, texts, texts, _scratched(texts), st.binary(max_size=40), values.map(encoded))
