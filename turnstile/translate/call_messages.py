"""Messages to a Voice Agent client about function calls: requested, cancelled, answered, in the history."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnstile.protocol.frames import TextFrame
from turnstile.protocol.realtime import complete_arguments
from turnstile.protocol.voice_agent import server
from turnstile.translate.bounded_dict import remember

if TYPE_CHECKING:
    from collections.abc import Collection

    from turnstile.protocol.frames import Frame
    from turnstile.translate.client_output import ClientOutput

Json = dict[str, Any]


class CallMessages:
    """The messages about the function calls of one session, each sent once.

    Args:
        output: The output to the client.
    """

    def __init__(self, output: ClientOutput) -> None:
        self._output = output
        self._requested: dict[str, server.CallRequest] = {}
        self._open: dict[str, None] = {}
        self._proxy_functions: Collection[str] = ()

    def set_proxy_functions(self, names: Collection[str]) -> None:
        """Set the names of the functions that the proxy calls; the client calls all others."""
        self._proxy_functions = names

    def request(self, call: Json) -> list[Frame]:
        """Return the `FunctionCallRequest` of a call, once; nothing while its name or arguments are incomplete.

        Args:
            call: ``call_id``, ``name`` and ``arguments``: an item, or the event that ends its arguments.
        """
        call_id, name = call.get("call_id"), call.get("name")
        if not call_id or not name or call_id in self._requested:
            return []
        arguments = complete_arguments(call.get("arguments"))
        if arguments is None:
            return []
        request = server.CallRequest(call_id, name, arguments, client_side=name not in self._proxy_functions)
        remember(self._requested, call_id, request)
        remember(self._open, call_id, None)
        return [TextFrame(server.function_call_request([request]))]

    def item_done(self, item: Json) -> list[Frame]:
        """Return the request of a completed call; a problem if its arguments are not a JSON object."""
        frames = self.request(item)
        if complete_arguments(item.get("arguments")) is None:
            name = item.get("name") or "a function"
            text = f"The model called {name} with arguments that are not a JSON object; the call is dropped."
            frames.append(self._output.problem("function_call_unreadable", text))
        return frames

    def cancel(self, call_ids: tuple[str, ...]) -> list[Frame]:
        """Return the `FunctionCallCancelled` of those calls that were requested and have no result."""
        cancelled = [call for call_id in call_ids if (call := self._close(call_id))]
        if not cancelled:
            return []
        return [TextFrame(server.function_call_cancelled([(call.id, call.name) for call in cancelled]))]

    def show_result(self, call_id: str, output: str) -> list[Frame]:
        """Return the `FunctionCallResponse` of a call that the proxy made, if the call is still open."""
        call = self._requested.get(call_id) if call_id in self._open else None
        return [TextFrame(server.function_call_response(call.id, call.name, output))] if call else []

    def close(self, call_id: str, output: str) -> list[Frame]:
        """Close a call whose result goes upstream; return its `History` for a client that keeps one."""
        call = self._close(call_id)
        return [TextFrame(server.history_of_call(call, output))] if call and self._output.keeps_history else []

    def _close(self, call_id: str) -> server.CallRequest | None:
        if call_id not in self._open:
            return None
        del self._open[call_id]
        return self._requested.get(call_id)
