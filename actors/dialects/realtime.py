"""The realtime dialect: clients of the Realtime API itself."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import orjson

from actors.dialects.base import Dialect, refused_start
from actors.dialects.own_events import OwnEvents
from actors.dialects.wishes import NO_AGENT, note_answer, refused_by
from actors.messages import AudioEvent
from turnstile.errors import Problem
from turnstile.protocol.appends import named_append, plain_append
from turnstile.protocol.beta_events import current_client_event
from turnstile.protocol.client_shapes import name_of, shape_fault, without_null_audio
from turnstile.protocol.json_bounds import JSON_BOUNDS
from turnstile.protocol.large_events import LARGE, parse_large_event
from turnstile.protocol.realtime import parse_client_event
from turnstile.session.awaited import awaited
from turnstile.session.client_requests import AgentMessageGiven, ConfigRequested, EventGiven, LinkWanted
from turnstile.session.config_patch import ENDPOINTS
from turnstile.session.upstream_errors import who_refused
from turnstile.translate.host_overlay import HostOverlay
from turnstile.translate.host_overrides import OVERRIDE_NAMES
from turnstile.translate.ignored_fields import summed_up
from turnstile.translate.to_realtime_client import unnamed_prefix

if TYPE_CHECKING:
    from collections.abc import Sequence

    from actors.host_messages import Wish
    from actors.messages import End
    from turnstile.protocol.frames import Frame
    from turnstile.protocol.json_bounds import JsonBounds
    from turnstile.session.client_requests import Json, Ref, Request
    from turnstile.session.effects import Answered
    from turnstile.translate.host_overrides import HostOverrides

_log = logging.getLogger(__name__)


class RealtimeDialect(Dialect):
    """The Realtime API's events, for one client.

    Args:
        model: The model in the client's address; None for the operator's default.
        is_beta: Whether the client uses the names of the beta.
        id_prefix: The beginning of the session's own event ids.
        is_shared: Whether other clients may configure the session upstream, too.
        only_transcribes: Whether it is a transcription session.
        host: The overrides of the session's host.
        bounds: Those of the values of the client's events.
    """

    def __init__(
        self,
        model: str | None,
        *,
        is_beta: bool,
        id_prefix: str = "ts_",
        is_shared: bool = False,
        only_transcribes: bool = False,
        host: HostOverlay | None = None,
        bounds: JsonBounds = JSON_BOUNDS,
    ) -> None:
        self._bounds = bounds
        self._model = model
        self._host = host or HostOverlay()
        self._is_beta = is_beta
        self._is_shared = is_shared
        self._only_transcribes = only_transcribes
        self._unnamed = unnamed_prefix(id_prefix)
        self._refs = 0
        self._unanswered: dict[int, tuple[bool, str | None]] = {}
        self._own = OwnEvents(is_beta=is_beta)
        self._names_given = 0
        self._has_logged_model = False
        self._enforced: int | None = None
        self._decisions: set[Ref] = set()

    has_binary_audio = False
    shows_session = True
    message_limit = "limits.realtime_message_bytes"

    @property
    def kept_bytes(self) -> int:
        """The bytes kept between events, about: upstream's session, and the names of the events without an answer."""
        return self._own.kept_bytes + sum([len(event_id or "") for _, event_id in self._unanswered.values()])

    def opening(self) -> Sequence[LinkWanted | Request]:
        """Open the upstream link at once: the client waits for its ``session.created``."""
        wanted = LinkWanted(self._host.model or self._model)
        patch = self._host.update(self._host.overrides)
        if not patch:
            return [wanted]
        self._enforced = self._ask(None, is_update=False)
        return [wanted, ConfigRequested(self._enforced, patch)]

    def refusal(self, wish: Wish) -> Problem | None:
        """Return why a wish cannot be had: a session that only transcribes has no agent."""
        return NO_AGENT if self._only_transcribes else refused_by(self._host, wish)

    def decided(self, ref: Ref, overrides: HostOverrides) -> ConfigRequested:
        """Return the request that brings the host's new overrides into force."""
        self._decisions.add(ref)
        return ConfigRequested(ref, self._host.update(overrides, ref), message="", fields=OVERRIDE_NAMES)

    def prompt_added(self, ref: Ref, text: str) -> ConfigRequested:
        """Return the request that adds to the prompt that the host or the client has given."""
        self._decisions.add(ref)
        return ConfigRequested(ref, *self._host.add_prompt(text, ref), message="", fields=OVERRIDE_NAMES)

    def wish_answered(self, answered: Answered) -> list[Frame]:
        """Forget what is not in force; return the session with what is, unless the client took that for its own answer.

        In a session shared with others `shown` has returned it.
        """
        note_answer(self._host, answered)
        is_decision = answered.ref in self._decisions
        self._decisions.discard(answered.ref)
        is_known = self._is_shared or self._awaits_session or self._own.is_told
        return self._own.updated() if is_decision and answered.in_force and not is_known else []

    @property
    def _awaits_session(self) -> bool:
        """Whether an update of the client's own is unanswered."""
        return any(is_update for is_update, _ in self._unanswered.values())

    def read(self, data: bytes) -> Sequence[Frame | Request | EventGiven | AudioEvent]:
        """Read an event: what the gate may hold becomes a request, everything else is passed through.

        What is passed through is serialized anew, so that no second ``type`` or ``session`` goes unread with it.

        Raises:
            ClientProtocolError: It is no JSON object, or exceeds a bound.
        """
        append = plain_append(data)
        if append is not None:
            return [AudioEvent(named_append(append.event_id or self._next_name(), append.audio))]
        event = (parse_large_event if len(data) > LARGE else parse_client_event)(data, self._bounds)
        event_id = name_of(event)
        if self._is_beta:
            event = current_client_event(event)
        fault = shape_fault(event, is_beta=self._is_beta)
        if fault is not None:
            self.faults += 1
            return [self._own.error(fault, event_id)]
        return [self._read(event, event_id)]

    def _read(self, event: Json, event_id: str | None) -> Frame | Request | EventGiven | AudioEvent:
        """Return the request or the event to pass through for a valid event."""
        kind = event["type"]
        if kind == "response.create" and event.get("response"):
            event = {**event, "response": self._host.response(event["response"])}
        named = event if event.get("event_id") else {**event, "event_id": self._next_name()}
        match kind:
            case "session.update":
                return self._update(event["session"], event_id)
            case "response.create" if _is_gated(event):
                ref = self._ask(event_id, is_update=False)
                return AgentMessageGiven(ref, event.get("response") or {}, "queue", message="response.create")
            case "response.create" | "response.cancel":
                return EventGiven(orjson.dumps(named), at_once=True, awaits=awaited(named))
            case "input_audio_buffer.append":
                return AudioEvent(orjson.dumps(named))
            case "input_audio_buffer.commit" | "input_audio_buffer.clear":
                return EventGiven(orjson.dumps(named), event_id=event_id, follows_audio=True, awaits=awaited(named))
            case _:
                awaits = awaited(named)
                call_id = awaits.answered_call if awaits else None
                return EventGiven(orjson.dumps(named), event_id=event_id, call_id=call_id, awaits=awaits)

    def binary(self) -> list[Frame]:
        """Return the error for a binary frame: audio comes in events."""
        self.faults += 1
        text = "Expected a text WebSocket message; binary frames are not supported."
        return [self._own.error(Problem("invalid_event", text))]

    def answer(self, answered: Answered) -> list[Frame | End]:
        """Return the shortfalls of an update and the session that it led to, or what else went wrong.

        The session ends if upstream refuses what the host enforces on it.
        """
        is_update, event_id = self._unanswered.pop(answered.ref)
        if answered.problem is not None and answered.ref == self._enforced and not answered.in_force:
            return [refused_start(answered.problem, who_refused(answered.problem.code))]
        shortfalls = summed_up(answered.shortfalls, "session.update")
        frames: list[Frame | End] = [self._own.error(one, event_id) for one in shortfalls]
        if answered.problem is not None:
            frames.append(self._own.error(answered.problem, event_id))
            if is_update and not answered.in_force:
                self._host.restore_tools(self._own.session.get("tools"))
        if is_update and answered.in_force:
            frames += self._own.updated()
        return frames

    def unlocked(self, ref: Ref) -> list[Frame]:
        """Return the session, in which the voice is that of an update that was refused."""
        del ref
        return self._own.updated()

    def shown(self, event: Json) -> list[Frame]:
        """Keep the session as upstream shows it; return it the first time, and when another client has changed it.

        Its id stays: that of another link's session is not the client's concern.
        """
        return self._own.shown(event, is_told=self._is_shared and not self._awaits_session)

    def problem(self, problem: Problem, *, fatal: bool, event_id: str | None = None) -> Frame:
        """Return the error event for a problem."""
        del fatal  # the close that follows shows it
        return self._own.error(problem, event_id)

    def _update(self, session: Json, event_id: str | None) -> ConfigRequested | Frame:
        if ENDPOINTS in session:  # the API has no such field, and the client may not set ours
            param = f"session.{ENDPOINTS}"
            return self._own.error(Problem("unknown_parameter", f"Unknown parameter: '{param}'.", param), event_id)
        patch = without_null_audio(session)
        if patch.get("type") == self._own.session.get("type", "realtime"):
            del patch["type"]
        patch = self._host.session(patch)
        self._log_model(patch.pop("model", None))
        return ConfigRequested(self._ask(event_id, is_update=True), patch)

    def _log_model(self, named: object) -> None:
        """Log, once, that an update names another model, which is ignored: stock clients name their default."""
        in_force = self._own.session.get("model") or self._model
        if named is not None and in_force is not None and named != in_force and not self._has_logged_model:
            self._has_logged_model = True
            _log.info("A client's session.update names the model %.64r; its session stays with %.64r", named, in_force)

    def _next_name(self) -> str:
        """Return an id for an event that the client gave none."""
        self._names_given += 1
        return f"{self._unnamed}{self._names_given}"

    def _ask(self, event_id: str | None, *, is_update: bool) -> int:
        self._refs += 1
        self._unanswered[self._refs] = (is_update, event_id)
        return self._refs


def _is_gated(event: Json) -> bool:
    """Tell whether a ``response.create`` is for the default conversation: out of band is ``none`` only."""
    return (event.get("response") or {}).get("conversation") != "none"
