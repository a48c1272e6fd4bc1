"""What the operator's service is asked about a client, and what it answers: JSON over HTTP.

docs/howto/authenticate-clients.md describes both for those who write such a service.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import orjson

from turnstile.auth.credentials import Credential, unauthorized
from turnstile.auth.identity import LONGEST_NAME, Identity, is_claimable
from turnstile.errors import ConfigError
from turnstile.protocol.safe_text import on_one_line, without_secrets
from turnstile.server.addresses import host_of
from turnstile.server.requests import Rejection
from turnstile.translate.host_overrides import HostOverrides
from turnstile.transports.http.encoding import decoded_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from turnstile.server.requests import UpgradeRequest
    from turnstile.transports.http.blocking_client import HttpAnswer

MOST_BYTES: Final = 64 * 1024
"""The largest answer."""
WITH_BODY: Final = frozenset({200, 401, 403, 429})
"""The statuses that are an answer; any other is none."""
KEY_HEADER: Final = "authorization"
"""Where this header is shown, the client's key is, wherever it was sent."""

_FIELDS: Final = ("identity", "prompt", "voice", "model", "tools")
_LONGEST_REASON: Final = 500
_RETRY_AFTER: Final = re.compile(r"[0-9]{1,6}|[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9:]{8} GMT")
_DEFAULT_WORDS: Final = {
    401: "The credentials do not count here.",
    403: "The client may not connect.",
    429: "The client connects too often; try again later.",
}


class NoDecisionError(Exception):
    """The service has not decided, or not in a way that can be carried out.

    Args:
        words: The fault, for the operator: a sentence without anything of the client's.
    """

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.words = words


def question_about(request: UpgradeRequest, credential: Credential | None, headers: Sequence[str]) -> bytes:
    """Return the body of the question.

    Args:
        request: The client's.
        credential: Its key, if it is to be shown.
        headers: Those that are to be shown, by lower-case name.
    """
    question: dict[str, Any] = {"path": request.path, "address": host_of(request.peer)}
    question["headers"] = {name: _sendable(request.headers[name]) for name in headers if name in request.headers}
    if credential is not None:
        question["credential"] = credential.secret
    return orjson.dumps(question)


def decision_of(answer: HttpAnswer, shown: Sequence[str] = ()) -> Identity | Rejection:
    """Return what the service has decided.

    Args:
        answer: Its answer.
        shown: What it was shown and must not be shown again: masked in its words.

    Raises:
        NoDecisionError: It has not, or something in it cannot be carried out.
    """
    if answer.status == 200:  # noqa: PLR2004 - HTTP's OK
        return _identity_of(answer.body)
    if answer.status not in WITH_BODY:
        raise NoDecisionError(f"The service answered {answer.status}; 200, 401, 403 and 429 are answers.")
    words = _reason_of(answer, shown) or _DEFAULT_WORDS[answer.status]
    if answer.status == 401:  # noqa: PLR2004
        return unauthorized(words)
    retry_after = answer.headers.get("retry-after", "")
    headers = {"Retry-After": retry_after} if _RETRY_AFTER.fullmatch(retry_after) else {}
    return Rejection(answer.status, f"{words}\n", headers)


def _identity_of(body: bytes) -> Identity:
    try:
        decided = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise NoDecisionError("The service's answer is not JSON.") from None
    if not isinstance(decided, dict):
        raise NoDecisionError("The service's answer is no JSON object.")
    fault = next(_faults(decided), None)
    if fault is not None:
        raise NoDecisionError(f"The service's answer: {fault}")
    tools = decided.get("tools")
    try:
        overrides = HostOverrides(
            decided.get("prompt"),
            decided.get("voice"),
            decided.get("model"),
            session={} if tools is None else {"tools": tools},
        )
    except ConfigError as error:
        raise NoDecisionError(f"The service's answer: {error.problem.description}") from None
    return Identity(decided["identity"], overrides)


def _faults(decided: dict[str, Any]) -> Iterator[str]:
    for name in decided:
        if name not in _FIELDS:
            yield f"{on_one_line(name[:40])}: is not known; the fields are {', '.join(_FIELDS)}."
    if not is_claimable(decided.get("identity")):
        yield f"identity: must be text of 1 to {LONGEST_NAME} characters on one line."
    for name in ("voice", "model"):
        if decided.get(name) == "":
            yield f"{name}: is empty; leave it out, or name one."
    tools = decided.get("tools")
    tools = [] if tools is None else tools
    if not isinstance(tools, list):
        yield "tools: must be a list of the Realtime API's tools."
        return
    for number, tool in enumerate(tools):
        if not isinstance(tool, dict) or not isinstance(tool.get("type"), str):
            yield f"tools[{number}]: must be an object with a type, such as function."
        elif tool["type"] == "function" and not (isinstance(tool.get("name"), str) and tool["name"]):
            yield f"tools[{number}].name: must be text."


def _reason_of(answer: HttpAnswer, shown: Sequence[str]) -> str:
    """Return the service's words to the client, safe to show; "" if it has none."""
    kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    words: Any = ""
    if kind == "text/plain":
        words = decoded_text(answer.body, answer.headers["content-type"])
    elif kind == "application/json":
        try:
            content = orjson.loads(answer.body)
        except orjson.JSONDecodeError:
            content = None
        words = content.get("reason") if isinstance(content, dict) else ""
    if not isinstance(words, str):
        return ""
    return on_one_line(without_secrets(words.strip(), shown))[:_LONGEST_REASON]


def _sendable(text: str) -> str:
    """Return a header's value as JSON can carry it: the framing library keeps bytes beyond ASCII as half characters."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
