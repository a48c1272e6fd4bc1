"""The page with a microphone, in a real browser whose microphone beeps once a second."""

from __future__ import annotations

import http.client
import json
import re
from contextlib import closing

import pytest

from tests.examples.conftest import EXAMPLES
from turnstile.auth.key_file import add_key
from turnstile.simulator.scenario import Expect, Reply, Scenario, Step
from turnstile.testing import patience

SHORT, STORY = "It is sunny.", "word " * 1000


def config_of(address, token_url):
    """Returns config.js with the address of a proxy."""
    host, port = address
    text = (EXAMPLES / "microphone" / "config.js").read_text()
    text = re.sub(r'AGENT_URL = ".*"', f'AGENT_URL = "ws://{host}:{port}/openai"', text)
    return {"config.js": re.sub(r'TOKEN_URL = ".*"', f'TOKEN_URL = "{token_url}"', text)}


@pytest.fixture
def open_talk(serve_pages, open_page):
    def open_(address, token_url="", **options):
        return open_page(serve_pages("microphone", replaced=config_of(address, token_url), **options))

    return open_


def wait_for_seconds(page, name, pattern):
    """Wait until a figure of the page matches a pattern of decimal digits."""
    page.locator(f"#{name}", has_text=re.compile(pattern)).wait_for()


def test_what_the_user_says_is_answered_and_the_answer_is_played_to_its_end(start_proxy, open_talk):
    steps = (Step(Expect(on="audio"), Reply(SHORT)),)
    page = open_talk(start_proxy(Scenario(steps, transcripts=("What is the weather?",))).address)
    page.get_by_role("button", name="Talk").click()
    page.locator("#transcript .user").first.wait_for()
    page.get_by_role("button", name="Mute").click()
    assert page.locator("#transcript .user").first.text_content() == "What is the weather?"
    page.locator("#transcript .assistant", has_text=SHORT).first.wait_for()
    wait_for_seconds(page, "played", r"^0\.[3-9]|^[1-9]")  # the three words take 0.34 s
    page.get_by_role("button", name="Hang up").click()
    assert page.locator("#state").text_content() == "Not connected"
    assert page.locator("#fault").text_content() == ""


@pytest.mark.slow
def test_an_answer_falls_silent_when_the_user_breaks_in(start_proxy, open_talk):
    steps = (Step(Expect(on="audio"), Reply(STORY), once=True), Step(Expect(on="audio"), Reply(SHORT)))
    page = open_talk(start_proxy(Scenario(steps)).address)
    page.get_by_role("button", name="Talk").click()
    wait_for_seconds(page, "cut", "[1-9]")
    page.get_by_text(SHORT).first.wait_for()
    assert float(page.locator("#played").text_content()) < 10, "the story takes 100 s"
    page.get_by_role("button", name="Hang up").click()


@pytest.mark.slow
def test_a_token_of_the_pages_backend_opens_a_proxy_that_asks_for_keys(start_proxy, open_talk, tmp_path):
    key, _ = add_key(tmp_path / "keys.txt", "shop")
    keys = {"auth__mode": "keys", "auth__keys_file": str(tmp_path / "keys.txt")}
    proxy = start_proxy(None, **keys, auth__token_secret="made up for the tokens of this test")

    def token():
        with closing(http.client.HTTPConnection(*proxy.address, timeout=patience())) as backend:
            headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
            backend.request("POST", "/v1/realtime/client_secrets", "{}", headers)
            return json.dumps({"value": json.load(backend.getresponse())["value"]})

    page = open_talk(proxy.address, token_url="/token", token=token)
    page.get_by_role("button", name="Talk").click()
    page.get_by_text("Listening").wait_for()
    page.get_by_role("button", name="Hang up").click()


@pytest.mark.slow
def test_a_microphone_that_is_not_allowed_is_said_in_words(start_proxy, open_talk):
    proxy = start_proxy()
    page = open_talk(proxy.address, headers={"Permissions-Policy": "microphone=()"})
    page.get_by_role("button", name="Talk").click()
    page.get_by_text("The microphone is not allowed").wait_for()
    assert page.locator("#state").text_content() == "Not connected"
    assert proxy.sessions == 0
    assert page.faults.pop().startswith("Permissions policy violation: microphone")


@pytest.mark.slow
def test_a_proxy_that_does_not_run_is_said_in_words(open_talk, reserve_port):
    page = open_talk(("127.0.0.1", reserve_port()))
    page.get_by_role("button", name="Talk").click()
    page.get_by_text("The agent cannot be reached").wait_for()
    assert page.get_by_role("button", name="Talk").is_enabled()
    assert "WebSocket connection" in page.faults.pop()
