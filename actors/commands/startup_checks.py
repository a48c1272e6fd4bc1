"""Opens what `turnstile serve` would open, and closes it again: the faults that would stop or harm its start."""

from __future__ import annotations

import time
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

from actors.adapters import handshake_settings
from actors.authentication import make_authenticator
from actors.ops_listener import require_ops
from actors.remote_authentication import RemoteChecks
from actors.system import ProxySystem
from turnstile.config import SIMULATOR, require_key, require_mode
from turnstile.errors import ConfigError
from turnstile.observability.recording_files import require_directory
from turnstile.server.certificates import require_valid
from turnstile.server.listening import listening_socket
from turnstile.server.worker_process import require_workers
from turnstile.transports.loop import IoLoop
from turnstile.transports.trust import tls_context

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator

    from turnstile.config import Config


def startup_faults(config: Config) -> Iterator[str]:
    """Yield each fault, in words that name the setting and the fix; none if `serve` can start.

    Opens files and listens on addresses for a moment; starts no thread, and connects to nobody.

    Args:
        config: All settings.
    """
    found = False
    for check in _CHECKS:
        for fault in _fault(check, config):
            found = True
            yield fault
    if not found:  # what one check would have missed; else it repeats the first fault
        yield from _fault(_open_all, config)


def _fault(check: Callable[[Config], None], config: Config) -> Iterator[str]:
    try:
        check(config)
    except ConfigError as error:
        yield error.problem.description


def _open_certificate(config: Config) -> None:
    context = handshake_settings(config).tls
    if context is not None:
        require_valid(context, str(config.server.tls_cert_file))


def _allow_workers(config: Config) -> None:
    require_workers(config.server.workers)


def _open_address(config: Config) -> None:
    try:
        _listen(config).close()
    except ConfigError as error:
        words = f"server.host, server.port: {error.problem.description}"
        raise ConfigError(error.problem.code, words) from None


def _open_ops(config: Config) -> None:
    """Listen for operators beside clients, as `serve` does, which cannot give both one port."""
    with ExitStack() as opened:
        with suppress(ConfigError):  # a fault of its own
            opened.enter_context(_listen(config))
        require_ops(config)


def _listen(config: Config) -> socket.socket:
    return listening_socket(config.server.host, config.server.port)


def _open_files_of_clients(config: Config) -> None:
    loop = IoLoop()
    make_authenticator(config, RemoteChecks(loop, time.monotonic)).close(0)


def _open_trusted_certificates(config: Config) -> None:
    if config.upstream.ca_file is not None and config.upstream_url != SIMULATOR:
        tls_context(str(config.upstream.ca_file), "upstream.ca_file")


def _open_recordings(config: Config) -> None:
    if config.journal.directory is not None:
        require_directory(config.journal.directory)


def _open_all(config: Config) -> None:
    ProxySystem(config).stop(0)


_CHECKS = (
    require_key,
    require_mode,
    _allow_workers,
    _open_certificate,
    _open_address,
    _open_ops,
    _open_files_of_clients,
    _open_trusted_certificates,
    _open_recordings,
)
