"""The answers of the ops listener: JSON, errors that name the fix, and the headers that all of them have."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from werkzeug import Response

if TYPE_CHECKING:
    from collections.abc import Mapping

EVERY_ANSWER: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
"""The headers of every answer: what it shows is for its reader alone, and no page may frame or embed it."""


class RequestRefusedError(Exception):
    """A request to the ops listener that is not served.

    Args:
        status: The HTTP status.
        code: A stable name in lower case for programs.
        description: One sentence for people: the field, the fault, and the fix.
        headers: More headers of the answer.
    """

    def __init__(self, status: int, code: str, description: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(f"{status} {code}: {description}")
        self.status = status
        self.code = code
        self.description = description
        self.headers = headers or {}

    def response(self) -> Response:
        """Return the answer that says so."""
        return json_response({"error": {"code": self.code, "message": self.description}}, self.status, self.headers)


def json_response(body: Any, status: int = HTTPStatus.OK, headers: Mapping[str, str] | None = None) -> Response:
    """Return an answer of JSON."""
    return Response(json_bytes(body), status, headers, content_type="application/json")


def json_bytes(body: Any) -> bytes:
    """Return JSON for people and programs alike: on one line, with its end."""
    return json.dumps(body, ensure_ascii=False).encode(errors="replace") + b"\n"
