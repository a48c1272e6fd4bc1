"""The endpoint of browser tokens where the proxy makes none."""

from __future__ import annotations

import http
from typing import TYPE_CHECKING

from turnstile.server.requests import Rejection

if TYPE_CHECKING:
    from turnstile.server.http_exchange import Answered
    from turnstile.server.requests import ClientGone, UpgradeRequest


def no_client_secrets(method: str, request: UpgradeRequest, answered: Answered) -> ClientGone | None:
    """Decide about a request for a token where there are none: without ``auth.token_secret``."""
    del method, request
    words = "This proxy makes no tokens for browsers: its operator has set no auth.token_secret.\n"
    answered(Rejection(http.HTTPStatus.NOT_FOUND, words, reason="no_path"))
    return None
