"""The page of the ops listener, as its files: HTML, CSS and plain modules, which hold nothing of any session."""

from __future__ import annotations

from functools import partial
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from werkzeug import Response
from werkzeug.exceptions import NotFound

from turnstile.inspector.app import Route
from turnstile.inspector.guard import PAGE_FILES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from werkzeug import Request

_TYPES: Final = {
    "css": "text/css; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}


def page_routes(first: str = "index.html") -> Sequence[Route]:
    """Return the routes of the page: ``/``, and the files that it loads.

    Args:
        first: The file that is shown at ``/``.
    """
    room = files("turnstile.inspector").joinpath("page")
    found = {file.name: file.read_bytes() for file in room.iterdir() if _suffix(file.name) in _TYPES}
    return (
        Route("/", "GET", partial(_answer, found, name=first)),
        Route(f"{PAGE_FILES}<name>", "GET", partial(_answer, found)),
    )


def _answer(found: dict[str, bytes], _: Request, name: str) -> Response:
    if name not in found:
        raise NotFound
    return Response(found[name], content_type=_TYPES[_suffix(name)])


def _suffix(name: str) -> str:
    return name.rpartition(".")[2]
