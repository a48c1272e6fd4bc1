"""What the clients are run against: Turnstile before simulators of which all but one are broken on purpose."""

from __future__ import annotations

import socket
import subprocess
import threading
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import trustme
import yaml
from clients import CHECKS, LITELLM
from environments import BUILD, python_of, variables
from remembering import NOTE, remembering

from actors import ProxySystem
from actors.simulator_system import SimulatorSystem
from actors.timers import TimerThread
from turnstile.auth.client_keys import KeyEntry, digest_of
from turnstile.config import load_config
from turnstile.simulator.faults import NO_FAULTS, Faults, Pace, SentEvent
from turnstile.simulator.simulator import Simulator
from turnstile.testing import patience

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clients import Client

_ALWAYS = frozenset(range(1, 1_000))
# Slow enough to be in the middle of a response for a while.
_PACE = Pace(step=0.02)
_KEY = "sk-made-up"
_GLANCE = 0.1
# Seconds; LiteLLM imports a great deal.
_LISTENS_WITHIN = 120


class NotStartedError(Exception):
    """What a client is run against does not start; says what."""


@dataclass(frozen=True, slots=True)
class Upstream:
    """A simulator, and what is done against it.

    Args:
        checks: The checks that are run.
        deadline: Seconds for each check.
        faults: What its first session does wrong.
        settings: Those of the proxy before it.
        is_broken: Something is wrong that each check must find.
    """

    checks: tuple[str, ...]
    deadline: float
    faults: Faults = NO_FAULTS
    settings: dict[str, str] = field(default_factory=dict)
    is_broken: bool = False

    def faults_of(self, number: int) -> Faults:
        """Return what is wrong with a session, by its number."""
        return self.faults if self.is_broken or not number else NO_FAULTS


AUTHORITY = BUILD / "authority.pem"
"""The certificate that a client with TLS must trust."""

# In the middle of the long answer, which the short ones before it do not reach.
_BREAKS = Faults(disconnect_at=SentEvent("response.output_audio_transcript.delta", 60), disconnect_code=1006)
_RENEWED = {"upstream.session_lifetime": "4", "session.restore_note": NOTE}

WORKS = "works"
UPSTREAMS = {
    WORKS: Upstream(tuple(check for check in CHECKS if check not in {"renewal", "loss"}), 30),
    "renewed": Upstream(("renewal",), 30, settings=_RENEWED),
    "lost": Upstream(("loss",), 30, _BREAKS, {"session.restore_note": NOTE}),
    "shut": Upstream(("connect",), 5, Faults(refused_key=True), is_broken=True),
    "unconfirmed": Upstream(("configure", "update"), 5, Faults(lost_updated=_ALWAYS), is_broken=True),
    "endless": Upstream(
        ("text", "audio", "function call", "second create", "interruption"),
        5,
        Faults(lost_done=_ALWAYS),
        is_broken=True,
    ),
    "forgetful": Upstream(
        ("renewal", "loss"), 10, _BREAKS, {**_RENEWED, "session.max_conversation_bytes": "0"}, is_broken=True
    ),
}
"""What each check is run against, by name; the table has what came of those that are not broken."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Everything that a row needs, running.

    Args:
        plan: For the row: where each upstream is reached, and which checks it is for.
        working: The simulators that are not broken.
    """

    plan: list[dict[str, object]]
    working: list[Simulator]


@contextmanager
def stage(client: Client) -> Iterator[Stage]:
    """Start what a client is run against, and stop it."""
    with ExitStack() as stack:
        timers = TimerThread()
        stack.callback(timers.stop, patience())
        simulators = {
            name: Simulator(
                remembering(),
                clock=time.monotonic,
                timers=timers,
                pace=_PACE,
                faults=upstream.faults_of,
                keep=1_000,
                keep_bytes=2**30,
            )
            for name, upstream in UPSTREAMS.items()
        }
        urls = _serve(stack, client, simulators)
        plan = [
            {
                "name": name,
                "url": urls[name],
                "model": _model(name) if client.litellm else "gpt-realtime",
                "checks": upstream.checks,
                "deadline": patience(upstream.deadline),
            }
            for name, upstream in UPSTREAMS.items()
        ]
        yield Stage(plan, [simulators[name] for name, upstream in UPSTREAMS.items() if not upstream.is_broken])


