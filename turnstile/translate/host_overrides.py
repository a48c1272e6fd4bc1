"""What the host of a session, the program that admitted the client, overrides in the client's configuration."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from turnstile.errors import ConfigError, Problem
from turnstile.translate.enforced_session import checked_session, enforced

if TYPE_CHECKING:
    from collections.abc import Callable

Json = dict[str, Any]

HOST_DECIDES = "host_decides"
OVERRIDE_NAMES = {"instructions": "prompt", "audio.output.voice": "voice", "tools": "functions"}
"""The names of the overrides in a problem, by the dotted path of the session field that each sets."""


@dataclass(frozen=True, slots=True)
class HostFunction:
    """A Python function of the host's that the agent may call; it takes the place of a function's endpoint.

    Args:
        tool: The function as the Realtime API takes it: ``type``, ``name``, ``description``, ``parameters``.
        call: Takes the arguments as JSON text and returns the result as text; an exception is the result too.
    """

    tool: Json = field(hash=False)
    call: Callable[[str], str]

    @property
    def name(self) -> str:
        """The name by which the agent calls it."""
        name: str = self.tool["name"]
        return name


@dataclass(frozen=True, slots=True)
class AddedFunction:
    """A function that an operator adds to a running session; the client answers its calls, or an endpoint does.

    Args:
        tool: As of a `HostFunction`.
        endpoint: The HTTP endpoint at which the proxy calls it; None: the client is asked for the result.
    """

    tool: Json = field(hash=False)
    endpoint: Any = field(default=None, hash=False)

    @property
    def name(self) -> str:
        """The name by which the agent calls it."""
        name: str = self.tool["name"]
        return name


@dataclass(frozen=True, slots=True)
class HostOverrides:
    """Values that the client cannot change; None and () leave them to the client.

    Args:
        prompt: The agent's instructions.
        voice: The agent's voice.
        model: The model of the session.
        functions: Functions that the agent may call, besides those of the client.
        labels: Metadata of each response that the proxy creates.
        session: A partial Realtime ``session``; the three values above take precedence over its own. With ``tools``,
            the client has none of its own, and a single response at most these.
        added: Functions that an operator adds beside those of the client and the host, in place of a client's of the
            same name; None leaves those that were added before.
    """

    prompt: str | None = None
    voice: str | None = None
    model: str | None = None
    functions: tuple[HostFunction, ...] = ()
    labels: dict[str, str] = field(default_factory=dict)
    session: Json = field(default_factory=dict)
    added: tuple[AddedFunction, ...] | None = None

    def __post_init__(self) -> None:
        """Check the values here, so that none fails in the middle of a session.

        Raises:
            ConfigError: A value is not text, a function is not a `HostFunction`, or two have one name, or the session
                cannot be one; names it.
        """
        for name in ("prompt", "voice", "model"):
            value = getattr(self, name)
            if value is not None and not isinstance(value, str):
                raise ConfigError(f"invalid_{name}", f"{name}: must be text, not {type(value).__name__}.")
            if value is not None and not is_sendable(value):
                raise ConfigError(f"invalid_{name}", f"{name}: holds half a character, a lone surrogate; leave it out.")
        _check_functions(self.functions)
        object.__setattr__(self, "session", checked_session(self.session))

    @property
    def enforced(self) -> Json:
        """The partial ``session`` of all these values but the functions."""
        session = dict(self.session)
        if self.prompt is not None:
            session["instructions"] = self.prompt
            if "prompt" in session:  # a stored one, which would stand beside it
                session["prompt"] = None
        if self.model is not None:
            session["model"] = self.model
        if self.voice is None:
            return session
        audio = session.get("audio", {})
        return {**session, "audio": {**audio, "output": {**audio.get("output", {}), "voice": self.voice}}}

    def updated(self, newer: HostOverrides) -> HostOverrides:
        """Return these overrides with the prompt, voice, functions and fields of the session that `newer` sets."""
        return replace(
            self,
            prompt=self.prompt if newer.prompt is None else newer.prompt,
            voice=newer.voice or self.voice,
            functions=newer.functions or self.functions,
            session=enforced(self.session, newer.session),
            added=self.added if newer.added is None else newer.added,
        )


def is_sendable(value: object) -> bool:
    """Tell whether a value is text that JSON can carry: without a lone surrogate."""
    return isinstance(value, str) and value == value.encode(errors="replace").decode()


def _check_functions(functions: object) -> None:
    if not isinstance(functions, tuple | list) or not all(isinstance(each, HostFunction) for each in functions):
        words = "functions: must be HostFunctions; make them with turnstile.embed.function_schema.host_functions."
        raise ConfigError("invalid_function", words)
    names = [function.name for function in functions]
    for name, times in Counter(names).items():
        if times > 1:
            raise ConfigError("invalid_function", f"functions: two have the name {name!r}; give each its own.")


def overridden_by_host(name: str) -> Problem:
    """Return the warning about a client's field that the host overrides."""
    return Problem(HOST_DECIDES, f"{name}: is decided by the host of this session; it is ignored.")
