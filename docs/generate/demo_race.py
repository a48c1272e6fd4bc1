"""Find in the demo's journal what became of the requests that came while the agent spoke."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from turnstile.session.waits import Reason, Waits
from turnstile.terminal.line_values import kind_of, members, text_of, why_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from turnstile.terminal.line_values import Json

_ANSWERS = {"UpdatePrompt": "PromptUpdated", "UpdateSpeak": "SpeakUpdated", "InjectUserMessage": "ConversationText"}
_SENDS = {"ConfigRequested": {"SendUpdate"}, "UserMessageGiven": {"SendItem", "SendCreate"}}


@dataclass(frozen=True)
class Wait:
    """How long a request was held for one reason, as indexes of lines, and the reason in words."""

    begins: int
    ends: int
    reason: str


@dataclass(frozen=True)
class Request:
    """A message of the client's, and what became of it; places are indexes of lines.

    Args:
        name: Its type.
        at: Where it came.
        waits: Why it was held.
        sent: Where events went upstream that were made of it, with their types.
        answer: The message that acknowledged it; "" where there was none.
        refused: Where upstream refused it, with the code; None where it did not.
    """

    name: str
    at: int
    waits: tuple[Wait, ...]
    sent: tuple[tuple[int, str], ...]
    answer: str
    refused: tuple[int, str] | None

    @property
    def places(self) -> set[int]:
        """The lines that tell of it."""
        waits = {place for wait in self.waits for place in (wait.begins, wait.ends)}
        return {self.at, *waits, *(place for place, _ in self.sent), *([self.refused[0]] if self.refused else [])}


@dataclass(frozen=True)
class Race:
    """The requests that came during one response; places are indexes of lines.

    Args:
        requests: The requests.
        done: Where the response ended.
        next_response: Where another one began, before the client sent anything more; None where none did.
    """

    requests: tuple[Request, ...]
    done: int
    next_response: int | None

    @property
    def moments(self) -> list[int]:
        """The lines that tell of it, in order."""
        places = {place for request in self.requests for place in request.places}
        return sorted({self.done, *places, *([self.next_response] if self.next_response else [])})


def find_race(lines: Sequence[Json]) -> Race:
    """Return the race in the lines of the demo's conversation, at the level `text`, with the gate or without."""
    begin = next(i for i, line in enumerate(lines) if line.get("type") == "UpdatePrompt")
    came = {i: line["type"] for i, line in enumerate(lines) if _is_frame(line, "client", "in") and i >= begin}
    asked = dict(list(came.items())[: len(_ANSWERS)])
    end = next((i for i in came if i not in asked), len(lines))
    window = [(i, lines[i]) for i in range(begin, end)]
    done = next(i for i, line in window if line.get("type") == "response.done")
    created = [i for i, line in window if line.get("type") == "response.created"]
    requests = tuple(_request(window, name, at) for at, name in asked.items())
    return Race(requests, done, created[0] if created else None)


def _is_frame(line: Json, wire: str, way: str) -> bool:
    return line.get("wire") == wire and line.get("way") == way and "type" in line


def _request(window: Sequence[tuple[int, Json]], name: str, at: int) -> Request:
    event = next(line["event"] for _, line in window if line.get("event", {}).get("message") == name)
    ids = _event_ids(window, event["ref"], _SENDS[kind_of(event)])
    frames = [(i, line) for i, line in window if "type" in line]
    sent = [(i, line["type"]) for i, line in frames if line["way"] == "out" and line["ids"].get("event_id") in ids]
    refused = [(i, line["ids"]["code"]) for i, line in frames if line["ids"].get("about") in ids]
    answers = [line["type"] for _, line in frames if line["type"] == _ANSWERS[name] and line["way"] == "out"]
    waits = tuple(_waits(window, event["ref"], at))
    return Request(name, at, waits, tuple(sent), (*answers, "")[0], (*refused, None)[0])


def _event_ids(window: Sequence[tuple[int, Json]], ref: int, kinds: set[str]) -> set[str]:
    """Return the ids of the events that were made of a request: those of the decisions that name it."""
    deciding = [line for _, line in window if _names(line, ref)]
    effects = [effect for line in deciding for effect in line["effects"] if kind_of(effect) in kinds]
    return {effect["event_id"] for effect in effects}


def _names(line: Json, ref: int) -> bool:
    effects = line.get("effects", ())
    answered = any(kind_of(effect) == "Answered" and effect["ref"] == ref for effect in effects)
    return answered or _releases(line, ref) or line.get("event", {}).get("ref") == ref


def _releases(line: Json, ref: int) -> bool:
    notes = [effect for effect in line.get("effects", ()) if kind_of(effect) == "Noted"]
    return any(note["kind"] == "released" and text_of(note["detail"]) == f"#{ref}" for note in notes)


def _waits(window: Sequence[tuple[int, Json]], ref: int, at: int) -> list[Wait]:
    held: list[tuple[int, str]] = []
    for i, line in window:
        for effect in line.get("effects", ()):
            if kind_of(effect) == "Held" and ref in members(effect["refs"]):
                held.append((i if held else at, Reason(Waits(why_of(effect).partition(" ")[0])).in_words))
    ends = [i for i, line in window if _releases(line, ref)]
    turns = [*held, (ends[0], "")] if held and ends else held
    return [Wait(begins, ends, reason) for (begins, reason), (ends, _) in pairwise(turns)]
