"""Whose certificates are trusted."""

from __future__ import annotations

import ssl

from turnstile.errors import ConfigError


def tls_context(ca_file: str | None, setting: str, *, verify: bool = True) -> ssl.SSLContext:
    """Return what connections to servers use TLS with.

    Args:
        ca_file: Certificates (PEM) to trust instead of the system's.
        setting: The name of the setting that the file is from, for the words.
        verify: Whether to check the server's certificate at all.

    Raises:
        ConfigError: The file cannot be used.
    """
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except (OSError, ValueError) as error:
        reason = "it holds no certificate (PEM)"
        if isinstance(error, OSError) and not isinstance(error, ssl.SSLError):
            reason = error.strerror or reason
        words = f"{setting}: the file of trusted certificates {ca_file!r} cannot be used: {reason}"
        raise ConfigError("invalid_ca_file", words) from error
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
