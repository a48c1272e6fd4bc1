"""The page of the ops listener, in a real browser."""

from __future__ import annotations


def test_the_page_loads_all_of_its_files(start_shown, open_page):
    shown = start_shown()
    page = open_page("about:blank")
    answers = []
    page.on("response", lambda response: answers.append((response.url, response.status)))
    page.goto(shown.page, wait_until="networkidle")
    assert page.title() == "Turnstile"
    assert {status for _, status in answers} == {200}
    assert {url.removeprefix(shown.page) for url, _ in answers} >= {"", "page/main.js", "page/style.css"}
