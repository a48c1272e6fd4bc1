"""The story of one request: what it waited for, what let it go, what was sent for it, and how it was answered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from turnstile.terminal.line_values import code_of, kind_of, members, text_of, why_of
from turnstile.terminal.story_words import event_in_words, is_request, request_in_words, wait_in_words

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from turnstile.terminal.line_values import Json


class UnknownRequestError(Exception):
    """There is no such request; its text says which there are."""


def story(lines: Iterable[Json], ref: int) -> Iterator[str]:
    """Yield the story of a request, a sentence a line, with times in seconds since the session began.

    Args:
        lines: The journal's lines, of any level.
        ref: The request's number; a negative one is the host's.

    Raises:
        UnknownRequestError: No request has that number.
    """
    lines = tuple(lines)
    asked = [line["event"]["ref"] for line in lines if "event" in line and is_request(line["event"])]
    if ref not in asked:
        known = ", ".join([f"#{number}" for number in asked]) or "none"
        raise UnknownRequestError(f"there is no request #{ref}; there are: {known}.")
    return _told(lines, ref)


def _told(lines: tuple[Json, ...], ref: int) -> Iterator[str]:
    one = _Story(ref, _Carriers())
    for line in lines:
        if "event" in line:
            yield from one.decided(line)
        elif "lost" in line and not one.is_answered:
            yield f"{line['lost']} entries are missing at {line['at']:.3f} s: what follows may lack something."
        elif "end" in line and not one.is_answered:
            end = line["end"]
            yield f"The session ended at {line['at']:.3f} s, by {end.get('by')}, before it was answered."
            return
    if not one.is_answered:
        yield "The recording ends before it was answered."


class _Carriers:
    """Finds which request each event to upstream carries, by the order in which requests were taken."""

    def __init__(self) -> None:
        self.sent: dict[str, int] = {}
        """The request that each event id of ours carries."""
        self._taken: dict[str, list[int]] = {"SendItem": [], "SendCreate": [], "SendCommit": []}

    def take(self, event: Json, *, is_first: bool = False) -> None:
        """Keep a request that has been decided, until it is sent."""
        by = {
            "UserMessageGiven": "SendItem",
            "FunctionAnswered": "SendItem",
            "AgentMessageGiven": "SendCreate",
            "TurnEndForced": "SendCommit",
        }.get(kind_of(event))
        if by:
            is_first = is_first or event.get("behavior") == "interrupt"
            queue = self._taken[by]
            queue.insert(0 if is_first else len(queue), event["ref"])

    def drop(self, ref: int) -> None:
        """Forget a request that has been answered without being sent."""
        for queue in self._taken.values():
            if ref in queue:
                queue.remove(ref)

    def send(self, effect: Json) -> int | None:
        """Return the request that an event to upstream carries."""
        queue = self._taken.get(kind_of(effect))
        if not queue:
            return None
        ref = self.sent[text_of(effect.get("event_id"))] = queue.pop(0)
        return ref


_SENT = {
    "SendItem": "conversation.item.create",
    "SendCreate": "response.create",
    "SendCommit": "input_audio_buffer.commit",
}


@dataclass
class _Story:
    """What is known of the request so far.

    Args:
        ref: Its number.
        carriers: Which event carries which request.
    """

    ref: int
    carriers: _Carriers
    came: float = 0.0
    waits: str = ""
    since: float = 0.0
    is_answered: bool = False
    is_out: bool = False
    has_waited: bool = False

    def __post_init__(self) -> None:
        self._held: dict[int, Json] = {}
        self._asked: dict[int, Json] = {}

    def decided(self, line: Json) -> Iterator[str]:
        """Yield what a decision says of it."""
        event, effects, at = line["event"], line["effects"], line["at"]
        if is_request(event):
            yield from self._came(event, effects, at)
        yield from self._back(event, effects, at)
        for effect in effects:
            match kind_of(effect):
                case "Held" if self.ref in members(effect.get("refs")):
                    yield from self._waited(at)
                    self.waits, self.since, self.has_waited = why_of(effect), at, True
                case "Noted":
                    yield from self._noted(effect, event, at)
                case "SendItem" | "SendCreate" | "SendCommit" as kind:
                    if self.carriers.send(effect) == self.ref:
                        yield from self._queued(event, at)
                        self.is_out = True
                        yield f"It went upstream as {_SENT[kind]} {effect.get('event_id')} at {at:.3f} s."
                case "Answered" | "Unlocked" as kind:
                    self.carriers.drop(effect["ref"])
                    if effect["ref"] == self.ref:
                        yield from self._answered(kind, effect, event, at)
                case _:
                    pass

    def _came(self, event: Json, effects: list[Json], at: float) -> Iterator[str]:
        ref = event["ref"]
        self._asked[ref] = event
        is_held = any(kind_of(effect) == "Held" and ref in members(effect.get("refs")) for effect in effects)
        if not is_held:
            self.carriers.take(event)
        if ref != self.ref:
            return
        self.came = at
        whose = "the host's" if ref < 0 else "the client's"
        yield f"Request #{ref} is {request_in_words(event)}, {whose}; it came at {at:.3f} s."
        if any(kind_of(effect) == "OpenLink" for effect in effects):
            yield "It had the upstream link opened."

    def _back(self, event: Json, effects: list[Json], at: float) -> Iterator[str]:
        """Yield what becomes of an event to upstream that comes back, or is lost with its link."""
        kind, event_id = kind_of(event), text_of(event.get("event_id"))
        if kind in {"HandedBack", "Refused"} and event_id in self.carriers.sent:
            ref = self.carriers.sent[event_id]
            is_over = any(kind_of(effect) == "Answered" and effect["ref"] == ref for effect in effects)
            if not is_over and kind_of(self._asked.get(ref)) == "AgentMessageGiven":
                self.carriers.take(self._asked[ref], is_first=True)
            if ref == self.ref and not is_over:
                yield f"{event_in_words(event)} came at {at:.3f} s."
        elif kind in {"LinkLost", "TookOver"} and self.is_out and not self.is_answered:
            yield f"{event_in_words(event)} came at {at:.3f} s, before it was answered.".replace(", came", " came")

    def _queued(self, event: Json, at: float) -> Iterator[str]:
        """Yield that it stood behind others, which is no reason of the gate's."""
        if event.get("ref") != self.ref and not self.has_waited and not self.is_out:
            span = f"from {self.came:.3f} s to {at:.3f} s ({(at - self.came) * 1000:.0f} ms)"
            yield f"It waited for its turn, {span}."
            yield f"{event_in_words(event)} let it go at {at:.3f} s."

    def _waited(self, at: float) -> Iterator[str]:
        if self.waits:
            span = f"from {self.since:.3f} s to {at:.3f} s ({(at - self.since) * 1000:.0f} ms)"
            yield f"It waited for {wait_in_words(self.waits)}, {span}."
            self.waits = ""

    def _noted(self, noted: Json, event: Json, at: float) -> Iterator[str]:
        what, *rest = text_of(noted.get("detail")).split()
        match noted.get("kind"):
            case "released":
                ref = int(what.removeprefix("#"))
                if ref in self._asked:
                    self.carriers.take(self._asked[ref])
                if ref == self.ref:
                    yield from self._waited(at)
                    yield f"{event_in_words(event)} let it go at {at:.3f} s."
            case "merged" if f"#{self.ref}" in rest:
                self.carriers.sent[what] = self.ref
                self.is_out = True
                others = [ref for ref in rest if ref != f"#{self.ref}"]
                together = f", together with {', '.join(others)}" if others else ""
                yield f"It went upstream as session.update {what} at {at:.3f} s{together}."
            case "collided" if self.carriers.sent.get(what) == self.ref:
                yield f"{what} collided with a response ({' '.join(rest)}), and is sent again."
            case _:
                pass

    def _answered(self, kind: str, effect: Json, event: Json, at: float) -> Iterator[str]:
        yield from self._waited(at)
        self.is_answered, self.is_out = True, False
        took = f"at {at:.3f} s, {(at - self.came) * 1000:.0f} ms after it came"
        if kind == "Unlocked":
            yield f"Its voice is in force on another link, as was said {took}."
        elif effect.get("problem"):
            part = ", though a part of it is in force" if effect.get("in_force", True) else ""
            yield f"It was answered {took}, with the problem {code_of(effect).rstrip('.')}{part}."
        else:
            why = "" if event.get("ref") == self.ref else f" {event_in_words(event)} answered it."
            short = members(effect.get("shortfalls"))
            lacks = f", but for {len(short)} of its parts" if short else ""
            is_config = kind_of(self._asked.get(self.ref)) == "ConfigRequested"
            yield f"It was answered {took}{lacks}: it is {'in force' if is_config else 'done'}.{why}"
