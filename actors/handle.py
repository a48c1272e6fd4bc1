"""The host's handle of one session: update, announce, say, events, snapshot, end."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, get_args

import pykka
from pykka import ActorDeadError

from actors.host_requests import HostRequests, session_ended
from actors.messages import Inspect
from actors.steering import Steering
from turnstile.embed.function_schema import host_functions
from turnstile.errors import ConfigError
from turnstile.protocol.realtime import is_audio_delta
from turnstile.session.client_requests import Behavior
from turnstile.translate.host_overrides import HostOverrides, is_sendable
from turnstile.translate.to_realtime import spoken_word_for_word

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from concurrent.futures import Future

    from pykka import ActorRef

    from actors.client import ClientActor
    from actors.coordinator import SessionCoordinatorActor
    from actors.host_requests import CallElsewhere
    from actors.messages import Peers, Snapshot
    from turnstile.embed.feed import EventFeed
    from turnstile.translate.host_overrides import HostFunction

# Within how many seconds an endless wait notices a signal: Python loses one that comes just before the thread blocks.
_INTERRUPT_HEARD = 1.0


class SessionHandle:
    """A host's handle of one session; all methods may be called from any thread, and after the session's end.

    Args:
        feed: The messages sent to the client.
        call_elsewhere: As for `HostFuture`.
    """

    def __init__(self, feed: EventFeed, call_elsewhere: CallElsewhere) -> None:
        self.session_id = ""
        """The session's id in the logs."""
        self.requests = HostRequests(call_elsewhere)
        self.feed = feed
        self._client: ActorRef[ClientActor]
        self._coordinator: ActorRef[SessionCoordinatorActor]
        self._steering = Steering(self.requests)
        self._ended = threading.Event()

    def receive(self, message: bytes) -> None:
        """Put a text message sent to the client into the feed; drop audio."""
        if not is_audio_delta(message):
            self.feed.put(message)

    def meet(
        self,
        session_id: str,
        client: ActorRef[ClientActor],
        coordinator: ActorRef[SessionCoordinatorActor],
        inboxes: Peers,
    ) -> None:
        """Bind the handle to its session's actors, once, when the session begins."""
        self.session_id = session_id
        self._client = client
        self._coordinator = coordinator
        self._steering.inboxes = inboxes

    def __repr__(self) -> str:
        return f"<SessionHandle {self.session_id}{' ended' if self.has_ended else ''}>"

    @property
    def has_ended(self) -> bool:
        """Whether the session has ended and all its actors have released what they own."""
        return self._ended.is_set()

    def update(
        self,
        *,
        prompt: str | None = None,
        voice: str | None = None,
        functions: Iterable[Callable[..., Any] | HostFunction] = (),
    ) -> Future[None]:
        """Change settings of the session, in mid-response too: the gate holds the update like a client's.

        Before a Voice Agent client has sent its Settings, the change is merged into these, and done at once.

        Args:
            prompt: The agent's instructions from then on.
            voice: The agent's voice; cannot change once it has spoken.
            functions: The functions that the model may call; they replace those that the host gave before.

        Returns:
            A future that is done when the update is in force; it holds a `SessionError` when a part of it cannot be.
            It cannot be cancelled.

        Raises:
            ConfigError: An argument is invalid, or a function cannot be made a tool.
        """
        overrides = HostOverrides(prompt=prompt, voice=voice, functions=host_functions(functions))
        return self._steering.decide(overrides)

    def announce(self, text: str, behavior: Behavior = "queue") -> Future[None]:
        """Make the agent speak a text, word for word.

        Args:
            text: The text to speak.
            behavior: During a turn, ``queue`` waits for its end, ``interrupt`` cancels it, so that the user's question
                may stay unanswered, and ``default`` refuses.

        Returns:
            A future that is done when the agent speaks the text; it holds a `SessionError` when it does not.

        Raises:
            ConfigError: An argument is invalid.
        """
        if not is_sendable(text):
            raise ConfigError("invalid_text", f"text: must be text without half a character, not {text!r}.")
        known = get_args(Behavior)
        if behavior not in known:
            raise ConfigError("invalid_behavior", f"behavior: must be one of {', '.join(known)}, not {behavior!r}.")
        return self._steering.respond(spoken_word_for_word(text), behavior)

    def say(self, text: str) -> Future[None]:
        """Put a text into the conversation as if the user had written it; the agent answers it in its turn.

        Args:
            text: The user's text.

        Returns:
            A future that is done when upstream has the text; it holds a `SessionError` when it does not get it.

        Raises:
            ConfigError: The text is empty, or cannot be sent.
        """
        if not is_sendable(text) or not text:
            raise ConfigError("invalid_text", f"text: must be text without half a character, not {text!r}.")
        return self._steering.say(text)

    def events(self, timeout: float | None = None) -> Iterator[dict[str, Any]]:
        """Yield the messages sent to the client, in its dialect and without audio, until the session ends.

        Args:
            timeout: Seconds to wait for each message; None waits without a limit.

        Raises:
            TimeoutError: No message came in time; the error lists the messages received so far.
        """
        return self.feed.events(timeout)

    def wait_for(self, kind: str, timeout: float, **fields: Any) -> dict[str, Any]:
        """Return the first event of a type that no `wait_for` has returned yet, as `EventFeed.wait_for` does."""
        return self.feed.wait_for(kind, timeout, **fields)

    def snapshot(self, timeout: float = 5.0) -> Snapshot:
        """Return a snapshot of the session, taken after every request made before this call.

        Args:
            timeout: Seconds to wait for each of two replies.

        Raises:
            SessionError: The session has ended.
            TimeoutError: An actor did not reply in time.
        """
        if self.has_ended:
            raise session_ended()
        try:
            self._client.ask(Inspect(), block=True, timeout=timeout)
            snapshot: Snapshot = self._coordinator.ask(Inspect(), block=True, timeout=timeout)
        except ActorDeadError:
            raise session_ended() from None
        except pykka.Timeout:
            raise TimeoutError(f"Waited {timeout:g} s for where the session stands.") from None
        return snapshot

    def end(self, code: int = 1000, reason: str = "") -> None:
        """End the session, and close its client with this code.

        Args:
            code: The WebSocket close code.
            reason: The WebSocket close reason.
        """
        if not self.has_ended:
            self._steering.end(code, reason, by="host")

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the session has ended; return False if it has not within `timeout` seconds."""
        if timeout is not None:
            return self._ended.wait(timeout)
        while not self._ended.wait(_INTERRUPT_HEARD):
            pass
        return True

    def note_end(self) -> None:
        """Fail the unanswered requests, close the feed, and wake the threads that wait for the end."""
        self.requests.end()
        self.feed.close("the session has ended")
        self._ended.set()
