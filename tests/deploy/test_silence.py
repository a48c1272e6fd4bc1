"""Sessions in which nobody says anything outlive the time-outs of what stands in front."""

from __future__ import annotations

import asyncio
import base64
import json
import re

import pytest
from conversing_clients import PATHS, opened
from front_ends import CONFIGURATIONS

from turnstile.config import load_config
from turnstile.testing import patience

# Those of a session in silence.
TIMEOUTS = {
    "haproxy.cfg": "timeout tunnel",
    "haproxy-tcp.cfg": "timeout client|timeout server",
    "nginx.conf": "proxy_read_timeout|proxy_send_timeout",
    "nginx-stream.conf": "proxy_timeout",
}
# Seconds: longer than each of the files lets a connection be silent.
SILENT = 65.0
TICK = {"type": "input_audio_buffer.append", "audio": base64.b64encode(bytes(4_800)).decode()}
UPDATE = {"type": "session.update", "session": {"type": "realtime", "instructions": "Be brief."}}


@pytest.mark.parametrize("name", TIMEOUTS)
def test_each_front_end_waits_for_three_pings_of_the_proxy(name):
    text = CONFIGURATIONS.joinpath(name).read_text()
    silences = [float(seconds) for seconds in re.findall(rf"(?:{TIMEOUTS[name]}) (\d+)s", text)]
    assert silences
    assert min(silences) >= 3 * load_config().limits.ping_interval


@pytest.mark.slow
def test_a_session_lives_on_in_silence_of_both_sides_and_of_the_agent_alone(start_both, tls):
    addresses = [start_both(name)[0] for name in TIMEOUTS]

    async def stay_silent(address, speaks):
        """Be silent, or send audio in which nobody speaks, for so long; then ask for something."""
        async with opened(address, PATHS["realtime"], tls) as socket:
            await socket.recv()
            until = asyncio.get_running_loop().time() + SILENT
            while (left := until - asyncio.get_running_loop().time()) > 0:
                if speaks:
                    await socket.send(json.dumps(TICK))
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(socket.recv(), min(left, 5.0) if speaks else left)
            await socket.send(json.dumps(UPDATE))
            async with asyncio.timeout(patience()):
                return json.loads(await socket.recv())["type"]

    async def stay_all():
        return await asyncio.gather(*(stay_silent(address, speaks) for address in addresses for speaks in (0, 1)))

    assert asyncio.run(stay_all()) == ["session.updated"] * 2 * len(TIMEOUTS)
