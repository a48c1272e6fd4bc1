"""The yardsticks, each a process of its own: ``python relays.py bare|audio UPSTREAM_URL`` prints its port and serves.

Both stand on the proxy's own libraries: its I/O loop, its connections over the Sans-I/O protocol of `websockets`,
its listener, and its connector over websocket-client. What they leave out is what the proxy adds.

``bare`` passes each message on as it is. A client's frame is as large as at the proxy (640 bytes up, 960 down, 4,800
for 100 ms); since nothing is encoded, so is what goes on upstream, which is less than half of what the proxy writes
there. Each message goes one to one, so it passes as many as the proxy does, or more: the resampler joins some frames.
Both favour the relay: it is a yardstick that no proxy which translates can reach.

``audio`` translates audio as the proxy does, with the proxy's own functions, and passes the rest on: a binary frame is
resampled and becomes an append; a delta is parsed and becomes a binary frame.

What was written for one connection leaves when the I/O thread has read all that was there: one write takes the frames
of one read, as in the proxy. No credit is given back for what was received; what cannot be written holds reading back.
"""

from __future__ import annotations

import sys
from collections import deque
from dataclasses import replace
from pathlib import Path

import orjson
import pybase64

sys.path.insert(0, str(Path(__file__).parents[2]))

from turnstile.audio.convert import Converter
from turnstile.audio.formats import AudioFormat
from turnstile.ports import LinkInbox, LinkReady, UpstreamTarget
from turnstile.protocol import realtime
from turnstile.protocol.frames import BinaryFrame, TextFrame
from turnstile.server.handshake_settings import HandshakeSettings
from turnstile.server.listener import Listener
from turnstile.server.listening import listening_socket
from turnstile.server.requests import Admission, at_once
from turnstile.transports.connector import WebSocketConnector
from turnstile.transports.limits import ConnectionLimits
from turnstile.transports.loop import IoLoop

# Credit that never runs out: nobody gives it back.
LIMITS = replace(ConnectionLimits(), read_high_water=2**62)
_AUDIO_DELTA = "response.output_audio.delta"


class Writes:
    """Connections that have something to write when this round of the loop is over."""

    def __init__(self, loop):
        self._loop = loop
        self._due = set()

    def owe(self, connection):
        """Have a connection flushed at the end of this round."""
        if not self._due:
            self._loop.call_soon(self._flush)
        self._due.add(connection)

    def _flush(self):
        due, self._due = self._due, set()
        for connection in due:
            connection.flush()


class Way(LinkInbox):
    """One direction: told messages by one connection, it passes them on to the other, once that is there."""

    def __init__(self, writes):
        self._writes = writes
        self._waiting = deque()
        self.target = None
        self.other = None

    def tell(self, message, /):
        """Take a message or the end; on the I/O thread."""
        if isinstance(message, LinkReady):
            # This is the way down: the other way now has where to go.
            message.connection.holds_back(self.target)
            self.target.holds_back(message.connection)
            self.other.reach(message.connection)
        elif self.target is None:
            self._waiting.append(message)
        elif isinstance(message, TextFrame | BinaryFrame):
            self.pass_on(message)
            self._writes.owe(self.target)
        else:
            self.target.close(1000)

    def reach(self, target):
        """Pass on to `target` from now on, first what has waited."""
        self.target = target
        while self._waiting:
            self.tell(self._waiting.popleft())

    def pass_on(self, message):
        """Send one message on."""
        if isinstance(message, TextFrame):
            self.target.send_text(message.data)
        else:
            self.target.send_binary(message.data)


class AudioUp(Way):
    """The way up of the relay that translates audio."""

    def __init__(self, writes):
        super().__init__(writes)
        self._converter = Converter(AudioFormat("linear16", 16_000), AudioFormat("linear16", 24_000))

    def pass_on(self, message):
        """Resample and wrap audio; send the rest on."""
        if isinstance(message, TextFrame):
            self.target.send_text(message.data)
            return
        piece = self._converter.feed(message.data)
        if piece:
            self.target.send_text(realtime.input_audio_append(piece))


class AudioDown(Way):
    """The way down of the relay that translates audio."""

    def pass_on(self, message):
        """Unwrap audio; send the rest on."""
        event = orjson.loads(message.data)
        if event["type"] == _AUDIO_DELTA:
            self.target.send_binary(pybase64.b64decode(event["delta"]))
        else:
            self.target.send_text(message.data)


WAYS = {"bare": (Way, Way), "audio": (AudioUp, AudioDown)}


def main():
    """Serve until the process is ended, or whoever started it is gone."""
    make_up, make_down = WAYS[sys.argv[1]]
    target = UpstreamTarget(sys.argv[2])
    loop = IoLoop()
    writes = Writes(loop)
    connector = WebSocketConnector(loop, LIMITS)

    def begin(connection):
        up, down = make_up(writes), make_down(writes)
        up.other, down.other = down, up
        down.target = connection
        connector.connect(target, down)
        return up

    listener = Listener(
        loop, listening_socket("127.0.0.1", 0), HandshakeSettings(LIMITS), accept=at_once(lambda _: Admission(begin))
    )
    loop.start()
    listener.start()
    sys.stdout.write(f"{listener.address[1]}\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    main()
