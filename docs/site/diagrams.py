"""Diagrams in Mermaid: drawn in the browser by a copy of Mermaid of the site's own, on the pages that have some."""

from __future__ import annotations

import html
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docutils import nodes
from sphinx.util.fileutil import copy_asset

if TYPE_CHECKING:
    from sphinx.application import Sphinx

_LIBRARY = Path(__file__).parents[2] / "build/docs-node/node_modules/@mermaid-js/tiny/dist/mermaid.tiny.js"


def setup(app: Sphinx) -> dict[str, Any]:
    """Tell Sphinx what to call."""
    app.connect("doctree-read", _keep_text)
    app.connect("html-page-context", _add_scripts)
    app.connect("build-finished", _copy_library)
    return {"parallel_read_safe": True}


def _keep_text(_app: Sphinx, document: nodes.document) -> None:
    """Write a diagram as its text, which the script replaces."""
    for block in list(document.findall(nodes.literal_block)):
        if block.get("language") == "mermaid":
            text = f'<pre class="diagram" role="img" aria-label="diagram">{html.escape(block.astext())}</pre>'
            block.replace_self(nodes.raw("", text, format="html", classes=["mermaid"]))


def _add_scripts(
    app: Sphinx, _page: str, _template: str, _context: dict[str, Any], document: nodes.document | None
) -> None:
    if document and any("mermaid" in raw["classes"] for raw in document.findall(nodes.raw)):
        app.add_js_file("mermaid.tiny.js", priority=700)
        app.add_js_file("diagrams.js", priority=800)


def _copy_library(app: Sphinx, exception: Exception | None) -> None:
    if exception is None:
        copy_asset(_LIBRARY, app.outdir / "_static")
