"""The settings of opening handshakes, as they are from a moment on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from turnstile.server.trusted_proxies import TrustedProxies
from turnstile.transports.limits import ConnectionLimits

if TYPE_CHECKING:
    import ssl


@dataclass(frozen=True, slots=True)
class HandshakeSettings:
    """What a listener's handshakes keep to; each to those of its beginning.

    Args:
        limits: Of the connection, once it is open.
        tls: The certificate to use TLS with, from `server_tls`; None for no TLS.
        timeout: Seconds from the TCP connection to the last byte of the request, or, for a client that is rejected, to
            the last byte of the answer.
        at_most: How many may be under way. Where one more begins, the oldest of the address that has most goes.
        of_one: How many of them from one address, whose oldest goes where one more begins.
        answer_while_draining: Whether clients that come while the proxy drains are answered; False closes the port.
        proxies: Those in front of the listener whose word on a client's address is believed.
    """

    limits: ConnectionLimits = field(default_factory=ConnectionLimits)
    tls: ssl.SSLContext | None = None
    timeout: float = 10.0
    at_most: int = 1_000
    of_one: int = 250
    answer_while_draining: bool = True
    proxies: TrustedProxies = field(default_factory=TrustedProxies)
