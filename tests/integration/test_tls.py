"""TLS on both sides: a wss client, and a wss upstream."""

from __future__ import annotations

import json
import ssl
import time
from contextlib import closing

import pytest
import trustme
from websocket import create_connection

from actors.timers import TimerThread
from turnstile.server.certificates import server_tls
from turnstile.server.handshake_settings import HandshakeSettings
from turnstile.server.listener import Listener
from turnstile.server.listening import listening_socket
from turnstile.server.requests import Admission, at_once
from turnstile.simulator.simulator import Simulator
from turnstile.testing import patience
from turnstile.transports.loop import IoLoop


@pytest.fixture
def authority(tmp_path):
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    server = authority.issue_cert("127.0.0.1", "localhost")
    server.cert_chain_pems[0].write_to_path(tmp_path / "server.pem")
    server.private_key_pem.write_to_path(tmp_path / "server.key")
    return tmp_path


@pytest.fixture
def upstream(authority):
    loop, timers = IoLoop(), TimerThread()
    simulator = Simulator(clock=time.monotonic, timers=timers)
    listener = Listener(
        loop,
        listening_socket("127.0.0.1", 0),
        HandshakeSettings(tls=server_tls(str(authority / "server.pem"), str(authority / "server.key"))),
        accept=at_once(lambda request: Admission(lambda link: simulator.accept(link, model=request.query["model"]))),
    )
    loop.start()
    listener.start()
    yield f"wss://127.0.0.1:{listener.address[1]}/v1/realtime"
    listener.close()
    simulator.shut_down()
    loop.stop(patience())
    timers.stop(patience())


def test_a_conversation_goes_over_tls_on_both_sides(start_proxy, authority, upstream):
    proxy = start_proxy(
        {
            "server.tls_cert_file": str(authority / "server.pem"),
            "server.tls_key_file": str(authority / "server.key"),
            "upstream.url": upstream,
            "upstream.kind": "compatible",
            "upstream.ca_file": str(authority / "ca.pem"),
        }
    )
    trusting = ssl.create_default_context(cafile=str(authority / "ca.pem"))
    port = proxy.system.address[1]
    audio, kinds = 0, []
    address, tls = f"wss://127.0.0.1:{port}/openai", {"context": trusting}
    # A client of one thread: one that reads and writes a TLS socket on two loses its request now and then.
    with closing(create_connection(address, sslopt=tls, timeout=patience())) as client:
        client.send(json.dumps({"type": "Settings", "agent": {"think": {"prompt": "Be brief."}}}))
        client.send(json.dumps({"type": "InjectUserMessage", "content": "Hello."}))
        while "AgentDone" not in kinds:
            frame = client.recv()
            if isinstance(frame, bytes):
                audio += len(frame)
            else:
                kinds.append(json.loads(frame)["type"])
    assert audio > 10_000


def test_an_upstream_whose_certificate_is_not_trusted_is_said_to_the_client(start_proxy, upstream):
    flags = {"upstream.url": upstream, "upstream.kind": "compatible", "upstream.reconnect_for": "0"}
    with start_proxy(flags).dialogue() as dialogue:
        dialogue.send("Settings", agent={"think": {"prompt": "Be brief."}})
        assert dialogue.wait_for("Error")["code"] == "upstream_tls"
