"""Render the page of a session's states, computed from its rules: ``python docs/generate/states.py`` prints it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from state_walk import Transition, transitions
from turnstile.session.state import PHASES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from turnstile.session.state import Phase

_HEAD = """\
# States

The states of a session, and what leads from one to the other. This page is computed from the rules in
`turnstile/session/`: `python docs/generate/states.py` prints it, and a test compares it.

Where two facts hold at once, such as a response of the server's own that began while our create or update is out, the
state is named after the one that ends last; so the end of a response can lead to `requested` or `updating` with nothing
sent. One event can have several outcomes: what is held or owed decides. Whatever is not in a state's table neither
moves it nor makes it send anything: above all, no `response.done` of another response, and no text or audio that is
done, ends a response.
"""

_MEANINGS: dict[Phase, str] = {
    "no link": "There is no upstream link: not asked for yet, coming up, lost, or given up.",
    "idle": "Nothing runs or is expected; the user may be speaking. The gate is open.",
    "updating": "Our `session.update` is unanswered: nothing is created.",
    "expected": "The server will begin a response by itself, since it heard a turn end, or refused our create for it.",
    "requested": "Our `response.create` is out.",
    "in progress": "A response runs. Only `response.done` with its id ends it.",
    "cancelling": "We asked the response to stop. It runs until it says that it is done.",
}


def diagram(found: Sequence[Transition]) -> str:
    """Render the states and the transitions between them as Mermaid."""
    edges: dict[tuple[Phase, Phase], list[str]] = {}
    for phase, event, after, _ in found:
        labels = edges.setdefault((phase, after), [])
        word = event.partition(",")[0]
        if after not in {phase, "no link"} and word not in labels:
            labels.append(word)
    lines = ["stateDiagram-v2", "    [*] --> no_link", f'    state "{PHASES[0]}" as {_name(PHASES[0])}']
    lines += ['    state "the link is open" as open {']
    lines += [f'        state "{phase}" as {_name(phase)}' for phase in PHASES[1:]]
    lines += ["    }", "    open --> no_link : the link is lost"]
    for (phase, after), labels in edges.items():
        if labels:
            lines.append(f"    {_name(phase)} --> {_name(after)} : {'<br/>'.join(labels)}")
    return "\n".join(lines)


def _name(phase: Phase) -> str:
    return phase.replace(" ", "_")


def table(found: Sequence[Transition], phase: Phase) -> str:
    """Render the transitions from `phase` as a Markdown table; events with the same outcomes share their rows."""
    outcomes: dict[str, dict[Phase, set[tuple[str, ...]]]] = {}
    for one in found:
        if one.phase == phase:
            outcomes.setdefault(one.event, {}).setdefault(one.after, set()).add(one.sent)
    alike: list[tuple[dict[Phase, set[tuple[str, ...]]], list[str]]] = []
    for event, outcome in outcomes.items():
        events = next((events for other, events in alike if other == outcome), None)
        if events is None:
            alike.append((outcome, [event]))
        else:
            events.append(event)
    lines = ["| event | next state | what is sent |", "| --- | --- | --- |"]
    for outcome, events in alike:
        first = "<br>".join(events)
        for after, sent in outcome.items():
            lines.append(f"| {first} | `{after}` | {_alternatives(sent)} |")
            first = ""
    return "\n".join(lines)


def _alternatives(sent: set[tuple[str, ...]]) -> str:
    """Render what is sent every time, and what is sent at times."""
    words = sorted({word for words in sent for word in words})
    always = [word for word in words if all(word in words for words in sent)]
    perhaps = [word for word in words if word not in always]
    if always:
        return ", ".join(always) + ("; perhaps " + ", ".join(perhaps) if perhaps else "")
    return " or ".join([*perhaps, "nothing"] if () in sent else perhaps)


def page() -> str:
    """Render ``docs/reference/states.md``."""
    found = transitions()
    parts = [_HEAD, f"```mermaid\n{diagram(found)}\n```\n"]
    parts += [f"## `{phase}`\n\n{_MEANINGS[phase]}\n\n{table(found, phase)}\n" for phase in PHASES]
    return "\n".join(parts)


if __name__ == "__main__":
    sys.stdout.write(page())
