"""Check the site that was built: ``python docs/site/check_site.py build/docs-site``.

Each link and each file that a page loads is there, each anchor is on its page, no page loads anything from elsewhere,
and the search knows each name that the pages' examples import.
"""

from __future__ import annotations

import ast
import json
import re
import sys
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

TOP = Path(__file__).parents[2]
# Where a link may lead outside; nothing is loaded from there.
KNOWN = {"github.com", "semver.org", "www.sphinx-doc.org", "pradyunsg.me"}

_LOADS = {("script", "src"), ("img", "src"), ("source", "srcset"), ("link", "href"), ("iframe", "src")}
_IN_STYLES = re.compile(r"""(?:url\(\s*["']?|@import\s+["'])(?P<target>[^"')]+)""")
_PYTHON = re.compile(r"^```python[^\n]*\n(?P<body>.*?)^```", re.MULTILINE | re.DOTALL)


class Page(HTMLParser):
    """What a page links to, what it loads, and its anchors."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.anchors: set[str] = {"", "top"}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep what a tag says."""
        for name, value in attrs:
            if name in {"id", "name"}:
                self.anchors.add(value or "")
            elif (tag, name) in _LOADS:
                self.loads.append(value or "")
            elif (tag, name) == ("a", "href"):
                self.links.append(value or "")


@cache
def read_page(path: Path) -> Page:
    """Read a page once."""
    return Page(path.read_text())


def faults_of_page(site: Path, path: Path) -> list[str]:
    """Return what is wrong with the links of a page, and with what it loads."""
    page = read_page(path)
    faults = [f"loads {target}" for target in page.loads if urlsplit(target).netloc]
    for target in (*page.links, *page.loads):
        parts = urlsplit(target)
        if parts.scheme or parts.netloc:
            if parts.scheme not in {"", "http", "https"} or parts.hostname not in KNOWN:
                faults.append(f"links to {target}, which is no known address")
            continue
        file = (path.parent / unquote(parts.path)).resolve() if parts.path else path
        if not file.is_file() or not file.is_relative_to(site):
            faults.append(f"links to {target}, which does not exist")
        elif parts.fragment and file.suffix == ".html" and unquote(parts.fragment) not in read_page(file).anchors:
            faults.append(f"links to {target}, which has no such anchor")
    return faults


def faults_of_style(path: Path) -> list[str]:
    """Return what a style sheet loads that is not there."""
    targets = [match["target"] for match in _IN_STYLES.finditer(path.read_text())]
    own = [target for target in targets if not target.startswith(("data:", "#"))]
    return [f"loads {target}" for target in own if not (path.parent / urlsplit(target).path).is_file()]


def searched_names(site: Path) -> set[str]:
    """Return the dotted names that the search finds."""
    text = (site / "searchindex.js").read_text()
    index = json.loads(text.removeprefix("Search.setIndex(").removesuffix(")"))
    return {f"{prefix}.{row[4]}" for prefix, rows in index["objects"].items() for row in rows}


def imported_names() -> set[str]:
    """Return the names of Turnstile that the examples of the pages import."""
    pages = [TOP / "README.md", *(TOP / "docs").rglob("*.md")]
    sources = [match["body"] for page in pages for match in _PYTHON.finditer(page.read_text())]
    froms = (node for source in sources for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ImportFrom))
    ours = (node for node in froms if node.module and node.module.split(".")[0] in {"actors", "turnstile"})
    return {f"{node.module}.{name.name}" for node in ours for name in node.names}


def is_found_as(searched: str, imported: str) -> bool:
    """Tell whether a name that the search finds is an imported one, perhaps of a module within the package named."""
    module, _, name = imported.rpartition(".")
    return searched.startswith(f"{module}.") and searched.endswith(f".{name}")


def main(site: Path) -> int:
    """Print each fault; return how the check ends."""
    pages = sorted(site.rglob("*.html"))
    faults = [f"{page.relative_to(site)} {fault}" for page in pages for fault in faults_of_page(site, page)]
    for style in sorted(site.rglob("*.css")):
        faults += [f"{style.relative_to(site)} {fault}" for fault in faults_of_style(style)]
    searched = searched_names(site)
    missing = [name for name in sorted(imported_names()) if not any(is_found_as(one, name) for one in searched)]
    faults += [f"an example imports {name}, which is not in docs/reference/api" for name in missing]
    print("\n".join(faults) or f"{len(pages)} pages, no broken link")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve()))
