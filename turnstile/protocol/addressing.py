"""What a Realtime client asks for in the query of its address, and what of that its upstream is asked for.

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

_UNDERSTOOD: Final = frozenset({"model", "deployment", "call_id", "intent", "api-version"})
_TRANSCRIPTION: Final = "transcription"
# Azure's preview has versions with a date; the current API has none, or `v1`, `preview` and the like.
_DATED: Final = re.compile(r"\d{4}-\d\d-\d\d")
# As much as this of what a client names is repeated to it.
_SHOWN: Final = 64


@dataclass(frozen=True, slots=True)
class Address:
    """What a client asks for in its address.

    Args:
        model: The model, or with Azure its deployment; None for the operator's default.
        call_id: The WebRTC or SIP call whose session is joined; that one has its model already.
        intent: ``transcription`` for a session that only writes down; its model is part of its configuration.
        is_beta: The address is one of Azure's preview, which speaks the words of the beta.
        ignored: The names of the fields that have no effect, in the order given.
    """

    model: str | None = None
    call_id: str | None = None
    intent: str | None = None
    is_beta: bool = False
    ignored: tuple[str, ...] = ()

    @property
    def query(self) -> dict[str, str]:
        """What upstream is asked for instead of a model; empty where it is asked for one."""
        asked = {"call_id": self.call_id, "intent": self.intent}
        return {name: value for name, value in asked.items() if value}


def read_address(query: Mapping[str, str], *, says_beta: bool = False, upstream_is_beta: bool = False) -> Address:
    """Read the query of a client's address; a field without a value counts as missing.

    Args:
        query: The fields by name.
        says_beta: The client asks for the words of the beta in a header.
        upstream_is_beta: Those are the only ones that upstream speaks.

    Raises:
        ClientProtocolError: Upstream, or the proxy, cannot do all that it asks for together.
    """
    given = {name: value for name, value in query.items() if value}
    model = _one_name(given.get("model"), given.get("deployment"))
    call_id, intent = given.get("call_id"), given.get("intent")
    is_beta = says_beta or bool(_DATED.match(given.get("api-version", "")))
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
            raise _refused(name, "is not served here: the upstream speaks the words of the beta, which has none")
    ignored = tuple(name for name in given if name not in _UNDERSTOOD)
    return Address(model, call_id, intent, is_beta, ignored)


def _one_name(model: str | None, deployment: str | None) -> str | None:
    if model and deployment and model != deployment:
        raise _refused("deployment", "names another model than model does; leave one of them out")
    return model or deployment


def _refused(name: str, words: str) -> ClientProtocolError:
    return ClientProtocolError("invalid_query", f"{name}: {words}.")
