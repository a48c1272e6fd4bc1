"""One live session, as the program sees it that runs the proxy or hosts the client."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any, get_args

import pykka
from pykka import ActorDeadError

from actors.messages import End, HostAsked, HostDecided, Inspect
from turnstile.embed.function_schema import host_functions
from turnstile.errors import ConfigError, SessionError
from turnstile.ports import Inbox
from turnstile.protocol.realtime import is_audio_delta
from turnstile.session.events import AgentMessageGiven, Behavior
from turnstile.translate.host_overrides import HostOverrides, is_sendable
from turnstile.translate.to_realtime import spoken_word_for_word

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pykka import ActorRef

    from actors.client import ClientActor
    from actors.coordinator import SessionCoordinatorActor
    from actors.messages import Peers, Snapshot
    from turnstile.embed.feed import EventFeed
    from turnstile.session.effects import Answered
    from turnstile.session.events import Ref
    from turnstile.translate.host_overrides import HostFunction


CallElsewhere = Callable[[Callable[[], object]], bool]


class HostFuture(Future[None]):
    """What becomes of something that a host has asked for; it cannot be cancelled, as it is under way already.

    Args:
        call_elsewhere: Has something called on a thread that may block, where callbacks belong: the answer comes on the
            thread that serves every session. Returns whether it will be.
    """

    def __init__(self, call_elsewhere: CallElsewhere) -> None:
        super().__init__()
        self._call_elsewhere = call_elsewhere
        self.set_running_or_notify_cancel()

    def add_done_callback(self, fn: Callable[[Future[None]], object]) -> None:
        """Have `fn` called with this future when it is done, on a thread where it may block."""

        def call(future: Future[None]) -> None:
            if not self._call_elsewhere(partial(fn, future)):
                fn(future)  # the proxy has stopped: nobody waits for this thread any more

        super().add_done_callback(call)


class HostRequests(Inbox):
    """What the host has asked of one session, until it is answered; the `Inbox` for the answers.

    Args:
        call_elsewhere: As for `HostFuture`.
    """

    def __init__(self, call_elsewhere: CallElsewhere) -> None:
        self._call_elsewhere = call_elsewhere
        self._lock = threading.Lock()  # guards the two below
        self._open: dict[Ref, Future[None]] = {}
        self._has_ended = False
        self._refs = count(-1, -1)

    def add(self) -> tuple[Ref, Future[None]]:
        """Return the name for a new request, and what its answer will be put into."""
        future = HostFuture(self._call_elsewhere)
        with self._lock:
            ref = next(self._refs)
            if not self._has_ended:
                self._open[ref] = future
                return ref, future
        future.set_exception(_session_ended())
        return ref, future

    def tell(self, answered: object, /) -> None:
        """Take an `Answered`."""
        answer: Answered = answered  # type: ignore[assignment] # the ClientActor tells nothing else
        with self._lock:
            future = self._open.pop(answer.ref, None)
        if future is None:
            return
        problem = answer.problem or next(iter(answer.shortfalls), None)
        if problem is None:
            future.set_result(None)
        else:
            future.set_exception(SessionError(problem.code, problem.description))

    def end(self) -> None:
        """Fail what has no answer."""
        with self._lock:
            self._has_ended = True
            left, self._open = self._open, {}
        for future in left.values():
            future.set_exception(_session_ended())


class SessionHandle:
    """A session that is open, or was; all methods may be called from any thread, and after the end.

    Args:
        feed: What the client is told.
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
            self.feed.tell(message)

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
        """Yield what the client is told, in its own language, audio left out; ends with the session.

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
        try:
            self._client.ask(Inspect(), block=True, timeout=timeout)
            snapshot: Snapshot = self._coordinator.ask(Inspect(), block=True, timeout=timeout)
        except ActorDeadError:
            raise _session_ended() from None
        except pykka.Timeout:
            raise TimeoutError(f"Waited {timeout:g} s for where the session stands.") from None
        return snapshot

    def end(self, code: int = 1000, reason: str = "") -> None:
        """End the session; its client is closed with this.

        Args:
            code: The WebSocket close code.
            reason: Its words.
        """
        self._inboxes.tell_all(End(code, reason))

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the session has ended; tells whether it has within `timeout` seconds."""
        return self._ended.wait(timeout)

    def note_end(self) -> None:
        """All three have ended."""
        self.requests.end()
        self.feed.close("the session has ended")
        self._ended.set()

    def _ask(self, message: Callable[[Ref], HostDecided | HostAsked]) -> Future[None]:
        """Tell the ClientActor what the host asks for, by a name of its own; returns what its answer comes into."""
        ref, future = self.requests.add()
        self._inboxes.client.tell(message(ref))
        return future


def _session_ended() -> SessionError:
    return SessionError("session_ended", "The session has ended.")
