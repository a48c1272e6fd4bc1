"""The harness's other processes, as the one that attacks sees them."""

from __future__ import annotations

import json
import select
import subprocess
import sys
from pathlib import Path
from typing import Any

import trustme
from served import NotStartedError, clean_environment

from turnstile.testing import patience

HERE = Path(__file__).parent

_ANSWER_WITHIN = patience(20.0)


class Authority:
    """A certificate authority of one run, and a certificate of the proxy.

    Args:
        folder: Where their files are put.
    """

    def __init__(self, folder: str) -> None:
        authority = trustme.CA()
        certificate = authority.issue_cert("127.0.0.1")
        self.path = f"{folder}/authority.pem"
        authority.cert_pem.write_to_path(self.path)
        certificate.cert_chain_pems[0].write_to_path(f"{folder}/server.pem")
        certificate.private_key_pem.write_to_path(f"{folder}/server.key")
        self.settings = {"server.tls_cert_file": f"{folder}/server.pem", "server.tls_key_file": f"{folder}/server.key"}


class Upstream:
    """The hostile upstream and its host of functions, in a process of their own."""

    def __init__(self) -> None:
        self._process = _started("hostile_upstream.py")
        assert self._process.stdout
        self.port, self.functions_port = map(int, self._process.stdout.readline().split())

    def settings(self) -> dict[str, str]:
        """Return the settings of a proxy that uses it, and its functions."""
        return {
            "upstream.url": f"ws://127.0.0.1:{self.port}/v1/realtime",
            "upstream.kind": "compatible",
            "functions.allowed_hosts": json.dumps([f"127.0.0.1:{self.functions_port}"]),
            "functions.allow_private_addresses": "true",
        }

    def with_function(self, path: str) -> dict[str, Any]:
        """Return Settings with a function that the proxy calls at the harness's host of functions."""
        url = f"http://127.0.0.1:{self.functions_port}/{path}"
        function = {"name": "f", "description": "f", "parameters": {"type": "object"}, "endpoint": {"url": url}}
        return {"type": "Settings", "agent": {"think": {"prompt": "Be brief.", "functions": [function]}}}

    def end(self) -> None:
        """End it."""
        self._process.communicate()


class Beside:
    """The sessions beside, in a process of their own, which is told what to do line by line."""

    def __init__(self) -> None:
        self._process = _started("bystanders.py")

    def do(self, what: str, **arguments: Any) -> dict[str, Any]:
        """Have a job done, and return its answer.

        Raises:
            NotStartedError: It failed, or was not done in time.
        """
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps({"do": what, **arguments}) + "\n")
        self._process.stdin.flush()
        ready, _, _ = select.select([self._process.stdout], [], [], _ANSWER_WITHIN)
        answer = json.loads(self._process.stdout.readline() or "{}") if ready else {"error": "it is silent"}
        if "error" in answer:
            raise NotStartedError(f"The sessions beside: {what}: {answer['error']}")
        return answer

    def end(self) -> None:
        """End it."""
        self._process.communicate()


def _started(script: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(HERE / script)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=clean_environment(),
    )
