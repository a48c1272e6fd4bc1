"""Two proxies behind a front end are restarted in turn, or one is killed, while clients converse without a pause."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack

import pytest
from conversing_clients import conversing
from front_ends import AT_THE_FRONT_END, PASSED_THROUGH
from two_proxies import ServedProxy

pytestmark = pytest.mark.slow

CLIENTS = 20
NAMES = ("one", "two")
# How the two are run behind each.
OPTIONS = {
    "haproxy.cfg": [],
    "nginx.conf": ["--workers", "2"],
    "nginx-stream.conf": ["--set", "server.answer_while_draining=false"],
}


@pytest.fixture
def start_served(keep_ports, start_front_end, certificates):
    """Start two processes behind a front end; return the front end and the two."""
    tls = [f"server.tls_{part}_file={certificates / part}.pem" for part in ("cert", "key")]
    with ExitStack() as started:

        def start(name, *options):
            ports, proxies = keep_ports(), []
            if name in PASSED_THROUGH:
                options += tuple(part for setting in tls for part in ("--set", setting))
            for number in (0, 1):
                proxies.append(ServedProxy(number, *ports, *options))
                started.callback(proxies[-1].kill)
            return start_front_end(name, ports), proxies

        yield start


async def restarted(front, proxies, number):
    """Restart one of them in order; return when the front end gives it clients again."""
    said = len(front.lines)
    assert await asyncio.to_thread(proxies[number].end) == 0
    await asyncio.to_thread(proxies[number].start)
    if front.has_checks:
        await asyncio.to_thread(front.until, rf"Server turnstile/{NAMES[number]} is UP", 1, said)


async def until_all_were_answered_again(tally, clients):
    """Wait until each has heard a whole response from now on."""
    heard = [client.heard for client in clients]
    await tally.until(lambda: all(client.heard > before for client, before in zip(clients, heard, strict=True)))


@pytest.mark.parametrize("name", OPTIONS)
def test_no_response_is_cut_when_both_proxies_are_restarted_in_turn_under_load(start_served, tls, name):
    front, proxies = start_served(name, *OPTIONS[name])

    async def restart_in_turn():
        async with conversing(CLIENTS, f"wss://127.0.0.1:{front.port}", tls) as (tally, clients):
            for number in (0, 1):
                await until_all_were_answered_again(tally, clients)
                await restarted(front, proxies, number)
            await until_all_were_answered_again(tally, clients)
        return tally, clients

    tally, clients = asyncio.run(restart_in_turn())
    assert tally.refusals == []
    assert tally.whole == len(tally.responses) >= 3 * CLIENTS
    assert set(tally.closes) == {1001}
    # Each client was on both: those of the second one had to go to the first one, which had them go before.
    assert sum(client.sessions for client in clients) == CLIENTS + len(tally.closes)
    assert len(tally.closes) >= CLIENTS


@pytest.mark.parametrize("name", AT_THE_FRONT_END)
def test_a_proxy_that_is_killed_takes_no_session_of_the_other_with_it(start_served, tls, name):
    front, proxies = start_served(name)

    async def kill_one():
        async with conversing(CLIENTS, f"wss://127.0.0.1:{front.port}", tls) as (tally, clients):
            await until_all_were_answered_again(tally, clients)
            await asyncio.to_thread(proxies[0].kill)
            if front.has_checks:
                await asyncio.to_thread(front.until, "Server turnstile/one is DOWN")
            await until_all_were_answered_again(tally, clients)
        return tally, clients

    tally, clients = asyncio.run(kill_one())
    lost = len(tally.closes)
    assert tally.refusals == []
    assert set(tally.closes) == {1006}
    assert 0 < lost < CLIENTS
    assert len([client for client in clients if client.sessions == 1]) == CLIENTS - lost
    assert tally.whole >= len(tally.responses) - lost
