"""Every server event of the Realtime API, and what becomes of it for a Voice Agent client.

``translated``: the client hears of it. ``control``: the session or the proxy acts on it. ``ignored``: with the reason.
An event that is not here is new: it is logged once a session and dropped.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

Fate = Literal["translated", "control", "ignored"]


class Row(NamedTuple):
    """What becomes of an event, and why or how."""

    fate: Fate
    reason: str


_MCP = "tools on the API's own servers are its own business"
_WEBRTC = "sent over WebRTC and SIP only"
_FINAL_SUFFICES = "the final text says it"

SERVER_EVENTS: dict[str, Row] = {
    "conversation.created": Row("ignored", "there is one conversation a session"),
    "conversation.item.added": Row("translated", "ConversationText, of the assistant where it is complete"),
    "conversation.item.created": Row("translated", "the same, in older servers"),
    "conversation.item.deleted": Row("ignored", "no client message deletes"),
    "conversation.item.done": Row("translated", "ConversationText of the assistant, where it holds the final text"),
    "conversation.item.input_audio_transcription.completed": Row("translated", "Transcript, ConversationText"),
    "conversation.item.input_audio_transcription.delta": Row("translated", "Transcript"),
    "conversation.item.input_audio_transcription.failed": Row("translated", "Warning: the turn goes on unheard"),
    "conversation.item.input_audio_transcription.segment": Row("ignored", _FINAL_SUFFICES),
    "conversation.item.retrieved": Row("ignored", "no client message retrieves"),
    "conversation.item.truncated": Row("ignored", "answers a command of ours, which nothing waits for"),
    "error": Row("control", "the session decides whose it is"),
    "input_audio_buffer.cleared": Row("control", "nothing comes of what was heard of the user"),
    "input_audio_buffer.committed": Row("control", "a spoken turn is in the conversation"),
    "input_audio_buffer.dtmf_event_received": Row("ignored", _WEBRTC),
    "input_audio_buffer.speech_started": Row("translated", "UserStartedSpeaking"),
    "input_audio_buffer.speech_stopped": Row("translated", "UtteranceEnd"),
    "input_audio_buffer.timeout_triggered": Row("ignored", "a commit follows, which counts"),
    "mcp_list_tools.completed": Row("ignored", _MCP),
    "mcp_list_tools.failed": Row("ignored", _MCP),
    "mcp_list_tools.in_progress": Row("ignored", _MCP),
    "output_audio_buffer.cleared": Row("ignored", _WEBRTC),
    "output_audio_buffer.started": Row("ignored", _WEBRTC),
    "output_audio_buffer.stopped": Row("ignored", _WEBRTC),
    "rate_limits.updated": Row("ignored", "of use to the operator only"),
    "response.content_part.added": Row("control", "assistant audio locks the voice"),
    "response.content_part.done": Row("ignored", _FINAL_SUFFICES),
    "response.created": Row("translated", "the response begins, and its latencies count from it"),
    "response.done": Row("translated", "AgentAudioDone and AgentDone, Warning or Error where it did not complete"),
    "response.function_call_arguments.delta": Row("ignored", "the complete arguments follow"),
    "response.function_call_arguments.done": Row("translated", "FunctionCallRequest"),
    "response.mcp_call.completed": Row("ignored", _MCP),
    "response.mcp_call.failed": Row("ignored", _MCP),
    "response.mcp_call.in_progress": Row("ignored", _MCP),
    "response.mcp_call_arguments.delta": Row("ignored", _MCP),
    "response.mcp_call_arguments.done": Row("ignored", _MCP),
    "response.output_audio.delta": Row("translated", "binary audio"),
    "response.output_audio.done": Row("ignored", "another item may speak yet; the response's end says it"),
    "response.output_audio_transcript.delta": Row("translated", "latencies count from the first"),
    "response.output_audio_transcript.done": Row("translated", "ConversationText of the assistant"),
    "response.output_item.added": Row("translated", "AgentThinking, where it is a function call"),
    "response.output_item.done": Row("translated", "FunctionCallRequest, where nothing said it before"),
    "response.output_text.delta": Row("translated", "AgentStartedSpeaking, the first time"),
    "response.output_text.done": Row("translated", "ConversationText of the assistant"),
    "session.created": Row("control", "the link is up"),
    "session.updated": Row("control", "the session acknowledges what it put in force"),
}
