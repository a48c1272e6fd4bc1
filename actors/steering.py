"""Steering: what a session's host, or an operator, has it do, each with a future for what becomes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.host_messages import HostAsked, HostDecided, PromptAdded
from actors.messages import End
from turnstile.session.client_requests import AgentMessageGiven, UserMessageGiven
from turnstile.translate.to_realtime import user_message_to_item

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from actors.host_messages import Wish
    from actors.host_requests import HostRequests
    from actors.messages import Peers
    from turnstile.observability.session_facts import EndedBy
    from turnstile.session.client_requests import Behavior, Json, Ref
    from turnstile.translate.host_overrides import HostOverrides


class Steering:
    """The steering of one session; all methods may be called from any thread, and after the session's end.

    What is asked for goes the way of the client's requests, through the gate, in the order asked. Each future is done
    when it is in force; it holds a `SessionError` when it, or a part of it, cannot be, or when the session ends before.

    Args:
        requests: The unanswered requests of all who steer the session; they fail once it has ended, or does not begin.
        inboxes: Those of its actors; given later, before the session begins, where it has not.
    """

    def __init__(self, requests: HostRequests, inboxes: Peers | None = None) -> None:
        self._requests = requests
        self.inboxes = inboxes

    def decide(self, overrides: HostOverrides) -> Future[None]:
        """Override more of the client's configuration."""
        return self._ask(lambda ref: HostDecided(ref, overrides, self._requests))

    def add_prompt(self, text: str) -> Future[None]:
        """Add a text to the prompt, behind an empty line."""
        return self._ask(lambda ref: PromptAdded(ref, text, self._requests))

    def say(self, text: str) -> Future[None]:
        """Put a text into the conversation as if the user had written it; the agent answers it.

        The future is done when upstream has the text.
        """
        item = user_message_to_item(text)
        return self._ask(lambda ref: HostAsked(UserMessageGiven(ref, item), self._requests))

    def respond(self, response: Json, behavior: Behavior) -> Future[None]:
        """Have the agent say something of its own; the future is done when it begins.

        Args:
            response: The parameters of the ``response.create``.
            behavior: What to do while a turn runs.
        """
        return self._ask(lambda ref: HostAsked(AgentMessageGiven(ref, response, behavior), self._requests))

    def end(self, code: int, reason: str, by: EndedBy) -> Future[None]:
        """End the session.

        Args:
            code: The WebSocket close code for the client...
            reason: ...and the reason.
            by: Who ends it.

        Returns:
            A future that fails, as all that are not done, when the session has ended.
        """
        _, future = self._requests.add()
        if self.inboxes is not None:
            self.inboxes.tell_all(End(code, reason, by=by))
        return future

    def _ask(self, wish: Callable[[Ref], Wish]) -> Future[None]:
        """Send a wish to ClientActor under a new ref, and return the future for its answer."""
        ref, future = self._requests.add()
        if self.inboxes is not None and not future.done():
            self.inboxes.client.tell(wish(ref))
        return future
