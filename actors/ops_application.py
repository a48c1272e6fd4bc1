"""The parts of the ops listener, composed: imported only where there is one."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from turnstile import __version__
from turnstile.inspector.app import OpsApp
from turnstile.inspector.guard import Guard
from turnstile.inspector.page_files import page_routes
from turnstile.inspector.resources import Resources
from turnstile.inspector.server import OpsServer
from turnstile.observability.metrics import CONTENT_TYPE, exposition

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from turnstile.config import OpsSection
    from turnstile.inspector.view import View
    from turnstile.observability.figures import Figures


def ops_server(
    ops: OpsSection, view: View, is_alive: Callable[[], bool], sock: socket.socket, token: str, *, is_local: bool
) -> OpsServer:
    """Return the server, not started, of all that operators can ask for.

    Args:
        ops: The settings.
        view: The sessions that it shows, and steers.
        is_alive: Returns whether the process does its work; may take seconds.
        sock: The listening socket.
        token: What requests must have.
        is_local: Whether only this machine can connect.
    """
    guard = Guard(token, ops.host, ops.hosts, is_local=is_local, clock=time.monotonic)

    def metrics(figures: Figures) -> bytes:
        refused = {**figures.get("refusals", {}), "ops_token": guard.wrong_tokens}
        return exposition(figures | {"refusals": refused})

    resources = Resources(
        view,
        exposition=metrics,
        exposition_type=CONTENT_TYPE,
        version=__version__,
        is_alive=is_alive,
        clock=time.monotonic,
    )
    return OpsServer(OpsApp([*resources.routes(), *page_routes()], guard), resources.close, sock)
