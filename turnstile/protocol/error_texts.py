"""Error texts in events of the Realtime API, without the credentials that they repeat: a client must not learn them.

The API's refusal of a key contains the key ("Incorrect API key provided: sk-..."), and a server may quote any header.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from turnstile.protocol.safe_text import without_secrets

if TYPE_CHECKING:
    from collections.abc import Sequence

Json = dict[str, Any]

MARK: Final = b'"error"'
"""Is in each frame in which `with_safe_errors` may change something, whether it names the event or a field."""

# Levels and characters of an event's errors that are passed on. No real one has as many, and to search more for
# credentials would block all sessions.
_DEPTH: Final = 16
_CHARACTERS: Final = 128 * 1024
# A value of another kind counts as this many characters.
_VALUE: Final = 16


def with_safe_errors(event: Json, secrets: Sequence[str]) -> Json:
    """Return an event with the credentials in its error texts masked; the same object where there are none.

    Args:
        event: Any event of the server.
        secrets: The credentials that upstream was given.
    """
    errors = _Errors(secrets)
    # Some servers have the text beside the error.
    names = ("error", "message") if event.get("type") == "error" else ("error",)
    changed = {name: errors.safe(event[name]) for name in names if event.get(name) is not None}
    response, item = event.get("response"), event.get("item")
    if isinstance(response, dict):
        changed["response"] = errors.safe_response(response)
    if isinstance(item, dict):
        changed["item"] = errors.safe_item(item)
    return _with(event, changed)


class _Errors:
    """Masks the errors of one event.

    Args:
        secrets: The credentials that upstream was given.
    """

    def __init__(self, secrets: Sequence[str]) -> None:
        self._secrets = secrets
        self._left = _CHARACTERS

    def safe_response(self, response: Json) -> Json:
        """Return a response with its failure masked, and those of its calls of MCP servers."""
        changed: Json = {}
        if response.get("status_details"):
            changed["status_details"] = self.safe(response["status_details"])
        output = response.get("output")
        if isinstance(output, list):
            changed["output"] = [self.safe_item(item) for item in output]
        return _with(response, changed)

    def safe_item(self, item: Any) -> Any:
        """Return an item with its error masked, if it has one, as a call of an MCP server may."""
        if not isinstance(item, dict) or not item.get("error"):
            return item
        return _with(item, {"error": self.safe(item["error"])})

    def safe(self, value: Any, depth: int = _DEPTH) -> Any:
        """Return an error, or a part of it, with its texts masked and without what exceeds the bounds of one."""
        self._left -= len(value) if isinstance(value, str) else _VALUE
        if isinstance(value, str):
            return without_secrets(value[: max(0, len(value) + min(0, self._left))], self._secrets)
        if not isinstance(value, dict | list):
            return value
        if depth == 0 or self._left < 0:
            return None
        if isinstance(value, list):
            return [self.safe(part, depth - 1) for part in value if self._left > 0]
        return {
            name: part if name == "event_id" else self.safe(part, depth - 1)
            for name, part in value.items()
            if self._left > 0
        }


def _with(value: Json, changed: Json) -> Json:
    """Return an object with other values of some fields; the same object where they are no others."""
    return value if all(value[name] == part for name, part in changed.items()) else value | changed
