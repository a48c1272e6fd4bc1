"""The languages that clients speak, and the parts of a session that know them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, get_args

from actors.realtime import RealtimeDialect
from actors.voice_agent import VoiceAgentDialect
from turnstile.errors import ConfigError
from turnstile.protocol.voice_agent.profile import COMPONENT, DEEPGRAM
from turnstile.server.requests import Rejection
from turnstile.session.machine import Session
from turnstile.session.state import Policy
from turnstile.session.ungated import UngatedSession
from turnstile.translate.hosting import HostDecisions, HostRule
from turnstile.translate.to_realtime import Serves
from turnstile.translate.to_realtime_client import RealtimeTranslator
from turnstile.translate.to_voice_agent import VoiceAgentTranslator

if TYPE_CHECKING:
    from collections.abc import Callable

    from actors.client import Dialect
    from turnstile.config import Config
    from turnstile.protocol.voice_agent.profile import Profile
    from turnstile.server.requests import UpgradeRequest
    from turnstile.translate.translator import Translator

LanguageName = Literal["deepgram", "component", "realtime"]


@dataclass(frozen=True, slots=True)
class Language:
    """What a session speaks with its client: its name, and the parts that know it."""

    name: str
    dialect: Dialect
    translator: Translator
    session: Session | UngatedSession
    labels: dict[str, str]


class Languages:
    """Makes the parts of a session for a client.

    Args:
        config: All settings.
        may_call: Tells whether a function at an address may be called from here.
        is_gated: False sends everything at once, to show what then happens.
    """

    def __init__(self, config: Config, may_call: Callable[[str], bool], *, is_gated: bool) -> None:
        self._config = config
        self._may_call = may_call
        self._is_gated = is_gated
        server = config.server
        self._by_path: dict[str, LanguageName] = {
            server.voice_agent_path: "deepgram",
            server.component_path: "component",
            **dict.fromkeys(server.realtime_paths, "realtime"),
        }

    def of_request(self, request: UpgradeRequest) -> Callable[[str], Language] | Rejection:
        """Return what makes a client's language for a session of the given id, by the path that it came to."""
        name = self._by_path.get(request.path)
        if name is None:
            known = ", ".join(self._by_path)
            return Rejection(404, f"There is nothing at this path; clients connect to one of {known}.\n")
        return self.named(name, request)

    def named(
        self, name: LanguageName, request: UpgradeRequest | None = None, decisions: HostDecisions | None = None
    ) -> Callable[[str], Language] | Rejection:
        """Return what makes a language for a session of the given id.

        Args:
            name: Which.
            request: What the client came with, if it came over a socket.
            decisions: What the host of the session decides.

        Raises:
            ConfigError: There is no such language.
        """
        known = get_args(LanguageName)
        if name not in known:
            raise ConfigError("invalid_language", f"speaks: must be one of {', '.join(known)}, not {name!r}.")
        decided = decisions or HostDecisions()
        if name != "realtime":
            profile = DEEPGRAM if name == "deepgram" else COMPONENT
            return lambda session_id: self._voice_agent(profile, session_id, decided)
        model = (request.query.get("model") or None) if request else None
        if model is not None and decided.model is None and not self._config.serves_model(model):
            return Rejection(400, f"model: {model[:64]!r} is not served here.\n")
        is_beta = request is not None and "realtime=v1" in request.headers.get("openai-beta", "")
        return lambda session_id: self._realtime(model, session_id, decided, is_beta=is_beta)

    def _voice_agent(self, profile: Profile, session_id: str, decided: HostDecisions) -> Language:
        policy = self._policy(session_id, self._config.upstream.reconnects)
        serves = Serves(self._config.serves_model, self._may_call, HostRule(decided))
        return Language(
            profile.name,
            VoiceAgentDialect(profile, session_id, serves),
            VoiceAgentTranslator(profile),
            Session(policy) if self._is_gated else UngatedSession(policy),
            decided.labels,
        )

    def _realtime(self, model: str | None, session_id: str, decided: HostDecisions, *, is_beta: bool) -> Language:
        # A new link would have another conversation, which such a client could not know of.
        policy = replace(self._policy(session_id, reconnects=0), is_transparent=True, turns="server")
        return Language(
            "realtime",
            RealtimeDialect(model, is_beta=is_beta, id_prefix=policy.id_prefix, host=HostRule(decided)),
            RealtimeTranslator(policy.id_prefix, is_beta=is_beta),
            Session(policy),
            decided.labels,
        )

    def _policy(self, session_id: str, reconnects: int) -> Policy:
        # Ids of ours are known by their beginning; the API takes 32 characters.
        return Policy(id_prefix=f"ts{session_id[:8]}_", reconnects=reconnects, **self._config.session.model_dump())
