"""Random schedules: whatever the client, the API and the clock may do, drawn step by step from a seed."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING

from api_model import Api, foreign_done
from world import LIMITED, POLICY, REAL, Implementation, ViolationError, World, configured

from turnstile.session.client_requests import (
    AgentMessageGiven,
    ConfigRequested,
    FunctionAnswered,
    TurnEndForced,
    UserMessageGiven,
)
from turnstile.session.events import TimerFired

if TYPE_CHECKING:
    from collections.abc import Callable

    # A method, and what it is called with.
    Move = tuple[Callable[..., None], *tuple[str, ...]]

MESSAGE = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Go on."}]}
SCRIPTS = (
    ("text", "done"),
    ("audio", "text", "done"),
    ("call", "text", "done"),
    ("call", "call", "text", "done"),
    ("text", "incomplete"),
    ("text", "failed"),
)
STAGES = ("at rest", "create out", "create accepted", "in progress", "calling", "broken in on")
# Timers that tell of silence fire when nothing else can happen, in `World.settle`; these may at any time.
_ANY_TIME = frozenset({"retry", "update retry"})
# What may become of a link, and of the one that takes over from it: each drawn with all that it is about.
TROUBLES = ("loss", "renewal", "late renewal", "refused item")
MORE_TROUBLES = (*TROUBLES, "lost standby")
# How often the longest time of a session is over in a step in which it may be.
_EXPIRES = 0.2
# How often the client of a session with troubles commits its turns by itself; how often a trouble comes, in a step.
_MANUAL = 0.2
_TROUBLE = 0.1
# How often a turn cannot be transcribed.
_FAILS = 0.1


class Schedule:
    """One run: a world, and a client with requests left.

    Args:
        seed: What is drawn is the same for the same seed, in every process.
        code: The session's code.
        drains: The session is drained behind the random steps.
        limits: The session ends when it is idle, and when it has lasted as long as it may, which may be at any time.
        troubles: How much becomes of its links.
    """

    def __init__(
        self,
        seed: int,
        code: Implementation = REAL,
        *,
        drains: bool = False,
        limits: bool = False,
        troubles: int = 0,
    ) -> None:
        self.seed = seed
        self.drains = drains
        self.limits = limits
        self.chance = random.Random(seed)  # noqa: S311 - chance, not a secret
        self.moved: list[str] = []
        scripts = tuple(self.chance.choice(SCRIPTS) for _ in range(self.chance.randint(0, 4)))
        api = Api(
            scripts=scripts,
            names_errors=self._flip(),
            auto=self._flip(),
            interrupts=self._flip(),
            echoes=self._flip(),
            gives_way=self._flip(),
            merges=self._flip(),
            refuses_updates=self._flip(),
        )
        policy = LIMITED if limits else POLICY
        detection = {"type": "server_vad", "create_response": api.auto, "interrupt_response": api.interrupts}
        config = {"instructions": "Be brief.", "audio": {"input": {"turn_detection": detection}}}
        eager = self._flip()
        self.troubles: list[str] = []
        if troubles:
            kinds = TROUBLES if troubles == 1 else MORE_TROUBLES
            self.troubles = [self.chance.choice(kinds) for _ in range(troubles)]
            # Without metadata, or with another's responses, nobody can say what a link has lost.
            api = replace(api, shows_output=True, transcribes=self._flip())
            policy = replace(policy, restore_note=self.chance.choice(["", "Go on."]))
            if self.chance.random() < _MANUAL:
                detection, api = None, replace(api, auto=False, interrupts=False)
            transcription = {"model": "whisper-1"} if api.transcribes else None
            config["audio"]["input"] = {"turn_detection": detection, "transcription": transcription}
        self.hears = detection is not None
        self.world = World(api, code, policy, eager=eager)
        self.world.session = code.session(policy, *configured(accepted=config, in_force=config))
        if troubles:
            self.world.renewed_after(3600.0, config)
            self.world.observes = not self.hears
        self.refs = 0

    @property
    def speaking(self) -> bool:
        """Whether the user speaks, and is heard to."""
        return self.world.api.speaking and self.world.audio_open

    def _flip(self) -> bool:
        return self.chance.choice((False, True))

    def run(self) -> None:
        """Take steps, then let everything come to rest and be judged."""
        try:
            self._open(self.chance.choice(STAGES))
            for _ in range(self.chance.randint(5, 60)):
                if self.troubles and self.chance.random() < _TROUBLE and self._trouble():
                    continue
                move, *arguments = self.chance.choice(self._moves())
                self.moved.append(" ".join((move.__name__.strip("_"), *arguments)))
                move(*arguments)
                if self.world.closed:
                    return
            if self.troubles and self._trouble():
                self.world.settle()
            if self.drains:
                self.world.drain()
            if self.speaking:
                self._silence()
            self.world.settle()
        except ViolationError as error:
            error.add_note(f"Schedule({self.seed}): {', '.join(self.moved)}")
            raise

    def _open(self, stage: str) -> None:
        """Come to where a message of the client's is being answered, which random steps seldom do."""
        self.moved.append(f"[{stage}]")
        if stage == "at rest":
            return
        calls = stage in {"calling", "broken in on"}
        if calls:
            self.world.api = replace(self.world.api, scripts=(("call", "text", "done"),))
        self._message()
        self._exchange()
        if stage == "create out":
            return
        self.world.process()
        if calls or stage == "in progress":
            for _ in range(2 if calls else self.chance.randint(1, 3)):
                if self.world.api.running:
                    self._progress()
            self._exchange()
        if stage == "broken in on":
            # A whole turn is spoken before the response that called is heard to end.
            for call_id in self.world.calls:
                self.world.ask(FunctionAnswered(self._ref(), call_id, "4"))
            self._speech()
            self._silence()
            self._exchange()

    def _exchange(self) -> None:
        """Let both sides hear of each other, but for a create of ours."""
        world = self.world
        while world.facts or world.down or (world.up and world.up[0]["type"] != "response.create"):
            (world.deliver if world.facts else world.hear if world.down else world.process)()

    def _moves(self) -> list[Move]:
        world = self.world
        moves: list[Move] = [
            (move,)
            for move in (self._update, self._message, self._result, self._speech, self._turn_end, self._stale_timer)
        ]
        moves += [(self._agent_message,)] * (world.api.auto is False)
        if world.up:
            moves += [(world.process,)] * 3
        if world.down:
            moves += [(world.hear,)] * 3
        if world.facts:
            moves += [(world.deliver,)] * 3
        if not world.link.is_up:
            pass
        elif world.api.running:
            moves += [(self._progress,)] * 3
        elif world.api.owed:
            moves += [(self._api_answers,)] * 2
        elif not world.lifetime:
            # Without a mark a stranger's response is not to be told from ours.
            moves += [(self._stranger,)] * world.api.echoes
        if world.lifetime:
            moves += self._moves_of_links()
        moves += [(self._aside,)] * (self.drains or self.limits)
        moves += [(self._is_heard,)] * self.limits
        # The session lasts for long, most of the time.
        moves += [(world.fire, name) for name in ("idle", "expiry") if name in world.timers]
        if "duration" in world.timers and self.chance.random() < _EXPIRES:
            moves += [(world.fire, "duration")]
        moves += [(world.fire, name) for name in world.timers if name in _ANY_TIME]
        return moves

    def _moves_of_links(self) -> list[Move]:
        world, standby = self.world, self.world.standby
        moves: list[Move] = [(world.give_frame,)]
        if world.link.is_up and world.api.transcribing:
            moves += [(self._transcribe,)] * 2
        if standby and standby.stage == "opening":
            moves += [(world.connect,)] * 3
        elif standby and standby.stage == "connected":
            moves += [(world.open,)] * 3
        elif standby and standby.stage == "open":
            moves += [(world.process_standby,)] * (3 * bool(standby.up))
            moves += [(world.hear_standby,)] * (3 * bool(standby.down))
        if "standby" in world.timers and (standby is None or standby.stage == "lost"):
            moves += [(world.fire, "standby")] * 2
        if "switch" in world.timers and not (world.up or world.down):  # It is longer than anything is under way.
            moves += [(world.fire, "switch")] * 3
        return moves

    def _trouble(self) -> bool:
        """Let the next trouble come, if it can; tell whether it did."""
        world, kind = self.world, self.troubles[0]
        renews = kind in {"renewal", "late renewal"} or (kind == "refused item" and self._flip())
        standby = world.standby if world.standby and world.standby.stage != "lost" else None
        if kind == "lost standby":
            if standby is None:
                return False
            move = world.lose_standby
        elif kind == "latest":
            if "latest" not in world.timers:
                return False
            move = self._latest
        elif renews:
            if "renewal" not in world.timers:
                return False
            move = self._renewal
        else:
            if not world.link.is_up:
                return False
            move = world.lose
        if kind == "refused item":
            world.refusal = self.chance.randint(0, 6)
        self.troubles = [*(["latest"] if kind == "late renewal" else []), *self.troubles[1:]]
        self.moved.append(kind)
        move()
        return True

    def _renewal(self) -> None:
        self.world.fire("renewal")

    def _latest(self) -> None:
        self.world.fire("latest")

    def _transcribe(self) -> None:
        self.world.serve(self.world.api.transcribe(fails=self.chance.random() < _FAILS))

    def _ref(self) -> int:
        self.refs += 1
        return self.refs

    def _update(self) -> None:
        ref = self._ref()
        patch = {f"field_{self.chance.randint(0, 3)}": ref}
        if self.chance.randint(0, 4) == 0:
            patch["bad"] = True
        self.world.ask(ConfigRequested(ref, patch))

    def _message(self) -> None:
        self.world.ask(UserMessageGiven(self._ref(), MESSAGE))

    def _turn_end(self) -> None:
        self.world.ask(TurnEndForced(self._ref()))

    def _agent_message(self) -> None:
        self.world.agent_messages += 1
        behavior = self.chance.choice(["default", "queue", "interrupt"])
        self.world.ask(AgentMessageGiven(self._ref(), {"instructions": "Say hello."}, behavior))

    def _result(self) -> None:
        known = [*self.world.calls, "call_nobody_made"]
        self.world.ask(FunctionAnswered(self._ref(), self.chance.choice(known), "4"))

    def _speech(self) -> None:
        if not self.hears or not self.world.audio_open or self.world.is_restoring:
            return
        self.world.serve(self.world.api.silence() if self.speaking else self.world.api.speech())

    def _silence(self) -> None:
        self.world.serve(self.world.api.silence())

    def _stale_timer(self) -> None:
        name = self.chance.choice(["update", "create", "expected", "response", "cancel", "item", "link"])
        self.world.tell(TimerFired(name, "of an earlier wait"))

    def _stranger(self) -> None:
        self.world.serve(self.world.api.stranger())

    def _aside(self) -> None:
        api = self.world.api
        self.world.serve(api.end_aside() if api.aside else api.begin_aside())

    def _is_heard(self) -> None:
        """Something was heard or played, as many seconds ago."""
        self.world.silence = self.chance.choice([-10.0, 30.0, 60.0])

    def _api_answers(self) -> None:
        self.world.serve(self.world.api.answer())

    def _progress(self) -> None:
        world = self.world
        step = world.api.running.steps[0]
        after, events = world.api.progress()
        world.serve((after, [*events, foreign_done()] if step == "text" else events))
