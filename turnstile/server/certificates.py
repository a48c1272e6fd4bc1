"""The listener's certificate."""

from __future__ import annotations

import ssl

from turnstile.errors import ConfigError

# OpenSSL's codes of a certificate that is not valid at this time (`openssl-verify(1)`).
_NOT_YET, _EXPIRED = 9, 10


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
        why = "one is no PEM file, or has a passphrase"
        if error.reason == "KEY_VALUES_MISMATCH":
            why = "the key is that of another certificate"
        words = f"the certificate {cert_file!r} and the key {key_file!r} cannot be used together: {why}"
        raise ConfigError("server_tls", f"server.tls_cert_file: {words}") from error
    except OSError as error:
        words = f"the certificate {cert_file!r} or the key {key_file!r} cannot be read: {error.strerror}"
        raise ConfigError("server_tls", f"server.tls_cert_file: {words}") from error
    return context


def require_valid(context: ssl.SSLContext, cert_file: str) -> None:
    """Refuse a certificate that clients refuse at this time, by a handshake in memory with one that trusts it.

    Args:
        context: Has it, as `server_tls` returns it.
        cert_file: The certificate and those above it (PEM).

    Raises:
        ConfigError: It has expired, is not valid yet, or its handshake fails otherwise.
    """
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusting.check_hostname = False
    trusting.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # the certificate itself is trusted, whoever issued it
    try:
        trusting.load_verify_locations(cert_file)
        _shake_hands(context, trusting)
    except ssl.SSLCertVerificationError as error:
        why = {_NOT_YET: "is not valid yet", _EXPIRED: "has expired"}.get(
            error.verify_code, f"is refused by clients ({error.verify_message})"
        )
        words = f"server.tls_cert_file: the certificate {cert_file!r} {why}: renew it, or set this machine's clock"
        raise ConfigError("server_tls", words) from error
    except ssl.SSLError as error:
        words = f"server.tls_cert_file: no client can use the certificate {cert_file!r} ({error.reason})"
        raise ConfigError("server_tls", words) from error


def _shake_hands(server: ssl.SSLContext, client: ssl.SSLContext) -> None:
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    asking = client.wrap_bio(to_client, to_server)
    answering = server.wrap_bio(to_server, to_client, server_side=True)
    # The client greets; the server sends its certificate; the client checks it.
    for side in (asking, answering, asking):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue


def _no_passphrase() -> str:
    """Stop OpenSSL from asking for one on the terminal."""
    return ""
