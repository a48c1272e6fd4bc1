"""Take the pictures of the page for README, light and dark: ``python docs/site/page_images.py docs/images``.

A proxy with the simulator in this process, a few clients that talk, and Debian's Chromium. The pictures differ each
time in their ids and times, so no test compares them.
"""

from __future__ import annotations

import shutil
import socket
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from playwright.sync_api import sync_playwright

from actors import ProxySystem
from actors.ops_application import ops_server
from actors.timers import TimerThread
from small_png import small_png
from turnstile.config import load_config
from turnstile.simulator.faults import Pace
from turnstile.simulator.simulator import Simulator
from turnstile.terminal.demo import GREETING, WEATHER
from turnstile.terminal.terminal_client import TerminalClient

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

_SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
_WIDTH = 1200
_SESSION, _LIST = 880, 450  # how high the pictures are
_TOKEN = "of-this-proxy-only"  # noqa: S105 - nobody else has this listener
_STORY = "Tell me a story, please."
# Words come about as fast as somebody speaks.
_PACE = Pace(answer=0.08, first=0.3, step=0.07, jitter=0.4)
_PATIENCE = 60.0
_SEEN = 1200  # milliseconds that the holds have grown for


def main(directory: Path) -> None:
    """Take the pictures."""
    timers = TimerThread()
    simulator = Simulator(clock=time.monotonic, timers=timers, pace=_PACE)
    config = load_config(flags={"server.port": "0", "upstream.url": "simulator:"})
    with ExitStack() as stack:
        stack.callback(timers.stop, _PATIENCE)
        proxy = stack.enter_context(ProxySystem(config, simulator=simulator))
        sock = socket.create_server(("127.0.0.1", 0))
        server = ops_server(config.ops, proxy.view, proxy.is_alive, sock, _TOKEN, is_local=True)
        server.start()
        stack.callback(server.stop, _PATIENCE)
        page_address = "http://{}:{}/".format(*server.address)
        playwright = stack.enter_context(sync_playwright())
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        stack.callback(browser.close)
        page = browser.new_context().new_page()
        connect = _connector(proxy, stack)
        _take_session(page, page_address, proxy, connect, directory)
        _take_list(page, page_address, connect, directory)


def _connector(proxy: ProxySystem, stack: ExitStack) -> Callable[..., TerminalClient]:
    host, port = proxy.address

    def connect(path: str = "/openai", greeting: str = "") -> TerminalClient:
        client = TerminalClient(f"ws://{host}:{port}{path}", timeout=_PATIENCE)
        stack.callback(client.close)
        think = {"prompt": "You are a guide to Lisbon.", "functions": [WEATHER]}
        spoken = {"greeting": greeting} if greeting else {}
        audio = {"input": {"encoding": "linear16", "sample_rate": 16_000}}
        client.send("Settings", audio=audio, agent={"think": think, **spoken})
        client.wait_for("SettingsApplied")
        return client

    return connect


def _take_session(
    page: Page, address: str, proxy: ProxySystem, connect: Callable[..., TerminalClient], directory: Path
) -> None:
    """Watch a session from its begin, and look at it while three requests wait."""
    client = connect(greeting=GREETING)
    (session,) = proxy.view.sessions()
    page.goto(f"{address}#/sessions/{session['id']}")
    page.get_by_label("Token", exact=True).fill(_TOKEN)
    page.get_by_role("button", name="Use it").click()
    client.say("And what is the weather like?")
    client.wait_for("FunctionCallRequest")
    for call in client.received("FunctionCallRequest")[0]["functions"]:
        client.answer(call, "22 degrees and sunny")
    client.wait_for("AgentStartedSpeaking")
    client.update(prompt="Mention the trams.", speed=1.2)
    client.wait_for("PromptUpdated")
    client.say(_STORY)
    client.wait_for("AgentStartedSpeaking", 2)
    client.update(prompt="Keep it short.")
    client.update(speed=0.9)
    client.say("Where should I eat tonight?")
    page.locator('[data-kind="hold"]', has_text="InjectUserMessage").first.wait_for()
    page.wait_for_timeout(_SEEN)
    _take(page, directory / "page-session", _SESSION)


def _take_list(page: Page, address: str, connect: Callable[..., TerminalClient], directory: Path) -> None:
    """Look at the list of sessions, of which some talk and some hold what their client wants."""
    for number, path in enumerate(("/openai", "/v1/agent/converse", "/openai", "/openai", "/v1/agent/converse")):
        client = connect(path)
        if number % 2 == 0:
            client.say(_STORY)
            client.wait_for("AgentStartedSpeaking")
            client.update(prompt="Be brief.")
            client.say("And then?")
    page.goto(f"{address}#/")
    page.locator(".count", has_text="6 open").wait_for()
    _take(page, directory / "page-sessions", _LIST)


def _take(page: Page, path: Path, height: int) -> None:
    page.set_viewport_size({"width": _WIDTH, "height": height})
    taken = {}
    for scheme in _SCHEMES:
        page.emulate_media(color_scheme=scheme)
        taken[scheme] = page.screenshot()
    for scheme, screenshot in taken.items():
        path.with_name(f"{path.name}-{scheme}.png").write_bytes(small_png(page.context, screenshot))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
