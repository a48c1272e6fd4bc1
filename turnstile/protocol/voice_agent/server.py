"""The messages to a Voice Agent client, as JSON (source: the message types of `deepgram-sdk`, Voice Agent v1).

`AgentDone`, `Transcript` and `UtteranceEnd` are extras of the React component's protocol.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterable

Role = Literal["user", "assistant"]


class CallRequest(NamedTuple):
    """A function call in a message; `arguments` is JSON."""

    id: str
    name: str
    arguments: str
    client_side: bool = True


def _message(kind: str, **fields: Any) -> bytes:
    return orjson.dumps({"type": kind, **fields})


def welcome(request_id: str) -> bytes:
    """Report that the connection is open."""
    return _message("Welcome", request_id=request_id)


def settings_applied() -> bytes:
    """Report that the Settings are in force."""
    return _message("SettingsApplied")


def prompt_updated() -> bytes:
    """Report that the addition to the prompt is in force."""
    return _message("PromptUpdated")


def think_updated() -> bytes:
    """Report that the language model's new settings are in force."""
    return _message("ThinkUpdated")


def speak_updated() -> bytes:
    """Report that the voice's new settings are in force."""
    return _message("SpeakUpdated")


def listen_updated() -> bytes:
    """Report that the transcription's new settings are in force."""
    return _message("ListenUpdated")


def conversation_text(role: Role, content: str) -> bytes:
    """Show a final text of the user or the assistant."""
    return orjson.dumps({"type": "ConversationText", "role": role, "content": content})


def history(role: Role, content: str) -> bytes:
    """Show a turn, for a client that keeps the history."""
    return _message("History", role=role, content=content)


def history_of_call(call: CallRequest, response: str) -> bytes:
    """Show a function call and its result, for a client that keeps the history."""
    return _message("History", function_calls=[{**call._asdict(), "response": response}])


def transcript(text: str, *, is_final: bool) -> bytes:
    """Show the transcript of the user's speech, interim or final."""
    return _message("Transcript", transcript=text, is_final=is_final)


def user_started_speaking() -> bytes:
    """Report that the user started speaking."""
    return _message("UserStartedSpeaking")


def utterance_end() -> bytes:
    """Report that the user stopped speaking."""
    return _message("UtteranceEnd", channel=[0, 1], last_word_end=0)


def agent_thinking(content: str) -> bytes:
    """Report that the agent works on something other than text or speech; `content` names it."""
    return _message("AgentThinking", content=content)


def agent_started_speaking(total: float, tts: float, ttt: float) -> bytes:
    """Report that a response begins; latencies in seconds: total, of the voice, of the text."""
    return orjson.dumps(
        {"type": "AgentStartedSpeaking", "total_latency": total, "tts_latency": tts, "ttt_latency": ttt}
    )


def latency_report(**latencies: float) -> bytes:
    """Report the latencies of a turn, in seconds, by their names in the protocol, such as ``stt_latency``."""
    return orjson.dumps({"type": "LatencyReport", **latencies})


def agent_audio_done() -> bytes:
    """Report that the last audio of a response was sent."""
    return _message("AgentAudioDone")


def agent_done() -> bytes:
    """Report that a response is over."""
    return _message("AgentDone")


def function_call_request(calls: Iterable[CallRequest]) -> bytes:
    """Request the client's results of function calls, or show calls that the proxy makes."""
    return _message("FunctionCallRequest", functions=[call._asdict() for call in calls])


def function_call_response(call_id: str, name: str, content: str) -> bytes:
    """Show the result of a function that the proxy called."""
    return _message("FunctionCallResponse", id=call_id, name=name, content=content)


def function_call_cancelled(calls: Iterable[tuple[str, str]]) -> bytes:
    """Report calls (id, name) that need no result any more."""
    return _message("FunctionCallCancelled", functions=[{"id": call_id, "name": name} for call_id, name in calls])


def injection_refused(message: str) -> bytes:
    """Report that an agent message was refused."""
    return _message("InjectionRefused", message=message)


def warning(code: str, description: str) -> bytes:
    """Report a problem after which the session goes on."""
    return _message("Warning", code=code, description=description)


def error(code: str, description: str) -> bytes:
    """Report a problem."""
    return _message("Error", code=code, description=description)
