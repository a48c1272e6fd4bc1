"""Builds the address and the headers of upstream links."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from turnstile.config.upstream_section import SIMULATOR
from turnstile.errors import ConfigError
from turnstile.ports import UpstreamTarget
from turnstile.protocol.addressing import Address
from turnstile.protocol.upstreams import KINDS

if TYPE_CHECKING:
    from turnstile.config.loading import Config
    from turnstile.config.upstream_section import UpstreamSection
    from turnstile.protocol.upstreams import Kind

_DEFAULT = Address()


def require_key(config: Config) -> None:
    """Refuse to serve an upstream that requires a key without one.

    Raises:
        ConfigError: ``upstream.api_key`` is not set, and upstream is neither the simulator nor a compatible service.
    """
    if config.upstream_url != SIMULATOR and config.upstream.api_key is None and config.upstream.kind != "compatible":
        text = (
            f"upstream.api_key: is not set, and {config.upstream_url} requires one; set OPENAI_API_KEY, "
            'or upstream.kind = "compatible" if it requires none.'
        )
        raise ConfigError("missing_key", text)


def upstream_target(config: Config, model: str | None, address: Address = _DEFAULT) -> UpstreamTarget:
    """Return the target of a session's link.

    Args:
        config: All settings.
        model: The model requested, None for the configured one; with Azure its deployment.
        address: The client's other parameters: a call to join, or an intent, replaces the model in the query.
    """
    kind = KINDS[config.upstream.kind]
    parts = urlsplit(config.upstream_url)
    query = dict(parse_qsl(parts.query))
    in_url = query.pop(kind.model_parameter, None)
    query |= address.query or {kind.model_parameter: model or in_url or config.upstream.model}
    url = urlunsplit(parts._replace(query=urlencode(query)))
    secrets = _secrets(config.upstream)
    named = query.get(kind.model_parameter)
    return UpstreamTarget(url, _headers(config.upstream, kind), kind.is_beta, secrets, named)


def _secrets(upstream: UpstreamSection) -> tuple[str, ...]:
    """Return what clients must not learn: the key and the operator's ids; the address holds no credentials."""
    key = "" if upstream.api_key is None else upstream.api_key.get_secret_value()
    return tuple(filter(None, (key, upstream.organization, upstream.project)))


def _headers(upstream: UpstreamSection, kind: Kind) -> dict[str, str]:
    headers = dict(kind.headers)
    if upstream.api_key is not None:
        headers |= kind.key(upstream.api_key.get_secret_value())
    if upstream.organization:
        headers["OpenAI-Organization"] = upstream.organization
    if upstream.project:
        headers["OpenAI-Project"] = upstream.project
    return headers
