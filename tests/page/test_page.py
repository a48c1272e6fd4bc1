"""The page of the ops listener, in a real browser: the list of sessions, the token, and who may show it."""

from __future__ import annotations

import json
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from playwright.sync_api import expect

from turnstile.testing import patience

MARKUP = "<img src=x onerror=\"document.title='owned'\"><b>x"


def look_again(page):
    """Have the page ask at once, as when its tab is shown again."""
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


@pytest.fixture(autouse=True)
def _waits_as_long_as_the_others():
    expect.set_options(timeout=patience() * 1000)


def test_the_page_loads_all_of_its_files_and_nothing_else(start_made, open_page):
    made = start_made()
    page = open_page("about:blank")
    answers = []
    page.on("response", lambda response: answers.append((response.url, response.status)))
    page.goto(made.page)
    expect(page.locator(".empty")).to_contain_text("No session is open")
    assert page.title() == "Sessions · Turnstile"
    assert {status for _, status in answers} == {200}
    assert {url.removeprefix(made.page) for url, _ in answers} >= {"", "page/main.js", "page/style.css", "sessions"}
    assert all(url.startswith(made.page) for url, _ in answers)


def test_a_session_is_listed_while_it_is_open(start_shown, open_page):
    shown = start_shown()
    page = open_page("about:blank")
    with shown.talking() as client:
        page.goto(shown.page)
        row = page.locator(".rows .row")
        expect(row).to_contain_text(shown.only())
        expect(row.locator(".client")).to_have_text("127.0.0.1")
        expect(row.locator(".link")).to_have_text("open")
        client.send("InjectUserMessage", content="Tell me a long story about a long journey.")
        assert client.wait_for("AgentStartedSpeaking")
        look_again(page)
        expect(row.locator(".turns")).to_have_text("1")
    assert shown.proxy.wait_until_empty(patience())
    look_again(page)
    expect(page.locator(".empty")).to_contain_text("No session is open")


@pytest.mark.slow
def test_a_listener_that_ends_is_said_and_what_was_seen_stays(start_made, make_session, open_page):
    made = start_made(make_session("s1"))
    page = open_page(made.page)
    expect(page.locator(".rows")).to_contain_text("s1")
    made.stop()
    look_again(page)
    expect(page.locator(".status")).to_contain_text("does not answer")
    expect(page.locator(".rows")).to_contain_text("s1")
    assert all("ERR_CONNECTION" in fault for fault in page.faults)
    page.faults.clear()


def test_of_500_sessions_those_in_sight_are_in_the_document_and_all_are_found(start_made, make_session, open_page):
    sessions = [make_session(f"s{number:03}", age=number, worker=number % 4) for number in range(500)]
    made = start_made(*sessions)
    page = open_page(made.page)
    expect(page.locator(".count")).to_have_text("500 open")
    expect(page.locator(".rows .worker").first).to_be_visible()
    assert page.evaluate("document.querySelectorAll('*').length") < 1000
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    expect(page.get_by_text("s499")).to_be_visible()
    assert page.evaluate("document.querySelectorAll('*').length") < 1000
    page.get_by_label("Search").fill("S25")
    expect(page.locator(".count")).to_have_text("10 of 500")
    expect(page.locator(".rows a")).to_have_count(10)
    page.get_by_label("Search").fill("nobody")
    expect(page.locator(".empty")).to_contain_text("None of the 500 open sessions has “nobody”")


@pytest.mark.slow
def test_a_row_stays_and_only_what_has_changed_in_it_is_written(start_made, make_session, open_page):
    made = start_made(make_session("one"), make_session("two"))
    page = open_page(made.page)
    expect(page.locator(".rows .row")).to_have_count(2)
    page.evaluate(
        """() => { window.written = [];
          new MutationObserver((all) => window.written.push(...all.map(({ target }) => target.className)))
            .observe(document.querySelector(".rows"), { subtree: true, childList: true, characterData: true }); }"""
    )
    made.described["one"] = make_session("one", turns=7)
    look_again(page)
    expect(page.locator(".rows .turns").filter(has_text="7")).to_be_visible()
    assert page.evaluate("window.written") == ["cell turns"]


@pytest.mark.slow
def test_rows_stand_below_each_other_when_the_list_was_empty_before(start_made, make_session, open_page):
    made = start_made()
    page = open_page(made.page)
    expect(page.locator(".empty")).to_contain_text("No session is open")
    made.described |= {name: make_session(name) for name in ("one", "two")}
    look_again(page)
    rows = page.locator(".rows .row")
    expect(rows).to_have_count(2)
    one, two = (rows.nth(index).bounding_box() for index in (0, 1))
    assert two["y"] >= one["y"] + one["height"]


