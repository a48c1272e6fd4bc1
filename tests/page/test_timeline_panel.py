"""The drawing of one session, in a real browser."""

from __future__ import annotations

import pytest

_OPEN = """async ([lines, options]) => {
  const style = document.createElement("link");
  Object.assign(style, { rel: "stylesheet", href: "/page/timeline.css" });
  document.head.append(style);
  await new Promise((resolve) => style.addEventListener("load", resolve));
  const { TimelinePanel } = await import("/page/timeline_panel.js");
  const marks = lines.map(([lane, at, label], index) => (
    { id: `m${index}`, lane, kind: "frame", way: "in", at, label, detail: "", line: index }
  ));
  window.timeline = {
    until: 10, end: null,
    within: (from, to) => ({ spans: [], marks: marks.filter(({ at }) => from <= at && at <= to) }),
    line: (index) => ({ at: marks[index].at, text: JSON.stringify(lines[index]) }), find: () => [],
  };
  window.panel = new TimelinePanel(document.getElementById("main"), window.timeline, options);
  window.panel.changed();
}"""


@pytest.fixture
def draw(start_shown, open_page):
    """Return a function that opens the page with a drawing of these frames, each a lane, a time and a type."""
    shown = start_shown()

    def open_(lines, **options: object):
        page = open_page(shown.page)
        page.evaluate(_OPEN, [lines, options])
        return page

    return open_


def test_a_frame_shows_its_json_as_text_when_it_is_clicked(draw):
    page = draw([["client", 1, "Settings"], ["upstream", 9, "<img src=x onerror=alert(1)>"]])
    page.locator("[data-lane=upstream] [data-kind=frame]").click()
    assert "<img src=x onerror=alert(1)>" in page.locator(".timeline-detail pre").inner_text()
    assert page.locator("[data-lane=client] [data-kind=frame]").get_attribute("aria-label") == "Settings, at 1.000 s"
    assert page.locator("main img").count() == 0
