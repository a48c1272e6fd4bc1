"""The dialects by name and by path, and the parts of a session that depend on its client's dialect."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, get_args

from actors.dialects.asked_address import asked_address
from actors.dialects.realtime import RealtimeDialect
from actors.dialects.voice_agent import VoiceAgentDialect
from turnstile.errors import ClientProtocolError, ConfigError
from turnstile.protocol.addressing import Address
from turnstile.protocol.json_bounds import JsonBounds
from turnstile.protocol.voice_agent.profile import COMPONENT, DEEPGRAM
from turnstile.server.requests import Rejection
from turnstile.session.data import Data
from turnstile.session.machine import Session
from turnstile.session.policy import Policy
from turnstile.session.state import TRANSCRIPTION, State
from turnstile.translate.host_overlay import HostOverlay
from turnstile.translate.host_overrides import HostOverrides
from turnstile.translate.permissions import Permissions
from turnstile.translate.played_realtime import PlayedRealtimeTranslator
from turnstile.translate.to_realtime_client import RealtimeTranslator
from turnstile.translate.to_voice_agent import VoiceAgentTranslator

if TYPE_CHECKING:
    from actors.dialects.base import Dialect
    from turnstile.config import Config
    from turnstile.protocol.voice_agent.profile import Profile
    from turnstile.server.requests import UpgradeRequest
    from turnstile.translate.translator import Translator

DialectName = Literal["deepgram", "component", "realtime"]


# How long, in seconds, a compatible server may be silent before its link counts as up: it may wait for our first event.
_SILENCE = 1.0


@dataclass(frozen=True, slots=True)
class SessionParts:
    """The parts of a session that depend on its client's dialect.

    Args:
        name: The dialect's.
        dialect: Reads what the client sends, and writes its answers.
        translator: Turns upstream's events into the client's.
        session: Decides what goes when.
        labels: The metadata of responses that the proxy begins.
        held_audio: How many bytes of the client's input audio may wait.
        invalid_messages: How many invalid messages the client may send within a minute.
        address: What the client's address asks of upstream.
    """

    name: str
    dialect: Dialect
    translator: Translator
    session: Session
    labels: dict[str, str]
    held_audio: int
    invalid_messages: int
    address: Address = field(default_factory=Address)


PartsFactory = Callable[[str], SessionParts]
"""Makes the parts of the session with the given id."""


class Dialects:
    """Chooses a client's dialect, and makes the parts of its session.

    Args:
        config: All settings.
        may_call: Returns whether the proxy may call a function at an address.
        make_session: Makes the session of a Voice Agent client.
    """

    def __init__(
        self, config: Config, may_call: Callable[[str], bool], make_session: Callable[[Policy], Session] = Session
    ) -> None:
        self.change(config)
        self._may_call = may_call
        self._make_session = make_session
        server = config.server
        self.by_path: dict[str, DialectName] = {
            server.voice_agent_path: "deepgram",
            server.component_path: "component",
            **dict.fromkeys(server.realtime_paths, "realtime"),
        }
        """The dialect of each path."""

    def change(self, config: Config) -> None:
        """Make sessions by these settings from now on; the paths stay."""
        self._config = config
        self._bounds = JsonBounds(config.limits.message_values, config.limits.message_depth)

    def of_path(self, path: str) -> DialectName | Rejection:
        """Return the name of the dialect that clients of a path speak."""
        name = self.by_path.get(path)
        if name is None:
            known = ", ".join(self.by_path)
            return Rejection(404, f"There is nothing at this path; clients connect to one of {known}.\n", reason="path")
        return name

    def named(
        self,
        name: DialectName,
        request: UpgradeRequest | None = None,
        overrides: HostOverrides | None = None,
        *,
        max_duration: float = 0.0,
    ) -> PartsFactory | Rejection:
        """Return the factory for a client's session, by the dialect's name.

        Args:
            name: The dialect's.
            request: The client's, if it came over a socket.
            overrides: Those of the session's host.
            max_duration: For how many seconds the quota lets it last, where that is less than the setting; 0: for any.

        Raises:
            ConfigError: There is no such dialect.
        """
        known = get_args(DialectName)
        if name not in known:
            raise ConfigError("invalid_dialect", f"dialect: must be one of {', '.join(known)}, not {name!r}.")
        decided = overrides or HostOverrides()
        if name != "realtime":
            if decided.session.get("type") == TRANSCRIPTION:
                return Rejection(400, "This client may only transcribe: it connects with the Realtime API.\n")
            profile = DEEPGRAM if name == "deepgram" else COMPONENT
            return lambda session_id: self._voice_agent(
                profile, self._policy(session_id, max_duration), session_id, decided
            )
        try:
            address = asked_address(request, decided, self._config) if request else Address()
        except ClientProtocolError as error:
            return Rejection(400, f"{error.problem.description}\n", reason="address")
        return lambda session_id: self._realtime(address, self._policy(session_id, max_duration), decided)

    def _voice_agent(self, profile: Profile, policy: Policy, session_id: str, decided: HostOverrides) -> SessionParts:
        permissions = Permissions(self._config.serves_model, self._may_call, HostOverlay(decided))
        return SessionParts(
            profile.name,
            VoiceAgentDialect(profile, session_id, permissions, self._bounds),
            VoiceAgentTranslator(profile),
            self._make_session(policy),
            decided.labels,
            self._config.limits.held_audio_bytes,
            self._config.limits.invalid_messages,
        )

    def _realtime(self, address: Address, policy: Policy, decided: HostOverrides) -> SessionParts:
        policy = replace(
            policy,
            is_transparent=True,
            is_shared=address.call_id is not None,
            turns="server",
        )
        translator = PlayedRealtimeTranslator if policy.idle_timeout else RealtimeTranslator
        # What only writes down has no prompt, voice or functions that could be decided.
        host = HostOverlay(HostOverrides(session=decided.session) if address.intent else decided)
        # What the host decides goes alone: an update of the client's beside it could have it refused, while an
        # out-of-band response is on its way.
        alone = 1 if host.update(host.overrides) else 0
        return SessionParts(
            "realtime",
            RealtimeDialect(
                address.model,
                is_beta=address.is_beta,
                id_prefix=policy.id_prefix,
                is_shared=policy.is_shared,
                only_transcribes=address.intent == TRANSCRIPTION,
                host=host,
                bounds=self._bounds,
            ),
            translator(policy.id_prefix, is_beta=address.is_beta),
            Session(policy, _initial_state(address), Data(one_by_one=alone)),
            decided.labels,
            # As much as in frames, but no less than a session may hold in all: appends that fit there are not dropped.
            max(self._config.limits.held_audio_bytes, self._config.session.max_held_bytes),
            self._config.limits.invalid_messages,
            address,
        )

    def _policy(self, session_id: str, max_duration: float) -> Policy:
        # Ids of ours are known by their beginning; the API takes 32 characters.
        silence = _SILENCE if self._config.upstream.kind == "compatible" else None
        settings = self._config.session.model_dump()
        if max_duration and not 0 < settings["max_duration"] <= max_duration:
            settings |= {"max_duration": max_duration, "duration_setting": "quotas.session_minutes"}
        return Policy(
            id_prefix=f"ts{session_id[:8]}_",
            reconnect_for=self._config.upstream.reconnect_for,
            session_lifetime=self._config.upstream.session_lifetime,
            link_silence=silence,
            **settings,
        )


def _initial_state(address: Address) -> State:
    """Return where a Realtime client's session begins: its type is in force from the start."""
    session_type = {"type": TRANSCRIPTION} if address.intent == TRANSCRIPTION else {}
    return State(accepted=session_type, in_force=session_type)
