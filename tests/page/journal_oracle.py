"""What a timeline must draw of a session, read from its journal's lines in another way than the page reads them."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

Json = dict[str, Any]

# Seconds by which the clock of a figure and that of a line may differ.
NEAR = 0.02
LINKS = {"link-opened": "links_opened", "link-lost": "links_lost"}
# What no line shows of a few: a link that ends before its first event, and which items a create was for.
_UNSEEN = {"link-opened", "repairs"}
OUTCOMES = ("completed", "failed", "incomplete", "cancelled", "lost")


def kind(value: object) -> str:
    """Return the class of an encoded event or effect."""
    return value.get("!", "") if isinstance(value, dict) else ""


class Told:
    """What the lines of a session say of it."""

    def __init__(self, lines: list[Json]) -> None:
        self.lines = lines
        self.holds: list[Json] = []
        self.responses: dict[str, Json] = {}
        self.speech: list[float] = []
        self.collisions: list[float] = []
        self.end: float | None = None
        self.counts: Json = {}
        self._open: dict[int, Json] = {}
        for line in lines[1:]:
            self._read(line)

    def _read(self, line: Json) -> None:
        at = line["at"]
        if "event" in line:
            for effect in line["effects"]:
                self._decided(kind(line["event"]), effect, at)
        elif line.get("wire") == "upstream" and line.get("way") == "in":
            self._said(line.get("type"), line.get("ids", {}), at)
        elif "end" in line:
            self.end, self.counts = at, line["counts"]
            for hold in self._open.values():
                hold.update(to=at, outcome="unfinished")

    def _decided(self, event: str, effect: Json, at: float) -> None:
        name = kind(effect)
        if name == "Held":
            for ref in effect["refs"]:
                if ref not in self._open:
                    self._open[ref] = {"ref": ref, "from": at, "to": None, "outcome": "", "for": "", "event": ""}
                    self.holds.append(self._open[ref])
                self._open[ref]["for"] = effect["reason"]["waits"]
        elif name == "Noted" and effect["kind"] == "released":
            self._ended(int(effect["detail"][1:]), at, "released", event)
        elif name == "Noted" and effect["kind"] == "collided":
            self.collisions.append(at)
        elif name == "Answered":
            self._ended(effect["ref"], at, "answered", event)

    def _ended(self, ref: int, at: float, outcome: str, event: str) -> None:
        if ref in self._open:
            self._open.pop(ref).update(to=at, outcome=outcome, event=event)

    def _said(self, event: str, ids: Json, at: float) -> None:
        if event == "input_audio_buffer.speech_started":
            self.speech.append(at)
        elif event == "response.created":
            self.responses[ids["response_id"]] = {"from": at, "to": None, "outcome": ""}
        elif event == "response.done" and ids["response_id"] in self.responses:
            self.responses[ids["response_id"]].update(to=at, outcome=ids["status"])


def faults(lines: list[Json], drawn: Json, words: dict[str, str]) -> list[str]:
    """Return what is drawn otherwise than the lines say.

    Args:
        lines: Of one session, the first of them its head.
        drawn: The spans and marks of its timeline.
        words: Of each thing that may be waited for.
    """
    told = Told(lines)
    spans = defaultdict(list)
    for span in drawn["spans"]:
        spans[span["kind"]].append(span)
    found = _of_holds(told, spans["hold"], words) + _of_responses(told, spans["response"])
    speech = sorted(span["from"] for span in spans["user-speech"])
    if speech != sorted(told.speech):
        found.append(f"the user spoke at {told.speech}, and is drawn at {speech}")
    collisions = [mark["at"] for mark in drawn["marks"] if mark["kind"] == "collision"]
    if collisions != told.collisions:
        found.append(f"collisions at {told.collisions} are drawn at {collisions}")
    if told.end is not None:
        found += [f"{span['id']} from {span['from']} has no end" for span in drawn["spans"] if span["to"] is None]
        found += _of_counts(told.counts, spans, drawn["marks"])
    return found


def _of_holds(told: Told, drawn: list[Json], words: dict[str, str]) -> list[str]:
    fields = ("ref", "from", "to", "outcome")
    wanted = sorted(tuple(str(hold[name]) for name in fields) for hold in told.holds)
    shown = sorted(tuple(str(hold[name]) for name in fields) for hold in drawn)
    if wanted != shown:
        return [f"holds {wanted} are drawn as {shown}"]
    found = []
    by_name = {(hold["ref"], hold["from"]): hold for hold in told.holds}
    for bar in drawn:
        hold = by_name[bar["ref"], bar["from"]]
        if words[hold["for"]] not in bar["reason"]:
            found.append(f"#{bar['ref']} waits for {hold['for']}, and is drawn with {bar['reason']}")
        if hold["outcome"] == "released" and not _is_cause(told, bar["cause"], hold):
            found.append(f"#{bar['ref']} is let go by {hold['event']} at {hold['to']}, drawn is {bar['cause']}")
    return found


# The frame or note that says what was decided for; others are the decision itself.
_SAYS = {
    "ConfigAnswered": "session.updated",
    "LinkOpened": "session.created",
    "ResponseFinished": "response.done",
    "ResponseStarted": "response.created",
    "TookOver": "took over",
    "TurnCommitted": "input_audio_buffer.committed",
    "Refused": "error",
}


def _is_cause(told: Told, cause: Json | None, hold: Json) -> bool:
    """Whether an arrow leads from the line that the release was decided for, the last of its kind before."""
    if cause is None or cause["at"] > hold["to"]:
        return False
    line = told.lines[cause["line"]]
    says = _SAYS.get(hold["event"])
    has_frames = any("type" in one for one in told.lines)
    if says is None or not has_frames:
        return line["at"] <= hold["to"]
    return says in (line.get("type"), line.get("note"))


def _of_responses(told: Told, drawn: list[Json]) -> list[str]:
    found = []
    for response, wanted in told.responses.items():
        bars = [bar for bar in drawn if bar["response"] == response]
        if len(bars) != 1 or bars[0]["from"] != wanted["from"]:
            found.append(f"{response} from {wanted['from']} is drawn as {bars}")
        elif wanted["to"] is not None and (bars[0]["to"], bars[0]["outcome"]) != (wanted["to"], wanted["outcome"]):
            found.append(f"{response} is {wanted}, and is drawn as {bars[0]}")
    return found


def _of_counts(counts: Json, spans: dict[str, list[Json]], marks: list[Json]) -> list[str]:
    """Compare with what the session has counted: `SessionCounts`, which the metrics show."""
    if not counts:
        return []
    first = spans["first-audio"]
    kinds = Counter(mark["kind"] for mark in marks)
    outcomes = Counter(span["outcome"] for span in spans["response"])
    again = Counter(mark["label"].rpartition(" ")[2] for mark in marks if mark["kind"] == "link-renewed")
    pairs = {
        "collisions": (kinds["collision"], counts["collisions"]),
        "repairs": (kinds["repair"], counts["repairs"]),
        "renewals": (again["renewed"], counts["links_renewed"]),
        "restorations": (again["restored"], counts["links_restored"]),
        "times to first audio": (len(first), sum(counts["first_audio_seconds"]["buckets"])),
        **{shown: (kinds[shown], counts[name]) for shown, name in LINKS.items()},
        **{name: (outcomes[name], counts["responses"].get(name, 0)) for name in OUTCOMES},
    }
    found = []
    for name, (drawn, counted) in pairs.items():
        if drawn > counted or (drawn < counted and name not in _UNSEEN):
            found.append(f"{name}: {drawn} drawn, {counted} counted")
    seconds = sum(span["to"] - span["from"] for span in first)
    if abs(seconds - counts["first_audio_seconds"]["sum"]) > NEAR * max(len(first), 1):
        found.append(f"first audio after {seconds} s in all, counted are {counts['first_audio_seconds']['sum']} s")
    return found
