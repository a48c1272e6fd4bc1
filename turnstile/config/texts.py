"""Describes a configuration, and generates the file of all settings."""

from __future__ import annotations

import difflib
import json
import os
import re
from ipaddress import ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, get_args, get_origin
from urllib.parse import urlsplit

from pydantic import SecretStr

from turnstile.auth.key_file import exposure_of, read_keys
from turnstile.byte_budget import HIGH_WATER
from turnstile.config.auth_checks import is_this_machine
from turnstile.config.exposure import is_open, others_reach
from turnstile.config.loading import LEGACY_ENV, env_name, sections, settings
from turnstile.config.replaced import origin, replaced_notices
from turnstile.config.secret_settings import shown_secrets
from turnstile.config.upstream_section import OPENAI_URL, SIMULATOR
from turnstile.errors import ConfigError
from turnstile.server.addresses import peer_of
from turnstile.transports.http.allow_list import parse_address

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic.fields import FieldInfo

    from turnstile.config.auth_section import AuthSection
    from turnstile.config.loading import Config

_VARIABLE: Final = re.compile(r"\w{1,64}", re.ASCII)
# How alike a misspelt name is: OPENAI_KEY is, GEMINI_API_KEY is not.
_NEAR: Final = 0.8
# Of an upstream session, in seconds; a number of minutes, written by mistake, is hardly more.
_SHORT_LIFETIME: Final = 60.0


def explain(config: Config) -> str:
    """Describe what the process does with this configuration."""
    scheme = "wss" if config.server.tls_cert_file else "ws"
    where = f"{scheme}://{peer_of(config.server.host, config.server.port)}"
    lines = [
        f"Listens on {where}{config.server.voice_agent_path} (Deepgram Voice Agent clients)",
        f"       and {where}{config.server.component_path} (the React component)",
        *(f"       and {where}{path} (clients of the Realtime API)" for path in config.server.realtime_paths),
        (
            f"Connects to {config.upstream_url} ({config.upstream.kind}, model {config.upstream.model}, "
            f"{'with' if config.upstream.api_key else 'without'} a key)"
        ),
        f"Responses to spoken turns are created by the {'API' if config.session.turns == 'server' else 'proxy'}",
        _ops(config),
    ]
    changed = [f"  {path} = {value}" for path, value in _changed(config)]
    lines += ["Settings that differ from the default:", *changed] if changed else ["All settings have their defaults"]
    return "\n".join([*lines, *(f"Warning: {notice}" for notice in notices(config))])


def _ops(config: Config) -> str:
    ops = config.ops
    if not ops.port:
        return "Has no ops listener"
    readers = "whoever has the token" if others_reach(ops.host, ops.port) else "this machine"
    return f"Shows its sessions to {readers} on http://{peer_of(ops.host, ops.port)}; whoever has the token steers them"


def _changed(config: Config) -> Iterator[tuple[str, str]]:
    for path, _, default in settings():
        section, name = path.split(".")
        value = getattr(getattr(config, section), name)
        if value != default:
            shown = "(secret)" if isinstance(value, SecretStr) else _toml(value)
            yield path, f"{shown} (from {origin(config, path)})"


def notices(config: Config) -> Iterator[str]:
    """Yield a warning for each setting that works, but probably not as intended."""
    yield from upstream_notices(config)
    for secret in shown_secrets(config):
        also = "OPENAI_API_KEY or " if secret == LEGACY_ENV["OPENAI_API_KEY"] else ""
        instead = f"set {also}{env_name(secret)} in the environment"
        yield f"{secret} is on the command line, which every user of this machine can read: {instead}"
    if config.auth.mode == "none" and is_open(config):
        where = peer_of(config.server.host, config.server.port)
        yield f'auth.mode is "none": whoever reaches {where} can use {config.upstream_url}'
    if "*" in config.server.origins and config.auth.mode in {None, "none"} and config.upstream_url != SIMULATOR:
        yield f'server.origins is "*", and no credentials are asked: any web page can use {config.upstream_url}'
    if config.server.client_json_passthrough:
        yield "server.client_json_passthrough has no effect: Realtime API clients connect to server.realtime_paths"
    for network in config.server.trusted_proxies:
        if not ip_network(network).prefixlen:
            yield f"server.trusted_proxies: {network} is everybody: any client can name another address as its own"
    if config.ops.port and others_reach(config.ops.host, config.ops.port):
        where = f"http://{peer_of(config.ops.host, config.ops.port)}"
        yield f"ops.host: other machines can connect to {where}, where the token, and all it shows, is sent in clear"
    yield from _ask_notices(config)
    yield from _quota_notices(config)
    yield from _budget_notices(config)
    yield from _key_notices(config.auth)
    for path in ("server.tls_cert_file", "server.tls_key_file", "upstream.ca_file"):
        section, name = path.split(".")
        file = getattr(getattr(config, section), name)
        if file is not None and not os.access(file, os.R_OK):
            yield f"{path}: {file} cannot be read"


