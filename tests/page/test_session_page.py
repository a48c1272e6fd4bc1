"""One session on the page, in a real browser: its timeline as it moves, its end, its stream, and its steering."""

from __future__ import annotations

import json
import re
from contextlib import closing

import pytest
from playwright.sync_api import expect
from websocket import create_connection

from turnstile.errors import SessionError
from turnstile.simulator.faults import NO_FAULTS, Faults
from turnstile.testing import patience

MARKUP = "<img src=x onerror=\"document.title='owned'\"><b>x"
STORY = "Tell me a long story about a long journey."


@pytest.fixture(autouse=True)
def _waits_as_long_as_the_others():
    expect.set_options(timeout=patience() * 1000)


@pytest.fixture
def watch(open_page):
    """Open the page of a session, and wait until its stream is read."""

    def open_(shown, session_id, **options):
        page = open_page(f"{shown.page}#/sessions/{session_id}", **options)
        expect(page.locator(".watch")).to_have_attribute("data-stream", "live")
        return page

    return open_


@pytest.fixture
def hung(start_shown):
    """A proxy whose first response in each session ends only when it is cancelled."""
    shown = start_shown(journal__level="text")
    shown.proxy.simulator.faults = Faults(hung=frozenset({1}))
    return shown


def hide(page, *, hidden):
    """Hide the tab of a page, or show it again."""
    page.evaluate(
        """(hidden) => {
          Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
          document.dispatchEvent(new Event("visibilitychange"));
        }""",
        hidden,
    )


def forget_that_it_has_ended(page):
    """Drop the 404 that a look at a session is answered between its end and the end of its stream."""
    page.faults[:] = [fault for fault in page.faults if "404" not in fault]


def test_what_happens_in_a_session_is_drawn_as_it_happens_and_stays_when_it_has_ended(hung, watch):
    with hung.talking() as client:
        page = watch(hung, hung.only())
        client.send("InjectUserMessage", content=STORY)
        expect(page.locator("[data-lane=upstream] [data-kind=response]")).to_be_visible()
        expect(page.locator(".state-chip")).to_have_text("in progress")
        client.send("UpdatePrompt", prompt="Whisper.")
        expect(page.locator("[data-lane=gate] [data-kind=hold]")).to_contain_text("UpdatePrompt")
        expect(page.locator(".waiting")).to_contain_text(re.compile(r"UpdatePrompt [\d.]+ s for the end of a response"))
    expect(page.locator(".status")).to_contain_text("The session was ended by its client, with code 1000")
    expect(page.locator(".state-chip")).to_have_text("ended")
    expect(page.locator("[data-lane=upstream] [data-kind=response]")).to_be_visible()
    expect(page.get_by_text("nothing can be given to it")).to_be_visible()
    forget_that_it_has_ended(page)


@pytest.mark.slow
def test_text_of_clients_is_shown_as_text(start_shown, watch):
    shown = start_shown(journal__level="text")
    host, port = shown.proxy.address
    with closing(create_connection(f"ws://{host}:{port}/openai", timeout=patience())) as link:
        link.send(json.dumps({"type": "Settings", "agent": {"think": {"prompt": "Be brief."}}}))
        assert json.loads(link.recv()) == {"type": "SettingsApplied"}
        page = watch(shown, shown.only())
        link.send(json.dumps({"type": MARKUP}))
        expect(page.locator("[data-lane=client] [data-kind=frame]").first).to_be_attached()
        link.close(reason=MARKUP.encode())
    expect(page.locator(".status")).to_contain_text(MARKUP)
    assert page.locator("main img, main b").count() == 0
    assert "owned" not in page.title()
    forget_that_it_has_ended(page)


@pytest.mark.slow
def test_a_session_that_is_not_open_is_said(start_made, open_page):
    page = open_page(f"{start_made().page}#/sessions/none")
    expect(page.locator(".status")).to_contain_text("There is no open session none")
    expect(page.locator(".watch")).to_be_hidden()
    assert all("404" in fault for fault in page.faults)
    page.faults.clear()


@pytest.mark.slow
def test_the_time_of_a_quiet_session_is_its_age(start_made, make_session, watch):
    page = watch(start_made(make_session("s1", age=3600.0)), "s1")
    expect(page.get_by_role("group", name=re.compile(r"Timeline from 3[56]\d\d\."))).to_be_visible()


def test_the_stream_is_found_again_and_what_is_missing_is_marked(start_made, make_session, watch):
    made = start_made(make_session("s1"))
    page = watch(made, "s1")
    made.journals.get(timeout=patience()).put(
        b'{"turnstile": "1", "format": 1, "session": "s1"}', b'{"at": 1.5, "note": "x"}'
    )
    made.stop()
    expect(page.locator(".status")).to_contain_text("What happens meanwhile will be missing here")
    made.start()
    again = made.journals.get(timeout=patience())
    expect(page.locator(".watch")).to_have_attribute("data-stream", "live")
    expect(page.locator(".status")).to_have_text("")
    expect(page.locator("[data-lane=gate] [data-kind=lost]")).to_be_attached()
    made.described.clear()
    again.end()
    expect(page.locator(".status")).to_contain_text("The session's process has stopped")
    page.faults.clear()  # of the connections that were refused


