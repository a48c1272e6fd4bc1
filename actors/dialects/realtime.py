"""The realtime dialect: clients that speak the API's own language, through the same gate as everybody else."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import orjson

from actors.dialects.base import Dialect
from actors.messages import AudioEvent
from turnstile.errors import Problem
from turnstile.protocol.appends import named_append, plain_append
from turnstile.protocol.beta_events import current_client_event
from turnstile.protocol.client_shapes import shape_fault
from turnstile.protocol.realtime import parse_client_event
from turnstile.session.config_patch import ENDPOINTS
from turnstile.session.events import AgentMessageGiven, ConfigRequested, EventGiven, LinkWanted
from turnstile.translate.host_overrides import OVERRIDE_NAMES, HostOverlay
from turnstile.translate.to_realtime_client import encoded, unnamed_prefix

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from turnstile.protocol.frames import Frame
    from turnstile.session.effects import Answered
    from turnstile.session.events import Json, Ref, Request
    from turnstile.translate.host_overrides import HostOverrides

_log = logging.getLogger(__name__)

# Codes of problems that are not the client's doing; those of a lost link and of what did not come in time besides.
_SERVERS = frozenset({"internal_error", "response_failed", "response_refused", "function_call_cancelled"})


class RealtimeDialect(Dialect):
    """One client's conversation in the Realtime API's own events.

    Args:
        model: The model of its address; None for the operator's default.
        is_beta: It speaks the words of the beta.
        id_prefix: Begins the event ids of the session's.
        is_shared: Others configure the session upstream, too.
        host: What the host of the session decides.
    """

    def __init__(
        self,
        model: str | None,
        *,
        is_beta: bool,
        id_prefix: str = "ts_",
        is_shared: bool = False,
        host: HostOverlay | None = None,
    ) -> None:
        self._model = model
        self._host = host or HostOverlay()
        self._is_beta = is_beta
        self._is_shared = is_shared
        self._unnamed = unnamed_prefix(id_prefix)
        self._refs = 0
        self._asked: dict[int, tuple[bool, str | None]] = {}
        self._session: Json = {}
        self._is_created = False
        self._told = 0
        self._passed = 0
        self._noted_model = False

    has_binary_audio = False
    shows_session = True
    message_limit = "limits.realtime_message_bytes"

    def opening(self) -> Sequence[LinkWanted | Request]:
        """Open the upstream link at once: the client waits for its ``session.created``."""
        overrides = self._host.overrides
        wanted = LinkWanted(overrides.model or self._model)
        patch = self._host.update(overrides)
        return [wanted, ConfigRequested(self._ask(None, is_update=False), patch)] if patch else [wanted]

    def decided(self, ref: Ref, overrides: HostOverrides) -> ConfigRequested:
        """Return the request for what the host decides anew."""
        return ConfigRequested(ref, self._host.update(overrides), message="", fields=OVERRIDE_NAMES)

    def read(self, data: bytes) -> Sequence[Frame | Request | EventGiven | AudioEvent]:
        """Read an event: what the gate holds becomes a request, everything else passes as it is.

        What is passed on is written anew: no second ``type`` or ``session`` that was not looked at goes with it.

        Raises:
            ClientProtocolError: It is no JSON object.
        """
        append = plain_append(data)
        if append is not None:
            return [AudioEvent(named_append(append.event_id or self._next_name(), append.audio))]
        event = parse_client_event(data)
        event_id = event.get("event_id")
        event_id = event_id if isinstance(event_id, str) else None
        if self._is_beta:
            event = current_client_event(event)
        fault = shape_fault(event, is_beta=self._is_beta)
        if fault is not None:
            return [self._error(fault, event_id)]
        kind = event["type"]
        if kind == "response.create" and event.get("response"):
            event = {**event, "response": self._host.response(event["response"])}
        named = event if event.get("event_id") else {**event, "event_id": self._next_name()}
        match kind:
            case "session.update":
                return [self._update(event["session"], event_id, len(data))]
            case "response.create" if _is_gated(event):
                ref = self._ask(event_id, is_update=False)
                return [AgentMessageGiven(ref, event.get("response") or {}, "queue", size=len(data))]
            case "response.create":
                return [EventGiven(orjson.dumps(named), at_once=True, aside=named["event_id"])]
            case "response.cancel":
                return [EventGiven(orjson.dumps(named), at_once=True)]
            case "input_audio_buffer.append":
                return [AudioEvent(orjson.dumps(named))]
            case "input_audio_buffer.commit" | "input_audio_buffer.clear":
                return [EventGiven(orjson.dumps(named), event_id=event_id, follows_audio=True)]
            case _:
                return [EventGiven(orjson.dumps(named), event_id=event_id, call_id=_answered_call(event))]

    def binary(self) -> list[Frame]:
        """Say that audio travels in events."""
        text = "Expected a text WebSocket message; binary frames are not supported."
        return [self._error(Problem("invalid_event", text))]

    def answer(self, answered: Answered) -> list[Frame]:
        """Show the session that an update has led to, behind what of it is not in force; say what else went wrong."""
        is_update, event_id = self._asked.pop(answered.ref)
        told = [self._error(shortfall, event_id) for shortfall in answered.shortfalls]
        if answered.problem is not None:
            told.append(self._error(answered.problem, event_id))
            if is_update and not answered.in_force:
                self._host.restore_tools(self._session.get("tools"))
        if is_update and answered.in_force:
            told += self._tell("session.updated", session=self._session)
        return told

    def shown(self, event: Json) -> list[Frame]:
        """Keep what the session is like; tell it the first time, and when it was another client's to change."""
        is_first, self._is_created = not self._is_created, True
        self._session = event["session"]
        if is_first and "event_id" not in event:  # said for an upstream that does not say it
            return self._tell("session.created", session=self._session)
        if is_first:
            return encoded({**event, "type": "session.created"}, is_beta=self._is_beta)
        if self._is_shared and not any(is_update for is_update, _ in self._asked.values()):
            return encoded(event, is_beta=self._is_beta)
        return []

    def problem(self, problem: Problem, *, fatal: bool, event_id: str | None = None) -> Frame:
        """Say what went wrong."""
        del fatal  # the close that follows says it
        return self._error(problem, event_id)

    def _update(self, session: Json, event_id: str | None, size: int) -> ConfigRequested | Frame:
        if ENDPOINTS in session:  # the API has no such field, and ours is not the client's to fill in
            param = f"session.{ENDPOINTS}"
            return self._error(Problem("unknown_parameter", f"Unknown parameter: '{param}'.", param), event_id)
        patch = _without_null_audio(session)
        if patch.get("type") == self._session.get("type", "realtime"):
            del patch["type"]
        patch = self._host.session(patch)
        self._note_model(patch.pop("model", None))
        return ConfigRequested(self._ask(event_id, is_update=True), patch, size=size)

    def _note_model(self, named: object) -> None:
        """Note, once, that an update names another model: it stays what it is, as stock clients name their default."""
        in_force = self._session.get("model") or self._model
        if named is not None and in_force is not None and named != in_force and not self._noted_model:
            self._noted_model = True
            _log.info("A client's session.update names the model %.64r; its session stays with %.64r", named, in_force)

    def _next_name(self) -> str:
        """Return a name for an event of the client's that it gave none."""
        self._passed += 1
        return f"{self._unnamed}{self._passed}"

    def _ask(self, event_id: str | None, *, is_update: bool) -> int:
        self._refs += 1
        self._asked[self._refs] = (is_update, event_id)
        return self._refs

    def _tell(self, kind: str, **fields: Any) -> list[Frame]:
        self._told += 1
        event = {"type": kind, "event_id": f"event_{self._told}", **fields}
        return encoded(event, is_beta=self._is_beta)

    def _error(self, problem: Problem, event_id: str | None = None) -> Frame:
        if problem.error_event is not None:
            (frame,) = encoded(_named_by_client(problem.error_event, event_id), is_beta=self._is_beta)
            return frame
        kind = "server_error" if _is_servers(problem.code) else "invalid_request_error"
        error = {"type": kind, "code": problem.code, "message": problem.description, "param": problem.param}
        (frame,) = self._tell("error", error={**error, "event_id": event_id})
        return frame


