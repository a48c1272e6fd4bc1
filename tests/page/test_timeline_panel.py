"""The drawing of one session, in a real browser: its files are given to it without a server."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from turnstile.inspector.guard import PAGE_FILES

if TYPE_CHECKING:
    from collections.abc import Iterator

_RECORDINGS = Path(__file__).parents[1] / "recordings"
_HEAD = {"turnstile": "0.1.0", "format": 1, "session": "s1", "dialect": "component", "level": "text"}
_TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
_PAGE = """<!doctype html><html lang="en"><head><title>Timeline</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="/page/icon.svg">
<link rel="stylesheet" href="/page/style.css"><link rel="stylesheet" href="/page/timeline.css">
<link rel="stylesheet" href="/page/timeline_drawing.css">
</head><body><main id="main"></main></body></html>"""
_START = """async ([lines, options]) => {
  const { Timeline } = await import("/page/timeline.js");
  const { TimelinePanel } = await import("/page/timeline_panel.js");
  window.timeline = new Timeline();
  for (const line of lines) window.timeline.add(line);
  window.panel = new TimelinePanel(document.getElementById("main"), window.timeline, options);
  window.add = (line) => { window.timeline.add(line); window.panel.changed(); };
  window.drawn = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  await window.drawn();
}"""


def _answer(route) -> None:
    path = route.request.url.partition("://")[2].partition("/")[2]
    security = {"Content-Security-Policy": "default-src 'self'"}
    if not path:
        route.fulfill(body=_PAGE, content_type="text/html", headers=security)
        return
    file = files("turnstile.inspector").joinpath("page", path.removeprefix(PAGE_FILES.lstrip("/")))
    route.fulfill(body=file.read_bytes(), content_type=_TYPES[path.rpartition(".")[2]], headers=security)


@pytest.fixture
def draw(open_page):
    """Return a function that draws a session of these lines; its other arguments are those of `new_context`."""

    def open_(lines, *, live: bool = False, title: str = "", **options: object):
        page = open_page("about:blank", **options)
        page.route("http://page.test/**", _answer)
        page.goto("http://page.test/")
        page.evaluate(_START, [lines, {"live": live, "title": title}])
        return page

    return open_


def _recorded(name: str) -> list[object]:
    return [json.loads(line) for line in (_RECORDINGS / name).read_text().splitlines()]


def _frame(at: float, kind: str, wire: str = "upstream", way: str = "in", **ids: str) -> dict[str, object]:
    link = {"link": 1} if wire == "upstream" else {}
    return {"at": at, "wire": wire, "way": way, "type": kind, "size": 40, "ids": ids, "frame": {"type": kind}, **link}


def _held(at: float, ref: int, which: str = "resp_1") -> dict[str, object]:
    reason = {"!": "Reason", "waits": "response", "which": which}
    held = {"!": "Held", "refs": [ref], "reason": reason}
    return {"at": at, "event": {"!": "ConfigRequested", "ref": ref, "message": "UpdatePrompt"}, "effects": [held]}


def _speech() -> Iterator[dict[str, object]]:
    """Yield a turn of the user's, and the answer to it."""
    yield _HEAD
    yield _frame(0.2, "input_audio_buffer.speech_started", item_id="item_1")
    yield _frame(1.0, "input_audio_buffer.speech_stopped", item_id="item_1")
    yield _frame(1.1, "response.created", response_id="resp_1")
    sound = {"at": 1.412, "until": 2.5, "audio": 48_000, "frames": 20}
    yield {**sound, "wire": "upstream", "way": "in", "link": 1}
    yield {**sound, "wire": "client", "way": "out"}
    yield _held(2.0, 1)
    yield _frame(2.6, "response.done", response_id="resp_1", status="completed")
    released = {"!": "Noted", "kind": "released", "detail": "#1"}
    yield {"at": 2.601, "event": {"!": "ResponseFinished", "response_id": "resp_1"}, "effects": [released]}


