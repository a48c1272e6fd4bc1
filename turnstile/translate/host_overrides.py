"""What the host of a session, the program that admitted the client, overrides in the client's configuration."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from turnstile.errors import ConfigError, Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

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
    """

    prompt: str | None = None
    voice: str | None = None
    model: str | None = None
    functions: tuple[HostFunction, ...] = ()
    labels: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check the values here, so that none fails in the middle of a session.

        Raises:
            ConfigError: A value is not text, a function is not a `HostFunction`, or two have one name; names it.
        """
        for name in ("prompt", "voice", "model"):
            value = getattr(self, name)
            if value is not None and not isinstance(value, str):
                raise ConfigError(f"invalid_{name}", f"{name}: must be text, not {type(value).__name__}.")
            if value is not None and not is_sendable(value):
                raise ConfigError(f"invalid_{name}", f"{name}: holds half a character, a lone surrogate; leave it out.")
        _check_functions(self.functions)

    def updated(self, newer: HostOverrides) -> HostOverrides:
        """Return these overrides with the prompt, voice and functions that `newer` sets."""
        return replace(
            self,
            prompt=self.prompt if newer.prompt is None else newer.prompt,
            voice=newer.voice or self.voice,
            functions=newer.functions or self.functions,
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
        self.overrides = overrides or HostOverrides()
        self._tools: list[Any] = []  # as the client sent them, unchecked: upstream validates them
        self._endpoints: Json = {}

    def override_think(self, patch: Json, where: str) -> Iterator[Problem]:
        """Override instructions, model and tools in place; yield a warning for each field that is ignored.

        Args:
            patch: A partial Realtime ``session``, with ``endpoints`` where it has ``tools``.
            where: The path of the client's fields.
        """
        host = self.overrides
        overridden = {"instructions": ("prompt", host.prompt), "model": ("provider.model", host.model)}
        for name, (client_name, value) in overridden.items():
            if value is None:
                continue
            if patch.get(name) not in (None, "", value):
                yield overridden_by_host(f"{where}.{client_name}")
            patch[name] = value
        tools = patch.get("tools", self._tools) or []
        if not isinstance(tools, list):
            return  # upstream refuses the whole patch
        if "tools" in patch:
            self._tools, self._endpoints = tools, patch.get("endpoints") or {}
        if host.functions:
            patch |= self._functions()

    def override_speak(self, output: Json, where: str) -> Iterator[Problem]:
        """Override the voice of ``audio.output`` in place; yield a warning if the client's is ignored."""
        voice = self.overrides.voice
        if voice is None:
            return
        if output.get("voice") not in (None, voice):
            yield overridden_by_host(f"{where}.provider.voice")
        output["voice"] = voice

    def session(self, patch: Json) -> Json:
        """Return the ``session`` of a client's ``session.update`` with the overrides applied."""
        patch = self._without_template(patch)
        for _ in self.override_think(patch, "session"):
            pass  # no warnings: `session.updated` shows the client what is in force
        return self._with_voice(patch)

    def response(self, response: Json) -> Json:
        """Return the ``response`` of a client's ``response.create`` with the overrides applied.

        Its ``tools`` may be fewer than those of the session.
        """
        response = self._without_template(response)
        if self.overrides.prompt is not None:
            response.pop("instructions", None)
        if isinstance(response.get("tools"), list):
            own = {function.name: function.tool for function in self.overrides.functions}
            response["tools"] = [own.get(_name_of(tool), tool) for tool in response["tools"]]
        return self._with_voice(response) if response.keys() & {"audio", "voice"} else response

    def restore_tools(self, tools: object) -> None:
        """Forget the client's latest tools, which upstream has refused; `tools` are those in force."""
        if isinstance(tools, list):
            own = {function.name for function in self.overrides.functions}
            self._tools = [tool for tool in tools if _name_of(tool) not in own]

    def update(self, newer: HostOverrides) -> Json:
        """Take newer overrides; return what they change, as a partial Realtime ``session``."""
        self.overrides = self.overrides.updated(newer)
        patch: Json = {}
        if newer.prompt is not None:
            patch["instructions"] = newer.prompt
        if newer.voice:
            patch["audio"] = {"output": {"voice": newer.voice}}
        if newer.functions:
            patch |= self._functions()
        return patch

    def _functions(self) -> Json:
        """Return ``tools``, the host's last, and ``endpoints``, the functions that the proxy calls by name."""
        own = {function.name: function for function in self.overrides.functions}
        tools = [tool for tool in self._tools if _name_of(tool) not in own]
        return {
            "tools": [*tools, *(function.tool for function in own.values())],
            "endpoints": {**self._endpoints, **own},
        }

    def _without_template(self, patch: Json) -> Json:
        """Return a copy without ``prompt``, a stored template of instructions, where the host sets the prompt."""
        return {name: value for name, value in patch.items() if name != "prompt" or self.overrides.prompt is None}

    def _with_voice(self, patch: Json) -> Json:
        if self.overrides.voice is None:
            return patch
        audio = patch["audio"] if isinstance(patch.get("audio"), dict) else {}
        output = audio["output"] if isinstance(audio.get("output"), dict) else {}
        patch = {name: value for name, value in patch.items() if name != "voice"}  # the beta's name for the same
        return {**patch, "audio": {**audio, "output": {**output, "voice": self.overrides.voice}}}


def _name_of(tool: object) -> str:
    """Return the name of a tool; "" for an invalid one."""
    name = tool.get("name") if isinstance(tool, dict) else None
    return name if isinstance(name, str) else ""