def _serve(stack: ExitStack, client: Client, simulators: dict[str, Simulator]) -> dict[str, str]:
    """Return where a client of each simulator connects to, through Turnstile."""
    if client.litellm == "behind":
        behind = {name: _simulator(stack, simulator) for name, simulator in simulators.items()}
        litellm = _litellm(stack, behind)
        flags = {"upstream.url": f"{litellm}/v1/realtime", "upstream.kind": "compatible", "upstream.api_key": _KEY}
        return {name: _proxy(stack, flags | UPSTREAMS[name].settings) for name in simulators}
    flags = {"upstream.url": "simulator:", **(_certificate() if client.has_tls else {})}
    proxies = {
        name: _proxy(stack, flags | UPSTREAMS[name].settings, simulator=simulator)
        for name, simulator in simulators.items()
    }
    if client.litellm:
        return dict.fromkeys(simulators, _litellm(stack, proxies))
    return proxies


def _proxy(stack: ExitStack, flags: dict[str, str], **options: Simulator) -> str:
    # Each client must send its key where it is looked for.
    keys = Path(stack.enter_context(TemporaryDirectory())) / "keys.txt"
    keys.write_text(f"{KeyEntry('interop', digest_of(_KEY))}\n")
    asks = {"auth.mode": "keys", "auth.keys_file": str(keys)}
    system = ProxySystem(load_config(flags={"server.port": "0", **asks, **flags}), **options)
    system.start()
    stack.callback(system.stop, patience())
    return "{}://{}:{}".format("wss" if "server.tls_cert_file" in flags else "ws", *system.address)


def _certificate() -> dict[str, str]:
    """Write a certificate for this machine, and whom clients must trust for it; return the flags that name it."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(AUTHORITY)
    server = authority.issue_cert("127.0.0.1")
    chain, key = BUILD / "server.pem", BUILD / "server.key"
    server.cert_chain_pems[0].write_to_path(chain)
    server.private_key_pem.write_to_path(key)
    return {"server.tls_cert_file": str(chain), "server.tls_key_file": str(key)}


def _simulator(stack: ExitStack, simulator: Simulator) -> str:
    system = SimulatorSystem(load_config(flags={"simulator.port": "0"}), simulator=simulator)
    system.start()
    stack.callback(system.stop, patience())
    return "ws://{}:{}".format(*system.address)


def _model(upstream: str) -> str:
    """Return the name under which LiteLLM leads to one of the upstreams."""
    return f"gpt-realtime-{upstream}"


def _litellm(stack: ExitStack, apis: dict[str, str]) -> str:
    """Start LiteLLM's proxy before Realtime APIs; return where it listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    models = [
        {
            "model_name": _model(name),
            "litellm_params": {
                "model": "openai/gpt-realtime",
                "api_base": f"{url.replace('ws', 'http', 1)}/v1",
                "api_key": _KEY,
            },
        }
        for name, url in apis.items()
    ]
    config = BUILD / f"litellm-{port}.yaml"
    config.write_text(yaml.safe_dump({"model_list": models, "general_settings": {"master_key": _KEY}}))
    stack.callback(config.unlink)
    log = stack.enter_context((BUILD / "litellm.log").open("ab"))
    command = [python_of(LITELLM).with_name("litellm"), "--config", config, "--host", "127.0.0.1", "--port", str(port)]
    process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=BUILD, env=variables())
    stack.callback(process.wait)
    stack.callback(process.terminate)
    _wait_until_it_listens(process, port)
    return f"ws://127.0.0.1:{port}"


def is_litellm(port: int) -> bool:
    """Tell whether LiteLLM's proxy answers at a port, and not somebody who has taken it meanwhile."""
    link = HTTPConnection("127.0.0.1", port, timeout=patience())
    try:
        link.request("GET", "/health/liveliness")
        return link.getresponse().status == HTTPStatus.OK
    except (OSError, HTTPException):
        return False
    finally:
        link.close()


def _wait_until_it_listens(process: subprocess.Popen[bytes], port: int) -> None:
    deadline, pause = time.monotonic() + patience(_LISTENS_WITHIN), threading.Event()
    while time.monotonic() < deadline and process.poll() is None:
        if is_litellm(port):
            return
        pause.wait(_GLANCE)
    raise NotStartedError(f"LiteLLM's proxy does not listen; see {BUILD / 'litellm.log'}")
