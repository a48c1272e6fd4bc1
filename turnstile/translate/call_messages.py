"""Messages to a Voice Agent client about function calls: requested, cancelled, answered, in the history."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnstile.protocol.frames import TextFrame
from turnstile.protocol.realtime import complete_arguments
from turnstile.protocol.voice_agent import server
from turnstile.translate.bounded_dict import BoundedDict

if TYPE_CHECKING:
    from collections.abc import Collection

    from turnstile.protocol.frames import Frame
    from turnstile.translate.client_output import ClientOutput

Json = dict[str, Any]

# Most bytes of the calls that are remembered, and of one call's arguments, which only the history repeats.
_CALL_BYTES = 4 * 1024 * 1024
_ARGUMENTS_KEPT = 64 * 1024


class CallMessages:
    """The messages about the function calls of one session, each sent once.

    Args:
        output: The output to the client.
    """

    def __init__(self, output: ClientOutput) -> None:
        self._output = output
        self._requested: BoundedDict[str, server.CallRequest] = BoundedDict(_texts, _CALL_BYTES)
        self._open: BoundedDict[str, None] = BoundedDict()
        self._proxy_functions: Collection[str] = ()

    @property
    def kept_bytes(self) -> int:
        """The bytes kept, about."""
        return self._requested.kept_bytes + self._open.kept_bytes

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
        is_shown_again = self._output.keeps_history and len(arguments) <= _ARGUMENTS_KEPT
        self._requested.remember(call_id, request if is_shown_again else request._replace(arguments=""))
        self._open.remember(call_id, None)
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
        self._open.forget(call_id)
        call = self._requested.get(call_id)
        if call is not None and call.arguments:
            self._requested.remember(call_id, call._replace(arguments=""))
        return call


def _texts(call_id: str, call: server.CallRequest) -> int:
    return len(call_id) + len(call.name) + len(call.arguments)
