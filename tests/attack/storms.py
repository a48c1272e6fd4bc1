"""Events of a hostile upstream: one answer that consists of too much of something."""

from __future__ import annotations

import base64
import itertools
import json
from typing import TYPE_CHECKING, Any

from raw_frames import CLOSE, TEXT, server_frame

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

numbers = itertools.count()
"""Of ids that nobody has heard of."""


SECRET = "sk-proj-abcdefghijklmnopqrstuvwx0123456789"
"""A key that an upstream tells in an error."""


def event(kind: str, **fields: Any) -> bytes:
    """Return an event in a frame."""
    whole = {"type": kind, "event_id": f"event_{next(numbers)}", **fields}
    return server_frame(TEXT, json.dumps(whole, separators=(",", ":")).encode())


def _part(response: str, item: str) -> dict[str, Any]:
    return {"response_id": response, "item_id": item, "output_index": 0, "content_index": 0}


def new_items(response: str, count: int) -> Iterator[bytes]:
    """Deltas, each of an item that nobody has heard of."""
    kinds = ("response.output_text.delta", "response.output_audio_transcript.delta")
    for _ in range(count // 4):
        item = f"item_{next(numbers)}"
        for kind in kinds:
            yield event(kind, **_part(response, f"{item}_{kind[16]}"), delta="x")
        yield event(
            "response.function_call_arguments.delta", **_part(response, f"{item}_f"), call_id=f"c{item}", delta="{"
        )
        yield event(
            "conversation.item.input_audio_transcription.delta", item_id=f"{item}_u", content_index=0, delta="x"
        )


def interim_transcripts(response: str, count: int, size: int) -> Iterator[bytes]:
    """Deltas of the transcript of one item."""
    del response
    for _ in range(count):
        yield event(
            "conversation.item.input_audio_transcription.delta", item_id="item_said", content_index=0, delta="x" * size
        )


def unknown_events(response: str, count: int) -> Iterator[bytes]:
    """Events of types that nobody has heard of, one of each."""
    for _ in range(count):
        yield event(f"response.unknown.{next(numbers)}.{'x' * 200}", response_id=response)


def audio(response: str, count: int, size: int) -> Iterator[bytes]:
    """Deltas of audio."""
    delta = base64.b64encode(bytes(size)).decode()
    for _ in range(count):
        yield event("response.output_audio.delta", **_part(response, "item_storm"), delta=delta)


def forged(response: str, count: int) -> Iterator[bytes]:
    """Events whose type and texts have line breaks with what looks like a line of the log."""
    del response
    line = "x\n2026-01-01 00:00:00,000 ERROR   [-] forged: line\r\n\x1b[31mforged"
    for _ in range(count):
        yield event(line)
        said = f"Incorrect API key provided: {SECRET}. {line}"
        yield event("error", error={"type": line, "code": line, "message": said, "param": line})
    yield server_frame(CLOSE, (1008).to_bytes(2, "big") + b"x\nforged: by a close\r\nforged: again")


STORMS: dict[str, Callable[..., Iterator[bytes]]] = {
    "new_items": new_items,
    "interim": interim_transcripts,
    "unknown": unknown_events,
    "audio": audio,
    "forged": forged,
}
