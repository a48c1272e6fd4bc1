"""Section 4: signals, and workers that die or hang."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from loopback import COMPONENT, REALTIME, Client
from served import children, pause
from stand import Stand, flood, outcome

_GLANCE = 0.05
_REPLACED_WITHIN = 8.0
_TWO = {"server.workers": "2", "server.heartbeat_timeout": "1"}


def _drain(stand: Stand) -> str:
    """End the proxy in order while a response goes on and an update waits for its end."""
    client = stand.session(COMPONENT)
    client.send({"type": "InjectUserMessage", "content": "finish 0.8"})
    pause(0.2)
    client.send({"type": "UpdatePrompt", "prompt": "Rhyme."})
    pause(0.1)
    os.kill(stand.served.pid, signal.SIGTERM)
    pause(0.1)
    newcomer = _status(stand)
    got = [message["type"] for message in client.messages(5.0)]
    response = "the response ended" if "AgentDone" in got else "the response was cut"
    update = "the update was settled" if "PromptUpdated" in got else "the update was lost"
    stand.served.process.wait(10.0)
    return f"{newcomer} for a newcomer; {response}, {update}; {client.ended}"


def _status(stand: Stand) -> str:
    try:
        return str(stand.connect(COMPONENT).status)
    except OSError as error:
        return type(error).__name__


def _drain_at_once(stand: Stand) -> str:
    """Send a second SIGTERM while a response goes on that has no end."""
    client = stand.session(COMPONENT)
    client.send({"type": "InjectUserMessage", "content": "stay"})
    pause(0.2)
    os.kill(stand.served.pid, signal.SIGTERM)
    pause(0.3)
    was_waiting, began = stand.served.is_alive(), time.monotonic()
    os.kill(stand.served.pid, signal.SIGTERM)
    stand.served.process.wait(10.0)
    took = time.monotonic() - began
    return f"{'waited' if was_waiting else 'did not wait'}, then {'at once' if took < 1 else f'after {took:.1f} s'}"


def _drain_timeout(stand: Stand) -> str:
    """End the proxy while a response goes on that has no end."""
    client = stand.session(COMPONENT)
    client.send({"type": "InjectUserMessage", "content": "stay"})
    pause(0.2)
    began = time.monotonic()
    os.kill(stand.served.pid, signal.SIGTERM)
    stand.served.process.wait(15.0)
    took = time.monotonic() - began
    return f"{'in time' if took < 4 else 'late'} ({took:.1f} s); {client.wait_for_end(0.5)}"


def _reload(stand: Stand) -> str:
    client = stand.session(REALTIME)
    os.kill(stand.served.pid, signal.SIGHUP)
    pause(0.3)
    return outcome(client)


def _peers(pid: int, port: int) -> set[int]:
    """Return the ports of the clients that a process holds connections of."""
    inodes = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        try:
            inodes.add(str(link.readlink()))
        except OSError:
            continue
    peers = set()
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        own, peer = (int(address.split(":")[1], 16) for address in fields[1:3])
        if own == port and f"socket:[{fields[9]}]" in inodes:
            peers.add(peer)
    return peers


def _hit(stand: Stand, number: int) -> int:
    """Send a worker a signal; its sessions are not counted as lost. Returns its process."""
    worker = children(stand.served.pid)[0]
    stand.own_losses |= _peers(worker, stand.served.address[1])
    os.kill(worker, number)
    return worker


def _replaced(stand: Stand, worker: int) -> str:
    """Wait until a worker is replaced by one that serves."""
    began = time.monotonic()
    while worker in children(stand.served.pid) or len(children(stand.served.pid)) < 2:
        if time.monotonic() - began > _REPLACED_WITHIN:
            return "it is not replaced"
        pause(_GLANCE)
    pause(1.0)  # the new one starts
    return "it is replaced"


def _burst(stand: Stand, clients: int) -> str:
    """Open sessions as fast as can be."""
    opened = 0
    for _ in range(clients):
        try:
            with Client(stand.served.address, REALTIME, timeout=5.0) as client:
                opened += client.wait_for("session.created", timeout=5.0) is not None
        except OSError:
            continue
    return f"{opened} of {clients} connected"


def _stopped_worker(stand: Stand) -> str:
    return _replaced(stand, _hit(stand, signal.SIGSTOP))


def _killed_worker(stand: Stand) -> str:
    worker = _hit(stand, signal.SIGKILL)
    return f"{_burst(stand, 150)}; {_replaced(stand, worker)}"


def _end_with_a_stopped_worker(stand: Stand) -> str:
    began = time.monotonic()
    os.kill(children(stand.served.pid)[0], signal.SIGSTOP)
    os.kill(stand.served.pid, signal.SIGTERM)
    stand.served.process.wait(15.0)
    took = time.monotonic() - began
    return f"{'in time' if took < 12 else 'late'} ({took:.1f} s)"


ATTACKS = (
    flood(
        "SIGTERM while a response goes on", _drain, has_upstream=True, ends_all=True,
        expects=("503", "the response ended", "the update was settled", "1001 "),
    ),
    flood(
        "SIGTERM twice", _drain_at_once, has_upstream=True, ends_all=True, exit_code=1,
        expects=("waited, then at once",),
    ),
    flood(
        "SIGTERM while a response has no end", _drain_timeout, has_upstream=True, ends_all=True,
        exit_code=1, settings={"server.drain_timeout": "1", "limits.close_timeout": "1"}, expects=("in time",),
    ),
    flood("SIGHUP", _reload, expects=("goes on",)),
    flood(
        "a worker that is stopped", _stopped_worker, settings=_TWO, expects=("it is replaced",)
    ),
    flood(
        "connects while a worker is replaced", _killed_worker, settings=_TWO,
        expects=("150 of 150", "it is replaced"),
    ),
    flood(
        "SIGTERM with a worker that is stopped", _end_with_a_stopped_worker, ends_all=True, exit_code=1,
        settings={"server.workers": "2", "server.drain_timeout": "1"}, expects=("in time",),
    ),
)  # fmt: skip