def test_rows_are_walked_and_opened_by_the_keyboard(start_made, make_session, open_page):
    made = start_made(*[make_session(f"s{number:02}", age=number) for number in range(40)])
    page = open_page(made.page, viewport={"width": 390, "height": 600})
    expect(page.locator(".count")).to_have_text("40 open")
    page.locator(".rows a").first.focus()
    page.keyboard.press("End")
    expect(page.locator("a:focus")).to_have_text("s39")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    expect(page.locator("h1:focus")).to_have_text("Session s38")
    page.keyboard.press("Escape")
    expect(page.locator("h1:focus")).to_have_text("Sessions")
    assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_text_of_clients_is_shown_as_text(start_made, make_session, open_page):
    client = {"identity": MARKUP, "address": MARKUP, "path": MARKUP}
    wait = {"request": 1, "message": MARKUP, "reason": MARKUP, "for": 1.0}
    fields = {"dialect": MARKUP, "state": MARKUP, "model": MARKUP, "longest_wait": wait, "waiting": [wait]}
    made = start_made(make_session(MARKUP, client=client, **fields))
    page = open_page(made.page)
    expect(page.locator(".rows .id")).to_have_text(MARKUP)
    expect(page.locator(".rows .client")).to_have_text(MARKUP)
    expect(page.locator(".rows .waits")).to_contain_text(MARKUP)
    page.locator(".rows a").click()
    expect(page.locator("h1")).to_have_text(f"Session {MARKUP}")
    expect(page.locator(".about")).to_contain_text(MARKUP)
    assert page.title() == f"Session {MARKUP} · Turnstile"
    assert page.locator("main img, main b").count() == 0


def test_the_list_is_shown_to_who_has_the_token_and_the_token_is_kept_nowhere(
    start_made, make_session, open_page, token, caplog
):
    made = start_made(make_session("s1"), is_local=False)
    page = open_page(made.page)
    field = page.get_by_label("Token", exact=True)
    field.fill("grün und blau und gelb")  # which no header can have
    field.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("no letters beyond ASCII")
    field.fill("wrong-horse-battery-staple")
    field.press("Enter")
    expect(page.get_by_role("alert")).to_have_text("This is not the token of this listener.")
    expect(field).to_have_attribute("aria-invalid", "true")
    assert all("401" in fault for fault in page.faults)
    page.faults.clear()
    field.fill(token)
    field.press("Enter")
    expect(page.locator(".rows")).to_contain_text("s1")
    kept = page.evaluate(
        """() => JSON.stringify([document.documentElement.outerHTML, location.href, document.cookie, {...localStorage},
          {...sessionStorage}, history.state, [...document.querySelectorAll("input")].map(({ value }) => value)])"""
    )
    assert token not in kept
    assert token not in caplog.text
    page.get_by_role("button", name="Forget the token").click()
    expect(field).to_be_visible()
    expect(page.locator(".rows .row")).to_have_count(0)
    page.faults.clear()  # the 401 of the next look


@pytest.fixture
def start_site():
    """Serve one page of another site, which has this HTML."""
    with ExitStack() as stack:

        def start(html: str) -> str:
            class Site(BaseHTTPRequestHandler):
                def do_GET(self):
                    self.send_response(200)
                    self.send_header("Content-Type", "text/html")
                    self.end_headers()
                    self.wfile.write(html.encode())

                def log_message(self, *_):
                    pass

            server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
            stack.callback(server.server_close)
            thread = Thread(target=server.serve_forever, args=(0.01,))
            thread.start()
            stack.callback(thread.join)
            stack.callback(server.shutdown)
            return f"http://localhost:{server.server_port}/"

        yield start


def test_a_page_of_another_site_can_link_to_it_but_neither_frame_nor_read_it(
    start_made, make_session, open_page, start_site
):
    made = start_made(make_session("s1"))
    reads = f"fetch({json.dumps(made.page + 'sessions')}).then((a) => a.text()).catch(() => 'nothing')"
    site = start_site(f'<iframe src="{made.page}"></iframe><a href="{made.page}">look</a>')
    page = open_page(site)
    framed = page.frames[1]
    assert framed.locator("main").count() == 0
    assert "Turnstile" not in framed.locator("body").inner_text()
    assert page.evaluate(reads) == "nothing"
    page.faults.clear()  # the browser's words about what it has refused
    page.get_by_role("link", name="look").click()
    expect(page.locator(".rows")).to_contain_text("s1")
