"""The files for HAProxy and nginx, in front of two proxies of this process."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import subprocess
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import pytest
from conversing_clients import CLIENTS, PATHS, conversing, opened, until_a_function_is_called
from front_ends import AT_THE_FRONT_END, CONFIGURATIONS, PASSED_THROUGH, commands, places_for
from websockets.exceptions import InvalidStatus

from turnstile.testing import patience

PAGE = Path(__file__).parents[2] / "docs/howto/behind-a-proxy.md"


def dedent_lines(text):
    """Return a text without its indentation."""
    return re.sub(r"(?m)^ +", "", text)


@pytest.mark.parametrize("name", AT_THE_FRONT_END + PASSED_THROUGH)
def test_the_front_end_takes_the_file_without_a_warning(tmp_path, program_for, certificates, reserve_port, name):
    places = places_for(reserve_port(), 8080, 8081, certificates)  # nginx listens to find out
    check, _ = commands(name, places, tmp_path, program_for(name))
    checked = subprocess.run(check, capture_output=True, text=True, timeout=patience(), check=False)
    assert checked.returncode == 0, checked.stderr
    assert "warn" not in (checked.stdout + checked.stderr).lower()


@pytest.mark.parametrize("kind", ["haproxy", "nginx"])
def test_what_the_page_shows_stands_in_the_files(kind):
    files = [dedent_lines(file.read_text()) for file in CONFIGURATIONS.glob(f"{kind}*")]
    shown = re.findall(rf"```{kind}\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert len(shown) == len(files) == 2
    for part in shown:
        assert any(dedent_lines(part) in text for text in files), part


@pytest.mark.parametrize("name", AT_THE_FRONT_END + PASSED_THROUGH)
def test_clients_of_both_protocols_get_through_under_their_own_address(start_both, tls, caplog, name):
    address, _, _ = start_both(name)

    async def converse():
        async with conversing(2, address, tls) as (tally, clients):
            await tally.until(lambda: all(client.heard for client in clients))
        return tally

    with caplog.at_level(logging.INFO):
        tally = asyncio.run(converse())
    assert tally.whole == len(tally.responses)
    assert re.findall(r"session began .*\baddress=(\S+)", caplog.text) == [CLIENTS] * 2


@pytest.mark.parametrize("name", AT_THE_FRONT_END)
def test_no_response_is_cut_and_no_client_refused_when_a_proxy_drains(start_both, tls, name):
    address, _, proxies = start_both(name)

    async def drain_one():
        async with conversing(6, address, tls) as (tally, clients):
            await tally.until(lambda: len(tally.responses) == len(clients))
            ending = proxies[0].drain()
            await tally.until(lambda: sum(client.sessions for client in clients) == len(clients) + ending)
        return tally, ending

    tally, ending = asyncio.run(drain_one())
    assert tally.refusals == []
    assert tally.whole == len(tally.responses)
    assert tally.closes == [1001] * ending
    assert ending


@pytest.mark.parametrize("name", PASSED_THROUGH)
def test_a_client_whose_tls_passes_through_goes_elsewhere_when_a_proxy_that_drains_has_closed_its_port(
    start_both, until_refused, tls, name
):
    address, _, proxies = start_both(name, **{"server.answer_while_draining": "false"})

    async def connect_while_one_drains():
        async with AsyncExitStack() as sessions:
            waiting = [await sessions.enter_async_context(opened(address, PATHS["voice agent"], tls)) for _ in range(4)]
            for socket in waiting:
                await until_a_function_is_called(socket)
            ending = proxies[0].drain()
            until_refused(proxies[0].address)  # it closes on its own thread
            for _ in range(6):
                socket = await sessions.enter_async_context(opened(address, PATHS["realtime"], tls))
                assert json.loads(await socket.recv())["type"] == "session.created"
            return ending

    assert 0 < asyncio.run(connect_while_one_drains()) < 4


@pytest.mark.parametrize("name", AT_THE_FRONT_END)
def test_a_client_that_one_proxy_has_no_place_for_goes_to_the_other_and_is_refused_when_both_are_full(
    start_both, tls, name
):
    address, _, _ = start_both(name, **{"server.max_sessions": "1"})

    async def fill():
        async with opened(address, PATHS["realtime"], tls), opened(address, PATHS["voice agent"], tls):
            with pytest.raises(InvalidStatus) as refused:
                async with opened(address, PATHS["realtime"], tls):
                    pass
        return refused.value.response

    answer = asyncio.run(fill())
    assert answer.status_code == 503
    assert answer.headers["Retry-After"]


@pytest.mark.parametrize("name", AT_THE_FRONT_END)
def test_no_log_of_the_front_end_has_the_token_of_a_query(start_both, tls, name):
    address, front, proxies = start_both(name)

    async def connect_and_be_refused():
        paths = (f"{PATHS['realtime']}&token=made-up-and-secret", "/nowhere?token=made-up-and-secret")
        for path in paths:
            with suppress(InvalidStatus):
                async with opened(address, path, tls):
                    pass
        for proxy in proxies:
            proxy.stop(patience())
        with pytest.raises(InvalidStatus):
            async with opened(address, paths[0], tls):
                pass

    asyncio.run(connect_and_be_refused())
    front.until(r"/v1/realtime\b.* 101 |101 .*/v1/realtime\b")
    front.until(r"/nowhere\b.* 404 |404 .*/nowhere\b")
    front.until(r"/v1/realtime\b.* 50[23] |50[23] .*/v1/realtime\b")
    assert "secret" not in "".join(front.lines)
