"""What a client of the simulator sees of links that end on demand, and of outages."""

from __future__ import annotations

import socket
import threading

import pytest
import websocket

from turnstile.simulator.outages import Outage
from turnstile.testing import patience


def url_of(api):
    return "ws://{}:{}/v1/realtime?model=gpt-realtime".format(*api.address)


def connected(api):
    link = websocket.create_connection(url_of(api), timeout=patience())
    assert "session.created" in link.recv()
    return link


def test_a_link_that_breaks_ends_without_a_close_frame(start_api):
    api = start_api()
    link = connected(api)
    api.simulator.links.open[0].disconnect()
    assert link.sock.recv(100) == b""
    link.shutdown()


@pytest.mark.parametrize(("outage", "header"), [(Outage(60, 503, 2), "2"), (Outage(60, 429), None)])
def test_a_handshake_is_answered_with_a_status_in_an_outage(start_api, outage, header):
    api = start_api()
    link = connected(api)
    api.begin_outage(outage)
    with pytest.raises(websocket.WebSocketBadStatusException) as caught:
        connected(api)
    assert (caught.value.status_code, caught.value.resp_headers.get("retry-after")) == (outage.status, header)
    link.send('{"type": "input_audio_buffer.clear"}')
    assert "input_audio_buffer.cleared" in link.recv()  # an open link goes on
    link.close()


def test_nothing_listens_in_an_outage_and_then_it_does_again(start_api):
    api = start_api()
    link = connected(api)
    over, pause = threading.Event(), threading.Event()
    api.begin_outage(Outage(0.3, None))
    refused = 0
    while not over.is_set():
        try:
            socket.create_connection(api.address, timeout=patience()).close()
            if refused:
                over.set()
        except ConnectionRefusedError:
            refused += 1
        pause.wait(0.01)
    connected(api).close()
    link.close()
