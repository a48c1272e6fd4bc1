"""The kinds of Realtime API: URL, key header and names of each."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

KindName = Literal["openai", "openai-beta", "azure", "azure-preview", "compatible"]

_BEARER_HEADER: Final = "Authorization"


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of Realtime API.

    Args:
        paths: The URL paths, the usual one first.
        key_header: The header of the key: ``Authorization``, as a bearer token, or ``api-key``.
        model_parameter: The query parameter of the model; with Azure's preview of its deployment.
        is_beta: Whether it uses the beta's names.
        headers: Further headers of each handshake.
        refuses_in_http: Whether it answers a handshake without a key with HTTP 401; the others accept it, and then send
            an ``error``.
    """

    paths: tuple[str, ...]
    key_header: str = _BEARER_HEADER
    model_parameter: str = "model"
    is_beta: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)
    refuses_in_http: bool = False

    def key(self, secret: str) -> dict[str, str]:
        """Return the header that sends a key."""
        return {self.key_header: f"Bearer {secret}" if self.key_header == _BEARER_HEADER else secret}

    def key_in(self, headers: Mapping[str, str]) -> str:
        """Return the key in a handshake's headers, given by their names in lower case; "" for none."""
        value = headers.get(self.key_header.lower(), "")
        if self.key_header != _BEARER_HEADER:
            return value
        scheme, _, secret = value.partition(" ")
        return secret if scheme.lower() == "bearer" else ""


# Sources: the API reference (WebSocket connections); Azure's reference of the Realtime API, current and preview.
KINDS: Final[Mapping[KindName, Kind]] = {
    "openai": Kind(("/v1/realtime", "/realtime")),
    "openai-beta": Kind(("/v1/realtime", "/realtime"), is_beta=True, headers={"OpenAI-Beta": "realtime=v1"}),
    "azure": Kind(("/openai/v1/realtime",), key_header="api-key", refuses_in_http=True),
    "azure-preview": Kind(
        ("/openai/realtime",),
        key_header="api-key",
        model_parameter="deployment",
        is_beta=True,
        refuses_in_http=True,
    ),
    "compatible": Kind(("/v1/realtime", "/realtime")),
}
