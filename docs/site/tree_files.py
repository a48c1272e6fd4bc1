"""Files of the tree that pages link to, such as a configuration: each is a page of the site that shows it.

A link to a folder leads to a page that lists its files.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from docutils import nodes
from pygments.lexers import get_lexer_for_filename
from pygments.util import ClassNotFound
from sphinx import addnodes
from sphinx.util.fileutil import copy_asset
from sphinx.util.osutil import relative_uri

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

# Before Sphinx collects what is downloaded, at 500.
_EARLY = 100
_PREFIX = "tree/"
_IMAGES = "docs/images"
_LANGUAGES = {".jsonl": "json", ".cfg": "text", ".service": "ini", "": "text"}


def setup(app: Sphinx) -> dict[str, Any]:
    """Tell Sphinx what to call."""
    app.connect("doctree-read", _link_to_pages, priority=_EARLY)
    app.connect("env-purge-doc", _forget)
    app.connect("env-merge-info", _merge)
    app.connect("html-collect-pages", _pages)
    app.connect("build-finished", _copy_images)
    return {"parallel_read_safe": True, "env_version": 1}


def _linked(env: BuildEnvironment) -> dict[str, set[str]]:
    """Return the files and folders that each page links to, relative to the top."""
    if not hasattr(env, "tree_files"):
        env.tree_files = {}  # type: ignore[attr-defined] # Sphinx keeps what extensions put there
    found: dict[str, set[str]] = env.tree_files  # type: ignore[attr-defined]
    return found


def _forget(_app: Sphinx, env: BuildEnvironment, docname: str) -> None:
    _linked(env).pop(docname, None)


def _merge(_app: Sphinx, env: BuildEnvironment, _docnames: set[str], other: BuildEnvironment) -> None:
    _linked(env).update(_linked(other))


def _link_to_pages(app: Sphinx, document: nodes.document) -> None:
    env, docname = app.env, app.env.docname
    here = app.builder.get_target_uri(docname)
    for node in list(document.findall(addnodes.pending_xref)) + list(document.findall(addnodes.download_reference)):
        is_link = isinstance(node, addnodes.download_reference) or node.get("reftype") == "myst"
        if not is_link or node.get("refdomain") == "doc":
            continue
        path, _, anchor = node["reftarget"].partition("#")
        target = Path(env.relfn2path(path, docname)[1]).resolve() if path else None
        if target is None or anchor or not target.exists() or not target.is_relative_to(app.srcdir):
            continue  # Sphinx warns of it
        name = target.relative_to(app.srcdir).as_posix()
        _linked(env).setdefault(docname, set()).add(name)
        address = relative_uri(here, app.builder.get_target_uri(_PREFIX + name))
        node.replace_self(nodes.reference("", "", *node.children, refuri=address, internal=True))


def _pages(app: Sphinx) -> Iterator[tuple[str, dict[str, Any], str]]:
    waiting = sorted(set().union(*_linked(app.env).values()))
    for name in waiting:
        path = app.srcdir / name
        if path.is_dir():
            inside = sorted(file.relative_to(app.srcdir).as_posix() for file in path.rglob("*") if _is_shown(file))
            waiting += [file for file in inside if file not in waiting]
            body = "".join(f"<li>{_link(app, name, file)}</li>" for file in inside)
            body = f"<ul>{body}</ul>"
        else:
            body = _source(app, path)
        yield _PREFIX + name, {"title": name, "body": f"<h1>{name}</h1>{body}"}, "page.html"


def _copy_images(app: Sphinx, exception: Exception | None) -> None:
    """Copy the images to where the HTML in the pages names them."""
    if exception is None:
        copy_asset(app.srcdir / _IMAGES, app.outdir / _IMAGES)


def _is_shown(file: Path) -> bool:
    return file.is_file() and "__pycache__" not in file.parts


def _link(app: Sphinx, folder: str, file: str) -> str:
    docname = file.removesuffix(".md")
    target = docname if docname in app.env.all_docs else _PREFIX + file
    here = app.builder.get_target_uri(_PREFIX + folder)
    return f'<a href="{relative_uri(here, app.builder.get_target_uri(target))}">{file}</a>'


def _source(app: Sphinx, path: Path) -> str:
    try:
        language = _LANGUAGES.get(path.suffix) or get_lexer_for_filename(path.name).aliases[0]
    except ClassNotFound:
        language = "text"
    highlighter = app.builder.highlighter  # type: ignore[attr-defined] # of every HTML builder
    highlighted: str = highlighter.highlight_block(path.read_text(), language, force=True)
    return highlighted
