"""The voice-agent dialect: the client's messages to requests, the session's answers to messages."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from actors.dialects.base import Dialect, refused_start
from actors.dialects.waiting_prompts import WaitingPrompts
from actors.dialects.wishes import note_answer, refused_by
from actors.host_messages import PromptAdded
from actors.messages import LocalSettings
from turnstile.errors import ClientProtocolError, Problem
from turnstile.protocol.frames import TextFrame
from turnstile.protocol.json_bounds import JSON_BOUNDS
from turnstile.protocol.voice_agent import client, server
from turnstile.protocol.voice_agent.faults import is_about_settings
from turnstile.session.client_requests import (
    AgentMessageGiven,
    ConfigRequested,
    FunctionAnswered,
    TurnEndForced,
    UserMessageGiven,
)
from turnstile.session.upstream_errors import who_refused
from turnstile.translate import to_realtime
from turnstile.translate.bounded_dict import BoundedDict
from turnstile.translate.client_output import problem_to_frame
from turnstile.translate.field_names import PROMPT_FIELDS
from turnstile.translate.host_overrides import OVERRIDE_NAMES, overridden_by_host
from turnstile.translate.ignored_fields import summed_up
from turnstile.translate.session_start import settings_to_session

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from actors.host_messages import Wish
    from actors.messages import End
    from turnstile.protocol.frames import Frame
    from turnstile.protocol.json_bounds import JsonBounds
    from turnstile.protocol.voice_agent.profile import Profile
    from turnstile.session.client_requests import Json, Ref, Request
    from turnstile.session.effects import Answered
    from turnstile.translate.host_overrides import HostOverrides
    from turnstile.translate.permissions import Permissions

_UNSERVED: dict[type[client.Message], str] = {
    client.UpdateThinkLive: "upstream has no live thinking; it is ignored",
    client.CustomToThinkProvider: "upstream takes no payloads of a think provider's own; it is ignored",
}


class _Unanswered(NamedTuple):
    """A request without its answer yet: the type of its message, and the acknowledgements when it is in force."""

    message: str
    acks: tuple[bytes, ...] = ()


class VoiceAgentDialect(Dialect):
    """The Voice Agent v1 messages, for one client.

    Args:
        profile: The client's variant of the dialect.
        request_id: The session's id in ``Welcome``.
        permissions: What the client may ask for.
        bounds: Those of its messages' values.
    """

    def __init__(
        self, profile: Profile, request_id: str, permissions: Permissions, bounds: JsonBounds = JSON_BOUNDS
    ) -> None:
        self._bounds = bounds
        self._profile = profile
        self._request_id = request_id
        self._permissions = permissions
        self._refs = 0
        self._unanswered: dict[int, _Unanswered] = {}
        self._first_settings: Ref | None = None
        self._additions = WaitingPrompts()
        self._locked: tuple[Ref, tuple[bytes, ...]] = (0, ())
        self._history = ""
        self._warned: BoundedDict[Problem, None] = BoundedDict(lambda problem, _: len(problem.description))

    has_binary_audio = True
    shows_session = False
    message_limit = "limits.client_message_bytes"

    def opening(self) -> list[Frame]:
        """Return the ``Welcome``, for a client that waits for it."""
        return [TextFrame(server.welcome(self._request_id))] if self._profile.welcomes else []

    @property
    def kept_bytes(self) -> int:
        """The bytes kept between messages, about: what was warned of, the history, and acknowledgements not yet due."""
        acks = sum([len(ack) for asked in self._unanswered.values() for ack in asked.acks])
        return self._warned.kept_bytes + len(self._history) + acks + self._additions.kept_bytes

    def refusal(self, wish: Wish) -> Problem | None:
        """Return why a wish cannot be had beside what the host has decided, or beside what waits for Settings."""
        if isinstance(wish, PromptAdded) and self._first_settings is None:
            return self._additions.refusal(wish.text) or refused_by(self._permissions.host, wish)
        return refused_by(self._permissions.host, wish)

    def decided(self, ref: Ref, overrides: HostOverrides) -> ConfigRequested | None:
        """Return the request that brings the host's new overrides into force; the given history stays in the prompt."""
        patch = self._permissions.host.update(overrides, ref)
        return None if self._first_settings is None else self._decision(ref, patch)

    def prompt_added(self, ref: Ref, text: str) -> ConfigRequested | None:
        """Return the request that adds to the prompt; before the first Settings it waits for them."""
        if self._first_settings is None:
            self._additions.add(ref, text)
            return None
        return self._decision(ref, *self._permissions.host.add_prompt(text, ref))

    def wish_answered(self, answered: Answered) -> list[Frame]:
        """Forget what is not in force; the client is told nothing."""
        note_answer(self._permissions.host, answered)
        return []

    def _decision(self, ref: Ref, patch: Json, added: str = "") -> ConfigRequested:
        if "instructions" in patch:
            patch = {**patch, "instructions": to_realtime.with_history(patch["instructions"], self._history)}
        return ConfigRequested(ref, patch, added, message="", fields=OVERRIDE_NAMES)

    def read(self, data: bytes) -> Sequence[Frame | Request | End]:
        """Read a message; return its warnings and its request.

        First Settings that cannot be read end the session: it could not go on.
        """
        try:
            return self._read(client.parse_client_message(data, self._bounds))
        except ClientProtocolError as error:
            if self._first_settings is not None or not is_about_settings(error, data):
                raise
            return [refused_start(error.problem.about("Settings"), "proxy")]

    def _read(self, message: client.ClientMessage) -> Sequence[Frame | Request]:
        match message:
            case client.InjectUserMessage(content=content):
                return [UserMessageGiven(self._ask(message), to_realtime.user_message_to_item(content), message.type)]
            case client.InjectAgentMessage(behavior=behavior):
                response = to_realtime.agent_message_to_response(message, self._permissions.host.instructions)
                return [AgentMessageGiven(self._ask(message), response, behavior or "default", message=message.type)]
            case client.FunctionCallResponse(id=call_id):
                output = to_realtime.function_result_to_output(message)
                return [FunctionAnswered(self._ask(message), call_id, output, message.type)]
            case client.ForceEndTurn():
                return [TurnEndForced(self._ask(message), message.type)]
            case client.Settings():
                return self._settings(message)
            case client.UpdatePrompt() if self._permissions.host.instructions is not None:
                return [self.problem(overridden_by_host("prompt").about(message.type), fatal=False)]
            case client.UpdatePrompt(prompt=prompt):
                ref = self._ask(message, server.prompt_updated())
                return [ConfigRequested(ref, {}, prompt, message.type, PROMPT_FIELDS)]
            case client.UpdateThink():
                config = to_realtime.think_to_session(message, self._permissions, self._history)
                return self._config(message, config, server.think_updated())
            case client.UpdateSpeak():
                config = to_realtime.speak_to_session(message, self._permissions)
                return self._config(message, config, server.speak_updated())
            case client.UpdateListen():
                config = to_realtime.listen_to_session(message, self._permissions)
                return self._config(message, config, server.listen_updated())
            case client.UpdateThinkLive() | client.CustomToThinkProvider():
                problem = Problem("not_supported", f"{_UNSERVED[type(message)]}.")
                return [self.problem(problem.about(message.type), fatal=False)]
            case client.KeepAlive():
                return []

    def answer(self, answered: Answered) -> Sequence[Frame | End]:
        """Return the acknowledgement of a request, with a warning for each shortfall, or what went wrong.

        First Settings that are refused end the session.
        """
        asked = self._unanswered.pop(answered.ref)
        problem = answered.problem
        if problem is not None and problem.code == "voice_locked":
            self._locked = (answered.ref, asked.acks)
        answers: list[Frame | End] = [
            TextFrame(server.warning(one.code, one.description))
            for one in answered.shortfalls and summed_up(answered.shortfalls, asked.message)
        ]
        if problem is None:
            answers += [TextFrame(ack) for ack in asked.acks]
        elif answered.ref == self._first_settings and not answered.in_force:
            answers.append(refused_start(problem.about(asked.message), who_refused(problem.code)))
        elif problem.code == "injection_refused":
            answers.append(TextFrame(server.injection_refused(problem.description)))
        else:
            answers.append(self.problem(problem.about(asked.message), fatal=False))
        return answers

    def unlocked(self, ref: Ref) -> list[Frame]:
        """Return the acknowledgement of a request that was warned about, unless it had one for the rest of it."""
        locked, acks = self._locked
        return [TextFrame(ack) for ack in acks] if ref == locked else []

    def problem(self, problem: Problem, *, fatal: bool, event_id: str | None = None) -> Frame:  # noqa: ARG002 - no names
        """Return the message that reports a problem, as the profile has it."""
        return problem_to_frame(problem, self._profile, fatal=fatal)

    def _ask(self, message: client.ClientMessage, *acks: bytes) -> int:
        self._refs += 1
        self._unanswered[self._refs] = _Unanswered(message.type, acks)
        return self._refs

    def _settings(self, settings: client.Settings) -> list[Frame | Request]:
        start = settings_to_session(settings, self._profile, self._permissions)
        self._history = start.history or self._history
        acks = [server.settings_applied()]
        if start.greeting and self._first_settings is None:
            acks.append(server.conversation_text("assistant", start.greeting))
        local = LocalSettings(
            start.input, start.output, start.container, keeps_history=start.wants_history, labels=start.labels
        )
        ref = self._ask(settings, *acks)
        if self._first_settings is None:
            self._first_settings = ref
        additions = self._additions.take()
        return [
            *self._warn(settings, start.config.warnings),
            _requested(ref, settings, start.config, local),
            *(self._decision(asked, *self._permissions.host.add_prompt(text, asked)) for asked, text in additions),
        ]

    def _config(
        self, message: client.ClientMessage, config: to_realtime.ConfigPatch, ack: bytes
    ) -> list[Frame | Request]:
        warnings = self._warn(message, config.warnings)
        return [*warnings, _requested(self._ask(message, ack), message, config)]

    def _warn(self, message: client.ClientMessage, problems: Iterable[Problem]) -> list[Frame]:
        """Return a warning of each ignored part of a message, once a session; past 20 of them, one for the rest."""
        fresh = [named for problem in problems if (named := problem.about(message.type)) not in self._warned]
        shown = summed_up(fresh, message.type)
        for problem in shown:
            self._warned.remember(problem, None)
        return [self.problem(problem, fatal=False) for problem in shown]


def _requested(
    ref: Ref, message: client.ClientMessage, config: to_realtime.ConfigPatch, local: LocalSettings | None = None
) -> ConfigRequested:
    return ConfigRequested(ref, config.patch, message=message.type, fields=config.fields, local=local)
