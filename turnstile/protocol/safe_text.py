"""Text of clients and upstreams, made safe to log and to pass on: on one line, without credentials."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

# Control characters (C0, delete, and C1 with U+0085), Unicode's line and paragraph separators, what changes the
# direction of text (Unicode Standard Annex 9), and lone surrogates, which no stream can encode.
_UNSAFE: Final = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_SHORT: Final = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}

# What follows a name or a scheme of authorization in a header, in JSON, in a query or in a sentence, unless it is an
# English word behind a scheme ("bearer authentication"). A backslash may be the escape of a quotation mark. Each
# alternative takes what it has read, so that the search is linear in the text.
_NAMED_SECRET: Final = re.compile(
    r"""(?P<name>
        \bauthorization\\?["']?[ ]?[:=][ ]?\\?["']?(?:(?:bearer|token|basic)[ ])?
        | api[-_]key\\?["']?[ ]?[:=][ ]?\\?["']?
        | [?&]token=
        | \bkey[ ]provided:[ ]
        | \b(?:bearer|token)[ ](?!(?-i:[a-z]+)[.,;:)]?(?:\s|$))
        | \b(?:api|access|subscription)[ ]key[ ]?[:=]?[ ]["']?(?=[0-9a-z+/=]{32})
    )[^\s"'&\\]+""",
    re.IGNORECASE | re.VERBOSE,
)
# OpenAI's keys, ephemeral keys, those that `turnstile key` makes, and JSON Web Tokens; and the ids of an account, which
# are the operator's own.
_SECRET: Final = re.compile(
    r"""\b(?:
        (?:sk|ek)-[\w*-]{6,}
        | ek_[\w.-]{16,}
        | ts_[\w-]{40,}
        | eyJ[\w.-]{20,}
        | org-(?=[a-z]*\d)[a-z0-9]{16,}
        | proj_(?=[a-z]*\d)[a-z0-9]{16,}
    )""",
    re.IGNORECASE | re.VERBOSE,
)
_MASK: Final = "***"
# A shorter text may be a part of a word.
_SHORTEST_KEY: Final = 6


def on_one_line(text: str) -> str:
    r"""Return `text` with control characters, line separators and lone surrogates as the escapes of JSON (``\n``)."""
    return _UNSAFE.sub(_escaped, text)


def _escaped(match: re.Match[str]) -> str:
    return _SHORT.get(match[0]) or f"\\u{ord(match[0]):04x}"


def without_secrets(text: str, known: Iterable[str] = ()) -> str:
    """Return `text` with everything that looks like a credential masked.

    Args:
        text: Any text.
        known: Credentials that are masked wherever they appear, whatever they look like.
    """
    for secret in known:
        if len(secret) >= _SHORTEST_KEY:
            text = text.replace(secret, _MASK)
    return secret_texts(text, lambda _: _MASK)


def secret_texts(text: str, masked: Callable[[str], str]) -> str:
    """Return `text` with `masked` of each part that looks like a credential in its place."""
    text = _NAMED_SECRET.sub(lambda match: match["name"] + masked(match[0][len(match["name"]) :]), text)
    return _SECRET.sub(lambda match: masked(match[0]), text)
