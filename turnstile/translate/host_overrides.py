"""What the host of a session, the program that admitted the client, overrides in the client's configuration."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from turnstile.errors import ConfigError, Problem
from turnstile.translate.enforced_session import checked_session, enforced, overruled, without_enforced

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

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
    """

    prompt: str | None = None
    voice: str | None = None
    model: str | None = None
    functions: tuple[HostFunction, ...] = ()
    labels: dict[str, str] = field(default_factory=dict)
    session: Json = field(default_factory=dict)

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


class HostOverlay:
    """The host's overrides, applied to each configuration that the client sends.

    Args:
        overrides: The host's; None for none.
    """

    def __init__(self, overrides: HostOverrides | None = None) -> None:
        self._tools: list[Any] = []  # as the client sent them, unchecked: upstream validates them
        self._endpoints: Json = {}
        self._take(overrides or HostOverrides())

    def _take(self, overrides: HostOverrides) -> None:
        self.overrides = overrides
        self.model: str | None = overrides.enforced.get("model")
        """The model of the session; None leaves it to the client."""
        self._values = _settable(overrides)

    @property
    def instructions(self) -> str | None:
        """The agent's instructions; None leaves them to the client; "" where a stored prompt has them."""
        instructions: str | None = self._values.get("instructions")
        return "" if instructions is None and self._values.get("prompt") is not None else instructions

    @property
    def has_stored_prompt(self) -> bool:
        """Whether the instructions are those of a stored prompt, which instructions of the session would replace."""
        return "instructions" not in self._values and self._values.get("prompt") is not None

    def session(self, patch: Json) -> Json:
        """Return the session that a client's ``session.update``, or its Settings, ask for with all overrides applied.

        No warnings: ``session.updated`` shows a Realtime client what is in force.
        """
        return self._applied(patch, everywhere=True)

    def change(self, patch: Json, fields: Mapping[str, str]) -> tuple[Json, list[Problem]]:
        """Return the change of a session that a Voice Agent client asks for, with the overrides of its fields applied.

        Args:
            patch: A partial Realtime ``session``, with ``endpoints`` where it has ``tools``.
            fields: The client's path of each field that it has named, by the dotted path in the session.

        Returns:
            The patch, and a warning for each field of the client's that is ignored.
        """
        named = self._values if self.model is None else {**self._values, "model": self.model}
        ignored = [overridden_by_host(fields[path]) for path in overruled(patch, named) if path in fields]
        return self._applied(patch, everywhere=False), ignored

    def response(self, response: Json) -> Json:
        """Return the ``response`` of a client's ``response.create``: what is overridden is as in the session.

        Its ``tools`` may be fewer than those of the session.
        """
        rest = without_enforced(response, self._values)
        tools = response.get("tools")
        if isinstance(tools, list):
            known = {_identity(tool): tool for tool in self._all_tools([])}
            is_closed = "tools" in self._values
            rest["tools"] = [
                known.get(_identity(tool), tool) for tool in tools if not is_closed or _identity(tool) in known
            ]
        return rest

    def restore_tools(self, tools: object) -> None:
        """Forget the client's latest tools, which upstream has refused; `tools` are those in force."""
        if isinstance(tools, list):
            own = {function.name for function in self.overrides.functions}
            self._tools = [tool for tool in tools if _name_of(tool) not in own]

    def update(self, newer: HostOverrides) -> Json:
        """Take newer overrides; return what they change, as a partial Realtime ``session``."""
        self._take(self.overrides.updated(newer))
        changed = _settable(newer)
        if "instructions" in changed and "prompt" in self._values:
            changed["prompt"] = self._values["prompt"]
        return changed | self._functions() if newer.functions or "tools" in changed else changed

    def _applied(self, patch: Json, *, everywhere: bool) -> Json:
        tools = patch.get("tools", self._tools) or []
        is_valid = isinstance(tools, list)
        if "tools" in patch and is_valid:
            self._tools, self._endpoints = tools, patch.get("endpoints") or {}
        result = enforced(patch, self._values, everywhere=everywhere)
        if self.model is not None and (everywhere or "model" in patch):
            result["model"] = self.model
        if "type" in self.overrides.session:
            result.pop("type", None)
        is_asked = everywhere or "tools" in patch
        if is_asked and ("tools" in self._values or (self.overrides.functions and is_valid)):
            result |= self._functions()
        return result

    def _functions(self) -> Json:
        """Return ``tools``, the host's last, and ``endpoints``, the functions that the proxy calls by name."""
        own = {function.name: function for function in self.overrides.functions}
        endpoints = {} if "tools" in self._values else self._endpoints
        return {"tools": self._all_tools(self._tools), "endpoints": {**endpoints, **own}}

    def _all_tools(self, of_client: list[Any]) -> list[Any]:
        own = {function.name: function.tool for function in self.overrides.functions}
        others = self._values.get("tools", of_client)
        return [*(tool for tool in others if _name_of(tool) not in own), *own.values()]


def _settable(overrides: HostOverrides) -> Json:
    """Return what a ``session.update`` sets: not the model and the type, which the address of the session decides."""
    return {name: value for name, value in overrides.enforced.items() if name not in {"model", "type"}}


def _name_of(tool: object) -> str:
    """Return the name of a tool; "" for an invalid one."""
    name = tool.get("name") if isinstance(tool, dict) else None
    return name if isinstance(name, str) else ""


def _identity(tool: object) -> tuple[str, str]:
    """Return what tells a tool from others: its type, and its name or that of its server."""
    if not isinstance(tool, dict):
        return "", ""
    kind, name = tool.get("type", "function"), tool.get("name") or tool.get("server_label")
    return (kind, name) if isinstance(kind, str) and isinstance(name, str) else ("", "")