def _window(page) -> tuple[float, float]:
    """Return from when to when is in view, as it is told to those who do not see it."""
    label = page.locator(".timeline-drawing").get_attribute("aria-label")
    begin, end = re.findall(r"-?[\d.]+", label)
    return float(begin), float(end)


def _drawn(page) -> None:
    page.evaluate("drawn()")


def test_a_session_is_drawn_in_three_lanes_with_speech_and_the_time_to_first_audio(draw):
    page = draw(list(_speech()))
    client, upstream = page.locator("[data-lane=client]"), page.locator("[data-lane=upstream]")
    expect(client.locator("[data-kind=user-speech]")).to_have_attribute("aria-label", re.compile("0.200 s to 1.000 s"))
    expect(client.locator("[data-kind=agent-speech]")).to_have_attribute("aria-label", re.compile("1.412 s to 2.500 s"))
    expect(client.locator("[data-kind=first-audio]")).to_contain_text("412 ms")
    expect(upstream.locator("[data-kind=response]")).to_contain_text("resp_1")
    expect(page.locator("[data-lane=gate] [data-kind=hold]")).to_have_count(1)


def test_a_held_update_bears_its_reason_and_an_arrow_from_what_let_it_go(draw):
    page = draw(_recorded("two_updates_wait_for_one_response.jsonl"))
    holds = page.locator("[data-lane=gate] [data-kind=hold]")
    expect(holds).to_have_count(2)
    expect(holds.first).to_contain_text("waited for the end of a response (resp_2)")
    expect(page.locator("[data-kind=cause]")).to_have_count(2)
    bar, arrow = holds.first.locator("path").bounding_box(), page.locator("[data-kind=cause]").first.bounding_box()
    assert arrow["x"] + arrow["width"] == pytest.approx(bar["x"] + bar["width"], abs=4)
    assert arrow["y"] + arrow["height"] > bar["y"] + bar["height"]


def test_text_that_tries_to_be_html_is_shown_as_text_in_the_json_of_what_is_clicked(draw):
    kind = "<img/src=x/onerror=alert(1)>"
    page = draw([_HEAD, _frame(1, "Settings", wire="client"), {**_frame(9, "error"), "frame": {"type": kind}}])
    page.locator("[data-lane=upstream] [data-kind]").click()
    expect(page.locator(".timeline-detail pre")).to_contain_text(kind)
    assert page.locator("main img").count() == 0


def test_new_lines_move_the_drawing_until_it_is_paused(draw):
    page = draw([_HEAD, _frame(100, "response.created", response_id="resp_1")], live=True)
    page.evaluate("add", _held(200, 1))
    expect(page.locator("[data-kind=hold].open")).to_contain_text("waits for the end of a response (resp_1)")
    assert _window(page)[1] > 200
    page.keyboard.press("Tab")
    page.locator(".timeline-drawing").press("Space")
    expect(page.get_by_role("button", name="Pause or follow")).to_have_text("Follow")
    before = _window(page)
    page.evaluate("add", _frame(300, "response.created", response_id="resp_2"))
    _drawn(page)
    assert _window(page) == before
    page.get_by_role("button", name="Pause or follow").click()
    expect(page.locator("[data-kind=response]", has_text="resp_2")).to_have_count(1)
    assert _window(page)[0] < 300 < _window(page)[1]


