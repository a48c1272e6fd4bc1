"""The mode ``ask``: a service of the operator's decides about each client, and what its session is like."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from turnstile.auth.ask_wire import KEY_HEADER, WITH_BODY, NoDecisionError, decision_of, question_about
from turnstile.auth.authenticator import Authenticator
from turnstile.auth.credentials import credential_of
from turnstile.ports import Inbox
from turnstile.server.requests import Rejection
from turnstile.transports.attempt import Attempt
from turnstile.transports.http.blocking_client import HttpRequest
from turnstile.transports.http.network import HttpCallError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from turnstile.auth.authenticator import Decided
    from turnstile.auth.identity import Identity
    from turnstile.server.requests import ClientGone, UpgradeRequest
    from turnstile.transports.http.allow_list import Address
    from turnstile.transports.http.blocking_client import BlockingClient
    from turnstile.transports.network_operation import NetworkOperation

    CallSoon = Callable[[Callable[[], None]], object]

_BAD_REQUEST: Final = 400
_UNDECIDED: Final = "The service that decides about clients gave no answer; try again later.\n"
_FULL: Final = "Too many clients wait for a decision; try again later.\n"


class AskAuthenticator(Authenticator):
    """Asks about each client, on a thread of the HTTP client's; without an answer the client is rejected with 503.

    Args:
        client: Asks; it has a thread for each client that may wait, and lets none wait for a thread.
        address: Where the service is.
        headers: The client's headers that it is shown, by lower-case name.
        token: Sent to the service as ``Authorization: Bearer``; None for none.
        call_soon: Runs a call on the I/O thread, from any thread.
    """

    def __init__(
        self, client: BlockingClient, address: Address, headers: Sequence[str], token: str | None, call_soon: CallSoon
    ) -> None:
        self._client = client
        self._address = address
        self._headers = headers
        self._own_headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        self._call_soon = call_soon

    def authenticate(self, request: UpgradeRequest, decided: Decided, /) -> ClientGone | None:
        """Ask about a client; one that goes is not asked about any more."""
        credential = credential_of(request) if KEY_HEADER in self._headers else None
        if isinstance(credential, Rejection):
            if credential.status == _BAD_REQUEST:
                decided(credential)
                return None
            credential = None  # another scheme: the service is shown its header
        question = question_about(request, credential, self._headers)
        asking = Attempt(_Outcome(self._call_soon, decided))
        shown = credential.secret if credential else request.headers.get(KEY_HEADER, "").partition(" ")[2].strip()
        job = self._client.submit(partial(self._ask, asking, question, shown))
        if job is None:
            logged = "" if self._client.closed else f"auth.ask_concurrent: {_FULL}"
            decided(Rejection(503, _FULL, {"Retry-After": "1"}, reason="ask_full", logged=logged))
            return None
        asking.waits_as(job)
        return asking.cancel

    def close(self, timeout: float, /) -> None:
        """Ask no more; clients that wait get the answer of the service, if it comes."""
        self._client.close(timeout)

    def _ask(self, asking: Attempt[_Outcome], question: bytes, shown: str) -> None:
        """Ask, on a thread of the client's."""
        operation = self._client.operation()
        if not asking.begin(operation):
            return
        outcome: Identity | Rejection
        try:
            outcome = self._answer(question, shown, operation)
        except NoDecisionError as error:
            outcome = _undecided(error.words)
        except HttpCallError as error:
            outcome = _undecided(error.problem.description)
        except Exception as error:  # noqa: BLE001 - whatever it is, the client waits; its message may hold a header
            outcome = _undecided(f"The service could not be asked ({type(error).__name__}).")
        asking.end(outcome)

    def _answer(self, question: bytes, shown: str, operation: NetworkOperation) -> Identity | Rejection:
        request = HttpRequest("POST", self._address, self._own_headers, question)
        answer = self._client.exchange(request, operation, with_body=WITH_BODY)
        return decision_of(answer, (shown,))


class _Outcome(Inbox):
    """Gives the outcome to the handshake, on the I/O thread."""

    def __init__(self, call_soon: CallSoon, decided: Decided) -> None:
        self._call_soon = call_soon
        self._decided = decided

    def tell(self, message: object, /) -> None:
        """Take the outcome."""
        self._call_soon(partial(self._decided, message))  # type: ignore[arg-type]  # one attempt, one kind of outcome


def _undecided(words: str) -> Rejection:
    return Rejection(503, _UNDECIDED, {"Retry-After": "5"}, reason="ask", logged=f"auth.ask_url: {words}")
