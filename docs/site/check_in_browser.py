"""Look at the built site in Debian's Chromium: ``python docs/site/check_in_browser.py build/docs-site``.

Every diagram is drawn, in light and in dark; the search finds a class; nothing is asked of any other address.
"""

from __future__ import annotations

import os
import shutil
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from playwright.sync_api import sync_playwright

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page

_DRAWN = "() => [...document.querySelectorAll('pre.diagram')].every((one) => one.dataset.drawn === '{theme}')"
_THEMES: dict[Literal["light", "dark"], str] = {"light": "neutral", "dark": "dark"}


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_arguments: object) -> None:
        """Print nothing of a request."""


def faults_of_site(site: Path) -> Iterator[str]:
    """Yield what goes wrong in the browser."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    top = f"http://127.0.0.1:{server.server_address[1]}/"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(color_scheme="light")
        faults: list[str] = []
        page.on("request", lambda request: faults.append(f"asks for {request.url}") if top not in request.url else None)
        page.on("pageerror", lambda error: faults.append(f"{page.url}: {error}"))
        for path in sorted(site.rglob("*.html")):
            if '<pre class="diagram"' in path.read_text():
                page.goto(f"{top}{path.relative_to(site)}")
                _draw_in_both(page)
        page.goto(f"{top}search.html?q=SessionHandle")
        page.get_by_role("link", name="actors.SessionHandle", exact=True).wait_for()
        browser.close()
    server.shutdown()
    server.server_close()
    yield from faults


def _draw_in_both(page: Page) -> None:
    for scheme, theme in _THEMES.items():
        page.emulate_media(color_scheme=scheme)
        page.wait_for_function(_DRAWN.format(theme=theme), timeout=10_000)


def main(site: Path) -> int:
    """Print each fault; return how the check ends."""
    if shutil.which("chromium") is None:
        print("the site was not looked at in a browser: chromium is not installed here (apt-get install chromium)")
        return 1 if os.environ.get("CI") else 0
    faults = list(faults_of_site(site))
    print("\n".join(faults) or "diagrams and search work in a browser")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve()))
