"""The query of a Realtime client's URL, and the query of the upstream URL that follows from it.

Sources: the API reference (WebSocket connections, and controls on the server side for ``call_id``); Azure's reference
of the Realtime API, current and preview, for ``deployment`` and ``api-version``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from turnstile.errors import ClientProtocolError

if TYPE_CHECKING:
    from collections.abc import Mapping

# `token` holds the client's key, for this proxy only.
_UNDERSTOOD: Final = frozenset({"model", "deployment", "call_id", "intent", "api-version", "token"})
_TRANSCRIPTION: Final = "transcription"
# Azure's preview has dated versions; the current API has none, or `v1`, `preview` and the like.
_DATED: Final = re.compile(r"\d{4}-\d\d-\d\d")
# Characters of a client's value that an error repeats.
_SHOWN: Final = 64


@dataclass(frozen=True, slots=True)
class Address:
    """The session that a client's URL names.

    Args:
        model: The model, or with Azure its deployment; None for the operator's default.
        call_id: The WebRTC or SIP call whose session is joined, with the model that it has.
        intent: ``transcription`` for a session that only transcribes; its model is part of its configuration.
        is_beta: Whether the client uses the beta's names: it asks for them, or the URL is of Azure's preview.
        ignored: The names of the ignored fields, in the order given.
    """

    model: str | None = None
    call_id: str | None = None
    intent: str | None = None
    is_beta: bool = False
    ignored: tuple[str, ...] = ()

    @property
    def query(self) -> dict[str, str]:
        """The query of the upstream URL where it names no model; {} where it names one."""
        asked = {"call_id": self.call_id, "intent": self.intent}
        return {name: value for name, value in asked.items() if value}


def read_address(query: Mapping[str, str], *, wants_beta: bool = False, upstream_is_beta: bool = False) -> Address:
    """Parse the query of a client's URL; an empty field counts as missing.

    Args:
        query: The fields by name.
        wants_beta: Whether the client asks for the beta in a header.
        upstream_is_beta: Whether upstream supports the beta only.

    Raises:
        ClientProtocolError: A field is invalid, or cannot be combined with another, or is not supported upstream.
    """
    given = {name: value for name, value in query.items() if value}
    model = _one_name(given.get("model"), given.get("deployment"))
    call_id, intent = given.get("call_id"), given.get("intent")
    is_beta = wants_beta or bool(_DATED.match(given.get("api-version", "")))
    if intent not in {None, _TRANSCRIPTION}:
        raise _refused("intent", f"must be {_TRANSCRIPTION!r} or left out, not {intent!r:.{_SHOWN}}")
    if call_id and intent:
        raise _refused("call_id", f"cannot go with intent={_TRANSCRIPTION}; leave one of them out")
    if call_id and model:
        raise _refused("call_id", "cannot go with a model: a call has one already; leave model out")
    if intent and model:
        raise _refused("model", "you must not provide one for transcription sessions; leave it out")
    for name in ("call_id", "intent") if upstream_is_beta else ():
        if given.get(name):
            raise _refused(name, "is not served here: the upstream is of the beta, which does not have it")
    ignored = tuple(name for name in given if name not in _UNDERSTOOD)
    return Address(model, call_id, intent, is_beta, ignored)


def _one_name(model: str | None, deployment: str | None) -> str | None:
    if model and deployment and model != deployment:
        raise _refused("deployment", "names another model than model does; leave one of them out")
    return model or deployment


def _refused(name: str, words: str) -> ClientProtocolError:
    return ClientProtocolError("invalid_query", f"{name}: {words}.")
