"""Browser tokens over TLS, as a public listener has it."""

from __future__ import annotations

import ssl

import httpx2
from websocket import create_connection

from turnstile.testing import patience


def test_a_backend_makes_a_token_over_tls_and_a_page_connects_with_it(start_proxy, certificates):
    files = {"server.tls_cert_file": certificates / "cert.pem", "server.tls_key_file": certificates / "key.pem"}
    settings = {name: str(file) for name, file in files.items()}
    host, port = start_proxy(**settings, **{"auth.token_secret": "x" * 32}).address
    trusted = ssl.create_default_context(cafile=certificates / "ca.pem")
    body = b'{"session": {"type": "realtime", "instructions": "Rhyme."}}'.ljust(60_000)  # several records of TLS
    answer = httpx2.post(
        f"https://{host}:{port}/v1/realtime/client_secrets",
        content=body,
        headers={"Content-Type": "application/json"},
        verify=trusted,
        timeout=patience(),
    )
    assert answer.status_code == 200
    protocols = ["realtime", f"openai-insecure-api-key.{answer.json()['value']}"]
    link = create_connection(
        f"wss://{host}:{port}/v1/realtime",
        subprotocols=protocols,
        sslopt={"ca_certs": str(certificates / "ca.pem")},
        timeout=patience(),
    )
    assert link.getsubprotocol() == "realtime"
    link.close()
