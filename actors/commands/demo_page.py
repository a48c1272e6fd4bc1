"""The page of the demo: plays its conversation with and without the gate, side by side, in a browser."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from werkzeug import Response

from actors.commands.demo_play import Play
from turnstile.errors import ConfigError
from turnstile.inspector.app import OpsApp, Route
from turnstile.inspector.event_streams import EventStreams
from turnstile.inspector.guard import Guard
from turnstile.inspector.page_files import page_routes
from turnstile.inspector.server import OpsServer
from turnstile.inspector.token_file import make_token
from turnstile.server.addresses import peer_of
from turnstile.server.exit_codes import OK
from turnstile.server.listening import listening_socket
from turnstile.server.shutdown import end_process, stop_in_time
from turnstile.server.signals import ProcessSignals
from turnstile.terminal.standard_output import announce

if TYPE_CHECKING:
    from werkzeug import Request

    from turnstile.config import Config

PLAYS: Final = 8
"""How many conversations may be played at once; a click on the page plays two."""
_HOST: Final = "127.0.0.1"
# Seconds that what is being played has to end.
_STOP: Final = 3.0


def demo_server(config: Config) -> OpsServer:
    """Return the server, not started, of the page and of what it plays, on this machine alone.

    Args:
        config: All settings, of a proxy with the simulator. A port that is chosen in it (``ops.port``) is listened on,
            otherwise any free one.

    Raises:
        ConfigError: The port cannot be listened on.
    """
    streams = EventStreams(PLAYS, time.monotonic)

    def play(request: Request, *, is_gated: bool) -> Response:
        if request.method == "HEAD":
            return Response(content_type="text/event-stream")
        return streams.answer(request, lambda: Play(config, is_gated=is_gated))

    routes = (
        Route("/plays/gated/events", "GET", lambda request: play(request, is_gated=True)),
        Route("/plays/ungated/events", "GET", lambda request: play(request, is_gated=False)),
        *page_routes("demo.html"),
    )
    # Nothing is changed by a POST, so nobody needs the token.
    guard = Guard(make_token(), _HOST, (), is_local=True, clock=time.monotonic)
    port = config.ops.port if "port" in config.ops.model_fields_set else 0
    try:
        sock = listening_socket(_HOST, port)
    except ConfigError as error:
        words = f"ops.port: {error.problem.description}, or leave it out for any free one."
        raise ConfigError("ops_address", words) from None
    return OpsServer(OpsApp(routes, guard), streams.close, sock)


def show_page(config: Config) -> int:
    """Serve the page until a signal; return the exit code."""
    server = demo_server(config)

    def stop(timeout: float) -> int:
        server.stop(timeout)
        return 0

    with ProcessSignals() as signals:
        server.start()
        announce(f"The demo is at http://{peer_of(*server.address)}/ for a browser on this machine. Ctrl-C ends it.")
        signals.drain.wait()
        stop_in_time(stop, signals, _STOP)
        signals.ignore()
    end_process(OK)
    return OK
