"""The shop under gunicorn's threads, as its page says to run it: two customers, and a browser."""

from __future__ import annotations

import http.client
import json
import re
import signal
import socket
import sys
from contextlib import closing
from pathlib import Path
from urllib.parse import urlencode

import pytest
from websocket import create_connection

from tests.embed.host_process import ROOT, Host
from turnstile.testing import patience

FOLDER = ROOT / "docs" / "examples" / "shop_assistant"
NUMBER = "Where is my order 1001?"


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shop")
    with closing(socket.create_server(("127.0.0.1", 0))) as reserved:
        port = reserved.getsockname()[1]
    words = re.search(r"^    gunicorn (.*) app:app$", (FOLDER / "app.py").read_text(), re.MULTILINE)[1].split()
    bound = ["-b", f"127.0.0.1:{port}", "--control-socket", str(folder / "control")]
    gunicorn = str(Path(sys.executable).with_name("gunicorn"))
    host = Host([gunicorn, *words, *bound, "app:app"], FOLDER, port, folder / "log")
    host.wait_until_it_answers()
    yield host
    assert host.end(signal.SIGTERM) == 0
    assert "Traceback" not in host.output()
    host.log.close()


def logged_in(shop, customer, password):
    """Log in; return the status of the answer and the cookie."""
    with closing(http.client.HTTPConnection("127.0.0.1", shop.port, timeout=patience())) as connection:
        form = urlencode({"customer": customer, "password": password})
        connection.request("POST", "/login", form, {"Content-Type": "application/x-www-form-urlencoded"})
        response = connection.getresponse()
        return response.status, (response.headers["Set-Cookie"] or "").partition(";")[0]


class Customer:
    """A customer who talks to the assistant."""

    def __init__(self, shop, name, password):
        _, cookie = logged_in(shop, name, password)
        url = f"ws://127.0.0.1:{shop.port}/assistant"
        self.link = create_connection(url, cookie=cookie, origin=f"http://127.0.0.1:{shop.port}", timeout=patience())
        self.link.send(json.dumps({"type": "Settings", "agent": {"think": {"outputModalities": ["text"]}}}))

    def asks(self, text):
        """Return the assistant's answer."""
        self.link.send(json.dumps({"type": "InjectUserMessage", "content": text}))
        while True:
            frame = self.link.recv()
            message = json.loads(frame) if isinstance(frame, str) else {}
            if message.get("type") == "ConversationText" and message["role"] == "assistant":
                return message["content"]


@pytest.fixture
def ada(shop):
    customer = Customer(shop, "ada", "lovelace")
    yield customer
    customer.link.close()


@pytest.fixture
def grace(shop):
    customer = Customer(shop, "grace", "hopper")
    yield customer
    customer.link.close()


def test_the_assistant_finds_a_customers_own_order_and_no_other_customers(ada, grace):
    assert "shipped yesterday" in ada.asks(NUMBER)
    answer = grace.asks(NUMBER)
    assert "This customer has no order 1001." in answer
    assert "teapot" not in answer


def test_the_assistant_says_what_is_in_stock_and_what_is_not_sold(ada):
    assert "12 in stock." in ada.asks("Do you have a Teapot in stock?")
    assert "Strainer is sold out." in ada.asks("And is the Strainer in stock?")
    assert "does not sell Kettle. It sells: teapot, mug, strainer." in ada.asks("Is the Kettle in stock?")


def test_the_model_is_told_what_is_wrong_with_a_number_that_is_none(ada):
    assert "find_order cannot be called: number: Input should be greater than or equal to 1000" in ada.asks("Order 7?")


@pytest.mark.parametrize(("name", "password"), [("ada", "hopper"), ("nobody", ""), ("ada", "")])
def test_nobody_logs_in_with_a_wrong_password(shop, name, password):
    assert logged_in(shop, name, password) == (401, "")


@pytest.mark.parametrize(("origin", "status"), [("https://evil.example", 403), (None, 401)])
def test_the_assistant_is_for_the_shops_own_page_and_its_customers(shop, origin, status):
    cookie = logged_in(shop, "ada", "lovelace")[1] if origin else ""
    url = f"ws://127.0.0.1:{shop.port}/assistant"
    with pytest.raises(Exception, match=f"Handshake status {status}"):
        create_connection(url, cookie=cookie, origin=origin, suppress_origin=origin is None, timeout=patience())


@pytest.mark.slow
def test_a_customer_talks_to_the_assistant_on_the_page(shop, open_page):
    page = open_page(f"http://127.0.0.1:{shop.port}/")
    page.get_by_label("Name").fill("ada")
    page.get_by_label("Password").fill("lovelace")
    page.get_by_role("button", name="Log in").click()
    page.get_by_label("Your question").fill("Where is order <b>1001</b>?")
    page.get_by_role("button", name="Send").click()
    page.locator("#conversation .assistant", has_text="shipped yesterday").wait_for()
    assert page.locator("#conversation .user").inner_text() == "Where is order <b>1001</b>?"
    page.get_by_role("button", name="Log ada out").click()
    page.get_by_role("button", name="Log in").wait_for()
    again = page.goto(f"http://127.0.0.1:{shop.port}/")
    assert page.url.endswith("/login"), "the cookie of who logged out is forgotten"
    assert again.headers["content-security-policy"] == "default-src 'self'; frame-ancestors 'none'"
