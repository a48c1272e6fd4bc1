"""What the host of a session, and operators, override, laid over each configuration that the client sends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnstile.errors import Problem
from turnstile.translate.enforced_session import enforced, overruled, without_enforced
from turnstile.translate.host_decisions import Decisions
from turnstile.translate.host_overrides import HostOverrides, overridden_by_host

if TYPE_CHECKING:
    from collections.abc import Mapping


Json = dict[str, Any]


class HostOverlay:
    """The overrides of the host, and of operators, applied to each configuration that the client sends.

    Args:
        overrides: The host's; None for none.
    """

    def __init__(self, overrides: HostOverrides | None = None) -> None:
        self._tools: list[Any] = []  # as the client sent them, unchecked: upstream validates them
        self._endpoints: Json = {}
        self._decisions = Decisions(overrides or HostOverrides())
        self._take(self._decisions.overrides())

    def _take(self, overrides: HostOverrides) -> None:
        self.overrides = overrides
        self.model: str | None = overrides.enforced.get("model")
        """The model of the session; None leaves it to the client."""
        self._values = _settable(overrides)
        self._awaited = _settable(self._decisions.awaited())
        self._own = {function.name: function for function in overrides.functions}
        self._added = {one.name: one for one in overrides.added or () if one.name not in self._own}

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
            others = self._own | self._added
            self._tools = [tool for tool in tools if _name_of(tool) not in others]

    def refusal(self, newer: HostOverrides) -> Problem | None:
        """Return why newer overrides of an operator's cannot be: the host's own functions stay as they are."""
        for place, function in enumerate(newer.added or ()):
            if function.name in self._own:
                text = (
                    f"functions[{place}].name: {function.name!r} is the host's own function; give yours another name."
                )
                return Problem("invalid_function", text)
        return None

    def update(self, newer: HostOverrides, ref: int | None = None) -> Json:
        """Take newer overrides; return what they change, as a partial Realtime ``session``.

        Args:
            newer: The overrides.
            ref: The request for them, until whose answer they can be taken back (`answered`); None for none.
        """
        self._decisions.add(newer, ref)
        self._take(self._decisions.overrides())
        changed = _settable(newer)
        if "instructions" in changed and "prompt" in self._values:
            changed["prompt"] = self._values["prompt"]
        has_functions = newer.functions or newer.added is not None or "tools" in changed
        return changed | self._functions() if has_functions else changed

    def add_prompt(self, text: str, ref: int) -> tuple[Json, str]:
        """Add to the prompt; return what that changes, and what is to be added where the prompt is the client's.

        Args:
            text: The text.
            ref: The request, as for `update`.
        """
        decided = self._values.get("instructions")
        if decided is None:
            return {}, text
        return self.update(HostOverrides(prompt=f"{decided}\n\n{text}" if decided else text), ref), ""

    def answered(self, ref: int, *, is_in_force: bool, has_voice: bool) -> None:
        """Keep the overrides that a request has brought into force, and forget the others, as `Decisions.answered`."""
        self._decisions.answered(ref, is_in_force=is_in_force, has_voice=has_voice)
        self._take(self._decisions.overrides())

    def _applied(self, patch: Json, *, everywhere: bool) -> Json:
        tools = patch.get("tools", self._tools) or []
        is_valid = isinstance(tools, list)
        if "tools" in patch and is_valid:
            self._tools, self._endpoints = tools, patch.get("endpoints") or {}
        result = enforced(patch, self._values, everywhere=everywhere)
        if self._awaited:  # which go ahead: the client's request is not to fail for what is refused of theirs
            result = without_enforced(result, self._awaited)
        if self.model is not None and (everywhere or "model" in patch):
            result["model"] = self.model
        if "type" in self.overrides.session:
            result.pop("type", None)
        is_asked = everywhere or "tools" in patch
        if is_asked and ("tools" in self._values or ((self._own or self._added) and is_valid)):
            result |= self._functions()
        return result

    def _functions(self) -> Json:
        """Return ``tools``, the host's last, and ``endpoints``, the functions that the proxy calls by name."""
        of_client = {} if "tools" in self._values else self._endpoints
        endpoints = {name: endpoint for name, endpoint in of_client.items() if name not in self._added}
        added = {name: one.endpoint for name, one in self._added.items() if one.endpoint is not None}
        return {"tools": self._all_tools(self._tools), "endpoints": {**endpoints, **added, **self._own}}

    def _all_tools(self, of_client: list[Any]) -> list[Any]:
        ours = {name: function.tool for name, function in (self._added | self._own).items()}
        others = self._values.get("tools", of_client)
        return [*(tool for tool in others if _name_of(tool) not in ours), *ours.values()]


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
