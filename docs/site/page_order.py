"""The order of the site is that of its index pages: the links below each heading are one list of contents.

So the pages stay plain Markdown, and no list stands twice.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from docutils import nodes
from sphinx import addnodes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sphinx.application import Sphinx

# Before Sphinx collects the lists of contents, at 500.
_EARLY = 100


def setup(app: Sphinx) -> dict[str, Any]:
    """Tell Sphinx what to call."""
    app.connect("doctree-read", _add_contents, priority=_EARLY)
    return {"parallel_read_safe": True}


def _add_contents(app: Sphinx, document: nodes.document) -> None:
    docname = app.env.docname
    if docname == app.config.root_doc:
        for section in document.findall(nodes.section):
            if own := dict(_linked(section)):
                section.append(_contents(docname, own, section[0].astext()))
    elif PurePosixPath(docname).name in {"README", "index"} and docname.startswith("docs/"):
        folder = f"{PurePosixPath(docname).parent}/"
        if own := {page: None for page, _ in _linked(document) if page.startswith(folder)}:
            document[-1].append(_contents(docname, own, ""))


def _linked(element: nodes.Element) -> Iterator[tuple[str, str | None]]:
    """Yield the pages that `element` links to, and the words of the link; those of the sections within it aside."""
    for child in element.children:
        if isinstance(child, addnodes.pending_xref) and child.get("refdomain") == "doc":
            yield child["reftarget"], child.astext()
        elif isinstance(child, nodes.Element) and not (isinstance(child, nodes.section) and element.parent):
            yield from _linked(child)


def _contents(docname: str, pages: Mapping[str, str | None], caption: str) -> nodes.compound:
    contents = addnodes.toctree(
        parent=docname,
        entries=[(title, page) for page, title in pages.items()],
        includefiles=list(pages),
        rawentries=[],
        maxdepth=1,
        caption=caption,
        rawcaption=caption,
        glob=False,
        hidden=True,
        includehidden=False,
        numbered=0,
        titlesonly=True,
    )
    return nodes.compound("", contents, classes=["toctree-wrapper"])
