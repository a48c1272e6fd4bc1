"""The commands `turnstile sessions` and `turnstile send`: what a running proxy's sessions do, and their steering."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

import orjson

from turnstile.errors import ConfigError, SessionError
from turnstile.protocol.jsontext import loads
from turnstile.server.exit_codes import FAILED, OK
from turnstile.terminal.session_table import session_table
from turnstile.terminal.standard_output import complain, show

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from turnstile.terminal.arguments import ArgumentParser
    from turnstile.terminal.ops_client import OpsClient

    FindClient = Callable[[argparse.Namespace], OpsClient]

_MOST_ASKED: Final = 100  # sessions that are asked one by one what waits in them
_GIVEN_FOR: Final = 30.0  # seconds
_LONGEST: Final = 300.0
_EXAMPLE: Final = '{"type": "UpdatePrompt", "prompt": "Be brief."}'


def define_sessions(parser: ArgumentParser, find_client: FindClient) -> None:
    """Define the options of `sessions`, and its help.

    Args:
        parser: The command's; has the options of the configuration already.
        find_client: Returns the client of the listener that these name.
    """
    parser.describe(
        "List the open sessions of the proxy that runs on this machine, or where ops.host says: what each is doing, "
        "and what waits in it, for how long, and what for.",
        "sessions",
        "sessions --json",
        "sessions --set ops.port=9081",
    )
    parser.add_argument("--json", action="store_true", help="for programs: what the ops listener answers")
    parser.set_defaults(command=lambda arguments: _or_complain(lambda: _sessions(find_client(arguments), arguments)))


def define_send(parser: ArgumentParser, find_client: FindClient) -> None:
    """Define the options of `send`, and its help.

    Args:
        parser: The command's; has the options of the configuration already.
        find_client: Returns the client of the listener that these name.
    """
    parser.describe(
        "Give an open session of a running proxy a message as its host could, and wait until it is in force: a message "
        "in the words of the Voice Agent protocol, whatever the session's client speaks, or an End. The exit code is 1 "
        "where it was refused, or is not in force in time.",
        f"send 3f9a '{_EXAMPLE}'",
        'send 3f9a \'{"type": "End"}\'',
    )
    parser.add_argument("session", metavar="ID", help="the session's id, or its beginning; `turnstile sessions` has it")
    parser.add_argument("message", metavar="JSON", help="the message")
    parser.add_argument(
        "--timeout", type=float, default=_GIVEN_FOR, metavar="SECONDS", help="to be in force; default: %(default)g"
    )
    parser.set_defaults(command=lambda arguments: _or_complain(lambda: _send(find_client(arguments), arguments)))


def _or_complain(run: Callable[[], None]) -> int:
    """Run a command; return its exit code."""
    try:
        run()
    except SessionError as error:
        complain(error.problem.description)
        return FAILED
    return OK


def _sessions(client: OpsClient, arguments: argparse.Namespace) -> None:
    if arguments.json:
        show(orjson.dumps({"sessions": client.sessions()}).decode())
        return
    sessions = client.sessions()
    asked = [session for session in sessions if session.get("waiting")][:_MOST_ASKED]
    for session in asked:
        with suppress(SessionError):  # it has ended meanwhile
            session["waiting"] = client.get(_path(session["id"]))["waiting"]
    if not sessions:
        show("No session is open.")
        return
    for line in session_table(sessions, datetime.now(UTC)):
        show(line)


def _send(client: OpsClient, arguments: argparse.Namespace) -> None:
    kind = _kind_of(arguments.message)
    if not 0 <= arguments.timeout <= _LONGEST:
        raise ConfigError("invalid_arguments", f"--timeout: must be a number of seconds from 0 to {_LONGEST:g}.")
    session_id = _find(arguments.session, [session["id"] for session in client.sessions()])
    path = f"{_path(session_id)}/messages?timeout={arguments.timeout:g}"
    client.post(path, arguments.message.encode(errors="replace"), arguments.timeout)
    show(f"Done: {kind}, session {session_id}.")


def _kind_of(message: str) -> str:
    """Return the type of a message.

    Raises:
        ConfigError: It is none.
    """
    try:
        kind = loads(message)["type"]
    except (ValueError, TypeError, LookupError):
        kind = None
    if isinstance(kind, str):
        return kind
    raise ConfigError("invalid_message", f"JSON: must be an object with a type, such as '{_EXAMPLE}', in quotes.")


def _find(beginning: str, ids: list[str]) -> str:
    """Return the id that begins so.

    Raises:
        SessionError: None does.
        ConfigError: Several do, or there is no beginning.
    """
    found = [session_id for session_id in ids if beginning and session_id.startswith(beginning)]
    if beginning in found or len(found) == 1:
        return beginning if beginning in found else found[0]
    if found or not beginning:
        raise ConfigError("ambiguous_session", f"ID: {len(found or ids)} sessions have one that begins so; give more.")
    words = f"No open session has an id that begins with {beginning!r}; `turnstile sessions` lists those that are."
    raise SessionError("unknown_session", words)


def _path(session_id: str) -> str:
    return f"/sessions/{quote(session_id, safe='')}"
