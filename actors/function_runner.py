"""Function calls that the proxy makes: to an endpoint over HTTP, or to a function of the session's host."""

from __future__ import annotations

from typing import TYPE_CHECKING

from turnstile.ports import FunctionRequest
from turnstile.translate.host_overrides import HostFunction

if TYPE_CHECKING:
    from turnstile.ports import FunctionCaller, HostCall, HostFunctionCaller, Inbox
    from turnstile.protocol.voice_agent.functions import FunctionEndpoint
    from turnstile.session.effects import CallFunction
    from turnstile.session.events import Json


class FunctionCalls:
    """One session's calls, and who makes each by the configuration in force.

    Args:
        functions: Calls functions that have an endpoint.
        host_functions: Calls functions of the session's host.
    """

    def __init__(self, functions: FunctionCaller, host_functions: HostFunctionCaller) -> None:
        self._functions = functions
        self._host_functions = host_functions
        self._cancellable: dict[str, HostCall] = {}
        self._endpoints: dict[str, FunctionEndpoint | HostFunction] = {}
        self._unconfirmed: Json | None = None

    def ask(self, endpoints: Json | None) -> None:
        """Keep the endpoints of an update, by the function's name, until upstream confirms it; None for no change."""
        self._unconfirmed = endpoints

    def confirm(self) -> Json | None:
        """Put the endpoints of the update that was confirmed in force; return them, None where they are as before."""
        endpoints, self._unconfirmed = self._unconfirmed, None
        if endpoints is not None:
            self._endpoints = endpoints
        return endpoints

    def endpoint(self, name: str) -> FunctionEndpoint | HostFunction | None:
        """Return where the proxy calls a function; None where the client does."""
        return self._endpoints.get(name)

    def call(self, command: CallFunction, inbox: Inbox) -> None:
        """Call a function, and tell `inbox` what it returned."""
        call_id, arguments, endpoint = command.call_id, command.arguments, command.endpoint
        if isinstance(endpoint, HostFunction):
            self._cancellable[call_id] = self._host_functions.call(endpoint.call, call_id, arguments, inbox)
            return
        request = FunctionRequest(call_id, arguments, endpoint.url or "", endpoint.method, endpoint.headers)
        self._functions.call(request, inbox)

    def returned(self, call_id: str) -> None:
        """Forget a call that has returned."""
        self._cancellable.pop(call_id, None)

    def cancel(self, call_id: str) -> None:
        """Want a result no more: a call of the host's that has not begun never does."""
        call = self._cancellable.pop(call_id, None)
        if call is not None:
            call.cancel()

    def cancel_all(self) -> None:
        """Want no result any more."""
        for call_id in list(self._cancellable):
            self.cancel(call_id)
