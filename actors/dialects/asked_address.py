"""What a Realtime client asks for in its address, beside what the host of its session decides."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from turnstile.errors import ClientProtocolError
from turnstile.protocol.addressing import read_address
from turnstile.protocol.upstreams import KINDS
from turnstile.session.state import TRANSCRIPTION

if TYPE_CHECKING:
    from turnstile.config import Config
    from turnstile.protocol.addressing import Address
    from turnstile.server.requests import UpgradeRequest
    from turnstile.translate.host_overrides import HostOverrides

_log = logging.getLogger(__name__)

# Browsers, which cannot set the header `OpenAI-Beta`, offer this instead.
_BETA_SUBPROTOCOL: Final = "openai-beta.realtime-v1"
# How many names of ignored fields are logged, and how many characters of each.
_NAMES_SHOWN: Final = 8
_NAME_SHOWN: Final = 24


def asked_address(request: UpgradeRequest, decided: HostOverrides, config: Config) -> Address:
    """Read what a Realtime client asks for in its address.

    Args:
        request: The client's.
        decided: The overrides of the session's host.
        config: All settings.

    Raises:
        ClientProtocolError: It cannot be had here.
    """
    kind = KINDS[config.upstream.kind]
    wants_beta = "realtime=v1" in request.headers.get("openai-beta", "") or _BETA_SUBPROTOCOL in request.subprotocols
    address = read_address(request.query, wants_beta=wants_beta, upstream_is_beta=kind.is_beta)
    address = _decided_address(address, decided, is_beta=kind.is_beta)
    model = address.model
    if model is not None and "model" not in decided.enforced and not config.serves_model(model):
        raise ClientProtocolError("invalid_query", f"model: {model[:64]!r} is not served here.")
    if address.ignored:
        # A value, or a name that is as long as one, may be a key.
        names = ", ".join(f"{name[:_NAME_SHOWN]!a}" for name in address.ignored[:_NAMES_SHOWN])
        _log.info("Fields of a client's address are ignored: %s", names)
    return address


def _decided_address(address: Address, decided: HostOverrides, *, is_beta: bool) -> Address:
    """Return what a client's address asks for, with the type of session that the host decides.

    Raises:
        ClientProtocolError: It asks for another session than that.
    """
    only_transcribes = decided.session.get("type") == TRANSCRIPTION
    if only_transcribes and not address.call_id and not is_beta:
        return replace(address, model=None, intent=TRANSCRIPTION)
    has_session = bool(decided.session)
    if only_transcribes or (address.query and (has_session or decided.model is not None)):
        asked = next(iter(address.query), "intent")
        thing = "session" if has_session else "model"
        raise ClientProtocolError(
            "invalid_query", f"{asked}: cannot go with the {thing} that the host of this session decides."
        )
    return address
