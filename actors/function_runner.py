"""Function calls that the proxy makes: to an endpoint over HTTP, or to a function of the session's host."""

from __future__ import annotations

from typing import TYPE_CHECKING

from turnstile.ports import FunctionRequest
from turnstile.session.events import CallReturned
from turnstile.translate.host_overrides import HostFunction

if TYPE_CHECKING:
    from actors.upstream_output import UpstreamOutput
    from turnstile.ports import FunctionCall, FunctionCaller, FunctionReturned, HostFunctionCaller, Inbox
    from turnstile.protocol.voice_agent.functions import FunctionEndpoint
    from turnstile.session.client_requests import Json
    from turnstile.session.effects import CallFunction, CallsCancelled
    from turnstile.translate.translator import Translator


class FunctionRunner:
    """Makes one session's calls, and keeps the endpoints of the configuration in force.

    Args:
        functions: Calls functions that have an endpoint.
        host_functions: Calls functions of the session's host.
        translator: Writes results and cancellations for the client.
        output: To the other two actors.
        identity: The client's; "" for none.
    """

    def __init__(
        self,
        functions: FunctionCaller,
        host_functions: HostFunctionCaller,
        translator: Translator,
        output: UpstreamOutput,
        identity: str,
    ) -> None:
        self._functions = functions
        self._host_functions = host_functions
        self._translator = translator
        self._output = output
        self._identity = identity
        self._calls: dict[str, FunctionCall] = {}
        self._endpoints: dict[str, FunctionEndpoint | HostFunction] = {}
        self._unconfirmed: Json | None = None

    def ask(self, endpoints: Json | None) -> None:
        """Keep the endpoints of an update, by the function's name, until upstream confirms it; None for no change."""
        self._unconfirmed = endpoints

    def confirm(self) -> None:
        """Put the endpoints of the update that was confirmed in force."""
        endpoints, self._unconfirmed = self._unconfirmed, None
        if endpoints is not None:
            self._endpoints = endpoints
            self._translator.set_proxy_functions(endpoints)

    def endpoint(self, name: str) -> FunctionEndpoint | HostFunction | None:
        """Return where the proxy calls a function; None where the client does."""
        return self._endpoints.get(name)

    def call(self, command: CallFunction, inbox: Inbox) -> None:
        """Call a function; its result goes to `inbox` (`FunctionReturned`)."""
        call_id, arguments, endpoint = command.call_id, command.arguments, command.endpoint
        if isinstance(endpoint, HostFunction):
            self._calls[call_id] = self._host_functions.call(endpoint.call, call_id, arguments, inbox, self._identity)
            return
        request = FunctionRequest(call_id, arguments, endpoint.url or "", endpoint.method, endpoint.headers)
        self._calls[call_id] = self._functions.call(request, inbox, self._identity)

    def returned(self, returned: FunctionReturned) -> None:
        """Send a result to the client and to the session."""
        call_id, output = returned.call_id, returned.output
        self._calls.pop(call_id, None)
        self._output.send_frames(self._translator.show_call_result(call_id, output))
        self._output.send_fact(CallReturned(call_id, output))

    def cancelled(self, cancelled: CallsCancelled) -> None:
        """Cancel calls whose results are not needed, and report it to the client."""
        for call_id in cancelled.call_ids:
            call = self._calls.pop(call_id, None)
            if call is not None:
                call.cancel()
        self._output.send_frames(self._translator.cancel_calls(cancelled.call_ids))

    def cancel_all(self) -> None:
        """Cancel all calls: the session ends."""
        for call in self._calls.values():
            call.cancel()
        self._calls.clear()
