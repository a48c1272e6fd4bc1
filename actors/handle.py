"""One live session, as the program sees it that runs the proxy or hosts the client."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, get_args

import pykka
from pykka import ActorDeadError

from actors.host_requests import HostRequests, session_ended
from actors.messages import End, HostAsked, HostDecided, Inspect
from turnstile.embed.function_schema import host_functions
from turnstile.errors import ConfigError
from turnstile.protocol.realtime import is_audio_delta
from turnstile.session.events import AgentMessageGiven, Behavior
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
    from turnstile.session.events import Ref
    from turnstile.translate.host_overrides import HostFunction


class SessionHandle:
    """A session that is open, or was; all methods may be called from any thread, and after the end.

    Args:
        feed: The messages sent to the client.
        call_elsewhere: As for `HostFuture`.
    """

    def __init__(self, feed: EventFeed, call_elsewhere: CallElsewhere) -> None:
        self.session_id = ""
        """Names it in the logs."""
        self.requests = HostRequests(call_elsewhere)
        self.feed = feed
        self._client: ActorRef[ClientActor]
        self._coordinator: ActorRef[SessionCoordinatorActor]
        self._inboxes: Peers
        self._ended = threading.Event()

    def hear(self, message: bytes) -> None:
        """Take a text message to the client; audio in it is left out."""
        if not is_audio_delta(message):
            self.feed.put(message)

    def meet(
        self,
        session_id: str,
        client: ActorRef[ClientActor],
        coordinator: ActorRef[SessionCoordinatorActor],
        inboxes: Peers,
    ) -> None:
        """Learn whose handle this is, once, when the session begins."""
        self.session_id = session_id
        self._client = client
        self._coordinator = coordinator
        self._inboxes = inboxes

    def __repr__(self) -> str:
        return f"<SessionHandle {self.session_id}{' ended' if self.has_ended else ''}>"

    @property
    def has_ended(self) -> bool:
        """Whether the session is over, and everything of it released."""
        return self._ended.is_set()

    def update(
        self,
        *,
        prompt: str | None = None,
        voice: str | None = None,
        functions: Iterable[Callable[..., Any] | HostFunction] = (),
    ) -> Future[None]:
        """Decide something anew for the client, in mid-response too: it waits for its turn like everything else.

        Before a Voice Agent client has sent its Settings, it goes with these, and is done at once.

        Args:
            prompt: What the agent is told from then on.
            voice: What it speaks with; not once it has spoken.
            functions: What it may call; instead of those that were decided before.

        Returns:
            Done when it is in force; holds a `SessionError` when it, or a part of it, cannot be. Nothing cancels it.

        Raises:
            ConfigError: An argument is not what it should be, or a function cannot be called by the agent.
        """
        overrides = HostOverrides(prompt=prompt, voice=voice, functions=host_functions(functions))
        return self._ask(lambda ref: HostDecided(ref, overrides))

    def announce(self, text: str, behavior: Behavior = "queue") -> Future[None]:
        """Have the agent say something, word for word.

        Args:
            text: What.
            behavior: While a turn runs: ``queue`` waits for its end, ``interrupt`` cuts it off, and the question that
                was being answered may stay unanswered; ``default`` refuses.

        Returns:
            Done when the agent says it; holds a `SessionError` when it does not.

        Raises:
            ConfigError: An argument is not what it should be.
        """
        if not is_sendable(text):
            raise ConfigError("invalid_text", f"text: must be text without half a character, not {text!r}.")
        known = get_args(Behavior)
        if behavior not in known:
            raise ConfigError("invalid_behavior", f"behavior: must be one of {', '.join(known)}, not {behavior!r}.")
        response = spoken_word_for_word(text)
        return self._ask(lambda ref: HostAsked(AgentMessageGiven(ref, response, behavior)))

    def events(self, timeout: float | None = None) -> Iterator[dict[str, Any]]:
        """Yield what the client is told, in its own dialect, audio left out; ends with the session.

        Args:
            timeout: Seconds to wait for each; None for as long as it takes.

        Raises:
            TimeoutError: None came in time; it says what had come.
        """
        return self.feed.events(timeout)

    def wait_for(self, kind: str, timeout: float, **fields: Any) -> dict[str, Any]:
        """Return the first event of a type that no `wait_for` has returned yet, as `EventFeed.wait_for` does."""
        return self.feed.wait_for(kind, timeout, **fields)

    def snapshot(self, timeout: float = 5.0) -> Snapshot:
        """Return where the session stands, with everything that was asked of it before.

        Args:
            timeout: Seconds to wait for each of two answers.

        Raises:
            SessionError: It has ended.
            TimeoutError: It did not answer in time.
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
        """End the session; its client is closed with this.

        Args:
            code: The WebSocket close code.
            reason: Its words.
        """
        if not self.has_ended:
            self._inboxes.tell_all(End(code, reason))

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the session has ended; tells whether it has within `timeout` seconds."""
        return self._ended.wait(timeout)

    def note_end(self) -> None:
        """Fail what has no answer, end the events, and let those go on that wait for the end."""
        self.requests.end()
        self.feed.close("the session has ended")
        self._ended.set()

    def _ask(self, message: Callable[[Ref], HostDecided | HostAsked]) -> Future[None]:
        """Tell the ClientActor what the host asks for, by a name of its own; returns what its answer comes into."""
        ref, future = self.requests.add()
        if not future.done():
            self._inboxes.client.tell(message(ref))
        return future
