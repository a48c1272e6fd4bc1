"""What a Voice Agent client is sent, as JSON bytes (source: the message types of `deepgram-sdk`, Voice Agent v1).

`AgentDone`, `Transcript` and `UtteranceEnd` are extras of the React component's protocol.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterable

Role = Literal["user", "assistant"]


class CallRequest(NamedTuple):
    """A function call as the client sees it; `arguments` is a JSON string."""

    id: str
    name: str
    arguments: str
    client_side: bool = True


def _message(kind: str, **fields: Any) -> bytes:
    return orjson.dumps({"type": kind, **fields})


def welcome(request_id: str) -> bytes:
    """The connection is open."""
    return _message("Welcome", request_id=request_id)


def settings_applied() -> bytes:
    """The Settings are in force."""
    return _message("SettingsApplied")


def prompt_updated() -> bytes:
    """The addition to the prompt is in force."""
    return _message("PromptUpdated")


def think_updated() -> bytes:
    """The new thinking is in force."""
    return _message("ThinkUpdated")


def speak_updated() -> bytes:
    """The new way to speak is in force."""
    return _message("SpeakUpdated")


def listen_updated() -> bytes:
    """The new way to listen is in force."""
    return _message("ListenUpdated")


def conversation_text(role: Role, content: str) -> bytes:
    """Somebody's final words."""
    return orjson.dumps({"type": "ConversationText", "role": role, "content": content})


def history(role: Role, content: str) -> bytes:
    """A turn of the conversation, for a client that keeps its history."""
    return _message("History", role=role, content=content)


def history_of_call(call: CallRequest, response: str) -> bytes:
    """A function call and its result, for a client that keeps its history."""
    return _message("History", function_calls=[{**call._asdict(), "response": response}])


def transcript(text: str, *, is_final: bool) -> bytes:
    """What the user is understood to say, so far or in the end."""
    return _message("Transcript", transcript=text, is_final=is_final)


def user_started_speaking() -> bytes:
    """The user speaks."""
    return _message("UserStartedSpeaking")


def utterance_end() -> bytes:
    """The user stopped speaking."""
    return _message("UtteranceEnd", channel=[0, 1], last_word_end=0)


def agent_thinking(content: str) -> bytes:
    """The agent is at work on something else than words; `content` says on what."""
    return _message("AgentThinking", content=content)


def agent_started_speaking(total: float, tts: float, ttt: float) -> bytes:
    """The agent's answer begins; latencies in seconds: overall, of the voice, of the text."""
    return orjson.dumps(
        {"type": "AgentStartedSpeaking", "total_latency": total, "tts_latency": tts, "ttt_latency": ttt}
    )


def latency_report(**latencies: float) -> bytes:
    """What a turn took, in seconds, by the names of the protocol (``stt_latency``, ``tts_latency``, ...)."""
    return orjson.dumps({"type": "LatencyReport", **latencies})


def agent_audio_done() -> bytes:
    """The last audio of the answer was handed over."""
    return _message("AgentAudioDone")


def agent_done() -> bytes:
    """The answer is over."""
    return _message("AgentDone")


def function_call_request(calls: Iterable[CallRequest]) -> bytes:
    """The agent calls functions."""
    return _message("FunctionCallRequest", functions=[call._asdict() for call in calls])


def function_call_response(call_id: str, name: str, content: str) -> bytes:
    """A function that the proxy called gave this result."""
    return _message("FunctionCallResponse", id=call_id, name=name, content=content)


def function_call_cancelled(calls: Iterable[tuple[str, str]]) -> bytes:
    """Calls (id, name) that need no result any more."""
    return _message("FunctionCallCancelled", functions=[{"id": call_id, "name": name} for call_id, name in calls])


def injection_refused(message: str) -> bytes:
    """An agent message was not taken."""
    return _message("InjectionRefused", message=message)


def warning(code: str, description: str) -> bytes:
    """Something went wrong, and the session goes on."""
    return _message("Warning", code=code, description=description)


def error(code: str, description: str) -> bytes:
    """Something went wrong."""
    return _message("Error", code=code, description=description)
