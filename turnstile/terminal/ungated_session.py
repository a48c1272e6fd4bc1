"""A session without a gate, which forwards each request at once: the demo shows with it what the gate prevents."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from turnstile.session.client_requests import (
    AgentMessageGiven,
    AudioFollows,
    ConfigRequested,
    FunctionAnswered,
    TurnEndForced,
    UserMessageGiven,
)
from turnstile.session.collisions import is_collision, lost_race
from turnstile.session.config_patch import ENDPOINTS, without
from turnstile.session.effects import (
    Answered,
    ApplyLocal,
    EndSession,
    LetAudioGo,
    OpenAudio,
    OpenLink,
    Reported,
    SendCommit,
    SendCreate,
    SendItem,
    SendUpdate,
)
from turnstile.session.events import Refused
from turnstile.session.link_events import LinkLost, LinkOpened
from turnstile.session.machine import Session

if TYPE_CHECKING:
    from turnstile.session.client_requests import Json, Postponable, Request
    from turnstile.session.effects import Effect
    from turnstile.session.events import Event
    from turnstile.session.policy import Policy

# Hands nothing back: a command is never older than this.
_ALWAYS = 1 << 62


class UngatedSession(Session):
    """A session that waits for nothing but the link.

    It acknowledges each update as it is sent, sends each create at once, and loses what upstream refuses.

    Args:
        policy: Its limits.
    """

    def __init__(self, policy: Policy | None = None) -> None:
        super().__init__(policy)
        self._queue: tuple[Postponable, ...] = ()
        self._instructions = ""
        self._serial = 0

    def handle(self, event: Event) -> list[Effect]:
        """Take one event; return its effects."""
        match event:
            case LinkOpened() if self.state.link != "open":
                self.now = self.now.change(link="open")
                waiting, self._queue = self._queue, ()
                return [OpenAudio(), *(effect for event in waiting for effect in self._pass_on(event))]
            case LinkLost():
                return [EndSession(event.problem, by="upstream")]
            case Refused() if is_collision(event):
                return [lost_race(event.event_id or "", 1), Reported(event.problem)]
            case Refused():
                return [Reported(event.problem)]
            case AudioFollows(mark):
                return [LetAudioGo(mark)] if self.state.link == "open" else self._keep_place(event)
            case ConfigRequested() | UserMessageGiven() | AgentMessageGiven() | FunctionAnswered() | TurnEndForced():
                return self._pass_on(event) if self.state.link == "open" else self._await_link(event)
            case _:
                return []

    def _keep_place(self, follows: AudioFollows) -> list[Effect]:
        """Keep the place of audio; of two places in a row keep the later one."""
        before = self._queue[:-1] if self._queue and isinstance(self._queue[-1], AudioFollows) else self._queue
        self._queue = (*before, follows)
        return []

    def _await_link(self, request: Request) -> list[Effect]:
        effects: list[Effect] = []
        if self.state.link == "closed":
            model = request.patch.get("model") if isinstance(request, ConfigRequested) else None
            self.now = self.now.change(link="opening")
            effects.append(OpenLink(model))
        if len(self._queue) < self.policy.max_held:
            self._queue = (*self._queue, request)
        return effects

    def _pass_on(self, event: Postponable) -> list[Effect]:
        match event:
            case AudioFollows(mark):
                return [LetAudioGo(mark)]
            case ConfigRequested(ref):
                local = [] if event.local is None else [ApplyLocal(event.local)]
                return [SendUpdate(self._id(), self._patch(event), _ALWAYS), *local, Answered(ref)]
            case UserMessageGiven(ref, item):
                return [SendItem(self._id(), {**item, "id": self._id()}), self._create(), Answered(ref)]
            case FunctionAnswered(ref, call_id, output):
                item = {"type": "function_call_output", "call_id": call_id, "output": output, "id": self._id()}
                return [SendItem(self._id(), item), self._create(), Answered(ref)]
            case AgentMessageGiven(ref, response):
                return [SendCreate(self._id(), dict(response), _ALWAYS), Answered(ref)]
            case TurnEndForced(ref):
                return [SendCommit(self._id()), self._create(), Answered(ref)]
            case _:
                assert_never(event)

    def _create(self) -> SendCreate:
        return SendCreate(self._id(), {}, _ALWAYS)

    def _id(self) -> str:
        self._serial += 1
        return f"{self.policy.id_prefix}{self._serial}"

    def _patch(self, request: ConfigRequested) -> Json:
        patch = without(without(request.patch, "model"), ENDPOINTS)
        self._instructions = patch.get("instructions", self._instructions)
        if request.added_prompt:
            self._instructions = f"{self._instructions}\n\n{request.added_prompt}".strip()
            patch["instructions"] = self._instructions
        return patch
