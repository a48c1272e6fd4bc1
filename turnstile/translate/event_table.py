"""The server events of the Realtime API, and what each does for a Voice Agent client.

An event that is missing here is new: it is logged once a session and dropped. The table of docs/protocol.md is
generated from this one.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

Handling = Literal["translated", "control", "ignored"]


class EventRow(NamedTuple):
    """The handling of one event; the texts are Markdown.

    Args:
        handling: ``translated`` to messages to the client; ``control`` for the session or the proxy only; ``ignored``.
        session: What the session learns; "" for nothing.
        client: What the client receives; of an event that is not translated, why it receives nothing of it, or "".
    """

    handling: Handling
    session: str
    client: str


SIGN_OF_LIFE = "a sign of life"
"""What the session learns of each event of a response that means nothing else to it."""

_MCP = EventRow("ignored", "", "tools on the API's own servers are its own business")
_MCP_ARGUMENTS = _MCP._replace(session=SIGN_OF_LIFE)
_WEBRTC = EventRow("ignored", "", "sent over WebRTC and SIP only")
_FINAL_TEXT_FOLLOWS = "the final text follows"
_ITEM = EventRow(
    "translated",
    "an item of ours is in the conversation",
    "`ConversationText` of the user, for what was written; of the assistant, if the item is complete and the first to "
    "hold the final text",
)
_FINAL_TEXT = EventRow(
    "translated", SIGN_OF_LIFE, "`ConversationText` of the assistant, if it is the first to hold the final text"
)

SERVER_EVENTS: dict[str, EventRow] = {
    "session.created": EventRow("control", "the link is up", ""),
    "session.updated": EventRow(
        "control",
        "the update that is out is in force, but for fields that it shows otherwise",
        "the session answers the updates: a `Warning` `not_in_force` for each field that differs, then the "
        "acknowledgements. Audio is converted to and from the formats that the event shows, or that a response shows "
        "for itself; audio that cannot be converted is left out, with a warning",
    ),
    "conversation.created": EventRow("ignored", "", "there is one conversation a session"),
    "conversation.item.added": _ITEM,
    "conversation.item.created": _ITEM._replace(session="the same, from older servers"),
    "conversation.item.deleted": EventRow("control", "the item is no longer in the conversation", ""),
    "conversation.item.done": _ITEM,
    "conversation.item.input_audio_transcription.completed": EventRow(
        "translated", "what the user said", "`Transcript`, final (component); `ConversationText` of the user"
    ),
    "conversation.item.input_audio_transcription.delta": EventRow(
        "translated", "", "`Transcript`, interim: the item so far, at most its latest 4,096 characters (component)"
    ),
    "conversation.item.input_audio_transcription.failed": EventRow(
        "translated", "what the user said is not known", "`Warning`, or `Error` (component); the turn goes on"
    ),
    "conversation.item.input_audio_transcription.segment": EventRow("ignored", "", _FINAL_TEXT_FOLLOWS),
    "conversation.item.retrieved": EventRow("control", "a Realtime client's request is answered", ""),
    "conversation.item.truncated": EventRow("control", "what the user has heard of the item", ""),
    "input_audio_buffer.cleared": EventRow("control", "the user's turn is dropped", ""),
    "input_audio_buffer.committed": EventRow(
        "control", "a spoken turn is in the conversation, and is owed a response", "latencies count from it"
    ),
    "input_audio_buffer.dtmf_event_received": _WEBRTC,
    "input_audio_buffer.speech_started": EventRow(
        "translated",
        "the user speaks; agent audio that was not played is truncated",
        "`UserStartedSpeaking`, and no more audio of the response that it cuts off",
    ),
    "input_audio_buffer.speech_stopped": EventRow(
        "translated", "the API will begin a response, if it answers turns by itself", "`UtteranceEnd` (component)"
    ),
    "input_audio_buffer.timeout_triggered": EventRow("ignored", "", "a commit follows, which counts"),
    "response.created": EventRow(
        "translated",
        "a response is in progress; ours, if its metadata name our create, or [no one else can have begun it]"
        "(#what-turnstile-assumes-of-an-upstream-and-what-it-does-where-that-is-missing). "
        "Out of band: a drain waits for its end",
        "`Warning`, or `Error` (component), if its audio cannot be converted",
    ),
    "response.output_item.added": EventRow("translated", SIGN_OF_LIFE, "`AgentThinking`, for a function call"),
    "response.output_item.done": EventRow(
        "translated",
        "a call is open, if it is a completed one",
        "`FunctionCallRequest`, if nothing requested it before",
    ),
    "response.content_part.added": EventRow("control", "with audio: the voice is locked", ""),
    "response.content_part.done": EventRow("control", SIGN_OF_LIFE, _FINAL_TEXT_FOLLOWS),
    "response.output_text.delta": EventRow(
        "translated", SIGN_OF_LIFE, "`AgentStartedSpeaking`, the first time in a response in writing"
    ),
    "response.output_text.done": _FINAL_TEXT,
    "response.output_audio_transcript.delta": EventRow(
        "translated",
        SIGN_OF_LIFE,
        "`AgentStartedSpeaking`, the first time, unless the response is in audio; latencies count from the first",
    ),
    "response.output_audio_transcript.done": _FINAL_TEXT,
    "response.output_audio.delta": EventRow(
        "translated", SIGN_OF_LIFE, "`AgentStartedSpeaking`, the first time; binary audio"
    ),
    "response.output_audio.done": EventRow(
        "ignored", SIGN_OF_LIFE, "another item may be spoken yet; the end of the response counts"
    ),
    "response.function_call_arguments.delta": EventRow("ignored", SIGN_OF_LIFE, "the complete arguments follow"),
    "response.function_call_arguments.done": EventRow("translated", "a call is open", "`FunctionCallRequest`"),
    "response.done": EventRow(
        "translated",
        "the response with this id is over, and how",
        "`ConversationText`, if nothing had it before; `LatencyReport`; `AgentAudioDone`, `AgentDone` (component); "
        "`Warning` or `Error` if it is incomplete, or failed and is not repeated",
    ),
    "rate_limits.updated": EventRow("ignored", "", "of use to the operator only"),
    "error": EventRow(
        "control", "see [errors](#errors-of-the-api)", "the session reports it, unless it can repair what failed"
    ),
    "output_audio_buffer.cleared": _WEBRTC,
    "output_audio_buffer.started": _WEBRTC,
    "output_audio_buffer.stopped": _WEBRTC,
    "mcp_list_tools.completed": _MCP,
    "mcp_list_tools.failed": _MCP,
    "mcp_list_tools.in_progress": _MCP,
    "response.mcp_call.completed": _MCP,
    "response.mcp_call.failed": _MCP,
    "response.mcp_call.in_progress": _MCP,
    "response.mcp_call_arguments.delta": _MCP_ARGUMENTS,
    "response.mcp_call_arguments.done": _MCP_ARGUMENTS,
}