def _ask_notices(config: Config) -> Iterator[str]:
    """Yield a warning for each setting of the mode ``ask`` that shows clients' keys, or leaves clients unanswered."""
    auth, handshake_timeout = config.auth, config.server.handshake_timeout
    if auth.mode != "ask":
        return
    asked = parse_address(auth.ask_url)
    if asked.scheme == "http" and not is_this_machine(asked):
        yield f"auth.ask_url: clients' keys can be read on their way to {asked.authority}; use https://"
    if auth.ask_timeout >= handshake_timeout:
        yield (
            f"auth.ask_timeout is {auth.ask_timeout:g}, and server.handshake_timeout only {handshake_timeout:g}: where "
            "the service is slow, clients are cut off without an answer; lower the first or raise the second"
        )


def _quota_notices(config: Config) -> Iterator[str]:
    """Yield a warning for each quota of identities where no client has one."""
    for name in ("sessions", "starts") if config.auth.mode in {None, "none"} else ():
        if getattr(config.quotas, f"identity_{name}"):
            yield f"quotas.identity_{name} has no effect without auth.mode; set that, or quotas.address_{name}"


def upstream_notices(config: Config) -> Iterator[str]:
    """Yield those of the notices that are about the upstream, and so concern hosts as well."""
    upstream = config.upstream
    yield from replaced_notices(config)
    if config.upstream_url != SIMULATOR and upstream.api_key is None:
        yield f"upstream.api_key is not set: {config.upstream_url} will probably refuse the proxy (set OPENAI_API_KEY)"
    if 0 < upstream.session_lifetime < _SHORT_LIFETIME:
        yield f"upstream.session_lifetime is {upstream.session_lifetime:g}, in seconds: links are replaced all the time"
    host = urlsplit(config.upstream_url).hostname
    if upstream.kind == "openai-beta" and host == urlsplit(OPENAI_URL).hostname:
        yield f'upstream.kind: {host} no longer supports the beta protocol; use kind = "openai"'
    if upstream.url == SIMULATOR and upstream.api_key is not None:
        yield "upstream.api_key is set, but the simulator answers; set upstream.url to connect"
    if config.upstream_url != upstream.url == "" and upstream.api_key is None:
        yield "; ".join(
            (
                "the simulator answers, since OPENAI_API_KEY is not set (if that is meant: upstream.url=simulator:)",
                *(f"{name} is set, and is not read: did you mean {meant}?" for name, meant in _misspelt()),
            )
        )


def _misspelt() -> Iterator[tuple[str, str]]:
    """Yield the variables of the environment that nearly name an upstream, each with the one that does."""
    paths = ("upstream.api_key", "upstream.url")
    known = [*(name for name, path in LEGACY_ENV.items() if path in paths), *map(env_name, paths)]
    for name, value in sorted(os.environ.items()):
        if value and name not in known and _VARIABLE.fullmatch(name):
            yield from ((name, near) for near in difflib.get_close_matches(name.upper(), known, n=1, cutoff=_NEAR))


def _key_notices(auth: AuthSection) -> Iterator[str]:
    if auth.keys_file is None:
        return
    if auth.mode != "keys":
        yield 'auth.keys_file is set, but not used; set auth.mode = "keys"'
    try:
        if not read_keys(auth.keys_file):
            yield f"auth.keys_file: {auth.keys_file} has no key; `turnstile key add NAME` makes one"
    except ConfigError as error:
        yield f"auth.keys_file: {error.problem.description}"
    exposed = exposure_of(auth.keys_file)
    if exposed:
        yield f"auth.keys_file: {auth.keys_file} {exposed}"


def _budget_notices(config: Config) -> Iterator[str]:
    held = config.session.max_held_bytes
    for name in ("client_message_bytes", "realtime_message_bytes"):
        size = getattr(config.limits, name)
        if size > held:
            yield f"limits.{name} is {size}, and session.max_held_bytes only {held}: larger messages are refused (1009)"
    total = config.limits.total_bytes
    for setting in ("max_held_bytes", "max_conversation_bytes"):
        if (size := getattr(config.session, setting)) >= total * HIGH_WATER:
            effect = f"one session may keep all new ones out; raise limits.total_bytes or lower session.{setting}"
            yield f"session.{setting} is {size}, and limits.total_bytes only {total}: {effect}"


def default_toml() -> str:
    """Return ``config/default.toml``: every setting with its description and its default."""
    lines = ["# Every setting with its default. Generated by: python -m turnstile.config > config/default.toml"]
    for section, kind in sections():
        lines += ["", f"# {kind.__doc__}", f"[{section}]"]
        for name, field in kind.model_fields.items():
            lines += ["", f"# {field.description}", *_bounds(field), f"# Environment: {env_name(f'{section}.{name}')}"]
            lines.append(f"# {name} =" if field.default is None else f"{name} = {_toml(field.default)}")
    return "\n".join([*lines, ""])


def _bounds(field: FieldInfo) -> Iterator[str]:
    words = {"ge": "at least {}", "gt": "more than {}", "le": "at most {}", "max_length": "at most {} characters"}
    bounds = [
        phrase.format(getattr(constraint, name))
        for constraint in field.metadata
        for name, phrase in words.items()
        if hasattr(constraint, name)
    ]
    if bounds:
        yield f"# Bounds: {', '.join(bounds)}."
    if get_origin(field.annotation) is Literal:
        yield f"# One of: {', '.join(json.dumps(choice) for choice in get_args(field.annotation))}."


def _toml(value: Any) -> str:
    if isinstance(value, Path):
        value = str(value)
    return json.dumps(list(value) if isinstance(value, tuple) else value)
