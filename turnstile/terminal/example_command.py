"""The command `turnstile example`: prints an example configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from turnstile.server.exit_codes import OK
from turnstile.terminal.example_files import example, examples
from turnstile.terminal.standard_output import show

if TYPE_CHECKING:
    import argparse

    from turnstile.terminal.arguments import ArgumentParser

# By a file's name, or else by how it ends.
_KINDS: Final = {
    ".toml": "configuration",
    ".json": "dashboard for Grafana",
    "alerts.yml": "rules for Prometheus",
    "prometheus.yml": "what Prometheus scrapes",
    "Dockerfile": "image",
    ".dockerignore": "what the image is not built from",
    ".lock": "versions in the image",
    "compose.yaml": "containers of the proxy and of Prometheus",
    "kubernetes.yaml": "manifests for Kubernetes",
    ".service": "unit for systemd",
    ".cfg": "HAProxy in front",
    ".conf": "nginx in front",
}


def define_example(parser: ArgumentParser) -> None:
    """Define its arguments and its help."""
    parser.describe(
        "Print an example to start from: a configuration for an upstream or for production, all settings with their "
        "defaults, rules for alerts, a dashboard, files that run it as a service. Without a name it lists them.",
        "example",
        "example azure",
        "example deploy/turnstile.service",
    )
    parser.add_argument("name", nargs="?", metavar="NAME", help="which; default: list them")
    parser.set_defaults(command=_example)


def _example(arguments: argparse.Namespace) -> int:
    if arguments.name is None:
        found = examples()
        width = max(map(len, found))
        for name, file in found.items():
            show(f"{name:<{width}}  {_KINDS.get(file.name) or _KINDS.get(file.suffix, file.suffix)}")
    else:
        show(example(arguments.name).rstrip("\n"))
    return OK
