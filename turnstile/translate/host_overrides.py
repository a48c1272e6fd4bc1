"""What the host of a session decides for its client: a program that has let the client in, and knows who it is."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from turnstile.errors import ConfigError, Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Json = dict[str, Any]

HOST_DECIDES = "host_decides"
# What a host's decisions are called, by their places in the session.
DECISIONS = {"instructions": "prompt", "audio.output.voice": "voice", "tools": "functions"}


@dataclass(frozen=True, slots=True)
class HostFunction:
    """A function of the host's that the agent may call; it stands where other functions have an endpoint.

    Args:
        tool: The function as the Realtime API takes it: ``type``, ``name``, ``description``, ``parameters``.
        call: Takes the arguments as JSON text and gives the result as text; what it raises is the result too.
    """

    tool: Json = field(hash=False)
    call: Callable[[str], str]

    @property
    def name(self) -> str:
        """What the agent calls it."""
        name: str = self.tool["name"]
        return name


@dataclass(frozen=True, slots=True)
class HostDecisions:
    """What the client cannot change; None and () leave it to the client.

    Args:
        prompt: What the agent is told.
        voice: What it speaks with.
        model: What answers.
        functions: What it may call, besides what the client names.
        labels: Metadata of each response that the proxy begins.
    """

    prompt: str | None = None
    voice: str | None = None
    model: str | None = None
    functions: tuple[HostFunction, ...] = ()
    labels: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check them: what is wrong must not be found in the middle of a session.

        Raises:
            ConfigError: One is no text, or a function no `HostFunction`, or two have one name; it names it.
        """
        for name in ("prompt", "voice", "model"):
            value = getattr(self, name)
            if value is not None and not isinstance(value, str):
                raise ConfigError(f"invalid_{name}", f"{name}: must be text, not {type(value).__name__}.")
            if value is not None and not is_sendable(value):
                raise ConfigError(f"invalid_{name}", f"{name}: holds half a character, a lone surrogate; leave it out.")
        _check_functions(self.functions)

    def changed(self, newer: HostDecisions) -> HostDecisions:
        """Return these with everything that `newer` decides."""
        return replace(
            self,
            prompt=self.prompt if newer.prompt is None else newer.prompt,
            voice=newer.voice or self.voice,
            functions=newer.functions or self.functions,
        )


def is_sendable(value: object) -> bool:
    """Whether it is a text that JSON can carry: no surrogate stands alone in it."""
    return isinstance(value, str) and value == value.encode(errors="replace").decode()


def _check_functions(functions: object) -> None:
    if not isinstance(functions, tuple | list) or not all(isinstance(each, HostFunction) for each in functions):
        words = "functions: must be HostFunctions; make them with turnstile.embed.function_schema.host_functions."
        raise ConfigError("invalid_function", words)
    names = [function.name for function in functions]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError("invalid_function", f"functions: two have the name {name!r}; give each its own.")


def decided_by_host(name: str) -> Problem:
    """Return the warning about a field that is not the client's to say."""
    return Problem(HOST_DECIDES, f"{name}: is decided by the host of this session; it is ignored.")


class HostRule:
    """Lays the host's decisions over what the client asks for.

    Args:
        decisions: The host's.
    """

    def __init__(self, decisions: HostDecisions | None = None) -> None:
        self.decisions = decisions or HostDecisions()
        self._tools: list[Any] = []  # as the client gave them; what is in them is upstream's to judge
        self._endpoints: Json = {}

    def thinking(self, patch: Json, where: str) -> Iterator[Problem]:
        """Change what the client says of thinking, in place; yields a warning for each ignored part.

        Args:
            patch: A partial Realtime ``session``, with ``endpoints`` where it has ``tools``.
            where: The path of what the client has said.
        """
        host = self.decisions
        decided = {"instructions": ("prompt", host.prompt), "model": ("provider.model", host.model)}
        for name, (said_as, value) in decided.items():
            if value is None:
                continue
            if patch.get(name) not in (None, "", value):
                yield decided_by_host(f"{where}.{said_as}")
            patch[name] = value
        tools = patch.get("tools", self._tools) or []
        if not isinstance(tools, list):
            return  # upstream refuses all of the patch
        if "tools" in patch:
            self._tools, self._endpoints = tools, patch.get("endpoints") or {}
        if host.functions:
            patch |= self._functions()

    def speaking(self, output: Json, where: str) -> Iterator[Problem]:
        """Change what the client says of ``audio.output``, in place; yields a warning for each ignored part."""
        voice = self.decisions.voice
        if voice is None:
            return
        if output.get("voice") not in (None, voice):
            yield decided_by_host(f"{where}.provider.voice")
        output["voice"] = voice

    def session(self, patch: Json) -> Json:
        """Return a client's ``session.update`` as it may be."""
        patch = self._without_template(patch)
        for _ in self.thinking(patch, "session"):
            pass  # the session that it is answered with shows what is in force
        return self._with_voice(patch)

    def response(self, response: Json) -> Json:
        """Return the ``response`` of a client's ``response.create``, which lays itself over the session, as it may be.

        It may name fewer functions than the session has, to do without some.
        """
        response = self._without_template(response)
        if self.decisions.prompt is not None:
            response.pop("instructions", None)
        if isinstance(response.get("tools"), list):
            own = {function.name: function.tool for function in self.decisions.functions}
            response["tools"] = [own.get(_name_of(tool), tool) for tool in response["tools"]]
        return self._with_voice(response) if response.keys() & {"audio", "voice"} else response

    def tools_are(self, tools: object) -> None:
        """Take back what the client said of its tools last, which upstream has refused: it has `tools` now."""
        if isinstance(tools, list):
            own = {function.name for function in self.decisions.functions}
            self._tools = [tool for tool in tools if _name_of(tool) not in own]

    def decide(self, newer: HostDecisions) -> Json:
        """Take newer decisions; returns what they change, as a partial Realtime ``session``."""
        self.decisions = self.decisions.changed(newer)
        patch: Json = {}
        if newer.prompt is not None:
            patch["instructions"] = newer.prompt
        if newer.voice:
            patch["audio"] = {"output": {"voice": newer.voice}}
        if newer.functions:
            patch |= self._functions()
        return patch

    def _functions(self) -> Json:
        """Return all tools, the host's last, and who calls those that the client does not call."""
        own = {function.name: function for function in self.decisions.functions}
        tools = [tool for tool in self._tools if _name_of(tool) not in own]
        return {
            "tools": [*tools, *(function.tool for function in own.values())],
            "endpoints": {**self._endpoints, **own},
        }

    def _without_template(self, patch: Json) -> Json:
        """Return a copy without ``prompt``, a stored template of instructions, where the host has a prompt."""
        return {name: value for name, value in patch.items() if name != "prompt" or self.decisions.prompt is None}

    def _with_voice(self, patch: Json) -> Json:
        if self.decisions.voice is None:
            return patch
        audio = patch["audio"] if isinstance(patch.get("audio"), dict) else {}
        output = audio["output"] if isinstance(audio.get("output"), dict) else {}
        patch = {name: value for name, value in patch.items() if name != "voice"}  # the beta's word for the same
        return {**patch, "audio": {**audio, "output": {**output, "voice": self.decisions.voice}}}


def _name_of(tool: object) -> str:
    """Return what a tool is called; an empty text for what is no tool."""
    name = tool.get("name") if isinstance(tool, dict) else None
    return name if isinstance(name, str) else ""
