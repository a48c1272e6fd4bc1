"""Shortfalls of configuration requests, with texts that begin with the client's message and the field."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnstile.errors import Problem
from turnstile.session.config_patch import at

if TYPE_CHECKING:
    from turnstile.session.client_requests import ConfigRequested, Json
    from turnstile.session.config_comparison import Difference, Path

UPDATE_EVENT = "session.update"
MODEL = ("model",)
VOICE = ("audio", "output", "voice")
_STAYS: dict[Path, str] = {
    MODEL: "the model of a running session; start a new one.",
    VOICE: "one that has spoken; start a new session.",
}
# The length up to which a text is repeated; a longer one may be a prompt, or hold private text.
_SHOWN = 40
_CUT = 20
_LISTED = 8
_NOTHING = object()


def field_name(request: ConfigRequested | None, path: Path) -> str:
    """Return the field of a client's message that stands at `path` of the session, with the message's type before it.

    Args:
        request: What the message asked for; None for what no message did.
        path: The field's place in the session.
    """
    if request is None:
        return _param(path)
    for length in range(len(path), 0, -1):
        client_field = request.fields.get(".".join(path[:length]))
        if client_field is not None:
            return ".".join(part for part in (request.message, client_field, *path[length:]) if part)
    of_session = _param(path)
    return of_session if request.message in {"", UPDATE_EVENT} else f"{request.message}: {of_session}"


def voice_asked(request: ConfigRequested) -> Any:
    """Return the voice that `request` asks for, None where it asks for none."""
    return at(request.patch, *VOICE)


def names(request: ConfigRequested, path: Path) -> bool:
    """Return whether `request` sets a field at `path`."""
    return has_at(request.patch, path) or (path == ("instructions",) and bool(request.added_prompt))


def has_at(config: Json, path: Path) -> bool:
    """Return whether `config` has a field at `path`."""
    return at(config, *path, default=_NOTHING) is not _NOTHING


def not_in_force(request: ConfigRequested | None, difference: Difference) -> Problem:
    """Return the warning about a field that upstream confirmed otherwise."""
    name, asked, shown = field_name(request, difference.path), described(difference.asked), described(difference.shown)
    return Problem("not_in_force", f"{name}: {asked} was asked for; upstream has {shown} in force.")


def locked(request: ConfigRequested, path: Path, value: Any) -> Problem:
    """Return the problem of a request for another model or voice when the present one is locked."""
    text = f"{field_name(request, path)}: {described(value)} cannot replace {_STAYS[path]}"
    return Problem(f"{path[-1]}_locked", text, _param(path))


def about(request: ConfigRequested, problem: Problem, param: str | None = None) -> Problem:
    """Return `problem` with a text that begins with the message that it is about.

    Args:
        request: What the message asked for.
        problem: What became of it.
        param: The field that upstream names, such as ``session.tools[0].name``.
    """
    name = request.message
    if param is not None and param.startswith("session."):
        path = tuple(param.replace("[", ".[").split("."))[1:]
        name = field_name(request, path).replace(".[", "[")
    return Problem(problem.code, f"{name}: {problem.description}" if name else problem.description)


def described(value: Any) -> str:
    """Return a short description of a configuration's value: long texts cut, objects without their contents."""
    match value:
        case str() if len(value) > _SHOWN:
            return f"{value[:_CUT]!r}... ({len(value)} characters)"
        case dict():
            return _described_object(value)
        case list():
            more = ["..."] if len(value) > _LISTED else []
            return f"[{', '.join([*map(described, value[:_LISTED]), *more])}]"
        case bool() | None:
            return {True: "true", False: "false", None: "null"}[value]
        case _:
            return repr(value)


def _described_object(value: Json) -> str:
    name = next((value[key] for key in ("name", "type", "id") if isinstance(value.get(key), str)), None)
    rate = f" at {value['rate']}" if isinstance(value.get("rate"), int) else ""
    return "an object" if name is None else f"{described(name)}{rate}"


def _param(path: Path) -> str:
    return ".".join(["session", *path])
