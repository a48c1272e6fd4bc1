"""Names in docstrings and annotations: those of the API reference are links, others are words.

A name means what it means in its module, imports for the type checker included. A dotted name of ours that does not
exist is a warning.
"""

from __future__ import annotations

import ast
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sphinx import addnodes
from sphinx.util import logging

if TYPE_CHECKING:
    from docutils import nodes
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

_log = logging.getLogger(__name__)


def setup(app: Sphinx) -> dict[str, Any]:
    """Tell Sphinx what to call."""
    app.connect("autodoc-process-docstring", _keep_colon, priority=100)
    app.connect("doctree-read", _write_out)
    app.connect("missing-reference", _resolve)
    return {"parallel_read_safe": True}


def _keep_colon(_app: Sphinx, what: str, _name: str, _object: object, _options: object, lines: list[str]) -> None:
    """Begin the text of an attribute with a comment: Napoleon takes a first line up to a colon for a type."""
    if what in {"attribute", "property"}:
        lines[:0] = ["..", ""]


def _write_out(_app: Sphinx, document: nodes.document) -> None:
    """Write out whole what a name stands for in its module."""
    for node in document.findall(addnodes.pending_xref):
        if node.get("refdomain") == "py" and (module := _module_around(node)):
            first, dot, rest = node["reftarget"].partition(".")
            node["reftarget"] = f"{_whole(first, module)}{dot}{rest}"


def _module_around(node: nodes.Element) -> str | None:
    """Return the module that has what is described around a name."""
    around = node.parent
    while around and not isinstance(around, addnodes.desc):
        around = around.parent
    if around is None or around["domain"] != "py":
        return None
    signature = around[0]
    described = _find(f"{signature['module']}.{signature['fullname']}")
    module: str = getattr(described, "__module__", None) or signature["module"]
    return module


def _resolve(
    app: Sphinx, env: BuildEnvironment, node: addnodes.pending_xref, shown: nodes.Element
) -> nodes.Element | None:
    """Link a name that is documented under another path; leave any other as it stands."""
    if node.get("refdomain") != "py":
        return None
    target = node["reftarget"].strip("()")
    domain = env.domains.python_domain
    found, last = _find(target), target.rpartition(".")[2]
    for name in domain.objects:
        if name.rpartition(".")[2] == last and (found is None or _find(name) is found):
            return domain.resolve_xref(env, node["refdoc"], app.builder, "obj", name, node, shown)
    if target.startswith(("turnstile.", "actors.")) and found is None:
        _log.warning("%s is named, and does not exist", target, location=node, type="ref", subtype="ours")
    return shown


def _whole(name: str, module: str) -> str:
    """Return the dotted name of what a module calls `name`; `name` itself, if it has none such."""
    if name in vars(import_module(module)):
        defined = getattr(vars(import_module(module))[name], "__module__", None)
        return f"{defined}.{name}" if defined == module else _imports(module).get(name, name)
    return _imports(module).get(name, name)


@cache
def _imports(module: str) -> dict[str, str]:
    """Return what a module of ours imports, by the name that it gives it."""
    file = getattr(import_module(module), "__file__", None) if module.startswith(("turnstile", "actors")) else None
    tree = ast.parse(Path(file).read_text() if file else "")
    froms = (node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module)
    return {name.asname or name.name: f"{node.module}.{name.name}" for node in froms for name in node.names}


@cache
def _find(target: str) -> Any:
    """Return what has a dotted name, or None; a field that has only an annotation is its class."""
    module, rest = target, list[str]()
    while module:
        try:
            found: Any = import_module(module)
        except (ModuleNotFoundError, ValueError):
            module, _, name = module.rpartition(".")
            rest.insert(0, name)
            continue
        for name in rest:
            annotated = name in getattr(found, "__annotations__", ())
            found = getattr(found, name, found if annotated else None)
        return found
    return None