@pytest.mark.slow
def test_that_all_streams_are_taken_is_said_until_one_is_free(start_made, make_session, open_page):
    made = start_made(make_session("s1"))
    made.failure = SessionError("too_many_streams", "8 event streams are open: end one of them.")
    page = open_page(f"{made.page}#/sessions/s1")
    expect(page.locator(".status")).to_contain_text("8 event streams are open: end one of them. It is tried again")
    expect(page.get_by_role("heading", name="Steer this session")).to_be_visible()
    made.failure = None
    expect(page.locator(".watch")).to_have_attribute("data-stream", "live")
    page.faults.clear()  # the answers that said so


@pytest.mark.slow
def test_a_page_has_one_stream_and_none_while_it_is_hidden_for_long_or_left(start_made, make_session, open_page):
    made = start_made(make_session("s1"))
    page = open_page("about:blank")
    page.clock.install()
    page.goto(f"{made.page}#/sessions/s1")
    first = made.journals.get(timeout=patience())
    hide(page, hidden=True)
    page.clock.fast_forward(301_000)
    assert first.is_closed.wait(patience())
    hide(page, hidden=False)
    second = made.journals.get(timeout=patience())
    page.keyboard.press("Escape")
    assert second.is_closed.wait(patience())
    assert made.journals.empty()


@pytest.fixture
def steer(hung, watch, token):
    """Open the page of the only session, and give it the token."""

    def open_():
        page = watch(hung, hung.only())
        field = page.get_by_label("Token", exact=True)
        expect(page.get_by_role("button", name="Change the prompt")).to_have_count(0)
        field.fill(token)
        field.press("Enter")
        expect(page.locator("#token-state")).to_have_text("Steering")
        return page

    return open_


def test_what_is_given_waits_for_the_gate_and_is_then_in_force(hung, steer):
    with hung.talking() as client:
        page = steer()
        client.send("InjectUserMessage", content=STORY)
        expect(page.locator(".state-chip")).to_have_text("in progress")
        page.get_by_label("Replace it").check()
        page.get_by_role("textbox", name="Prompt").fill("Rhyme.")
        page.get_by_role("button", name="Change the prompt").click()
        prompt = page.locator(".given li").filter(has_text="Prompt")
        expect(prompt).to_contain_text(re.compile(r"waits [\d.]+ s: the end of a response"))
        page.get_by_label("Agent says").check()
        page.get_by_label("Words").fill("One moment.")
        page.get_by_label("During a turn").select_option("interrupt")
        page.get_by_role("button", name="Have the agent say it").click()
        expect(page.locator(".given li").filter(has_text="Agent says")).to_contain_text("in force")
        expect(prompt).to_contain_text("in force after")
        (snapshot,) = hung.proxy.inspect(patience()).values()
        assert snapshot.state.in_force["instructions"] == "Rhyme."


@pytest.mark.slow
def test_a_double_click_gives_once_and_what_is_written_meanwhile_stays(hung, steer, token):
    with hung.talking() as client:
        page = steer()
        client.send("InjectUserMessage", content=STORY)
        expect(page.locator(".state-chip")).to_have_text("in progress")
        prompt = page.get_by_role("textbox", name="Prompt")
        prompt.fill("Rhyme.")
        page.get_by_role("button", name="Change the prompt").dblclick()
        expect(page.locator(".given li")).to_contain_text(re.compile(r"waits [\d.]+ s"))
        prompt.fill("Whisper.")
        client.send("InjectAgentMessage", message="One moment.", behavior="interrupt")
        expect(page.locator(".given li")).to_contain_text("in force after")
        expect(prompt).to_have_value("Whisper.")
        page.get_by_role("button", name="Forget the token").click()
        page.get_by_label("Token", exact=True).fill(token)
        page.get_by_role("button", name="Use it").click()
        expect(prompt).to_have_value("Whisper.")


def test_what_the_session_cannot_take_is_said_in_the_listener_s_words(hung, steer):
    hung.proxy.simulator.faults = NO_FAULTS
    with hung.talking() as client:
        page = steer()
        client.send("InjectUserMessage", content=STORY)
        assert client.wait_for("AgentAudioDone")
        page.get_by_role("radio", name="Voice").check()
        page.get_by_role("button", name="Change it").click()
        expect(page.get_by_role("alert").filter(has_text="Choose a voice or a speed.")).to_be_visible()
        page.get_by_role("combobox", name="Voice").select_option("ash")
        page.get_by_role("button", name="Change it").click()
        expect(page.locator(".outcome[data-outcome=refused]")).to_contain_text("voice")
        page.faults.clear()  # the 409


@pytest.mark.slow
def test_a_session_is_ended_when_that_is_confirmed(hung, steer):
    with hung.talking():
        page = steer()
        page.get_by_role("radio", name="End").check()
        page.get_by_label("Code").fill("4001")
        page.get_by_label("Reason").fill("enough")
        end = page.get_by_role("button", name="End the session…")
        end.click()
        page.get_by_role("button", name="Keep it").click()
        expect(page.locator(".given li")).to_have_count(0)
        end.click()
        page.get_by_role("button", name="End it").click()
        expect(page.locator(".status")).to_contain_text("ended by an operator, with code 4001 (enough)")
        forget_that_it_has_ended(page)
