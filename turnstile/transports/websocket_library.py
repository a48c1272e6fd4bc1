"""What the framing library leaves to its users: that it logs nothing, and that its parser is freed."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from websockets.protocol import Protocol

# The framing library can log every frame and header, keys included. This logger belongs to no tree and has no handler:
# no logging configuration makes it log.
SILENT_LOGGER: Final = logging.Logger("turnstile.framing", logging.CRITICAL + 1)  # noqa: LOG001 - that is the point


def release_parser(protocol: Protocol) -> None:
    """Free a protocol of the framing library, which reads nothing afterwards, as soon as no other object holds it.

    Its parser is a generator that holds it, and its exceptions and their causes have tracebacks that do: cycles, which
    would wait for a full collection with all that the protocol has buffered.
    """
    protocol.parser.close()
    for error in (protocol.parser_exc, protocol.handshake_exc):
        if error is not None:
            error.__traceback__ = error.__context__ = error.__cause__ = None
