"""A session's function calls as the client is told of them: asked for, cancelled, answered, remembered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnstile.protocol.frames import TextFrame
from turnstile.protocol.realtime import complete_arguments
from turnstile.protocol.voice_agent import server
from turnstile.translate.client_output import remember

if TYPE_CHECKING:
    from collections.abc import Collection

    from turnstile.protocol.frames import Frame


class Calls:
    """The calls that the client was told of and that have no result yet."""

    def __init__(self) -> None:
        self._told: dict[str, server.CallRequest] = {}
        self._open: dict[str, None] = {}
        self._called_from_here: Collection[str] = ()

    def call_from_here(self, names: Collection[str]) -> None:
        """From now on the functions of these names are called by the proxy, all others by the client."""
        self._called_from_here = names

    def request(self, call_id: str, name: str, given: Any) -> list[Frame]:
        """Tell of a call, once; a call whose arguments, as `given`, were cut off is none."""
        arguments = complete_arguments(given)
        if call_id in self._told or arguments is None:
            return []
        call = server.CallRequest(call_id, name, arguments, client_side=name not in self._called_from_here)
        remember(self._told, call_id, call)
        remember(self._open, call_id, None)
        return [TextFrame(server.function_call_request([call]))]

    def cancel(self, call_ids: tuple[str, ...]) -> list[Frame]:
        """Tell that these calls need no result; those that were never told of are left out."""
        cancelled = [call for call_id in call_ids if (call := self._close(call_id))]
        if not cancelled:
            return []
        return [TextFrame(server.function_call_cancelled([(call.id, call.name) for call in cancelled]))]

    def returned(self, call_id: str, output: str) -> list[Frame]:
        """Show the result of a call that the proxy made, if it is still wanted."""
        call = self._told.get(call_id) if call_id in self._open else None
        return [TextFrame(server.function_call_response(call.id, call.name, output))] if call else []

    def answered(self, call_id: str, output: str, *, keeps_history: bool) -> list[Frame]:
        """The result goes upstream: it is part of the conversation now."""
        call = self._close(call_id)
        return [TextFrame(server.history_of_call(call, output))] if call and keeps_history else []

    def _close(self, call_id: str) -> server.CallRequest | None:
        if call_id not in self._open:
            return None
        del self._open[call_id]
        return self._told.get(call_id)
