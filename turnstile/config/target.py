"""Where upstream links go, and with which headers."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from turnstile.ports import UpstreamTarget

if TYPE_CHECKING:
    from turnstile.config.loading import Config
    from turnstile.config.sections import UpstreamSection


def upstream_target(config: Config, model: str | None) -> UpstreamTarget:
    """Return where a session's link goes, for the model that its client asked for, or the configured one.

    OpenAI takes the model in the query. Azure takes the deployment there: as ``model`` on its current path, as
    ``deployment`` beside an ``api-version`` on its preview path.
    """
    parts = urlsplit(config.upstream_url)
    query = dict(parse_qsl(parts.query))
    name = "deployment" if "api-version" in query else "model"
    query[name] = model or query.get(name) or config.upstream.model
    url = urlunsplit(parts._replace(query=urlencode(query)))
    return UpstreamTarget(url, _headers(config.upstream))


def _headers(upstream: UpstreamSection) -> dict[str, str]:
    headers: dict[str, str] = {}
    if upstream.api_key is not None:
        key = upstream.api_key.get_secret_value()
        headers |= {"api-key": key} if upstream.kind == "azure" else {"Authorization": f"Bearer {key}"}
    if upstream.organization:
        headers["OpenAI-Organization"] = upstream.organization
    if upstream.project:
        headers["OpenAI-Project"] = upstream.project
    return headers
