"""The page of the demo, and recordings dropped onto the page of the ops listener, in a real browser."""

from __future__ import annotations

import re
from typing import ClassVar

import orjson
import pytest

from actors.commands import demo_page
from actors.commands.demo_play import Play
from turnstile.config import load_config
from turnstile.testing import patience

SIZE = {"width": 760, "height": 900}
SPANS = ("response", "hold", "update", "agent-speech", "first-audio")
# The same drop as a person's; the file is made in the page.
DROP = """([name, text]) => {
  const dragged = new DataTransfer();
  dragged.items.add(new File([text], name));
  document.body.dispatchEvent(new DragEvent("drop", {dataTransfer: dragged, bubbles: true, cancelable: true}));
}"""
HOSTILE = "<img src=x onerror=\"document.title='run'\"><script>document.title='run'</script>"
# What the page reads, and does not show.
STRUCTURE = {"!", "wire", "way", "session", "turnstile", "kind", "detail"}


class KeptPlay(Play):
    """A play of the demo that keeps its lines, by whether it was gated."""

    lines: ClassVar[dict[bool, list[bytes]]] = {}

    def __iter__(self):
        """Yield them."""
        kept = self.lines[self._is_gated] = []
        for line in super().__iter__():
            kept.append(line)
            yield line


@pytest.fixture(scope="module")
def demo():
    """The address of the demo's page."""
    config = load_config(flags={"server.port": "0", "upstream.url": "simulator:", "journal.level": "text"})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(demo_page, "Play", KeptPlay)
        server = demo_page.demo_server(config)
        server.start()
        host, port = server.address
        yield f"http://{host}:{port}/"
        server.stop(patience())


@pytest.fixture(scope="module")
def played(browser, demo):
    """A window of the page in which both sides have been played, and the lines of the gated one's journal."""
    context = browser.new_context(viewport=SIZE)
    context.set_default_timeout(patience() * 1000)
    page = context.new_page()
    page.goto(demo)
    page.get_by_role("button", name="Play both").press("Enter")
    page.get_by_text("Played.").wait_for()
    page.locator("#play:focus").wait_for()  # the keyboard keeps its place
    yield page, [line for line in KeptPlay.lines[True] if line][:-1]
    context.close()


def labels(part, *kinds):
    """Return what the elements of some kinds are called, in all of a timeline that is in view."""
    part.scroll_into_view_if_needed()
    part.get_by_text("Fit", exact=True).click()
    part.locator("[data-kind='response']").first.wait_for()
    found = part.locator(", ".join(f"[data-kind='{kind}']" for kind in kinds))
    return sorted(found.evaluate_all("all => all.map((one) => one.getAttribute('aria-label'))"))


def test_with_the_gate_each_hold_says_its_reason_and_an_arrow_shows_what_let_it_go(played):
    page, _ = played
    side = page.locator("[data-side='gated']")
    holds = labels(side, "hold")
    assert any("UpdatePrompt" in hold and "the end of a response" in hold for hold in holds), holds
    assert side.locator("[data-kind='cause']").count() > 0
    assert side.locator("[data-lane='gate'] [data-kind='hold'], [data-kind='hold'][data-lane='gate']").count() > 0
    assert labels(side, "collision", "refused") == []
    figures = side.locator(".demo-figures").inner_text().split("\n")
    assert figures[:4] == ["questions answered", "4 of 4", "updates acknowledged", "5 of 5"]
    assert side.locator(".demo-figures .bad").count() == 0


def test_without_the_gate_a_collision_is_marked_and_a_reply_is_lost(played):
    page, _ = played
    side = page.locator("[data-side='ungated']")
    assert any("collision" in label for label in labels(side, "collision", "refused", "group"))
    assert labels(side, "hold", "cause") == []
    figures = dict(re.findall(r"(.+)\n(.+)", side.locator(".demo-figures").inner_text()))
    said = page.locator("#said").inner_text()
    assert f"answered: {figures['questions answered']} without the gate, 4 of 4 with it" in said
    # How many of each depends on how quick the machine is.
    assert figures["collisions"] != "0"
    assert figures["questions answered"] != "4 of 4"
    assert "Conversation already has an active response" in side.locator(".demo-refused").inner_text()


def test_a_dropped_recording_looks_as_its_session_did_live(played, start_shown, open_page):
    page, lines = played
    shown = open_page(start_shown().page, viewport=SIZE)
    shown.evaluate(DROP, ["session.jsonl", b"\n".join(lines).decode()])
    shown.get_by_text("recorded with what was said").wait_for()
    assert labels(shown.locator(".timeline"), *SPANS) == labels(page.locator("[data-side='gated']"), *SPANS)


def hostile(value, name=""):
    """Return a line of a journal with what tries to be HTML in all texts that a page may show."""
    if isinstance(value, dict):
        return {key: hostile(inner, key) for key, inner in value.items()}
    if isinstance(value, list):
        return [hostile(inner, name) for inner in value]
    return value + HOSTILE if isinstance(value, str) and name not in STRUCTURE else value


def test_a_recording_that_tries_to_be_html_shows_as_text_and_runs_nothing(played, start_shown, open_page):
    _, lines = played
    recording = b"\n".join(orjson.dumps(hostile(orjson.loads(line))) for line in lines).decode()
    page = open_page(start_shown().page, viewport=SIZE)
    page.evaluate(DROP, [f"{HOSTILE}.jsonl", recording])
    timeline = page.locator(".timeline")
    page.get_by_text("recorded").wait_for()
    for kind in ("response", "hold", "agent-speech"):
        timeline.locator(f"[data-kind='{kind}']").first.click(force=True)
    assert page.locator("main :is(img, script, iframe)").count() == 0
    assert HOSTILE in page.locator("main").inner_text()
    assert "run" not in page.title()


def test_what_is_no_recording_is_refused_with_words(start_shown, open_page):
    page = open_page(f"{start_shown().page}#/recording")
    page.get_by_label("Choose a file").set_input_files({"name": "a.gif", "mimeType": "image/gif", "buffer": b"GIF89a"})
    page.get_by_text("Line 1 is not a JSON object").wait_for()
    assert page.get_by_text("a.gif cannot be shown.").is_visible()
