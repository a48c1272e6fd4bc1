"""Draw the race of the demo, without the gate and with it: ``python docs/generate/demo_image.py`` prints it as SVG.

It plays the demo both ways. Places are drawn in the order of what happened, not by time, so that the picture is the
same each time; a test compares it. On a busy machine the agent may have spoken before the requests come, and nothing
races: then it is played again.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from actors import ProxySystem
from demo_race import find_race
from turnstile.config import load_config
from turnstile.observability.kept_lines import LinesJournal
from turnstile.session.machine import Session
from turnstile.terminal.demo import hold_conversation
from turnstile.terminal.ungated_session import UngatedSession

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from demo_race import Race, Request
    from turnstile.session.policy import Policy
    from turnstile.terminal.line_values import Json

_WIDTH, _PANEL, _TRACK = 700, 254, 40  # narrow, since a phone shows all of it
_LEFT, _DONE, _RIGHT = 190, 420, 684
_CLOSE, _APART = 22, 28  # between moments, while the response runs and after it
_BAR = 3 * _TRACK + 62  # the top of the responses, in a panel
_LETTER = 7.3  # as wide as a letter of an event's name

_STYLE = """
text { font: 13px system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; fill: #1b2129 }
.title { font-size: 16px; font-weight: 600 }
.muted { fill: #5b6675 }
.name { font: 12px ui-monospace, Consolas, "DejaVu Sans Mono", monospace }
.good { fill: #176f3a } .bad { fill: #b3261e } .warn { fill: #8a5a00 }
.ground { fill: #ffffff; stroke: #d8dde4 }
.client { fill: #0b5cad }
.onto { fill: #ffffff }
.held { fill: #f2e9da; stroke: #8a5a00 }
.response { fill: #6a3fb5 }
.sent { stroke: #6a3fb5; stroke-width: 1.5 } .head { fill: #6a3fb5 }
.cross { stroke: #b3261e; stroke-width: 2.5 }
.end { stroke: #5b6675; stroke-dasharray: 3 4 }
.over { paint-order: stroke; stroke: #ffffff; stroke-width: 5px }
@media (prefers-color-scheme: dark) {
  text { fill: #e4e8ee }
  .muted { fill: #93a0b0 }
  .good { fill: #5fcf8b } .bad { fill: #ff8a80 } .warn { fill: #f0b959 }
  .ground { fill: #171c23; stroke: #2b333e }
  .client { fill: #6cb1ff }
  .onto { fill: #0b1622 }
  .held { fill: #3a3226; stroke: #f0b959 }
  .over { stroke: #171c23 }
  .response { fill: #b99bff }
  .sent { stroke: #b99bff } .head { fill: #b99bff }
  .cross { stroke: #ff8a80 }
  .end { stroke: #93a0b0 }
}
"""


def play(make_session: Callable[[Policy], Session], timeout: float) -> list[Json]:
    """Play the demo's conversation, and return the lines of its journal."""
    config = load_config(flags={"server.port": "0", "upstream.url": "simulator:"})
    journal = LinesJournal(time.monotonic)
    with ProxySystem(config, journal=journal, make_session=make_session) as proxy:
        host, port = proxy.address
        hold_conversation(f"ws://{host}:{port}{config.server.component_path}", timeout)
    (lines,) = journal.sessions().values()
    return lines


def play_race(make_session: Callable[[Policy], Session], timeout: float) -> list[Json]:
    """Play until the requests have come in mid-response, five times at the most."""
    for _ in range(5):
        lines = play(make_session, timeout)
        race = find_race(lines)
        if all(request.waits or request.refused for request in race.requests[1:]):
            return lines
    raise SystemExit("The response was always over before the requests came: is the machine busy?")


def picture(ungated: Sequence[Json], gated: Sequence[Json]) -> str:
    """Return the picture, for light and for dark.

    Args:
        ungated: The lines of the demo's journal without the gate.
        gated: Those with it.
    """
    height = 2 * _PANEL + 12
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}"',
        f' width="{_WIDTH}" height="{height}" role="img">',
        "<title>Three requests that arrive while the agent speaks, without the gate and with it</title>",
        f"<style>{_STYLE}</style>",
        *_panel("Without the gate", "everything goes upstream at once", find_race(ungated)),
        f'<g transform="translate(0 {_PANEL + 12})">',
        *_panel("With the gate", "each request waits for what it would collide with", find_race(gated)),
        "</g>",
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _panel(title: str, subtitle: str, race: Race) -> Iterator[str]:
    place = _places(race)
    yield f'<rect class="ground" x="0.5" y="0.5" width="{_WIDTH - 1}" height="{_PANEL - 1}" rx="8"/>'
    yield _text(16, 28, title, "title")
    yield _text(_LEFT, 28, subtitle, "muted")
    done = place[race.done]
    yield f'<line class="end" x1="{done}" y1="44" x2="{done}" y2="{_BAR}"/>'
    for number, request in enumerate(race.requests):
        yield from _track(request, 48 + number * _TRACK, place, race)
    yield from _responses(race, place)
    yield from _captions(race, place)


def _places(race: Race) -> dict[int, int]:
    """Return where each moment is drawn."""
    before = [moment for moment in race.moments if moment < race.done]
    after = [moment for moment in race.moments if moment > race.done]
    found = {moment: _LEFT + _CLOSE * number for number, moment in enumerate(before)}
    return found | {race.done: _DONE} | {moment: _DONE + _APART * n for n, moment in enumerate(after, start=1)}


def _track(request: Request, top: int, place: dict[int, int], race: Race) -> Iterator[str]:
    """Draw a request, its waits, what was sent of it, and what came of it."""
    middle = top + 13
    here = place[request.at]
    yield f'<rect class="client" x="16" y="{top}" width="148" height="26" rx="13"/>'
    yield _text(90, middle + 4, request.name, "name onto", "middle")
    ends = max(place[moment] for moment in request.places)
    yield f'<line class="end" x1="164" y1="{middle}" x2="{ends}" y2="{middle}"/>'
    for number, wait in enumerate(request.waits):
        begins, width = place[wait.begins], place[wait.ends] - place[wait.begins]
        yield f'<rect class="held" x="{begins}" y="{top}" width="{width}" height="26" rx="4"/>'
        if number == 0:
            yield _text(begins + 9, middle + 4, f"waits for {wait.reason}", "warn")
    yield f'<circle class="client" cx="{here}" cy="{middle}" r="4"/>'
    for moment, _ in request.sent:
        x = place[moment]
        yield f'<line class="sent" x1="{x}" y1="{middle}" x2="{x}" y2="{_BAR - 7}"/>'
        yield f'<path class="head" d="M{x - 4} {_BAR - 8}h8l-4 8z"/>'
    if request.refused:
        x = place[request.refused[0]]
        yield f'<path class="cross" d="M{x - 5} {middle - 5}l10 10m0 -10l-10 10"/>'
    words, kind = _outcome(request, race)
    yield _text(ends + 14, middle - 3 if request.refused else middle + 4, words, f"{kind} over")
    if request.refused:
        yield _text(ends + 14, middle + 12, request.refused[1], f"name {kind} over")


def _outcome(request: Request, race: Race) -> tuple[str, str]:
    """Return what came of a request, and whether that is good."""
    is_question = request.name == "InjectUserMessage"
    if request.refused:
        return "never answered" if is_question else f"never in force, although told {request.answer}", "bad"
    if is_question:
        return ("answered", "good") if race.next_response else ("never answered", "bad")
    if max(moment for moment, _ in request.sent) < race.done:
        return f"{request.answer}: in force from somewhere in mid-answer", "warn"
    return f"{request.answer}: in force", "good"


def _responses(race: Race, place: dict[int, int]) -> Iterator[str]:
    yield _text(16, _BAR + 19, "upstream", "muted")
    yield f'<rect class="response" x="{_LEFT - 20}" y="{_BAR}" width="{_DONE - _LEFT + 20}" height="28" rx="4"/>'
    yield _text(_LEFT - 8, _BAR + 19, "the agent speaks", "onto")
    yield _text(_DONE - 8, _BAR + 19, "response.done", "name onto", "end")
    if race.next_response is None:
        yield _text(_DONE + 14, _BAR + 19, "no response to the question", "bad")
        return
    begins = place[race.next_response]
    yield f'<rect class="response" x="{begins}" y="{_BAR}" width="{_RIGHT - begins}" height="28" rx="4"/>'
    yield _text(begins + 10, _BAR + 19, "the answer", "onto")


def _captions(race: Race, place: dict[int, int]) -> Iterator[str]:
    """Name the events that went upstream, those that went together under the first of them."""
    sent = {moment: kind for request in race.requests for moment, kind in request.sent}
    groups: list[list[int]] = []
    for before, moment in zip([-1, *race.moments], race.moments, strict=False):
        if moment in sent:
            if before not in sent:
                groups.append([])
            groups[-1].append(moment)
    for number, group in enumerate(groups, start=1):
        words = ", ".join(sent[moment] for moment in group)
        is_last = number == len(groups)
        x = min(place[group[0]] - 4, _RIGHT - _LETTER * len(words)) if is_last else place[group[0]]
        yield _text(x, _BAR + 30 + 14 * number, words, "name muted", "start" if is_last else "middle")


def _text(x: float, y: int, words: str, kind: str, anchor: str = "start") -> str:
    return f'<text class="{kind}" x="{x:g}" y="{y}" text-anchor="{anchor}">{escape(words)}</text>'


if __name__ == "__main__":
    print(picture(play_race(UngatedSession, 0.5), play_race(Session, 10.0)), end="")
