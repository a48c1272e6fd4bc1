"""The ops listener of a process: opened as it is configured, apart from clients, and closed last."""

from __future__ import annotations

import logging
from ipaddress import IPv6Address, ip_address
from typing import TYPE_CHECKING, Self

from turnstile.errors import ConfigError
from turnstile.inspector.token_file import TokenFile, make_token, require_writable, token_path
from turnstile.server.addresses import peer_of
from turnstile.server.listening import listening_socket

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from turnstile.config import Config, OpsSection
    from turnstile.inspector.server import OpsServer
    from turnstile.inspector.view import View

_log = logging.getLogger(__name__)

# Seconds for the requests that are being answered at the end.
_STOP_WITHIN = 2.0


class OpsListener:
    """An ops listener that serves, or none; a context manager that stops it.

    Args:
        server: Answers the requests; None where the listener is off.
        token_file: The file with the token that was made for it, if one was.
        has_token: Whether the token that is asked for is configured.
    """

    def __init__(
        self, server: OpsServer | None, token_file: TokenFile | None = None, *, has_token: bool = False
    ) -> None:
        self._server = server
        self._token_file = token_file
        self._has_token = has_token

    def __enter__(self) -> Self:
        """Return the listener."""
        return self

    def __exit__(self, *error: object) -> None:
        """Stop."""
        self.stop()

    @property
    def address(self) -> tuple[str, int] | None:
        """The address and port that are listened on; None where the listener is off."""
        return self._server.address if self._server else None

    @property
    def token_path(self) -> Path | None:
        """The file with the token; None where that is configured, or could not be written."""
        return self._token_file.path if self._token_file else None

    def introduction(self) -> Iterator[str]:
        """Yield the line that says where it is, and where its token is; nothing where it is off."""
        if self._server is None:
            return
        token = "token as configured" if self._has_token else "no token: nothing can be steered"
        if self._token_file is not None:
            token = f"token in {self._token_file.path}"
        address = f"http://{peer_of(*self._server.address)}/"
        yield f"Ops: {address} shows the sessions in a browser (/healthz, /metrics, /sessions for programs), {token}."

    def stop(self, timeout: float = _STOP_WITHIN) -> None:
        """End what is being answered, close the port, and delete the token; a second call does nothing.

        Args:
            timeout: Seconds after which a request that is still being answered is abandoned.
        """
        server, self._server = self._server, None
        if server is not None:
            server.stop(timeout)
        if self._token_file is not None:
            self._token_file.remove()


def start_ops(config: Config, view: View, is_alive: Callable[[], bool] = lambda: True) -> OpsListener:
    """Open the ops listener that is configured (``ops.*``), and answer requests until its `stop`.

    A host's proxy has none unless the host calls this, such as ``start_ops(config, proxy.view)``.

    Args:
        config: All settings.
        view: The sessions that it shows, and steers.
        is_alive: Returns whether the process does its work; may take seconds.

    Raises:
        ConfigError: The address was chosen, and cannot be listened on, or a file was, and the token cannot be written
            there. The default port that is taken is a warning, and the listener stays off.
    """
    ops = config.ops
    sock = _listen(ops)
    if sock is None:
        return OpsListener(None)
    try:
        token, file = _token(ops, sock.getsockname()[1])
        # Most of its start is the import of the HTTP server, which a process without a listener does not need.
        from actors.ops_application import ops_server  # noqa: PLC0415

        server = ops_server(ops, view, is_alive, sock, token, is_local=_is_local(sock))
        server.start()
    except BaseException:
        sock.close()
        raise
    return OpsListener(server, file, has_token=ops.token is not None)


def require_ops(config: Config) -> None:
    """Refuse what `start_ops` refuses: listen for a moment, and write beside a token that may be there.

    Args:
        config: All settings.

    Raises:
        ConfigError: As of `start_ops`.
    """
    ops = config.ops
    if not ops.port:
        return
    try:
        ops_socket(ops).close()
    except ConfigError:
        if _is_chosen(ops):
            raise
    else:
        if ops.token is None and ops.token_file is not None:
            require_writable(ops.token_file)


def ops_socket(ops: OpsSection) -> socket.socket:
    """Listen on the configured address.

    Raises:
        ConfigError: It cannot be listened on.
    """
    try:
        return listening_socket(ops.host, ops.port)
    except ConfigError as error:
        name = "ops.port" if error.problem.description.startswith("port ") else "ops.host"
        words = f"{name}: {error.problem.description}; ops.port=0 turns the ops listener off."
        raise ConfigError("ops_address", words) from None


def _listen(ops: OpsSection) -> socket.socket | None:
    """Return the listening socket; None where there shall be none, or the default port is taken."""
    if not ops.port:
        return None
    try:
        return ops_socket(ops)
    except ConfigError as error:
        if _is_chosen(ops):
            raise
        _log.warning("There is no ops listener: %s", error.problem.description.removesuffix("."))
        return None


def _is_chosen(ops: OpsSection) -> bool:
    return bool(ops.model_fields_set & {"host", "port"})


def _token(ops: OpsSection, port: int) -> tuple[str, TokenFile | None]:
    """Return the token of the listener on a port, and the file that it was written to, if it was made here."""
    if ops.token is not None:
        return ops.token.get_secret_value(), None
    token = make_token()
    try:
        return token, TokenFile(token_path(ops.token_file, port), token, makes_directory=ops.token_file is None)
    except ConfigError as error:
        if ops.token_file is not None:
            raise
        _log.warning(
            "Nobody has the token of the ops listener, which steering needs: %s Or set ops.token in the environment",
            error.problem.description,
        )
        return token, None


def _is_local(sock: socket.socket) -> bool:
    """Return whether only this machine can connect to a listening socket."""
    address = ip_address(sock.getsockname()[0].partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (mapped or address).is_loopback