@pytest.mark.slow
def test_keys_zoom_scroll_find_and_choose(draw):
    page = draw(list(_speech()))
    drawing = page.locator(".timeline-drawing")
    begin, end = _window(page)
    drawing.press("+")
    _drawn(page)
    nearer = _window(page)
    assert nearer[1] - nearer[0] == pytest.approx((end - begin) / 1.5, abs=0.02)
    drawing.press("ArrowRight")
    _drawn(page)
    assert _window(page)[0] > nearer[0]
    drawing.press("0")
    drawing.press("/")
    page.keyboard.type("resp_1")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").first).to_have_text(re.compile("^1 of "))
    expect(page.locator(".selected")).to_have_count(1)
    page.locator("[data-kind=hold]").press("Enter")
    expect(page.locator(".timeline-detail h3")).to_contain_text("UpdatePrompt")
    page.get_by_text("What is in view, as a list").click()
    expect(page.locator(".in-view li", has_text="waited for the end of a response")).to_have_count(1)


def test_an_hour_of_100_000_lines_is_drawn_with_a_bounded_number_of_elements(draw):
    page = draw([_HEAD])
    page.evaluate(
        """async () => {
          const ids = (n) => ({ response_id: `resp_${n}` });
          for (let n = 0; n < 25000; n += 1) {
            const line = { wire: "upstream", way: "in", link: 1, size: 9 };
            timeline.add({ ...line, at: n * 0.144, type: "response.created", ids: ids(n) }, "{}");
            timeline.add({ ...line, at: n * 0.144 + 0.02, type: "response.output_text.delta", ids: ids(n) }, "{}");
            timeline.add({ ...line, at: n * 0.144 + 0.05, wire: "client", type: "KeepAlive", ids: {} }, "{}");
            timeline.add({ ...line, at: n * 0.144 + 0.1, type: "response.done", ids: ids(n) }, "{}");
            panel.changed();
          }
          await drawn();
        }"""
    )
    draws = page.evaluate("panel.draws")
    assert draws <= 3  # not one for each of the lines
    for begin, end in ((0, 3600), (1000, 1300), (1000, 1004)):
        page.evaluate("async ([begin, end]) => { panel.show(begin, end); await drawn(); }", [begin, end])
        assert 20 < page.locator(".timeline-drawing *").count() < 1000
    page.evaluate("async () => { panel.show(0, 3600); await drawn(); }")
    merged = page.locator("[data-lane=upstream] .response.merged")
    counts = [int(each.get_attribute("data-count")) for each in merged.all()]
    assert sum(counts) == 25_000
    expect(merged.first).to_have_attribute("aria-label", re.compile(rf"^{counts[0]} responses, "))


@pytest.mark.slow
def test_nothing_is_drawn_without_a_change_or_where_it_cannot_be_seen(draw):
    page = draw(list(_speech()))
    _drawn(page)
    draws = page.evaluate("panel.draws")
    _drawn(page)
    assert page.evaluate("panel.draws") == draws
    page.evaluate("async () => { panel.root.hidden = true; await drawn(); await drawn(); }")
    hidden = page.evaluate("panel.draws")
    page.evaluate("add", _frame(9, "response.created", response_id="resp_2"))
    _drawn(page)
    assert page.evaluate("panel.draws") == hidden
    page.evaluate("panel.root.hidden = false")
    expect(page.locator("[data-kind=response]")).to_have_count(2)


@pytest.mark.slow
def test_a_phone_shows_it_without_scrolling_sideways_and_two_fingers_zoom(draw):
    size = {"width": 390, "height": 800}
    page = draw(list(_speech()), title="Session s1", viewport=size, has_touch=True, is_mobile=True)
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    expect(page.locator(".lane-name", has_text="upstream")).to_be_in_viewport()
    begin, end = _window(page)
    top = page.locator(".lane-ground").nth(1).bounding_box()["y"] + 10
    devtools = page.context.new_cdp_session(page)
    for kind, apart in (("touchStart", 40), ("touchMove", 60), ("touchMove", 80)):
        fingers = [{"x": 200 - apart, "y": top, "id": 0}, {"x": 200 + apart, "y": top, "id": 1}]
        devtools.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": fingers})
    devtools.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    _drawn(page)
    nearer = _window(page)
    assert nearer[1] - nearer[0] == pytest.approx((end - begin) / 2, rel=0.1)
