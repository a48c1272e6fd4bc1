"""The listener's certificate."""

from __future__ import annotations

import ssl

from turnstile.errors import ConfigError


def server_tls(cert_file: str, key_file: str) -> ssl.SSLContext:
    """Load the certificate for `Listener` into a TLS context.

    Args:
        cert_file: The certificate and those above it (PEM).
        key_file: Its private key (PEM), without a passphrase.

    Raises:
        ConfigError: One of the files cannot be used.
    """
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    # A ticket comes behind the handshake, and a client that reads on one thread while it sends its request on another,
    # as the synchronous ones of OpenAI and Deepgram do, loses that request now and then, and waits.
    context.num_tickets = 0
    try:
        context.load_cert_chain(cert_file, key_file, password=_no_passphrase)
    except ssl.SSLError as error:
        words = f"the certificate {cert_file!r} and the key {key_file!r} cannot be used together, or one is no PEM file"
        raise ConfigError("server_tls", words) from error
    except OSError as error:
        words = f"the certificate {cert_file!r} or the key {key_file!r} cannot be read: {error.strerror}"
        raise ConfigError("server_tls", words) from error
    return context


def _no_passphrase() -> str:
    """Stop OpenSSL from asking for one on the terminal."""
    return ""