def _is_servers(code: str) -> bool:
    return code in _SERVERS or code.startswith("upstream_") or code.endswith("_stalled")


def _named_by_client(error_event: Mapping[str, Any], event_id: str | None) -> Json:
    """Return upstream's own error, about an event of ours or about none, under the client's name for what it asked."""
    error = error_event["error"]
    if error.get("event_id") != event_id:
        error = {**error, "event_id": event_id}
    return {**error_event, "error": error}


def _without_null_audio(session: Json) -> Json:
    """Return a copy of a session without the parts of its ``audio`` that are null, which means: not given."""
    audio = session.get("audio") or {}
    given = {name: part for name, part in audio.items() if part is not None}
    rest = {name: value for name, value in session.items() if name != "audio"}
    return {**rest, "audio": given} if given else rest


def _answered_call(event: Json) -> str | None:
    """Return the function call that an event brings the result of."""
    item = event.get("item")
    if event["type"] != "conversation.item.create" or not isinstance(item, dict):
        return None
    call_id = item.get("call_id") if item.get("type") == "function_call_output" else None
    return call_id if isinstance(call_id, str) else None


def _is_gated(event: Json) -> bool:
    """Tell whether a ``response.create`` is for the default conversation: for any but the one that is none."""
    return (event.get("response") or {}).get("conversation") != "none"
