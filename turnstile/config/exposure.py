"""Who can reach the proxy by this configuration: which web sites' pages, and which machines."""

from __future__ import annotations

import shlex
from ipaddress import IPv6Address, ip_address
from typing import TYPE_CHECKING

from turnstile.config.upstream_section import SIMULATOR
from turnstile.errors import ConfigError
from turnstile.server.listening import listening_address
from turnstile.server.origins import Origins

if TYPE_CHECKING:
    from collections.abc import Sequence

    from turnstile.config.loading import Config


def allowed_origins(config: Config) -> Origins:
    """Return the rule for the pages that may connect to the listener.

    Where no credentials are asked, the name of a host proves nothing. The simulator has no key to spend: a developer's
    pages may connect to it from any port of this machine.
    """
    return Origins(
        config.server.origins,
        setting=_flag,
        trusts_names=config.auth.mode not in {None, "none"},
        admits_local=config.upstream_url == SIMULATOR,
    )


def _flag(origins: Sequence[str]) -> str:
    return f"--set {shlex.quote('server.origins=' + ','.join(origins))}"


def require_mode(config: Config) -> None:
    """Refuse to open an upstream to other machines unless the operator has said whom it is for.

    Raises:
        ConfigError: Other machines can connect, upstream is not the simulator, and ``auth.mode`` is not set.
    """
    if config.auth.mode is None and is_open(config):
        raise ConfigError(
            "no_auth_mode",
            f"auth.mode: is not set, and other machines can connect to {config.server.host} and use "
            f"{config.upstream_url}; make a key with `turnstile key add NAME --file keys.txt` and start with --set "
            "auth.mode=keys --set auth.keys_file=keys.txt, or let everybody in with --set auth.mode=none.",
        )


def is_open(config: Config) -> bool:
    """Return whether other machines can reach an upstream other than the simulator, unless ``auth.mode`` forbids it."""
    return config.upstream_url != SIMULATOR and others_reach(config.server.host, config.server.port)


def others_reach(host: str, port: int) -> bool:
    """Return whether other machines can connect to what listens on an address."""
    try:
        _, (host, _) = listening_address(host, port)
    except ConfigError:
        return False  # nobody can, which the listener reports
    address = ip_address(host)
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return not address.is_loopback
