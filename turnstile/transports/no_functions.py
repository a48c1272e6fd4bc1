"""Calls no functions over HTTP: the operator allows no host."""

from __future__ import annotations

from typing import TYPE_CHECKING

from turnstile.ports import failed_call
from turnstile.transports.function_call import PendingCall

if TYPE_CHECKING:
    from turnstile.ports import FunctionRequest, Inbox


class NoFunctionCaller:
    """The `FunctionCaller` port without allowed hosts: it has no thread, and every call fails."""

    def may_call(self, url: str) -> bool:
        """Return whether the operator allows the host of `url`: no."""
        del url
        return False

    def call(self, request: FunctionRequest, inbox: Inbox, identity: str = "") -> PendingCall:
        """Put one `FunctionReturned` into `inbox`: the call fails."""
        del identity
        call = PendingCall(request.call_id, inbox)
        call.returns(failed_call("The function may not be called: its host is not allowed."))
        return call

    def close(self, timeout: float) -> None:
        """Do nothing."""
